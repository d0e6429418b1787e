from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.scene.text import (
    decimal_of,
    decimal_text,
    fitted,
    fixed,
    full,
    group_decimals,
    residue,
    shown,
    shown_group,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (6.0, "6"),
        (-1.0, "−1"),
        (0.154, "0.154"),
        (-0.1008, "−0.101"),
        (1234.5, "1234.500"),
        (1e6, "1e6"),
        (-12345678.0, "−1.23e7"),
        (0.00042, "4e−4"),
        (-1e-30, "−1e−30"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_shown(value: float, text: str) -> None:
    assert shown(value, 3) == text


def test_sign_is_shown_where_asked_for() -> None:
    assert shown(0.154, 3, signed=True) == "+0.154"
    assert shown(-0.154, 3, signed=True) == "−0.154"
    assert shown(0.0, 3, signed=True) == "0"
    assert shown(math.inf, signed=True) == "+∞"


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 6))
def test_only_zero_is_shown_as_zero(value: float, digits: int) -> None:
    text = shown(value, digits)
    assert (decimal_of(text) == 0) == (value == 0)
    assert "-" not in text


@given(st.floats(-1e5, 1e5), st.integers(1, 6))
def test_a_shown_number_is_near_its_value(value: float, digits: int) -> None:
    shown_value = float(decimal_of(shown(value, digits)))
    assert abs(shown_value - value) <= 0.5 * 10**-digits + 1e-9


def test_fixed_keeps_its_decimals() -> None:
    assert fixed(2, 3) == "2.000"
    assert fixed(0.0004, 3) == "4e−4"


@pytest.mark.parametrize(
    ("value", "characters", "text"),
    [
        (0.123456789, 5, "0.123"),
        (-0.123456789, 5, "−0.12"),
        (6, 1, "6"),
        (123456, 3, ""),
        (0.5, 0, ""),
    ],
)
def test_fitted(value: float, characters: int, text: str) -> None:
    assert fitted(value, characters) == text


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_full_reads_back_as_the_same_float32(value: float) -> None:
    assert np.float32(full(np.float32(value)).replace("−", "-")) == np.float32(value)


def test_full_is_short() -> None:
    assert full(np.float32(0.1)) == "0.1"
    assert full(-2.0) == "−2"
    assert full(np.float64(1e-7)) == "1e−07"


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ([1.0, -4.0, 8.0], 0),
        ([0.154, -0.005], 3),
        ([1.273, 0.05], 3),
        ([12.3, 0.5], 2),
        ([4567.8], 1),
        ([0.00123], 5),
        ([1e-12], 6),
        ([math.nan, 2.0], 0),
        ([], 0),
    ],
)
def test_a_group_shares_its_decimals(values: list[float], decimals: int) -> None:
    assert group_decimals(values) == decimals


def test_a_group_is_aligned() -> None:
    assert shown_group([0.5, -1.25, 0.0, math.nan]) == ["0.500", "−1.250", "0", "NaN"]
    assert shown_group([2.0, -1.0], signed=True) == ["+2", "−1"]


def test_the_residue_is_that_of_the_digits_shown() -> None:
    assert residue("0.3", ["0.1", "0.1", "0.1"]) == 0
    assert residue("1.000", ["0.333", "0.333", "0.333"]) == Decimal("0.001")
    assert residue("−1", ["4e−5"]) == Decimal("-1.00004")


def test_decimals_are_shown_plainly() -> None:
    assert decimal_text(Decimal("0.000")) == "0"
    assert decimal_text(Decimal("-0.0010")) == "−0.0010"
    assert decimal_text(Decimal("0.001"), signed=True) == "+0.001"
    assert decimal_text(Decimal("4e-20")) == "4.0e−20"
