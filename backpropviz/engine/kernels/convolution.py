"""The passes of a convolution layer: output, ∂W, ∂X and ∂b, for any geometry and groups.

Layout: image (N, C, H, W), weight (F, C/groups, KH, KW), output and upstream (N, F, OH, OW).
The forward pass is a cross-correlation and ∂W correlates the image with the upstream gradient, both
unflipped; only ∂X turns the kernel by 180°. Results keep the image's dtype.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kernels.correlation import correlate
from backpropviz.engine.kernels.folding import scatter
from backpropviz.engine.kernels.gathering import gather
from backpropviz.engine.kernels.geometry import Pair, Window
from backpropviz.engine.kernels.unfolding import Frame
from backpropviz.engine.kernels.workspace import FRESH, Workspace

Array = NDArray[Any]


def cross_correlate(
    image: Array,
    weight: Array,
    bias: Array | None,
    window: Window,
    groups: int = 1,
    workspace: Workspace | None = None,
) -> Array:
    """Y[n,f,y,x] = b[f] + Σ_cij X[n,c,y·s+i·d−p,…] · W[f,c,i,j]."""
    buffers = workspace or FRESH
    output_size = window.output_size(*image.shape[2:])
    frame = _frame(image.shape, window, output_size)
    shape = (image.shape[0], weight.shape[0], *output_size)
    output = buffers.result("output", shape, image.dtype)
    correlate(image, frame, weight, groups, window.stride, window.dilation, output, buffers)
    if bias is not None:
        np.add(output, bias[:, None, None], out=output)
    return output


def weight_gradient(
    image: Array,
    upstream: Array,
    window: Window,
    groups: int,
    weight_shape: tuple[int, ...],
    workspace: Workspace | None = None,
) -> Array:
    """∂W[f,c,i,j] = Σ_nyx upstream[n,f,y,x] · X[n,c,y·s+i·d−p,…], the image unflipped."""
    buffers = workspace or FRESH
    output_size = (upstream.shape[2], upstream.shape[3])
    frame = _frame(image.shape, window, output_size)
    gradient = buffers.result("weight_gradient", weight_shape, image.dtype)
    upstream = np.ascontiguousarray(upstream)
    gather(image, frame, upstream, groups, window.stride, window.dilation, gradient, buffers)
    return gradient


def input_gradient(
    upstream: Array,
    weight: Array,
    window: Window,
    groups: int,
    input_shape: tuple[int, ...],
    workspace: Workspace | None = None,
) -> Array:
    """∂X[n,c,u,v] = Σ_fij upstream[n,f,y,x] · W[f,c,i,j] where y·s+i·d−p = u, and so for v."""
    if window.stride == (1, 1):
        return convolve_full(upstream, weight, window, groups, input_shape, workspace)
    buffers = workspace or FRESH
    gradient = buffers.result("input_gradient", input_shape, upstream.dtype)
    scatter(np.ascontiguousarray(upstream), weight, groups, window, gradient, buffers)
    return gradient


def convolve_full(
    upstream: Array,
    weight: Array,
    window: Window,
    groups: int,
    input_shape: tuple[int, ...],
    workspace: Workspace | None = None,
) -> Array:
    """∂X at stride 1: the upstream gradient in a wide frame meets the kernel turned by 180°.

    Filters and channels change places: each input channel sums over the filters of its group.
    """
    buffers = workspace or FRESH
    (top, _), (left, _) = window.padding
    eh, ew = window.extent
    f, c, kh, kw = weight.shape
    size = (input_shape[2] + eh - 1, input_shape[3] + ew - 1)
    frame = Frame((eh - 1 - top, ew - 1 - left), size)
    turned = weight.reshape(groups, f // groups, c, kh, kw)[:, :, :, ::-1, ::-1].swapaxes(1, 2)
    gradient = buffers.result("input_gradient", input_shape, upstream.dtype)
    turned = turned.reshape(groups * c, f // groups, kh, kw)
    correlate(upstream, frame, turned, groups, (1, 1), window.dilation, gradient, buffers)
    return gradient


def bias_gradient(upstream: Array, workspace: Workspace | None = None) -> Array:
    """∂b[f] = Σ_nyx upstream[n,f,y,x]."""
    n, f, oh, ow = upstream.shape
    buffers = workspace or FRESH
    per_sample = buffers.scratch("bias_gradient", (n, f), upstream.dtype)
    np.add.reduce(upstream.reshape(n, f, oh * ow), axis=2, out=per_sample)
    gradient = buffers.result("bias_gradient", (f,), upstream.dtype)
    np.add.reduce(per_sample, axis=0, out=gradient)
    return gradient


def _frame(shape: tuple[int, ...], window: Window, output: Pair) -> Frame:
    (top, bottom), (left, right) = window.padding
    (eh, ew), (sy, sx) = window.extent, window.stride
    height = max(shape[2] + top + bottom, (output[0] - 1) * sy + eh)
    width = max(shape[3] + left + right, (output[1] - 1) * sx + ew)
    return Frame((top, left), (height, width))
