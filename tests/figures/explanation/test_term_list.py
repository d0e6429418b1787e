from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from backpropviz.engine.nest import NestRule
from backpropviz.figures.explain.code import CodeVersion
from backpropviz.figures.explain.explanation import (
    MOST_TERMS,
    UNFOLD_KEY,
    _bin_lines,
    _term_lines,
    explanation,
)
from backpropviz.figures.explain.written_sum import TermOrder
from backpropviz.figures.ledger_rows import bin_terms
from backpropviz.figures.view import ALL, TermProgress
from backpropviz.scene.marks import Text
from backpropviz.scene.text import decimal_of
from backpropviz.scene.theme import DARK, LIGHT
from tests.figures.passes import lenet, tiny
from tests.figures.steps import TAPES, derivation_at, every_step, step_at
from tests.scene_checks import assert_text_is_legible

LONG = "conv1.weight.grad[2,0,3,1]"


@pytest.mark.parametrize("order", [None, *TermOrder])
@pytest.mark.parametrize("name", [*TAPES, "not finite"])
def test_everything_is_legible_unfolded_and_in_every_version(
    name: str, order: TermOrder | None
) -> None:
    for number, step in enumerate(every_step(name)):
        version = list(CodeVersion)[number % 3]
        theme, width = (LIGHT, DARK)[number % 2], (280.0, 375.0, 640.0)[number % 3]
        scene = explanation(step, width, theme, code_version=version, unfolded=True, order=order)
        assert_text_is_legible(scene)


@pytest.mark.parametrize("progress", [ALL, TermProgress(300, 301)])
@pytest.mark.parametrize("order", list(TermOrder))
def test_the_lines_add_up_to_the_sum(progress: TermProgress, order: TermOrder) -> None:
    derivation = derivation_at(lenet(), LONG)
    lines = list(
        _bin_lines(derivation, progress, LIGHT)
        if order is TermOrder.POSITION
        else _term_lines(derivation, progress, order, LIGHT)
    )
    *addends, total = [decimal_of(line.value) for line in lines if line.value != "•"]
    assert sum(addends, Decimal(0)) == total


@pytest.mark.parametrize("most", [8, 100, 783, 784, 5000])
def test_bins_hide_no_large_term(most: int) -> None:
    derivation = derivation_at(lenet(), LONG)
    bins = bin_terms(derivation, most=most)
    assert len(bins.peaks) <= most
    largest = int(np.abs(derivation.term_values).argmax())
    assert largest in bins.largest
    assert np.isclose(bins.after[-1], derivation.derived)
    for place, number in enumerate(bins.largest):
        first, last = bins.span(place)
        assert first <= number <= last
        inside = derivation.term_values[first : last + 1]
        assert np.abs(inside).max() == abs(bins.peaks[place])
        assert np.isclose(inside.sum(), bins.subtotals[place])


def test_a_short_sum_offers_nothing_to_unfold() -> None:
    scene = explanation(step_at(tiny(), "conv1.weight.grad[0,0,0,1]"), 375, LIGHT)
    assert UNFOLD_KEY not in {mark.key for mark in scene.walk() if isinstance(mark, Text)}


def test_at_most_two_hundred_terms_are_listed() -> None:
    derivation = derivation_at(lenet(), LONG)
    assert derivation.rule is NestRule.SUM
    for order in TermOrder:
        scene = explanation(step_at(lenet(), LONG), 375, LIGHT, unfolded=True, order=order)
        keys = {m.key for m in scene.walk() if isinstance(m, Text) and m.key.startswith("term:")}
        assert len(keys) <= MOST_TERMS
