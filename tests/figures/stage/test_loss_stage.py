"""The loss as bars and numbers: what is drawn is what was computed, and no more."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.value import Address
from backpropviz.figures.stage.losses import cross_entropy_marks, rows_shown
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import View
from backpropviz.scene.marks import Box, Rect, Scene
from backpropviz.scene.text import decimal_of
from backpropviz.scene.theme import DARK, LIGHT
from tests.figures.stages import at, of_network, text_of, texts

LOGITS = Address("loss", "input")


@pytest.fixture(scope="module")
def lenet() -> View:
    return of_network("lenet")


def scene_at(view: View, target: str, step: int, depth: Depth = Depth.ELEMENT) -> Scene:
    return stage(at(view, target, step, depth), 968, 756, LIGHT)


def test_every_class_has_its_numbers_after_the_loss(lenet: View) -> None:
    scene = scene_at(lenet, "loss.input.grad", 9)
    for name in ("loss.input", "loss.exp", "loss.probabilities", "loss.input.grad"):
        for k in range(10):
            assert len(text_of(scene, f"{name}[0,{k}]")) >= 1


def test_probabilities_appear_one_by_one(lenet: View) -> None:
    scene = scene_at(lenet, "loss.probabilities", 3)
    drawn = [bool(text_of(scene, f"loss.probabilities[0,{k}]")) for k in range(10)]
    target = int(lenet.tape[Address("loss", "target")][0])
    # The target's probability is told below as well, but not before it is computed.
    assert drawn == [k <= 3 for k in range(10)], target


def test_bars_are_as_long_as_their_numbers(lenet: View) -> None:
    marks = cross_entropy_marks(
        at(lenet, "loss.input.grad", 9, Depth.ELEMENT),
        None,
        Box(0, 0, 900, 600),
        LIGHT,
    )
    logits = lenet.tape[LOGITS][0]
    bars = [m.width for m in marks if isinstance(m, Rect) and m.fill == LIGHT.forward]
    lengths = np.array(bars[: np.count_nonzero(logits)])
    ratios = lengths / np.abs(logits[logits != 0])
    visible = lengths > 1
    assert ratios[visible] == pytest.approx(ratios[visible][0])


def test_the_axis_stays_while_values_come_in(lenet: View) -> None:
    early = scene_at(lenet, "loss.probabilities", 1)
    late = scene_at(lenet, "loss.probabilities", 9)
    assert text_of(early, "loss.probabilities[0,0]") == text_of(late, "loss.probabilities[0,0]")


def test_the_target_is_marked(lenet: View) -> None:
    scene = scene_at(lenet, "loss.input.grad", 0)
    assert texts(scene).count("target") == 1
    assert any(isinstance(m, Rect) and m.fill == LIGHT.loss_tint for m in scene.walk())


def test_the_element_in_focus_is_outlined(lenet: View) -> None:
    scene = stage(at(lenet, "loss.exp", 4, Depth.ELEMENT), 968, 756, DARK)
    outlined = [m for m in scene.walk() if isinstance(m, Rect) and m.stroke is not None]
    assert any(m.stroke and m.stroke.color == DARK.here for m in outlined)


def test_a_sum_so_far_says_so(lenet: View) -> None:
    scene = scene_at(lenet, "loss.normalizer", 4, Depth.TERM)
    assert "Σ exp, shared by all so far" in texts(scene)


def test_the_loss_is_no_number_before_it_is_computed(lenet: View) -> None:
    before = scene_at(lenet, "loss.probabilities", 9)
    after = scene_at(lenet, "loss", 0, Depth.TERM)
    assert text_of(before, "loss") == []
    (shown,) = text_of(after, "loss")
    assert float(decimal_of(shown)) == pytest.approx(lenet.tape.loss, abs=1e-4)


def test_classes_that_do_not_fit_come_in_pages() -> None:
    for near in (0, 57, 99):
        rows = rows_shown(100, 400, near)
        assert near in rows
        assert len(rows) < 100
        assert rows.stop <= 100
    assert rows_shown(10, 400, 3) == range(10)


def test_squared_error_adds_its_squares_in_sight() -> None:
    view = of_network("tiny-overlap")
    scene = scene_at(view, "loss.input.grad", 0)
    assert "1/2 · (1² + 3² + (−2)² + 2²) = 9" in texts(scene)


def test_squared_error_shows_no_sum_early() -> None:
    view = of_network("tiny-overlap")
    scene = scene_at(view, "loss.difference", 1)
    assert not any("= 9" in text for text in texts(scene))
    assert text_of(scene, "loss") == []
    assert text_of(scene, "loss.difference[0,0,0,1]") == ["3"]
    assert text_of(scene, "loss.difference[0,0,1,1]") == []


@pytest.mark.parametrize("depth", [Depth.PHASE, Depth.LAYER])
def test_the_loss_has_its_figure_at_every_depth(lenet: View, depth: Depth) -> None:
    assert "probability" in texts(scene_at(lenet, "loss.exp", 0, depth))
