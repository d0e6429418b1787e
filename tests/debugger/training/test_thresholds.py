"""Thresholds are told, checked and read back."""

from __future__ import annotations

import pytest

from backpropviz.debugger.training.thresholds import (
    DEFAULTS,
    LIMITS,
    Thresholds,
    thresholds_from_fields,
)
from backpropviz.engine.fields import to_fields
from backpropviz.errors import UserError


def test_each_has_words_and_a_default_within_its_range() -> None:
    for name, limit in LIMITS.items():
        assert limit.low <= getattr(DEFAULTS, name) <= limit.high
        assert limit.title
        assert limit.explanation.endswith(".")
        assert limit.source


def test_they_are_read_back_and_the_rest_is_default() -> None:
    own = Thresholds(dead_share=0.25, ratio_high=1.0)
    assert thresholds_from_fields(to_fields(own)) == own
    assert thresholds_from_fields({"kind": "thresholds"}) == DEFAULTS


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("dead_share", 1.5, "150 % must lie in 0 … 100 %"),
        ("dead_updates", 0, "must be a whole number of at least 1"),
        ("vanishing_rms", -1.0, "must lie in"),
        ("ratio_low", 0.5, "make the lower bound the smaller one"),
        ("input_spread_low", 9.0, "make the lower bound the smaller one"),
    ],
)
def test_nonsense_is_refused_in_words(name: str, value: float, said: str) -> None:
    with pytest.raises(UserError, match=said):
        thresholds_from_fields({"kind": "thresholds", name: value})
