"""∂X at strides above 1: every upstream value is scattered back through the weights it met."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kernels.geometry import Window
from backpropviz.engine.kernels.unfolding import BLOCK_BYTES, Frame, padded_blocks
from backpropviz.engine.kernels.workspace import Fresh

Array = NDArray[Any]


def scatter(
    upstream: Array, weight: Array, groups: int, window: Window, gradient: Array, buffers: Fresh
) -> None:
    """Write Σ_fij upstream[n,f,y,x] · weight[f,c,i,j] to `gradient` at (y·s+i·d−p, …).

    One product gives the share of each kernel position; the shares are added, shifted, into a
    padded sum whose interior is the gradient.
    """
    f, c, kh, kw = weight.shape
    n, _, oh, ow = upstream.shape
    h, w = gradient.shape[2:]
    (top, bottom), (left, right) = window.padding
    (eh, ew), (sy, sx) = window.extent, window.stride
    height = max(h + top + bottom, (oh - 1) * sy + eh)
    width = max(w + left + right, (ow - 1) * sx + ew)
    total = buffers.scratch("total", (n, groups * c, height, width), gradient.dtype)
    total.fill(0)
    matrix = weight.reshape(groups, f // groups, c * kh * kw).swapaxes(1, 2)
    sources = upstream.reshape(n, groups, f // groups, oh * ow)
    whole = Frame((0, 0), (oh, ow))
    row_bytes = groups * c * kh * kw * ow * gradient.itemsize
    for _, samples, rows in padded_blocks(upstream, whole, oh, row_bytes, BLOCK_BYTES, buffers):
        source = sources[samples, ..., rows.start * ow : rows.stop * ow]
        shape = (source.shape[0], groups, c * kh * kw, source.shape[3])
        shares = buffers.scratch("shares", shape, gradient.dtype)
        np.matmul(matrix, source, out=shares)
        by_tap = shares.reshape(shape[0], groups * c, kh, kw, -1, ow)
        _add_shifted(total[samples], by_tap, rows.start, window)
    gradient[...] = total[:, :, top : top + h, left : left + w]


def _add_shifted(total: Array, shares: Array, first_row: int, window: Window) -> None:
    (sy, sx), (dy, dx) = window.stride, window.dilation
    kh, kw, rows, columns = shares.shape[2:]
    for i in range(kh):
        top = first_row * sy + i * dy
        for j in range(kw):
            target = total[
                :, :, top : top + (rows - 1) * sy + 1 : sy,
                j * dx : j * dx + (columns - 1) * sx + 1 : sx,
            ]  # fmt: skip
            np.add(target, shares[:, :, i, j], out=target)
