from __future__ import annotations

from itertools import product

import pytest

from backpropviz.scene.cells import Cell, CellState, body, cell, cells, number_font, overlay
from backpropviz.scene.color import contrast
from backpropviz.scene.hit import mark_box
from backpropviz.scene.marks import Box, Ellipse, Line, Rect, Scene, Text
from backpropviz.scene.text import text_width
from backpropviz.scene.theme import DARK, LIGHT, NUMBER_LARGE, NUMBER_SMALL, Theme
from tests.scene.cell_sheet import cell_sheet
from tests.scene_checks import assert_text_is_legible

THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
STATES = pytest.mark.parametrize("state", CellState, ids=lambda state: state.value)
SIZES = ((72, 72), (56, 46), (52, 40), (40, 40), (24, 24), (12, 12), (3, 3), (1, 1))


def texts(marks: tuple[object, ...]) -> list[str]:
    return [mark.text for mark in marks if isinstance(mark, Text)]


def test_the_sheet_can_be_read() -> None:
    assert_text_is_legible(cell_sheet())


@THEMES
@STATES
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_words_and_numbers_stay_apart_and_inside(
    theme: Theme, state: CellState, size: tuple[int, int]
) -> None:
    box = Box(20, 20, *size)
    for text, word, note in product(("8", "−0.154", "1.23e−12"), ("", "winner"), ("", "a 1.273")):
        marks = cell(Cell(box, state, text, "#FEB09E", word, note), theme)
        assert_text_is_legible(Scene(size[0] + 40, size[1] + 40, theme.stage, marks))
        for mark in marks:
            if isinstance(mark, Text) and mark.color != theme.loss:
                ink = mark_box(mark)
                assert box.x <= ink.x, mark
                assert ink.right <= box.right, mark


@THEMES
@STATES
def test_every_number_contrasts_with_what_lies_under_it(theme: Theme, state: CellState) -> None:
    for fill in ("#EE6751", "#24282E", "#F6F6F7", "#5FB8AB"):
        marks = cell(Cell(Box(0, 0, 72, 72), state, "8", fill, "word", "was 1"), theme)
        for text in (mark for mark in marks if isinstance(mark, Text)):
            below = [
                mark.fill
                for mark in marks
                if isinstance(mark, Rect) and mark.fill and mark_box(mark).contains(text.x, text.y)
            ]
            assert contrast(text.color, below[-1]) >= 4.4, (text.text, below)


@THEMES
def test_what_is_not_computed_is_never_a_number(theme: Theme) -> None:
    marks = cell(Cell(Box(0, 0, 72, 72), CellState.NOT_COMPUTED, "0", "#FF0000"), theme)
    assert texts(marks) == []
    assert any(isinstance(mark, Ellipse) and mark.radius_x == 2.5 for mark in marks)
    assert isinstance(marks[0], Rect)
    assert marks[0].fill == theme.stage


def test_what_is_absent_has_a_cross_and_no_number() -> None:
    marks = cell(Cell(Box(0, 0, 72, 72), CellState.ABSENT, "0"), LIGHT)
    assert texts(marks) == []
    assert sum(isinstance(mark, Line) for mark in marks) == 2


def test_states_differ_without_color() -> None:
    looks = set()
    for state in CellState:
        marks = cell(Cell(Box(0, 0, 72, 72), state, "0", "#F6F6F7", "word"), LIGHT)
        look = tuple(
            (type(mark).__name__, *_shape(mark)) for mark in marks if not isinstance(mark, Text)
        )
        words = tuple((mark.text, mark.font) for mark in marks if isinstance(mark, Text))
        looks.add((look, words))
    assert len(looks) == len(CellState)


def _shape(mark: object) -> tuple[object, ...]:
    stroke = getattr(mark, "stroke", None)
    dash = (stroke.width, stroke.dash) if stroke is not None else ()
    return (*dash, getattr(mark, "hatch", None), getattr(mark, "points", None))


def test_outlines_lie_over_all_bodies() -> None:
    many = [
        Cell(Box(0, 0, 72, 72), CellState.CURRENT, "1", "#FEB09E", key="a"),
        Cell(Box(72, 0, 72, 72), CellState.FINAL, "2", "#FEB09E", key="b"),
    ]
    marks = cells(many, LIGHT)
    last_body = max(index for index, mark in enumerate(marks) if mark in body(many[1], LIGHT))
    first_outline = min(
        index for index, mark in enumerate(marks) if mark in overlay(many[0], LIGHT)
    )
    assert last_body < first_outline


def test_a_number_has_the_largest_size_that_fits() -> None:
    assert number_font(72, 72, ["6", "8"]) is NUMBER_LARGE
    assert number_font(56, 46, ["+0.154", "−0.005"]) is NUMBER_SMALL
    assert number_font(8, 8, ["0"]) is None
    font = number_font(72, 72, ["−0.154321"])
    assert font is not None
    assert text_width("−0.154321", font) <= 66


def test_the_winner_is_forward_where_only_the_choice_matters() -> None:
    winner = Cell(Box(0, 0, 72, 72), CellState.WINNER, "2", "#F6F6F7", accent=LIGHT.forward)
    colors = {
        mark.stroke.color
        for mark in cell(winner, LIGHT)
        if isinstance(mark, Ellipse) and mark.stroke
    }
    assert colors == {LIGHT.forward}
