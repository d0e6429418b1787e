"""Long curves at the width of a screen: the least and the largest value of each pixel column."""

from __future__ import annotations

import math

import numpy as np

from backpropviz.engine.arrays import Array


def decimated(
    iterations: Array, values: Array, reach: tuple[float, float], columns: int
) -> tuple[Array, Array]:
    """The points between two updates, or two a column where there are more than that.

    `iterations` ascend. A point beyond each end is kept, so that lines leave the picture. A column
    whose values are none finite is NaN: the line is broken there.
    """
    first, last = rows_in(iterations, reach)
    first, last = max(0, first - 1), last + 1
    x, y = iterations[first:last], values[first:last]
    if len(x) <= 2 * columns:
        return x, y
    starts = np.arange(columns) * len(x) // columns
    finite = np.isfinite(y)
    complete = bool(finite.all())
    low = np.minimum.reduceat(y if complete else np.where(finite, y, np.inf), starts)
    high = np.maximum.reduceat(y if complete else np.where(finite, y, -np.inf), starts)
    pairs = np.empty((columns, 2))
    # The order of the column's own course, so that a rising line rises.
    falls = y[starts] > y[np.append(starts[1:], len(y)) - 1]
    pairs[:, 0], pairs[:, 1] = np.where(falls, high, low), np.where(falls, low, high)
    if not complete:
        pairs[~np.isfinite(pairs)] = np.nan
    ends = np.append(starts[1:], len(x)) - 1
    return np.stack([x[starts], x[ends]], axis=1).ravel(), pairs.ravel()


def rows_in(iterations: Array, reach: tuple[float, float]) -> tuple[int, int]:
    """The first row inside an interval, and the one after the last."""
    # Whole numbers: for a fraction NumPy would turn the whole column into fractions first.
    first, last = math.ceil(reach[0]), math.floor(reach[1])
    return int(np.searchsorted(iterations, first)), int(np.searchsorted(iterations, last, "right"))
