"""The call stack names each level that the focus has."""

from __future__ import annotations

import pytest

from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.figures.network_map import ROW, call_stack
from backpropviz.scene.hit import hit
from backpropviz.scene.marks import Anchor, Path, Rect, Scene, Text
from backpropviz.scene.theme import DARK, LIGHT
from tests.figures.map_views import at, at_step, start
from tests.scene_checks import assert_text_is_legible


def lines(scene: Scene) -> list[tuple[str, str, str]]:
    """Title, value and count of each row."""
    placed: dict[int, dict[str, str]] = {}
    for mark in scene.walk():
        if isinstance(mark, Text):
            part = "count" if mark.anchor is Anchor.END else "title" if mark.x == 28 else "value"
            placed.setdefault(int(mark.y // ROW), {})[part] = mark.text
    return [(p["title"], p["value"], p["count"]) for p in placed.values() if "count" in p]


def test_the_mockups_rows() -> None:
    scene = call_stack(at_step(start("tiny-max"), "conv1.weight.grad", 6, Depth.TERM), 256, LIGHT)
    assert lines(scene) == [
        ("Pass", "training step", "46/105"),
        ("Phase", "Backward", "24/73"),
        ("Layer", "conv1", "7/56"),
        ("Gradient", "∂L/∂W", "7/16"),
        ("Channel", "0 ← 0", "1/1"),
        ("Element", "[0, 1]", "2/4"),
        ("Term", "y = 1, x = 0", "3/4"),
    ]


def test_long_counts_are_percentages() -> None:
    view = at_step(start("lenet"), "conv1.weight.grad", 66 * 784, Depth.ELEMENT)
    found = lines(call_stack(view, 256, DARK))
    assert [count for _, _, count in found[:4]] == ["81 %", "82 %", "21 %", "44 %"]
    assert found[4:] == [("Channel", "2 ← 0", "3/6"), ("Element", "[3, 1]", "17/25")]


def test_a_little_of_much_is_not_nothing() -> None:
    view = at_step(start("lenet"), "conv1.output", 0, Depth.ELEMENT)
    assert lines(call_stack(view, 256, DARK))[0] == ("Pass", "training step", "<1 %")


@pytest.mark.parametrize(
    ("target", "titles"),
    [
        ("flatten.output", ["Pass", "Phase", "Layer", "Output"]),
        ("relu1.output", ["Pass", "Phase", "Layer", "Output", "Channel", "Element"]),
        ("dense1.weight.grad", ["Pass", "Phase", "Layer", "Gradient", "Element", "Term"]),
        ("loss.exp", ["Pass", "Phase", "Layer", "Tensor", "Element"]),
        ("dense1.weight.step", ["Pass", "Phase", "Layer", "Update", "Element"]),
    ],
)
def test_levels_that_a_nest_has_not_are_left_out(target: str, titles: list[str]) -> None:
    scene = call_stack(at_step(start("lenet"), target, 0, Depth.TERM), 256, LIGHT)
    assert [title for title, _, _ in lines(scene)] == titles


def test_by_source_the_cell_is_the_sources() -> None:
    view = at_step(start("tiny-max", LoopOrder.SOURCE), "conv1.weight.grad", 6, Depth.TERM)
    found = lines(call_stack(view, 256, LIGHT))
    assert found[4:] == [
        ("Channel", "0", "1/1"),
        ("Element", "[0, 1]", "2/4"),
        ("Term", "i = 1, j = 0", "2/4"),
    ]


def test_the_current_level_is_tinted_and_pointed_at() -> None:
    view = at_step(start("tiny-max"), "conv1.weight.grad", 6, Depth.ELEMENT)
    scene = call_stack(view, 256, LIGHT)
    tinted = [m for m in scene.marks if isinstance(m, Rect) and m.fill == LIGHT.here_tint]
    assert [mark.key for mark in tinted] == ["depth:element"]
    (pointer,) = [m for m in scene.marks if isinstance(m, Path)]
    assert min(y for _, y in pointer.points) >= tinted[0].y


def test_a_row_answers_with_its_depth() -> None:
    view = at_step(start("tiny-max"), "conv1.weight.grad", 6, Depth.TERM)
    found = hit(call_stack(view, 256, LIGHT), 120, 2 * ROW + 5)
    assert found is not None
    assert found.key == "depth:layer"


def test_at_the_end_all_is_done() -> None:
    view = start("tiny-max")
    found = lines(call_stack(at(view, view.timeline.steps, Depth.TERM), 256, LIGHT))
    assert found == [("Pass", "finished", "105/105")]


@pytest.mark.parametrize("width", [200, 256, 400])
@pytest.mark.parametrize("name", ["tiny-max", "lenet", "deep", "residual"])
def test_text_is_legible_everywhere(name: str, width: int) -> None:
    view = start(name)
    for number in range(30):
        k = view.timeline.steps * number // 29
        depth = tuple(Depth)[number % len(Depth)]
        assert_text_is_legible(call_stack(at(view, k, depth), width, LIGHT))
