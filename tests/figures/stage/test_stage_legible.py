"""Every stage can be read: in both themes, at four sizes, at every depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from backpropviz.debugger.session import SessionState, StopCause, StopReason
from backpropviz.debugger.timeline import LoopOrder, Timeline
from backpropviz.engine.model import Model
from backpropviz.engine.optimizers import Adam, Sgd
from backpropviz.engine.record import Settings, run
from backpropviz.engine.tape import Tape, operations
from backpropviz.figures.numbers import Scales
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import View
from backpropviz.files.networks import load_network
from backpropviz.scene.theme import DARK, LIGHT
from tests.engine.passes import branched, recorded
from tests.scene_checks import texts_outside, texts_that_overlap

SIZES = ((560, 480), (649, 556), (968, 756), (1289, 836))
TINY = ("tiny-max", "tiny-avg", "tiny-dense", "tiny-overlap")
_MOST_PROBLEMS = 20


def views(name: str, order: LoopOrder, settings: Settings | None, places: int) -> Iterator[View]:
    """Every operation at every depth, at first, last and some random steps; start and end."""
    model, tape = _pass(name, settings)
    timeline = Timeline(operations(tape.network, tape.batch, tape.optimizer), order)
    scales = Scales(tape)
    random = np.random.default_rng(7)
    seen = set()
    for number, (start, stop) in enumerate(zip(timeline.starts, timeline.starts[1:], strict=False)):
        inside = {start, stop - 1, *map(int, random.integers(start, stop, places))}
        for k, depth in product(sorted(inside), timeline.depths_at(timeline.starts[number])):
            block = (depth, timeline.block(k, depth))
            if block not in seen:
                seen.add(block)
                yield View(model, tape, timeline, SessionState(k, depth), scales)
    yield View(model, tape, timeline, SessionState(timeline.steps), scales)
    yield View(model, tape, timeline, SessionState(stopped=StopCause(StopReason.START)), scales)


def _pass(name: str, settings: Settings | None) -> tuple[Model, Tape]:
    """A bundled network on its example, or one with joins on two random images."""
    if name == "joined":
        tape = recorded(branched(), [1, 2])
        return replace(load_network("lenet"), network=tape.network, class_names=()), tape
    model = load_network(name)
    return model, run(model, settings=settings)


def problems(view: View) -> Iterator[str]:
    """What cannot be read, at every size and in both themes."""
    for number, (width, height) in enumerate(SIZES):
        theme = (LIGHT, DARK)[number % 2]
        scene = stage(view, width, height, theme)
        for line in (*texts_outside(scene), *texts_that_overlap(scene)):
            yield f"{width}×{height} {scene.title} ({view.depth.title}): {line}"


@pytest.mark.parametrize("order", list(LoopOrder))
@pytest.mark.parametrize("name", TINY)
def test_every_operation_of_a_tiny_network_is_legible_at_every_depth(
    name: str, order: LoopOrder
) -> None:
    found = [line for view in views(name, order, None, 1) for line in problems(view)]
    assert not found, "\n".join(found[:_MOST_PROBLEMS])


@pytest.mark.parametrize("optimizer", [Sgd(0.1, 0.9, nesterov=True), Adam(weight_decay=0.01)])
def test_every_update_with_a_state_is_legible(optimizer: Sgd | Adam) -> None:
    settings = Settings(optimizer=optimizer)
    found = [
        line for view in views("tiny-max", LoopOrder.TARGET, settings, 0) for line in problems(view)
    ]
    assert not found, "\n".join(found[:_MOST_PROBLEMS])


@pytest.mark.parametrize("order", list(LoopOrder))
@pytest.mark.parametrize("name", ["lenet", "mlp", "joined"])
def test_places_all_over_a_real_network_are_legible(name: str, order: LoopOrder) -> None:
    found = [line for view in views(name, order, None, 0) for line in problems(view)]
    assert not found, "\n".join(found[:_MOST_PROBLEMS])


def test_both_themes_put_every_text_at_the_same_place() -> None:
    for view in views("tiny-max", LoopOrder.TARGET, None, 0):
        light, dark = (stage(view, 968, 756, theme) for theme in (LIGHT, DARK))
        assert [_placed(m) for m in light.walk()] == [_placed(m) for m in dark.walk()]


def _placed(mark: object) -> tuple[object, ...]:
    return type(mark).__name__, getattr(mark, "text", ""), getattr(mark, "x", 0)
