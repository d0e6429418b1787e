"""No picture tells a value before the pass has computed it.

Two passes that differ only from some step on (in the target: from the loss; in the learning rate:
from the update) must look the same until then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from backpropviz.debugger.session import SessionState, StopCause, StopReason
from backpropviz.debugger.timeline import Depth, Timeline
from backpropviz.engine.optimizers.sgd import Sgd
from backpropviz.engine.record import Settings, run
from backpropviz.engine.tape import Phase, operations
from backpropviz.figures.explain.explanation import explanation
from backpropviz.figures.network_map import call_stack, network_map
from backpropviz.figures.numbers import Scales
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.timeline import timeline
from backpropviz.figures.view import View
from backpropviz.files.networks import load_network
from backpropviz.scene.marks import Pixels, Scene, Text
from backpropviz.scene.theme import LIGHT


def pass_of(name: str, settings: Settings) -> View:
    model = load_network(name)
    tape = run(model, settings=settings)
    steps = Timeline(operations(tape.network, tape.batch, tape.optimizer, tape.iteration))
    return View(model, tape, steps, SessionState(stopped=StopCause(StopReason.START)), Scales(tape))


def pictures(view: View) -> Iterator[Scene]:
    yield stage(view, 968, 756, LIGHT)
    yield network_map(view, 300, LIGHT)
    yield call_stack(view, 300, LIGHT)
    yield explanation(view.explained, 360, LIGHT)
    yield timeline(view, 900, LIGHT).scene


def told(scene: Scene, but: frozenset[str]) -> list[object]:
    """All words and pictures, without the words that name what is given."""
    found: list[object] = []
    for mark in scene.walk():
        if isinstance(mark, Text):
            words = mark.text.split()
            found.append([word for word in words if word not in but])
        elif isinstance(mark, Pixels):
            found.append(mark.values.tobytes())
    return found


def moments(view: View, until: Phase) -> Iterator[SessionState]:
    """The start, and every block of two depths before a phase."""
    yield view.state
    stop = next(extent.start for extent in view.timeline.phases if extent.phase is until)
    for depth in (Depth.LAYER, Depth.TENSOR, Depth.ELEMENT):
        k, met = 0, 0
        while k < stop and met < 12:
            yield SessionState(k, depth)
            k, met = view.timeline.block(k, depth)[1], met + 1
        for extent in view.timeline.layers:
            if extent.stop <= stop:
                yield SessionState(extent.stop - 1, depth)


@pytest.mark.parametrize(
    ("name", "first", "second", "until"),
    [
        ("tiny-max", Settings(target=(3.0,)), Settings(target=(8.0,)), Phase.LOSS),
        ("lenet", Settings(target=3), Settings(target=8), Phase.LOSS),
        ("mlp", Settings(target=3), Settings(target=8), Phase.LOSS),
    ],
)
def test_nothing_tells_what_comes_later(
    name: str, first: Settings, second: Settings, until: Phase
) -> None:
    one, other = pass_of(name, first), pass_of(name, second)
    but = frozenset({"3", "8", "3.0", "8.0"})
    for state in moments(one, until):
        both = [pictures(replace(view, state=state)) for view in (one, other)]
        for mine, its in zip(*both, strict=True):
            assert told(mine, but) == told(its, but), (state.k, state.depth, mine.title)


@pytest.mark.parametrize("name", ["tiny-max", "mlp"])
def test_nothing_tells_the_update_before_it(name: str) -> None:
    views = [pass_of(name, Settings(optimizer=Sgd(rate))) for rate in (0.01, 0.3)]
    for state in moments(views[0], Phase.UPDATE):
        both = [pictures(replace(view, state=state)) for view in views]
        for mine, its in zip(*both, strict=True):
            assert told(mine, frozenset()) == told(its, frozenset()), (state.k, mine.title)
