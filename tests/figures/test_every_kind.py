"""Every figure can be drawn at any place of a network that has every kind of layer."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from backpropviz.debugger.session import SessionState
from backpropviz.debugger.timeline import Depth, LoopOrder, Timeline, operation_of
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.kinds.registry import layer_kinds
from backpropviz.engine.model import Model, Preprocessing
from backpropviz.engine.tape import Tape, operations
from backpropviz.engine.value import Address
from backpropviz.figures.explain.code import CodeVersion, code_source
from backpropviz.figures.explain.explanation import explanation
from backpropviz.figures.explain.sentences import sentences
from backpropviz.figures.network_map import network_map
from backpropviz.figures.numbers import Scales
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.timeline import timeline
from backpropviz.figures.view import View
from backpropviz.scene.marks import Text
from backpropviz.scene.theme import DARK, LIGHT, Theme
from tests.figures.kind_passes import (
    LOSSES,
    NODES,
    OPTIMIZERS,
    every_kind,
    of_loss,
    of_optimizer,
)

PARTS = (0.0, 0.37, 0.99)
ORDERS = (LoopOrder.TARGET, LoopOrder.SOURCE)
PASSES = {
    **{mode: (every_kind, mode) for mode in ("train", "eval")},
    **{name: (of_loss, name) for name in LOSSES},
    **{name: (of_optimizer, name) for name in OPTIMIZERS},
}


@cache
def start(name: str, order: LoopOrder) -> View:
    """The start of a pass."""
    make, argument = PASSES[name]
    tape: Tape = make(argument)
    network, parameters = tape.network, _parameters(tape)
    shape = network.input_shape if len(network.input_shape) == 3 else (1, 1, 1)
    model = Model(name, network, parameters, Preprocessing(*shape), (), tape.optimizer)
    iteration = 2 if make is of_optimizer else 1
    found = operations(network, tape.batch, tape.optimizer, iteration)
    return View(model, tape, Timeline(found, order), SessionState(order=order), Scales(tape))


def _parameters(tape: Tape) -> Parameters:
    return {
        node.name: {
            name: np.array(tape[Address(node.name, name)])
            for name in tape.network.kept_shapes(node)
        }
        for node in tape.network.nodes
    }


def assert_all_figures(view: View, theme: Theme) -> None:
    """Stage, explanation and code say something, and nothing in them is cut off."""
    for scene in (stage(view, 1000, 700, theme), explanation(view.explained, 375, theme)):
        shown = [mark.text for mark in scene.walk() if isinstance(mark, Text)]
        assert shown
        assert not [text for text in shown if "None" in text or "{" in text]
    for version in CodeVersion:
        assert code_source(view.explained, version) or view.depth <= Depth.PHASE


def test_the_network_has_every_kind() -> None:
    missing = set(layer_kinds()) - {node.layer.kind for node in NODES}
    assert not missing


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", PASSES)
def test_every_operation_is_drawn_and_explained_at_every_depth(name: str, order: LoopOrder) -> None:
    view = start(name, order)
    starts = view.timeline.starts
    for number, (first, stop) in enumerate(pairwise(starts)):
        for depth in Depth:
            if depth <= Depth.LAYER and number % 5:
                continue
            part = PARTS[(number + depth) % len(PARTS)]
            k = first + int(part * (stop - first))
            theme = (LIGHT, DARK)[(number + depth) % 2]
            assert_all_figures(replace(view, state=replace(view.state, k=k, depth=depth)), theme)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", PASSES)
def test_map_and_timeline_at_every_operation(name: str, order: LoopOrder) -> None:
    view = start(name, order)
    for number, k in enumerate(view.timeline.starts):
        depth = tuple(Depth)[number % len(Depth)]
        here = replace(view, state=replace(view.state, k=k, depth=depth))
        assert network_map(here, 280, LIGHT).marks
        assert timeline(here, 1000, DARK).step_at(500, 32.0) >= 0


def test_running_statistics_are_no_parameters() -> None:
    view = start("train", LoopOrder.TARGET)
    number = view.timeline.computed_by(Address("norm", "running_mean", "next"))
    assert number is not None
    state = replace(view.state, k=view.timeline.starts[number] + 1, depth=Depth.ELEMENT)
    said = sentences(replace(view, state=state).explained)
    assert said.bold.startswith("The running mean of channel 1 goes from")
    assert any("No gradient flows here" in text for text in said.plain)


def test_running_statistics_are_given_and_a_kept_value_is_made() -> None:
    view = start("train", LoopOrder.TARGET)
    assert operation_of(view.timeline, view.tape, Address("norm", "running_mean")) is None
    assert operation_of(view.timeline, view.tape, Address("drop", "mask")) is not None
    assert view.notation.short(Address("norm", "running_mean", "next").at((1,))) == "new μ̂[1]"
    assert view.notation.short(Address("norm", "normalized")) == "x̂"
