"""Numbers as people type them, and texts that only look like numbers."""

from __future__ import annotations

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as some

from backpropviz.cli.train import count_value, seed_value
from backpropviz.debugger.timeline import step_number
from backpropviz.document import is_whole_number, real_number, whole_number
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from backpropviz.ui.editor.end_forms import class_names
from backpropviz.ui.forms import typed_value, value_of

LOOKALIKES = ("²", "٣", "1_000", "0x10", "1e3", "Ⅷ", "", " ", "+", "--1", "1,00", "9" * 5000)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), (" 12 ", 12), ("1,000", 1000), ("12,345,678", 12345678), ("+7", 7), ("007", 7)],
)
def test_whole_numbers(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", [*LOOKALIKES, "-1", str(10**15 + 1)])
def test_what_is_no_whole_number(text: str) -> None:
    assert whole_number(text) is None


def test_bounds_and_signs() -> None:
    assert whole_number("−3", -5) == -3
    assert whole_number("6", 0, 5) is None
    assert is_whole_number("9" * 5000)
    assert not is_whole_number("²")


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.5", 0.5), ("−2", -2.0), (".5", 0.5), ("5.", 5.0), ("1e-3", 1e-3), ("2E5", 2e5)],
)
def test_real_numbers(text: str, number: float) -> None:
    assert real_number(text) == number


@pytest.mark.parametrize("text", ["²", "1_0", "nan", "inf", "0,5", "1e999", "9" * 5000, "1e99999"])
def test_what_is_no_finite_number(text: str) -> None:
    assert real_number(text) is None


@given(some.text(max_size=30))
def test_no_text_breaks_them(text: str) -> None:
    whole, real = whole_number(text), real_number(text)
    assert whole is None or isinstance(whole, int)
    assert whole is None or real is None or real == whole


def test_options() -> None:
    for text in ("²", "9" * 5000, "1_000", "٣"):
        for read in (count_value, seed_value):
            with pytest.raises(argparse.ArgumentTypeError) as told:
                read(text)
            assert len(str(told.value)) < 150


def test_fields_of_the_window() -> None:
    assert class_names("²") == ("²",)
    assert class_names("9" * 5000) == ("9" * 5000,)
    assert class_names("3") == ("0", "1", "2")
    assert step_number("²", 5000) is None
    assert step_number("1,001", 5000) == 1000
    assert value_of("²", int) == "²"
    assert value_of("9" * 5000, int) == "9" * 5000
    with pytest.raises(UserError, match="is no number"):
        typed_value("²", "Seed")
    with pytest.raises(UserError, match="is no number"):
        typed_value("9" * 5000, "Seed")


def test_indices_of_an_address() -> None:
    for inside in ("²", "9" * 5000, "1_0"):
        with pytest.raises(UserError, match="is not an address") as told:
            parse(f"conv1.weight[{inside}]")
        assert len(str(told.value)) < 400
