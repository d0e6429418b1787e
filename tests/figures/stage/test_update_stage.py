"""An update in sight: the gradient is not the step, and the formulas hold."""

from __future__ import annotations

import re

import pytest

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.optimizers import Adam, Sgd
from backpropviz.engine.value import parse
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.stage.update import UpdateShown
from backpropviz.figures.view import View
from backpropviz.scene.marks import Rect
from backpropviz.scene.theme import LIGHT
from tests.figures.stages import at, of_network, text_of, texts


def shown_of(view: View) -> UpdateShown:
    focus = view.focus
    assert focus is not None
    return UpdateShown(view, focus, parse("conv1.weight"), focus.coordinates)


def test_gradient_and_step_stand_side_by_side() -> None:
    view = at(of_network("tiny-max"), "conv1.weight.next", 1, Depth.ELEMENT)
    scene = stage(view, 968, 756, LIGHT)
    assert "+8" in text_of(scene, "conv1.weight.grad[0,0,0,1]")
    assert "−0.08" in text_of(scene, "conv1.weight.step[0,0,0,1]")
    assert "0.92" in text_of(scene, "conv1.weight.next[0,0,0,1]")


def test_what_is_ahead_is_not_told() -> None:
    view = at(of_network("tiny-max"), "conv1.weight.step", 1, Depth.ELEMENT)
    scene = stage(view, 968, 756, LIGHT)
    assert text_of(scene, "conv1.weight.next[0,0,0,1]") == []
    assert text_of(scene, "conv1.weight.step[0,0,1,0]") == []
    assert "0.92" not in texts(scene)


@pytest.mark.parametrize(
    ("optimizer", "parts"),
    [
        (Sgd(0.1), "|grad|step|next"),
        (Sgd(0.1, 0.9), "|grad|velocity_before|velocity|step|next"),
        (Adam(), "|grad|moment1_before|moment1|moment2_before|moment2|step|next"),
    ],
)
def test_every_array_of_the_update_has_a_tile(optimizer: Sgd | Adam, parts: str) -> None:
    view = at(of_network("tiny-max", optimizer=optimizer), "conv1.weight.step", 0, Depth.ELEMENT)
    assert [a.part for a in shown_of(view).arrays()] == parts.split("|")


def test_what_has_no_room_is_named() -> None:
    view = of_network("tiny-max", optimizer=Adam(weight_decay=0.1))
    scene = stage(at(view, "conv1.weight.next", 0, Depth.ELEMENT), 560, 480, LIGHT)
    (note,) = (text for text in texts(scene) if text.startswith("No room for: "))
    assert "first moment" in note


def test_the_element_is_outlined_in_every_tile_that_has_it() -> None:
    view = at(of_network("tiny-max"), "conv1.weight.next", 2, Depth.ELEMENT)
    scene = stage(view, 968, 756, LIGHT)
    colors = [m.stroke.color for m in scene.walk() if isinstance(m, Rect) and m.stroke]
    assert LIGHT.here in colors
    assert LIGHT.backward in colors
    assert LIGHT.update in colors


def test_formulas_name_their_symbols_and_result() -> None:
    view = at(of_network("tiny-max"), "conv1.weight.step", 1, Depth.ELEMENT)
    said = "".join(texts(stage(view, 968, 756, LIGHT)))
    assert re.search(r"−0\.01·8=−0\.08", said.replace(" ", ""))


def test_a_large_matrix_is_cut_and_says_so() -> None:
    view = at(of_network("lenet"), "dense1.weight.next", 13_000, Depth.ELEMENT)
    scene = stage(view, 968, 756, LIGHT)
    assert "28–55, 196–223 of 120×400" in texts(scene)
    assert "new" in "".join(texts(scene))


@pytest.mark.parametrize("depth", [Depth.TENSOR, Depth.CHANNEL])
def test_larger_steps_show_the_formulas_without_numbers(depth: Depth) -> None:
    view = at(of_network("tiny-max"), "conv1.weight.step", 0, depth)
    scene = stage(view, 968, 756, LIGHT)
    assert "step" in texts(scene)
    assert "0.01" not in texts(scene)
