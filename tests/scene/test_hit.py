from __future__ import annotations

import numpy as np

from backpropviz.scene.cells import Cell, CellState, cell
from backpropviz.scene.hit import Hit, find, hit, places
from backpropviz.scene.marks import (
    Box,
    Ellipse,
    Group,
    Line,
    Mark,
    Path,
    Pixels,
    Rect,
    Scene,
    Stroke,
    Text,
)
from backpropviz.scene.theme import LIGHT, MONO


def scene(*marks: Mark) -> Scene:
    return Scene(400, 300, "#FFFFFF", marks)


def test_the_topmost_key_answers_and_marks_without_key_do_not() -> None:
    picture = scene(Rect(0, 0, 50, 50, key="a"), Rect(20, 20, 50, 50, key="b"), Rect(0, 0, 99, 99))
    assert hit(picture, 30, 30) == Hit("b", Box(20, 20, 50, 50))
    assert hit(picture, 10, 10) == Hit("a", Box(0, 0, 50, 50))
    assert hit(picture, 90, 90) is None


def test_a_number_answers_with_its_cell() -> None:
    marks = cell(Cell(Box(40, 40, 72, 72), CellState.FINAL, "6", "#FB8973", key="x[0]"), LIGHT)
    found = hit(scene(*marks), 76, 76)
    assert found == Hit("x[0]", Box(40.5, 40.5, 71, 71))
    assert find(scene(*marks), "x[0]") == found.box


def test_groups_move_scale_and_clip() -> None:
    inner = Group((Rect(5, 5, 10, 10, key="in"),), dx=100, dy=50, scale=2, clip=Box(0, 0, 125, 300))
    picture = scene(Group((inner,), dx=10, dy=10))
    assert hit(picture, 121, 71) == Hit("in", Box(120, 70, 20, 20))
    assert hit(picture, 138, 71) is None, "clipped at x = 135"
    assert find(picture, "in") == Box(120, 70, 20, 20)


def test_a_group_answers_behind_its_marks() -> None:
    picture = scene(Group((Rect(0, 0, 10, 10), Rect(20, 0, 10, 10, key="own")), key="all"))
    assert hit(picture, 5, 5) == Hit("all", Box(0, 0, 30, 10))
    assert hit(picture, 25, 5) == Hit("own", Box(20, 0, 10, 10))
    assert find(picture, "all") == Box(0, 0, 30, 10)


def test_every_pixel_names_its_cell() -> None:
    pixels = Pixels(
        10, 20, 40, 30, np.zeros((3, 4)), "gray", (0, 1), key_pattern="p[{row},{column}]"
    )
    picture = scene(pixels)
    for row in range(3):
        for column in range(4):
            found = hit(picture, 10 + column * 10 + 9.9, 20 + row * 10)
            assert found == Hit(f"p[{row},{column}]", Box(10 + column * 10, 20 + row * 10, 10, 10))
            assert find(picture, found.key) == found.box
    assert hit(picture, 50, 25) is None
    assert find(picture, "p[3,0]") is None
    assert find(picture, "p[0,04]") is None


def test_a_flat_index_is_found() -> None:
    pixels = Pixels(
        0, 0, 4, 2, np.zeros((2, 4)), "gray", (0, 1), key_pattern="dense.output[{index}]"
    )
    assert find(scene(pixels), "dense.output[6]") == Box(2, 1, 1, 1)


def test_lines_answer_within_reach() -> None:
    stroke = Stroke("#000000")
    picture = scene(
        Line(0, 0, 100, 0, stroke, key="line"),
        Path(((0, 50), (50, 50), (50, 100)), stroke, key="wire"),
        Ellipse(200, 200, 20, 10, key="ring"),
    )
    assert hit(picture, 50, 2.5) == Hit("line", Box(0, 0, 100, 0))
    assert hit(picture, 50, 3.5) is None
    assert hit(picture, 48, 80) == Hit("wire", Box(0, 50, 50, 50))
    assert hit(picture, 20, 80) is None
    assert hit(picture, 215, 200) is not None
    assert hit(picture, 218, 208) is None


def test_what_is_not_drawn_is_not_found() -> None:
    assert find(scene(Rect(0, 0, 1, 1, key="a")), "b") is None


def test_places_are_all_of_a_key_but_not_the_number_on_its_cell() -> None:
    box = Rect(10, 10, 40, 40, key="a[0]")
    number = Text(20, 34, "5", MONO, "#000000", key="a[0]")
    elsewhere = Text(100, 34, "5", MONO, "#000000", key="a[0]")
    grid = Pixels(
        0, 60, 40, 20, np.zeros((2, 4)), "gray", (0, 1), key_pattern="term:{index}", first_index=8
    )
    picture = scene(Group((box, number), dx=5), elsewhere, grid)
    found = places(picture, {"a[0]", "term:13", "term:3"})
    assert [(p.key, p.is_text) for p in found] == [
        ("a[0]", False),
        ("a[0]", True),
        ("term:13", False),
    ]
    assert found[0].box == Box(15, 10, 40, 40)
    assert found[2].box == Box(10, 70, 10, 10)
    assert hit(picture, 15, 75) == Hit("term:13", Box(10, 70, 10, 10))
