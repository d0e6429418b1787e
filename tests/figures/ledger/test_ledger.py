from __future__ import annotations

import pytest

from backpropviz.engine.nest import NestRule
from backpropviz.figures.explain.written_sum import TermOrder
from backpropviz.figures.ledger import ORDER_KEY, ledger
from backpropviz.figures.ledger_rows import LedgerRows, ledger_rows
from backpropviz.figures.view import ALL, ExplainedStep, TermProgress
from backpropviz.scene.marks import Box, Rect, Scene, Text
from backpropviz.scene.text import decimal_of
from backpropviz.scene.theme import DARK, LIGHT, Theme
from tests.figures.passes import branching, lenet, tiny
from tests.figures.shown_sums import decimals
from tests.figures.steps import TAPES, derivation_at, every_step, step_at
from tests.scene_checks import assert_text_is_legible

SIZES = ((360.0, 160.0), (400.0, 350.0), (520.0, 240.0), (902.0, 240.0), (1400.0, 420.0))


def card(
    step: ExplainedStep,
    width: float,
    height: float,
    theme: Theme = LIGHT,
    order: TermOrder = TermOrder.POSITION,
) -> Scene:
    assert step.derivation is not None
    box = Box(0, 0, width, height)
    marks = ledger(step.derivation, step.progress, box, theme, order)
    return Scene(width, height, theme.stage, marks, str(step.derivation.address))


def rows_of(address: str, progress: TermProgress = ALL, most: int = 10) -> LedgerRows:
    return ledger_rows(derivation_at(tiny(), address), progress, most, TermOrder.POSITION)


def test_the_rows_of_the_mockup() -> None:
    rows = rows_of("conv1.weight.grad[0,0,0,1]", TermProgress(2, 3)).rows
    assert ["".join(piece.text for piece in row.term) for row in rows] == [
        "∂L/∂o[0,0] · X[0,1]",
        "∂L/∂o[0,1] · X[0,2]",
        "∂L/∂o[1,0] · X[1,1]",
        "∂L/∂o[1,1] · X[1,2]",
    ]
    assert [row.value for row in rows] == ["0", "0", "8", ""]
    assert [row.total for row in rows] == ["0", "0", "8", ""]
    assert [row.bar for row in rows] == [(0, 0), (0, 0), (0, 8), None]
    assert [row.why for row in rows] == [
        "loser: o = 2, takes 0",
        "loser: o = 1, takes 0",
        "the winner: o = 8",
        "not computed yet",
    ]
    assert [row.is_current for row in rows] == [False, False, True, False]


def test_a_sum_with_a_bias_starts_there() -> None:
    rows = rows_of("conv1.output[0,0,1,0]").rows
    assert [(row.value, row.total) for row in rows] == [
        ("−1", "−1"),
        ("6", "5"),
        ("4", "9"),
        ("−2", "7"),
        ("1", "8"),
    ]


def test_a_maximum_runs_through_its_candidates() -> None:
    rows = rows_of("pool1.output[0,0,0,0]").rows
    assert [row.total for row in rows] == ["2", "2", "8", "8"]
    assert [row.why for row in rows] == ["", "", "the winner", ""]


def test_padding_has_no_chance_in_a_maximum() -> None:
    derivation = derivation_at(branching(), "pool1.output[0,0,0,0]")
    rows = ledger_rows(derivation, ALL, 12, TermOrder.POSITION).rows
    assert sum(row.why == "padding never wins" for row in rows) == 5
    assert sum(row.why == "the winner" for row in rows) == 1


