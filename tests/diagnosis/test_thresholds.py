"""Thresholds are told and checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backpropviz.diagnosis.thresholds import (
    DEFAULTS,
    LIMITS,
)
from backpropviz.errors import UserError


def test_each_has_words_and_a_default_within_its_range() -> None:
    for name, limit in LIMITS.items():
        assert limit.low <= getattr(DEFAULTS, name) <= limit.high
        assert limit.title
        assert limit.explanation.endswith(".")
        assert limit.source


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
def test_nonsense_is_refused_in_words(name: str, value: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        replace(DEFAULTS, **{name: value})
