from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.figures.numbers import counted, exact_text, group_texts, said
from backpropviz.scene.text import decimal_of


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1.0, -0.08, 0.92], ["1.00", "−0.08", "0.92"]),
        ([8.0, 0.0], ["8", "0"]),
        ([0.4576, -0.1429], ["0.4576", "−0.1429"]),
        ([0.00004368, -0.0000012, 0.0], ["4.368e−5", "−0.120e−5", "0"]),
        ([4e-5, 1e-9], ["4e−5", "1e−9"]),
        ([0.00099999999], ["0.001"]),
        ([float("nan"), float("inf"), 2.0], ["NaN", "∞", "2"]),
        ([1e-320], ["1e−320"]),
    ],
)
def test_numbers_side_by_side(values: list[float], texts: list[str]) -> None:
    assert group_texts(values, 4) == texts


@given(
    st.lists(st.floats(-1e5, 1e5, allow_nan=False), min_size=1, max_size=8),
    st.integers(2, 4),
)
def test_no_value_but_zero_is_shown_as_zero(values: list[float], digits: int) -> None:
    for value, text in zip(values, group_texts(values, digits), strict=True):
        assert (decimal_of(text) == 0) == (value == 0)
        assert len(text) <= 14


@given(st.decimals(-1000, 1000, allow_nan=False, places=9))
def test_exact_text_is_exact(value: Decimal) -> None:
    assert decimal_of(exact_text(value)) == value


def test_numbers_in_sentences() -> None:
    assert said(0.5) == "0.5"
    assert said(-0.000989999) == "−9.9e−4"
    assert said(8.0, signed=True) == "+8"
    assert counted(1, "pixel") == "1 pixel"
    assert counted(50176, "pixel") == "50,176 pixels"
