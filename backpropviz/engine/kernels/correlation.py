"""Cross-correlation of a framed image as matrix products, chosen by shape.

- A 1×1 kernel at stride 1: the image is its own matrix.
- Adjacent kernel rows, not too many channels: the image is unfolded along x only, stored row by
  row, so that the KH rows under a window are adjacent in memory. Each output row is then one
  product over views that overlap: KH times less copying than a full unfolding, nothing to add up.
- Otherwise a full unfolding (im2col), in blocks that fit the cache and join samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kernels.geometry import Pair
from backpropviz.engine.kernels.unfolding import (
    BLOCK_BYTES,
    SMALL_BLOCK_BYTES,
    Frame,
    columns,
    pad,
    padded_blocks,
    unfold_windows,
    windows,
)
from backpropviz.engine.kernels.workspace import Fresh

Array = NDArray[Any]

MOST_TERMS_BY_ROW = 600
"""Terms of one output value above which the full unfolding was measured to be faster."""


def correlate(
    image: Array,
    frame: Frame,
    weight: Array,
    groups: int,
    stride: Pair,
    dilation: Pair,
    output: Array,
    buffers: Fresh,
) -> None:
    """Write Σ_cij X[n,c,y·s+i·d,…] · W[f,c,i,j] to the C-contiguous `output`, X framed."""
    _, c, kh, kw = weight.shape
    if kh == kw == 1 and stride == (1, 1):
        _pointwise(pad(image, frame, buffers), weight, groups, output)
    elif (dilation[0] == 1 or kh == 1) and c * kh * kw <= MOST_TERMS_BY_ROW:
        _by_row(image, frame, weight, groups, (stride, dilation), output, buffers)
    else:
        _by_block(image, frame, weight, groups, (stride, dilation), output, buffers)


def _pointwise(padded: Array, weight: Array, groups: int, output: Array) -> None:
    n, f, oh, ow = output.shape
    matrix = weight.reshape(groups, f // groups, -1)
    cells = padded.reshape(n, groups, -1, oh * ow)
    np.matmul(matrix, cells, out=output.reshape(n, groups, f // groups, oh * ow))


def _by_row(
    image: Array,
    frame: Frame,
    weight: Array,
    groups: int,
    steps: tuple[Pair, Pair],
    output: Array,
    buffers: Fresh,
) -> None:
    stride, dilation = steps
    f, c, kh, kw = weight.shape
    n, _, oh, ow = output.shape
    matrix = buffers.scratch("row_weight", (f, kh, c, kw), weight.dtype)
    matrix[...] = weight.transpose(0, 2, 1, 3)
    matrix = matrix.reshape(groups, 1, f // groups, kh * c * kw)
    by_group = output.reshape(n, groups, f // groups, oh, ow).swapaxes(2, 3)
    row_bytes = groups * c * kw * ow * stride[0] * image.itemsize
    for padded, samples, rows in padded_blocks(
        image, frame, oh, row_bytes, SMALL_BLOCK_BYTES, buffers
    ):
        first, last = rows.start * stride[0], (rows.stop - 1) * stride[0] + kh
        part = columns(padded, kw, stride[1], dilation[1], ow)[..., first:last, :]
        part = part.reshape(-1, groups, c, kw, last - first, ow).transpose(0, 1, 4, 2, 3, 5)
        held = buffers.scratch("rows", part.shape, padded.dtype)
        held[...] = part
        stacked = _stack_rows(held, kh, stride[0], rows.stop - rows.start)
        np.matmul(matrix, stacked, out=by_group[samples, :, rows])


def _stack_rows(held: Array, kernel_height: int, stride: int, count: int) -> Array:
    """View rows (m, G, H, C, KW, OW) as `count` overlapping matrices (KH·C·KW, OW)."""
    m, groups, h, c, kw, ow = held.shape
    column = ow * held.itemsize
    row = c * kw * column
    shape = (m, groups, count, kernel_height * c * kw, ow)
    strides = (groups * h * row, h * row, stride * row, column, held.itemsize)
    return np.ndarray(shape, held.dtype, held, 0, strides)


def _by_block(
    image: Array,
    frame: Frame,
    weight: Array,
    groups: int,
    steps: tuple[Pair, Pair],
    output: Array,
    buffers: Fresh,
) -> None:
    stride, dilation = steps
    f, c, kh, kw = weight.shape
    oh, ow = output.shape[2:]
    matrix = weight.reshape(groups, f // groups, c * kh * kw)
    row_bytes = groups * c * kh * kw * ow * image.itemsize
    for padded, samples, rows in padded_blocks(image, frame, oh, row_bytes, BLOCK_BYTES, buffers):
        part = windows(padded, (kh, kw), stride, dilation, (oh, ow))[..., rows, :]
        cells = unfold_windows(part, groups, buffers)
        values = buffers.scratch("values", (groups, f // groups, cells.shape[2]), output.dtype)
        np.matmul(matrix, cells, out=values)
        output[samples, :, rows] = values.reshape(f, -1, part.shape[4], ow).swapaxes(0, 1)
