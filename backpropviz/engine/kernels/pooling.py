"""Pooling by maximum and by average, forward and backward.

Layout: image (N, C, H, W), output and upstream (N, C, OH, OW). Padding never wins and adds nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kernels.geometry import Window
from backpropviz.engine.kernels.taps import inner_counts, padded_counts, taps
from backpropviz.engine.kernels.winners import MOST_CODED, disjoint_winners, winners
from backpropviz.engine.kernels.workspace import FRESH, Workspace

Array = NDArray[Any]
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
    image: Array,
    window: Window,
    count_include_pad: bool = True,
    workspace: Workspace | None = None,
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
