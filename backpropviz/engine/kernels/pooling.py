"""Pooling by maximum and by average, forward and backward.

Layout: image (N, C, H, W), output and upstream (N, C, OH, OW). Padding never wins and adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kernels.convolution import SMALL_BLOCK_BYTES, Pair, Window
from backpropviz.engine.kernels.workspace import FRESH, Fresh, Workspace
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


Switches = NDArray[np.int64]


def max_pool(
    image: Array, window: Window, workspace: Workspace | None = None
) -> tuple[Array, Switches]:
    """Return the largest value of each window and its flat index in the unpadded input plane.

    Of equal values the first in row-major order wins; NaN wins over every number.
    """
    buffers = workspace or FRESH
    n, c, h, w = image.shape
    shape = (n, c, *window.output_size(h, w))
    output = buffers.result("output", shape, image.dtype)
    switches = buffers.result("switches", shape, np.dtype(np.int64))
    if _simple(window):
        disjoint_winners(image, window, output, switches, buffers)
        if not np.isnan(np.maximum.reduce(output, axis=None)):
            return output, switches
    winners(image, window, output, switches)
    return output, switches


def _simple(window: Window) -> bool:
    side_by_side = window.disjoint and window.dilation == (1, 1) and max(window.kernel) < MOST_CODED
    return side_by_side and not (window.padded or window.ceil_mode)


def max_pool_gradient(
    upstream: Array,
    switches: Switches,
    input_shape: tuple[int, ...],
    workspace: Workspace | None = None,
) -> Array:
    """Add each upstream value to the cell that won its window."""
    buffers = workspace or FRESH
    n, c, h, w = input_shape
    gradient = buffers.result("input_gradient", input_shape, upstream.dtype)
    gradient.fill(0)
    cells = buffers.scratch("cells", switches.shape, switches.dtype)
    planes = np.arange(0, n * c * h * w, h * w).reshape(n, c, 1, 1)
    np.add(switches, planes, out=cells)
    np.add.at(gradient.reshape(-1), cells.reshape(-1), upstream.reshape(-1))
    return gradient


def ties(image: Array, output: Array, window: Window) -> NDArray[np.bool_]:
    """Tell for each window whether more than one of its cells holds the winning value."""
    return tied_counts(image, output, window) > 1


def tied_counts(
    image: Array, output: Array, window: Window, workspace: Workspace | None = None
) -> NDArray[np.int64]:
    """Count for each window the cells that hold the winning value: 1 where there is no tie."""
    count = (workspace or FRESH).result("tied", output.shape, np.dtype(np.int64))
    count.fill(0)
    for tap in taps(image.shape, window):
        counted = count[tap.target]
        np.add(counted, _holds_best(image[tap.source], output[tap.target]), out=counted)
    return count


def tied_gradient(
    upstream: Array,
    image: Array,
    output: Array,
    window: Window,
    counts: Switches | None = None,
    workspace: Workspace | None = None,
) -> Array:
    """Add each upstream value to every cell that holds its window's largest value.

    With `counts`, of `tied_counts`, each of them takes an even part.
    """
    buffers = workspace or FRESH
    gradient = buffers.result("input_gradient", image.shape, upstream.dtype)
    gradient.fill(0)
    parts = buffers.scratch("parts", upstream.shape, upstream.dtype)
    np.divide(upstream, 1 if counts is None else counts.astype(upstream.dtype), out=parts)
    for tap in taps(image.shape, window):
        target = gradient[tap.source]
        won = _holds_best(image[tap.source], output[tap.target])
        np.add(target, parts[tap.target], out=target, where=won)
    return gradient


def _holds_best(values: Array, best: Array) -> NDArray[np.bool_]:
    """Tell where a cell equals the largest value of its window; NaN is larger than any number."""
    return np.asarray((values == best) | (np.isnan(values) & np.isnan(best)))


def average_pool(
    image: Array, window: Window, count_include_pad: bool = True, workspace: Workspace | None = None
) -> Array:
    """Return Σ over the window's cells / `window_counts`."""
    buffers = workspace or FRESH
    n, c, h, w = image.shape
    rows, columns = window.output_size(h, w)
    output = buffers.result("output", (n, c, rows, columns), image.dtype)
    if rows * columns == 1 and window.dilation == (1, 1):
        np.add.reduce(_only_window(image, window), axis=(2, 3), keepdims=True, out=output)
    else:
        output.fill(0)
        for tap in taps(image.shape, window):
            target = output[tap.target]
            np.add(target, image[tap.source], out=target)
    np.divide(output, _divisor(h, w, window, count_include_pad, image.dtype), out=output)
    return output


def average_pool_gradient(
    upstream: Array,
    input_shape: tuple[int, ...],
    window: Window,
    count_include_pad: bool = True,
    workspace: Workspace | None = None,
) -> Array:
    """Give each cell of a window the upstream value / `window_counts`, and add the shares."""
    buffers = workspace or FRESH
    divisor = _divisor(input_shape[2], input_shape[3], window, count_include_pad, upstream.dtype)
    shares = buffers.scratch("shares", upstream.shape, upstream.dtype)
    np.divide(upstream, divisor, out=shares)
    gradient = buffers.result("input_gradient", input_shape, upstream.dtype)
    gradient.fill(0)
    if upstream.shape[2:] == (1, 1) and window.dilation == (1, 1):
        _only_window(gradient, window)[...] = shares
        return gradient
    for tap in taps(input_shape, window):
        target = gradient[tap.source]
        np.add(target, shares[tap.target], out=target)
    return gradient


def window_counts(
    height: int, width: int, window: Window, count_include_pad: bool = True
) -> NDArray[np.int64]:
    """Return the divisor of each window (OH, OW), by PyTorch's rules.

    Without `count_include_pad` only cells of the input count; with it those of the padding too, but
    never what a window reaches beyond the padding in `ceil_mode`.
    """
    counts = padded_counts if count_include_pad else inner_counts
    return np.multiply.outer(counts(height, window, 0), counts(width, window, 1))


def _only_window(plane: Array, window: Window) -> Array:
    """View the cells under the first window: one slice in place of a loop over its taps."""
    (kh, kw), ((top, _), (left, _)) = window.kernel, window.padding
    return plane[:, :, : max(0, kh - top), : max(0, kw - left)]


def _divisor(
    height: int, width: int, window: Window, count_include_pad: bool, dtype: np.dtype[Any]
) -> Array:
    if not (window.padded or window.ceil_mode):
        return np.array(window.kernel[0] * window.kernel[1], dtype)
    return window_counts(height, width, window, count_include_pad).astype(dtype)


def intervals(size: int, count: int) -> tuple[range, ...]:
    """The cells that each of `count` windows covers along one direction."""
    return tuple(range(k * size // count, -(-(k + 1) * size // count)) for k in range(count))


def adaptive_average(image: Array, rows: int, columns: int) -> Array:
    """o[n,c,y,x] = mean of the pixels in window (y, x)."""
    along = _sums(_sums(image, rows, axis=2), columns, axis=3)
    along /= adaptive_window_counts(image.shape[2:], (rows, columns)).astype(image.dtype)
    return along


def adaptive_average_gradient(upstream: Array, shape: tuple[int, ...]) -> Array:
    """Each upstream value is shared out evenly over its window."""
    shares = upstream / adaptive_window_counts(shape[2:], upstream.shape[2:]).astype(upstream.dtype)
    return _spread(_spread(shares, shape[3], axis=3), shape[2], axis=2)


def adaptive_window_counts(size: tuple[int, ...], windows: tuple[int, ...]) -> Array:
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
