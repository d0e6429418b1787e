from __future__ import annotations

import pytest

from backpropviz.figures.numbers import round_spacing, round_values


@pytest.mark.parametrize(
    ("least", "spacing"), [(1, 1), (1.01, 2), (0.03, 0.05), (6e-9, 1e-8), (0.2, 0.2), (730, 1000)]
)
def test_a_spacing_is_the_next_round_one(least: float, spacing: float) -> None:
    assert round_spacing(least) == pytest.approx(spacing, rel=1e-12)


def test_values_are_told_without_binary_fractions_and_hold_both_ends() -> None:
    assert round_values(-0.1, 0.3, 0.1) == [-0.1, 0.0, 0.1, 0.2, 0.3]
    assert round_values(0.11, 0.29, 0.1) == [0.2]
