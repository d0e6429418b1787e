"""The input laid out so that a convolution becomes a matrix product.

Images are (N, C, H, W). Nothing here adds or rounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kernels.geometry import Pair
from backpropviz.engine.kernels.workspace import Fresh
from backpropviz.frozen import frozen

Array = NDArray[Any]

SMALL_BLOCK_BYTES = 1 << 20
"""Unfolded values held at once where many small products read them: a core's own cache."""

BLOCK_BYTES = 1 << 22
"""The same for one large product, and for a single sample before it is cut by rows."""


@frozen
class Frame:
    """Where an image's cell (0, 0) comes to lie in a larger plane, and that plane's size.

    A negative corner, or a size too small for the image, crops.
    """

    corner: Pair
    size: Pair


def padded_blocks(
    image: Array, frame: Frame, rows: int, row_bytes: int, block_bytes: int, buffers: Fresh
) -> Iterator[tuple[Array, slice, slice]]:
    """Cut a batch into (padded samples, samples, output rows) whose rows unfold to a block.

    The cut depends on the shapes alone, so equal batches are always summed in equal order.
    """
    samples = image.shape[0]
    sample_bytes = rows * row_bytes
    band = rows if sample_bytes <= BLOCK_BYTES else max(1, BLOCK_BYTES // row_bytes)
    step = max(1, block_bytes // sample_bytes)
    for start in range(0, samples, step):
        some = slice(start, min(start + step, samples))
        padded = pad(image[some], frame, buffers)
        for top in range(0, rows, band):
            yield padded, some, slice(top, min(top + band, rows))


def pad(image: Array, frame: Frame, buffers: Fresh) -> Array:
    """Return (N, C, *size) with zeros around the image, or the image if it fills the frame."""
    n, c, h, w = image.shape
    (top, left), (height, width) = frame.corner, frame.size
    if frame.corner == (0, 0) and frame.size == (h, w):
        return np.ascontiguousarray(image)
    y0, y1, x0, x1 = max(top, 0), min(top + h, height), max(left, 0), min(left + w, width)
    padded = buffers.framed((n, c, height, width), (y0, y1, x0, x1), image.dtype)
    if y0 < y1 and x0 < x1:
        padded[:, :, y0:y1, x0:x1] = image[:, :, y0 - top : y1 - top, x0 - left : x1 - left]
    return padded


def windows(padded: Array, kernel: Pair, stride: Pair, dilation: Pair, output: Pair) -> Array:
    """View the padded image as (N, C, KH, KW, OH, OW) without copying."""
    (kh, kw), (sy, sx), (dy, dx), (oh, ow) = kernel, stride, dilation, output
    n, c, h, w = padded.shape
    item = padded.itemsize
    row = w * item
    strides = (c * h * row, h * row, dy * row, dx * item, sy * row, sx * item)
    return np.ndarray((n, c, kh, kw, oh, ow), padded.dtype, padded, 0, strides)


def unfold_windows(view: Array, groups: int, buffers: Fresh) -> Array:
    """Copy `windows` to matrices (G, C/G·KH·KW, N·OH·OW), one column for each output position."""
    n, c, kh, kw, oh, ow = view.shape
    held = buffers.scratch("windows", (c, kh, kw, n, oh, ow), view.dtype)
    held[...] = view.transpose(1, 2, 3, 0, 4, 5)
    return held.reshape(groups, c // groups * kh * kw, n * oh * ow)


def columns(padded: Array, kernel_width: int, stride: int, dilation: int, output: int) -> Array:
    """View the padded image as (N, C, KW, H, OW): unfolded along x only."""
    n, c, h, w = padded.shape
    item = padded.itemsize
    row = w * item
    strides = (c * h * row, h * row, dilation * item, row, stride * item)
    return np.ndarray((n, c, kernel_width, h, output), padded.dtype, padded, 0, strides)
