"""Conditions: what they say, where they hold, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.debugger.search import parse_condition
from backpropviz.errors import UserError

VALUES = np.array([-7.0, -0.5, 0.0, 0.1, 5.0, 8.0, np.inf, np.nan])
TEXTS = {
    "> 0.1": VALUES > 0.1,
    "value >= .1": VALUES >= 0.1,
    "abs(value) > 5": np.abs(VALUES) > 5,
    "|value| ≤ 5": np.abs(VALUES) <= 5,
    "value is NaN": np.isnan(VALUES),
    "value is not nan": ~np.isnan(VALUES),
    "is infinite": np.isinf(VALUES),
    "is finite": np.isfinite(VALUES),
    "is zero": VALUES == 0,
    "value is negative": VALUES < 0,
    "value < −1 or value > 6": (VALUES < -1) | (VALUES > 6),
    "value > -1 and not value > 4": (VALUES > -1) & ~(VALUES > 4),
    "value between -1 and 1e0 and value != 0": (VALUES >= -1) & (VALUES <= 1) & (VALUES != 0),
    "not (value < 0 or value > 1)": ~((VALUES < 0) | (VALUES > 1)),
    "value = 5": VALUES == 5,
}


@pytest.mark.parametrize("text", TEXTS)
def test_where_a_condition_holds(text: str) -> None:
    assert np.array_equal(parse_condition(text).mask(VALUES), TEXTS[text])


@given(st.sampled_from(sorted(TEXTS)), st.floats(-9, 9), st.floats(-9, 9))
def test_an_interval_is_ruled_out_only_where_nothing_in_it_holds(
    text: str, a: float, b: float
) -> None:
    low, high = min(a, b), max(a, b)
    condition = parse_condition(text)
    inside = np.append(np.linspace(low, high, 50), [low, high])
    if condition.mask(inside).any():
        assert condition.can_hold(low, high)


def test_not_finite_bounds_rule_nothing_out() -> None:
    assert parse_condition("> 5").can_hold(np.nan, 1)
    assert not parse_condition("> 5").can_hold(-1, 5)


def test_what_a_condition_is_about() -> None:
    assert parse_condition("abs(term) > 5").about_term
    assert not parse_condition("> 5").about_term


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("value >", "a number"),
        ("value", "comparison"),
        ("> 5 6", "the end"),
        ("term > 1 and value > 1", "one of them"),
        ("__import__('os')", "comparison"),
        ("value is big", "nan"),
        ("abs value > 1", "("),
        ("(value > 1", ")"),
        ("> 0x10", "the end"),
    ],
)
def test_bad_conditions_are_explained(text: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        parse_condition(text)
    assert words in str(error.value)
