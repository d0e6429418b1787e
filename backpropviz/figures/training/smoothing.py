"""Smoothing of a curve that grows: what was smoothed before is not smoothed again."""

from __future__ import annotations

import math
from dataclasses import field
from enum import Enum
from typing import Final

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.frozen import frozen

_LARGEST_GROWTH: Final = 1e12
"""Most that a weight may grow inside one block of the running sum, so that digits remain."""


class Average(Enum):
    """How neighbors are weighed."""

    NONE = "none"
    EXPONENTIAL = "exponential"
    MOVING = "moving"


@frozen
class Smoothing:
    """An average over the last `span` updates: moving, or with weights (1 − 2/(span + 1))ᵏ."""

    average: Average = Average.EXPONENTIAL
    span: int = 10

    @property
    def is_none(self) -> bool:
        """Whether values are shown as they are."""
        return self.average is Average.NONE or self.span <= 1

    @property
    def words(self) -> str:
        """What a title says of it."""
        if self.is_none:
            return "not smoothed"
        if self.average is Average.MOVING:
            return f"moving average over {self.span}"
        return f"smoothed over {self.span}"


NO_SMOOTHING: Final = Smoothing(Average.NONE, 1)


@frozen(eq=False)
class Smoothed:
    """Smoothed values, and the sums from which the next ones follow."""

    smoothing: Smoothing
    values: Array = field(default_factory=lambda: np.zeros(0))
    sums: tuple[float, float] = (0.0, 0.0)

    def extended(self, raw: Array) -> Smoothed:
        """The same, grown to all of `raw`, which begins with what was smoothed before.

        A value that is not finite counts for nothing, and is NaN itself.
        """
        known = len(self.values)
        if len(raw) == known:
            return self
        if self.smoothing.is_none:
            return Smoothed(self.smoothing, raw)
        if self.smoothing.average is Average.MOVING:
            added, sums = _moving(raw, known, self.smoothing.span), self.sums
        else:
            added, sums = _exponential(raw[known:], self.smoothing.span, self.sums)
        return Smoothed(self.smoothing, np.concatenate([self.values, added]), sums)


def smoothed(raw: Array, smoothing: Smoothing) -> Array:
    """A whole curve, smoothed."""
    return Smoothed(smoothing).extended(raw).values


def _moving(raw: Array, known: int, span: int) -> Array:
    """Means of up to `span` values, from the `known`-th on."""
    first = max(0, known - span + 1)
    values = raw[first:].astype(np.float64)
    finite = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    ends = np.arange(known - first + 1, len(values) + 1)
    begins = np.maximum(ends - span, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Array = (sums[ends] - sums[begins]) / (counts[ends] - counts[begins])
    means[~finite[known - first :]] = np.nan
    return means


def _exponential(
    raw: Array, span: int, sums: tuple[float, float]
) -> tuple[Array, tuple[float, float]]:
    """Σ rᵏxₙ₋ₖ / Σ rᵏ, r = 1 − 2/(span + 1), in blocks: rⁿ · running sum of x · r⁻ⁿ."""
    ratio = 1.0 - 2.0 / (span + 1)
    size = max(1, int(math.log(_LARGEST_GROWTH) / -math.log(ratio)))
    found = np.full(len(raw), np.nan)
    total, weight = sums
    for first in range(0, len(raw), size):
        block = raw[first : first + size].astype(np.float64)
        finite = np.isfinite(block)
        powers = ratio ** np.arange(1, len(block) + 1)
        totals = powers * (total + np.cumsum(np.where(finite, block, 0.0) / powers))
        weights = powers * (weight + np.cumsum(finite / powers))
        total, weight = float(totals[-1]), float(weights[-1])
        place = slice(first, first + len(block))
        np.divide(totals, weights, found[place], where=finite)
    return found, (total, weight)
