"""Who wins each window of a max-pool: the value, and the cell as an index into the input plane."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kernels.geometry import Pair, Window
from backpropviz.engine.kernels.taps import first_cells, taps
from backpropviz.engine.kernels.unfolding import SMALL_BLOCK_BYTES
from backpropviz.engine.kernels.workspace import Fresh

Array = NDArray[Any]

CODE = np.dtype(np.uint8)
MOST_CODED = 256
"""Kernel sizes up to here fit the code in which positions are compared."""


def winners(image: Array, window: Window, output: Array, switches: Array) -> None:
    """Fill output and switches for any geometry, one position of the window after the other.

    Each window starts from its first cell inside the input, so that padding never wins, not even
    over −∞. A later cell wins only if it is larger, or the first NaN.
    """
    h, w = image.shape[2:]
    rows, columns = first_cells(h, window, 0), first_cells(w, window, 1)
    output[...] = image[:, :, rows[:, None], columns]
    switches[...] = rows[:, None] * w + columns
    plane = np.arange(h * w).reshape(1, 1, h, w)
    for tap in taps(image.shape, window):
        values, best = image[tap.source], output[tap.target]
        wins = (values > best) | (np.isnan(values) & ~np.isnan(best))
        np.copyto(best, values, where=wins)
        np.copyto(switches[tap.target], plane[tap.source], where=wins)


def disjoint_winners(
    image: Array, window: Window, output: Array, switches: Array, buffers: Fresh
) -> None:
    """Fill output and switches for windows side by side, by maxima of whole strided slices.

    First the columns of each window, in each of its rows, then the rows: at each comparison the
    earlier cell keeps a tie, so the first in row-major order wins. Switches are wrong where NaN is.
    """
    samples = max(1, SMALL_BLOCK_BYTES // max(1, image[0].nbytes))
    for start in range(0, len(image), samples):
        some = slice(start, start + samples)
        _compare(image[some], window, output[some], switches[some], buffers)


def _compare(image: Array, window: Window, output: Array, switches: Array, buffers: Fresh) -> None:
    (kh, kw), (sy, sx) = window.kernel, window.stride
    oh, ow = output.shape[2:]
    spans = [slice(j, j + (ow - 1) * sx + 1, sx) for j in range(kw)]
    wide = (*image.shape[:3], ow)
    best = buffers.scratch("best", wide, image.dtype)
    column = buffers.scratch("column", wide, CODE)
    _best([image[..., span] for span in spans], best, column, buffers)
    spans = [slice(i, i + (oh - 1) * sy + 1, sy) for i in range(kh)]
    row = buffers.scratch("row", output.shape, CODE)
    _best([best[:, :, span] for span in spans], output, row, buffers)
    _flat_index(row, [column[:, :, span] for span in spans], image.shape[3], switches, buffers)
    np.add(switches, _corners((oh, ow), window.stride, image.shape[3]), out=switches)


def _best(candidates: list[Array], best: Array, place: Array, buffers: Fresh) -> None:
    """Write the largest candidate and its place in the list; the earlier one keeps a tie."""
    if len(candidates) == 1:
        np.copyto(best, candidates[0])
        place.fill(0)
        return
    first, second = candidates[:2]
    np.greater(second, first, out=place.view(np.bool_))
    np.maximum(first, second, out=best)
    for number, candidate in enumerate(candidates[2:], 2):
        larger = buffers.scratch("larger", best.shape, CODE)
        np.greater(candidate, best, out=larger.view(np.bool_))
        np.multiply(larger, CODE.type(number), out=larger)
        np.maximum(place, larger, out=place)
        np.maximum(best, candidate, out=best)


def _flat_index(
    row: Array, columns: list[Array], width: int, switches: Array, buffers: Fresh
) -> None:
    """Write row · width + the column that won in that row."""
    np.multiply(row, width, out=switches, dtype=np.int64)
    column = buffers.scratch("winner", row.shape, CODE)
    chosen = buffers.scratch("larger", row.shape, CODE)
    column.fill(0)
    for number, candidate in enumerate(columns):
        np.equal(row, CODE.type(number), out=chosen.view(np.bool_))
        np.multiply(chosen, candidate, out=chosen)
        np.add(column, chosen, out=column)
    np.add(switches, column, out=switches)


@lru_cache(maxsize=512)
def _corners(output: Pair, stride: Pair, width: int) -> Array:
    """Return the flat index of each window's first cell."""
    rows = np.arange(output[0]) * stride[0] * width
    return rows[:, None] + np.arange(output[1]) * stride[1]
