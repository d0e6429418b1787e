"""
Resizing by weighted sums, in float64, without rounding to bytes in between.

With s = input size / output size, output cell i covers [i·s, (i+1)·s] of the input and is
Σ w(x)·value(x) / Σ w(x) over input cells x:

box                w(x) = the length of [x, x+1] that is covered, so the mean is kept;
bilinear, lanczos  w(x) = kernel((x + ½ − (i + ½)·s) / max(s, 1)), widened when shrinking;
nearest            the input cell under the center alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.preprocessing import Resample
from backpropviz.frozen import frozen

_Values: TypeAlias = NDArray[np.float64]
# Rows are converted to float64 in blocks that stay in the cache, too small for BLAS to use threads.
_BLOCK_VALUES = 60_000
# New cells whose weights form one matrix, zeros between them included; fewer where it grows large.
_BAND, _BAND_WEIGHTS = 4, 1_000_000
_LARGEST_KEPT = 1 << 14


def _triangle(distance: _Values) -> _Values:
    return np.maximum(0.0, 1.0 - np.abs(distance))


def _lanczos(distance: _Values) -> _Values:
    inside = np.abs(distance) < 3
    return np.where(inside, np.sinc(distance) * np.sinc(distance / 3), 0.0)


# Kernel and half its width.
_KERNELS: Mapping[str, tuple[Callable[[_Values], _Values], float]] = MappingProxyType(
    {"bilinear": (_triangle, 1.0), "lanczos": (_lanczos, 3.0)}
)


def resize(values: NDArray[Any], height: int, width: int, resample: Resample) -> _Values:
    """Values (H, W, C) resized to (height, width, C), in float64."""
    if resample == "nearest":
        rows = _nearest(values.shape[0], height)
        return values[rows][:, _nearest(values.shape[1], width)].astype(np.float64)
    # The axis that shrinks most goes first: the other order could need a huge intermediate.
    if values.shape[0] / height >= values.shape[1] / width:
        return _along_columns(_along_rows(values, height, resample), width, resample)
    return _along_rows(_along_columns(values, width, resample), height, resample)


def _nearest(size: int, new_size: int) -> NDArray[np.intp]:
    return (2 * np.arange(new_size) + 1) * size // (2 * new_size)


def _along_columns(values: NDArray[Any], new_size: int, resample: Resample) -> _Values:
    return _along_rows(values.swapaxes(0, 1), new_size, resample).swapaxes(0, 1)


def _along_rows(values: NDArray[Any], new_size: int, resample: Resample) -> _Values:
    size = values.shape[0]
    if new_size == size:
        return values.astype(np.float64)
    resized = np.zeros((new_size, *values.shape[1:]))
    flat = resized.reshape(new_size, -1)
    for band in _bands(resample, size, new_size):
        block = max(1, _BLOCK_VALUES // flat.shape[1])
        count = band.weights.shape[1]
        for first in range(0, count, block):
            last = min(count, first + block)
            rows = values[band.start + first : band.start + last].astype(np.float64, order="C")
            weights = band.weights[:, first:last]
            flat[band.cells] += weights @ rows.reshape(last - first, -1)
    return resized


@frozen(eq=False)
class _Band:
    """Weights (new cells, old cells) of neighboring new cells; the first old cell is `start`."""

    cells: slice
    start: int
    weights: _Values


def _bands(resample: Resample, size: int, new_size: int) -> Iterable[_Band]:
    """The weights of one axis, kept from one picture of a folder to the next."""
    if size > _LARGEST_KEPT:
        return _made_bands(resample, size, new_size)
    return _kept_bands(resample, size, new_size)


@lru_cache(maxsize=16)
def _kept_bands(resample: Resample, size: int, new_size: int) -> tuple[_Band, ...]:
    return tuple(_made_bands(resample, size, new_size))


def _made_bands(resample: Resample, size: int, new_size: int) -> Iterator[_Band]:
    weigh = _covered if resample == "box" else partial(_kernel_weights, resample)
    most = max(1, min(_BAND, _BAND_WEIGHTS * new_size // size))
    for first in range(0, new_size, most):
        found = [weigh(cell, size, new_size) for cell in range(first, min(first + most, new_size))]
        start = min(begin for begin, _ in found)
        stop = max(begin + len(own) for begin, own in found)
        weights = np.zeros((len(found), stop - start))
        for row, (begin, own) in zip(weights, found, strict=True):
            row[begin - start : begin - start + len(own)] = own
        yield _Band(slice(first, first + len(found)), start, weights)


def _covered(index: int, size: int, new_size: int) -> tuple[int, _Values]:
    first, last = index * size / new_size, (index + 1) * size / new_size
    start, stop = math.floor(first), min(size, math.ceil(last))
    cells = np.arange(start, stop, dtype=np.float64)
    weights = np.minimum(cells + 1, last) - np.maximum(cells, first)
    return start, weights / weights.sum()


def _kernel_weights(resample: str, index: int, size: int, new_size: int) -> tuple[int, _Values]:
    kernel, reach = _KERNELS[resample]
    scale = size / new_size
    center, width = (index + 0.5) * scale, max(scale, 1.0)
    start = max(0, math.floor(center - reach * width))
    stop = min(size, math.ceil(center + reach * width))
    distances = (np.arange(start, stop, dtype=np.float64) + 0.5 - center) / width
    weights = kernel(distances)
    return start, weights / weights.sum()
