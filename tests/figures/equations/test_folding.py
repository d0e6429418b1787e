from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.engine.derivation import Derivation
from backpropviz.engine.nest import Factor, NestRule
from backpropviz.figures.explain.written_sum import Fold, TermOrder, fold, shown_numbers
from backpropviz.figures.view import ALL, TermProgress
from backpropviz.scene.text import decimal_of
from tests.figures.passes import lenet
from tests.figures.shown_sums import decimals
from tests.figures.steps import derivation_at

FLOATS = st.floats(-1e4, 1e4, allow_nan=False, width=32)


def sum_of(values: list[float], initial: float | None, value: float) -> Derivation:
    """A derivation, as far as folding asks."""
    start = None if initial is None else Factor(None, "start", initial)
    found = SimpleNamespace(
        term_values=np.array(values, dtype=np.float64),
        initial=start,
        value=value,
        rule=NestRule.SUM,
    )
    return cast("Derivation", found)


def left_over(folded: Fold) -> Decimal:
    """total − everything that is shown."""
    subtotal = "" if folded.rest is None else folded.rest.subtotal
    addends = [folded.initial, *folded.texts, subtotal, folded.residue]
    return decimal_of(folded.total) - decimals(addends)


@given(
    st.lists(FLOATS, min_size=1, max_size=60),
    st.none() | FLOATS,
    st.integers(1, 12),
    st.sampled_from(TermOrder),
    st.integers(0, 60),
    st.sampled_from((2, 3, 4)),
)
def test_what_is_shown_adds_up_in_decimal(
    values: list[float],
    initial: float | None,
    most: int,
    order: TermOrder,
    ran: int,
    digits: int,
) -> None:
    derivation = sum_of(values, initial, float(np.float32(sum(values) + (initial or 0.0))))
    progress = ALL if ran >= len(values) else TermProgress(ran, ran + 1)
    folded = fold(derivation, progress, most=most, order=order, digits=digits)
    assert left_over(folded) == 0
    hidden = 0 if folded.rest is None else folded.rest.count
    assert len(folded.numbers) + hidden == len(values)
    assert progress.current is None or progress.current in folded.numbers


def test_by_size_the_largest_come_first() -> None:
    values = np.array([0.1, -5.0, 2.0, 0.0, 4.0])
    assert shown_numbers(values, None, None, 3, TermOrder.SIZE) == (1, 4, 2)


def test_by_size_the_current_term_is_there_in_any_case() -> None:
    values = np.array([0.1, -5.0, 2.0, 0.0, 4.0])
    assert shown_numbers(values, None, 3, 3, TermOrder.SIZE) == (1, 4, 3)


@pytest.mark.parametrize("current", [0, 1, 2, 50, 97, 98, 99])
def test_by_position_first_current_and_last_are_there_in_order(current: int) -> None:
    numbers = shown_numbers(np.zeros(100), None, current, 4, TermOrder.POSITION)
    assert {0, current, 99} <= set(numbers)
    assert list(numbers) == sorted(set(numbers))
    assert len(numbers) == 4


def test_a_term_that_has_not_run_has_no_text_and_is_not_counted() -> None:
    folded = fold(sum_of([1.0, 2.0, 4.0], None, 7.0), TermProgress(1, 2), most=6)
    assert folded.texts == ("1", "2", "")
    assert folded.total == "3"
    assert not folded.is_complete


def test_terms_may_run_in_another_order_than_they_are_listed() -> None:
    ran = np.array([False, False, True])
    folded = fold(sum_of([1.0, 2.0, 4.0], None, 7.0), TermProgress(2, ran), most=6)
    assert folded.texts == ("", "", "4")
    assert folded.total == "4"


def test_no_residue_is_made_up_where_a_number_is_not_finite() -> None:
    folded = fold(sum_of([1.0, float("nan"), float("inf")], None, float("nan")), most=6)
    assert folded.residue == ""
    assert folded.total == "NaN"


def test_a_sum_of_784_counts_what_it_leaves_out() -> None:
    derivation = derivation_at(lenet(), "conv1.weight.grad[2,0,3,1]")
    folded = fold(derivation, most=12, order=TermOrder.SIZE, digits=4)
    assert folded.rest is not None
    zeros = int(np.count_nonzero(derivation.term_values == 0))
    assert (folded.rest.zero, folded.rest.count) == (zeros, 784 - 12)
    assert left_over(folded) == 0
