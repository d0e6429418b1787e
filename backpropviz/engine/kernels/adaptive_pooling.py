"""Means over as many windows as are wanted, whatever the image's size.

Window k of O over S cells goes from ⌊k·S/O⌋ to ⌈(k+1)·S/O⌉, so neighbors may overlap.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def intervals(size: int, count: int) -> tuple[range, ...]:
    """The cells that each of `count` windows covers along one direction."""
    return tuple(range(k * size // count, -(-(k + 1) * size // count)) for k in range(count))


def adaptive_average(image: Array, rows: int, columns: int) -> Array:
    """o[n,c,y,x] = mean of the pixels in window (y, x)."""
    along = _sums(_sums(image, rows, axis=2), columns, axis=3)
    along /= window_counts(image.shape[2:], (rows, columns)).astype(image.dtype)
    return along


def adaptive_average_gradient(upstream: Array, shape: tuple[int, ...]) -> Array:
    """Each upstream value is shared out evenly over its window."""
    shares = upstream / window_counts(shape[2:], upstream.shape[2:]).astype(upstream.dtype)
    return _spread(_spread(shares, shape[3], axis=3), shape[2], axis=2)


def window_counts(size: tuple[int, ...], windows: tuple[int, ...]) -> Array:
    """How many pixels lie in each window."""
    rows, columns = (
        np.array([len(r) for r in intervals(s, w)]) for s, w in zip(size, windows, strict=True)
    )
    return np.asarray(rows[:, None] * columns)


def covered(size: int, count: int) -> Array:
    """Whether a window (row) covers a cell (column)."""
    mask = np.zeros((count, size), dtype=np.bool_)
    for window, cells in enumerate(intervals(size, count)):
        mask[window, cells.start : cells.stop] = True
    return mask


def _sums(values: Array, count: int, axis: int) -> Array:
    parts = (_part(values, cells, axis) for cells in intervals(values.shape[axis], count))
    return np.concatenate([np.add.reduce(p, axis=axis, keepdims=True) for p in parts], axis=axis)


def _spread(values: Array, size: int, axis: int) -> Array:
    shape = list(values.shape)
    shape[axis] = size
    found = np.zeros(shape, values.dtype)
    for window, cells in enumerate(intervals(size, values.shape[axis])):
        part = _part(found, cells, axis)
        part += _part(values, range(window, window + 1), axis)
    return found


def _part(values: Array, cells: range, axis: int) -> Array:
    return values[(slice(None),) * axis + (slice(cells.start, cells.stop),)]
