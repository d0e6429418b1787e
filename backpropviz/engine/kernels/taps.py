"""The positions of a pooling window one by one, each for all windows at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kernels.geometry import Window
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

Region = tuple[slice, slice, slice, slice]

EVERY = slice(None)


@frozen
class Tap:
    """Position (row, column) of the window: where it reads, and for which windows it is inside.

    `source` indexes the image, `target` the output: arrays of equal shape that leave out every
    window whose cell at this position would be padding.
    """

    row: int
    column: int
    source: Region
    target: Region


def taps(input_shape: tuple[int, ...], window: Window) -> Iterator[Tap]:
    """Go through the window's positions in row-major order."""
    height, width = input_shape[2], input_shape[3]
    count_y, count_x = window.output_size(height, width)
    down = axis_taps(height, count_y, window, 0)
    across = axis_taps(width, count_x, window, 1)
    for i, (source_y, target_y) in enumerate(down):
        for j, (source_x, target_x) in enumerate(across):
            source, target = (EVERY, EVERY, source_y, source_x), (EVERY, EVERY, target_y, target_x)
            yield Tap(i, j, source, target)


@lru_cache(maxsize=512)
def axis_taps(size: int, count: int, window: Window, axis: int) -> tuple[tuple[slice, slice], ...]:
    """Return per position along an axis the cells it reads and the windows for which they exist."""
    stride, dilation = window.stride[axis], window.dilation[axis]
    regions = []
    for position in range(window.kernel[axis]):
        offset = position * dilation - window.padding[axis][0]
        first = max(0, -(offset // stride))
        last = min(count - 1, (size - 1 - offset) // stride)
        if last < first:
            regions.append((slice(0, 0), slice(0, 0)))
            continue
        start = first * stride + offset
        source = slice(start, last * stride + offset + 1, stride)
        regions.append((source, slice(first, last + 1)))
    return tuple(regions)


@lru_cache(maxsize=512)
def first_cells(size: int, window: Window, axis: int) -> NDArray[np.int64]:
    """Return per window the first input index that it covers along an axis.

    Raises:
        UserError: a window covers padding only, so that it has no value of its own.
    """
    dilation = window.dilation[axis]
    starts = _starts(size, window, axis)
    firsts = np.where(starts < 0, starts % dilation, starts)
    if np.any(firsts - starts >= window.kernel[axis] * dilation) or firsts.max() >= size:
        raise UserError(_nothing_inside(size, window, axis))
    firsts.flags.writeable = False
    return firsts


@lru_cache(maxsize=512)
def inner_counts(size: int, window: Window, axis: int) -> NDArray[np.int64]:
    """Return per window how many of its positions along an axis lie inside the input.

    Raises:
        UserError: a window covers padding only.
    """
    return _counts(size, window, axis, 0, size)


@lru_cache(maxsize=512)
def padded_counts(size: int, window: Window, axis: int) -> NDArray[np.int64]:
    """Return per window how many of its positions lie inside the input or its padding."""
    before, after = window.padding[axis]
    return _counts(size, window, axis, -before, size + after)


def _counts(size: int, window: Window, axis: int, low: int, high: int) -> NDArray[np.int64]:
    offsets = np.arange(window.kernel[axis]) * window.dilation[axis]
    reached = _starts(size, window, axis)[:, None] + offsets
    inside = (reached >= low) & (reached < high)
    counts: NDArray[np.int64] = inside.sum(axis=1, dtype=np.int64)
    if counts.min() == 0:
        raise UserError(_nothing_inside(size, window, axis))
    counts.flags.writeable = False
    return counts


def _starts(size: int, window: Window, axis: int) -> NDArray[np.int64]:
    return np.arange(window.count(size, axis)) * window.stride[axis] - window.padding[axis][0]


def _nothing_inside(size: int, window: Window, axis: int) -> str:
    name = ("rows", "columns")[axis]
    before, after = window.padding[axis]
    return (
        f"With padding {before} and {after} around {size} {name}, a window of "
        f"{window.extent[axis]} {name} covers no cell of the input: use less padding."
    )
