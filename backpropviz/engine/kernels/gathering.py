"""∂W: each weight gathers upstream · image over all positions, as matrix products by shape."""

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
    padded_blocks,
    unfold_windows,
    windows,
)
from backpropviz.engine.kernels.workspace import Fresh

Array = NDArray[Any]


def gather(
    image: Array,
    frame: Frame,
    upstream: Array,
    groups: int,
    stride: Pair,
    dilation: Pair,
    gradient: Array,
    buffers: Fresh,
) -> None:
    """Write Σ_nyx upstream[n,f,y,x] · X[n,c,y·s+i·d,…], X framed, to `gradient`[f,c,i,j].

    At vertical stride 1 the image is unfolded along x only, since kernel row i then meets one run
    of memory. Where that does not hold, or each sample's sums would outweigh its positions, it is
    unfolded along both axes and samples share a product. `cells @ upstream.T` is faster than the
    transpose of that product, so the sums come out as (…, F) and are turned at the end.
    """
    f, c, kh, kw = gradient.shape
    if stride[0] == 1 and f // groups <= upstream.shape[2] * upstream.shape[3]:
        sums = _by_kernel_row(image, frame, upstream, groups, (stride, dilation), gradient, buffers)
        ordered = sums.reshape(groups, kh, c, kw, f // groups).transpose(0, 4, 2, 1, 3)
    else:
        sums = _by_window(image, frame, upstream, groups, (stride, dilation), gradient, buffers)
        ordered = sums.reshape(groups, c, kh, kw, f // groups).transpose(0, 4, 1, 2, 3)
    gradient.reshape(groups, f // groups, c, kh, kw)[...] = ordered


def _by_kernel_row(
    image: Array,
    frame: Frame,
    upstream: Array,
    groups: int,
    steps: tuple[Pair, Pair],
    gradient: Array,
    buffers: Fresh,
) -> Array:
    stride, dilation = steps
    f, c, kh, kw = gradient.shape
    n, _, oh, ow = upstream.shape
    sources = upstream.reshape(n, groups, 1, f // groups, oh * ow)
    sums = buffers.scratch("sums", (groups, kh, c * kw, f // groups), image.dtype)
    row_bytes = groups * c * kw * ow * image.itemsize
    for padded, samples, rows in padded_blocks(
        image, frame, oh, row_bytes, SMALL_BLOCK_BYTES, buffers
    ):
        first, last = rows.start, rows.stop + (kh - 1) * dilation[0]
        part = columns(padded, kw, stride[1], dilation[1], ow)[..., first:last, :]
        held = buffers.scratch("columns", part.shape, padded.dtype)
        held[...] = part
        cells = _kernel_rows(held, groups, kh, dilation[0], rows.stop - rows.start)
        source = sources[samples, ..., rows.start * ow : rows.stop * ow].swapaxes(3, 4)
        _accumulate(sums, cells, source, samples.start == rows.start == 0, buffers)
    return sums


def _kernel_rows(held: Array, groups: int, kernel_height: int, dilation: int, rows: int) -> Array:
    """View columns (m, C, KW, H, OW) as the cells that each kernel row meets, per group."""
    m, c, kw, h, ow = held.shape
    item = held.itemsize
    column = h * ow * item
    shape = (m, groups, kernel_height, c // groups * kw, rows * ow)
    strides = (c * kw * column, c // groups * kw * column, dilation * ow * item, column, item)
    return np.ndarray(shape, held.dtype, held, 0, strides)


def _by_window(
    image: Array,
    frame: Frame,
    upstream: Array,
    groups: int,
    steps: tuple[Pair, Pair],
    gradient: Array,
    buffers: Fresh,
) -> Array:
    stride, dilation = steps
    f, c, kh, kw = gradient.shape
    oh, ow = upstream.shape[2:]
    sums = buffers.scratch("sums", (groups, c * kh * kw, f // groups), image.dtype)
    row_bytes = groups * c * kh * kw * ow * image.itemsize
    for padded, samples, rows in padded_blocks(image, frame, oh, row_bytes, BLOCK_BYTES, buffers):
        part = windows(padded, (kh, kw), stride, dilation, (oh, ow))[..., rows, :]
        cells = unfold_windows(part, groups, buffers)
        joined = upstream[samples, :, rows].swapaxes(0, 1)
        source = buffers.scratch("source", joined.shape, joined.dtype)
        source[...] = joined
        source = source.reshape(groups, f // groups, -1).swapaxes(1, 2)
        _accumulate(sums, cells[None], source[None], samples.start == rows.start == 0, buffers)
    return sums


def _accumulate(sums: Array, cells: Array, source: Array, first: bool, buffers: Fresh) -> None:
    """Add the products, one or one a sample, to the sums, or start the sums with them."""
    if first and len(cells) == 1:
        np.matmul(cells[0], source[0], out=sums)
        return
    products = buffers.scratch("products", (len(cells), *sums.shape), sums.dtype)
    np.matmul(cells, source, out=products)
    if first:
        np.add.reduce(products, axis=0, out=sums)
    else:
        for product in products:
            np.add(sums, product, out=sums)