@pytest.mark.parametrize("name", [*TAPES, "not finite"])
@pytest.mark.parametrize("most", [2, 5, 12])
def test_rows_rest_and_residue_add_up_to_the_total(name: str, most: int) -> None:
    for step in every_step(name):
        assert step.derivation is not None
        if step.derivation.rule is not NestRule.SUM:
            continue
        content = ledger_rows(step.derivation, step.progress, most, TermOrder.POSITION)
        folded = content.folded
        values = [row.value for row in content.rows]
        subtotal = "" if folded.rest is None else folded.rest.subtotal
        everything = [*values, subtotal, folded.residue, folded.total]
        if all(decimal_of(text).is_finite() for text in everything if text):
            assert decimals(everything[:-1]) == decimal_of(folded.total)
        assert len(content.rows) <= most + 1


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", [*TAPES, "not finite"])
def test_no_text_is_cut_or_overlaps(name: str, width: float, height: float) -> None:
    for number, step in enumerate(every_step(name)):
        theme, order = (LIGHT, DARK)[number % 2], list(TermOrder)[number // 2 % 2]
        assert_text_is_legible(card(step, width, height, theme, order))


@pytest.mark.parametrize("width", range(360, 1000, 37))
def test_at_any_width_the_columns_fit(width: int) -> None:
    for address in ("conv1.weight.grad[2,0,3,1]", "conv2.output[0,2,3,1]"):
        for progress in (ALL, TermProgress(100, 101)):
            assert_text_is_legible(card(step_at(lenet(), address, progress), width, 300))


def test_the_keys_of_a_row_are_its_operands() -> None:
    scene = card(step_at(tiny(), "conv1.weight.grad[0,0,0,1]", TermProgress(2, 3)), 902, 240)
    shown = {mark.key: mark.text for mark in scene.walk() if isinstance(mark, Text) and mark.key}
    assert shown["conv1.input[0,0,1,1]"] == "4"
    assert shown["conv1.output.grad[0,0,1,0]"] == "2"


def test_a_long_sum_shows_its_largest_terms_and_counts_the_rest() -> None:
    scene = card(step_at(lenet(), "conv1.weight.grad[2,0,3,1]"), 360, 350)
    texts = [mark.text for mark in scene.walk() if isinstance(mark, Text)]
    assert any(text.startswith("top ") and text.endswith("of 784 by |term|") for text in texts)
    assert any("more that are not 0" in text for text in texts)
    assert "sum = gradient" in texts


def test_one_row_is_tinted_and_its_bar_has_the_color_of_the_place() -> None:
    scene = card(step_at(tiny(), "conv1.weight.grad[0,0,0,1]", TermProgress(2, 3)), 902, 240)
    fills = [mark.fill for mark in scene.walk() if isinstance(mark, Rect)]
    assert fills.count(LIGHT.here_tint) == 1
    assert fills.count(LIGHT.here) == 1


def test_a_long_sum_by_position_has_a_waterfall_of_all_terms() -> None:
    step = step_at(lenet(), "conv1.weight.grad[2,0,3,1]")
    by_position = card(step, 480, 420)
    by_size = card(step, 480, 420, LIGHT, TermOrder.SIZE)
    assert step.derivation is not None
    assert any("784 terms" in text or "784 in loop order" in text for text in _texts(by_position))
    assert not any("784 terms" in text for text in _texts(by_size))
    largest = int(abs(step.derivation.term_values).argmax())
    key = f"term:{int(step.derivation.positions[largest])}"
    fall = [m for m in by_position.walk() if isinstance(m, Rect) and m.key == key]
    rows = [m for m in by_size.walk() if isinstance(m, Rect) and m.key == key]
    assert len(fall) > len(rows) > 0


def test_every_row_answers_with_its_term() -> None:
    scene = card(step_at(tiny(), "conv1.weight.grad[0,0,0,1]"), 902, 240)
    keys = {m.key for m in scene.walk() if isinstance(m, Rect) and m.key}
    assert keys == {"term:0", "term:1", "term:2", "term:3"}


def test_the_order_is_said_where_a_click_changes_it() -> None:
    step = step_at(tiny(), "conv1.weight.grad[0,0,0,1]")
    for order, said in ((TermOrder.POSITION, "in loop order"), (TermOrder.SIZE, "largest first")):
        scene = card(step, 902, 240, LIGHT, order)
        assert [m.text for m in scene.walk() if isinstance(m, Text) and m.key == ORDER_KEY] == [
            said
        ]


def _texts(scene: Scene) -> list[str]:
    return [mark.text for mark in scene.walk() if isinstance(mark, Text)]
