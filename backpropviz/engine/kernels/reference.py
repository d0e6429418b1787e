"""The three passes of a convolution by `scipy.signal`: slow, float64 and plainly right.

Tests hold the fast kernels to these. SciPy is imported at the first call.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kernels.convolution import Pair, Window

Array = NDArray[Any]
Doubles = NDArray[np.float64]


def cross_correlate(
    image: Array, weight: Array, bias: Array | None, window: Window, groups: int = 1
) -> Doubles:
    """Correlate padded channels with the dilated kernel, take every s-th place, sum channels."""
    padded = _pad(image, window)
    (oh, ow), (sy, sx) = window.output_size(*image.shape[2:]), window.stride
    output = np.zeros((image.shape[0], weight.shape[0], oh, ow))
    for f, c, own in _pairs(weight.shape, groups):
        kernel = _spread(weight[f, own], window.dilation)
        for n in range(len(image)):
            dense = _correlate(padded[n, c], kernel)
            output[n, f] += dense[::sy, ::sx][:oh, :ow]
    return output if bias is None else output + bias[:, None, None]


def weight_gradient(
    image: Array, upstream: Array, window: Window, groups: int, weight_shape: tuple[int, ...]
) -> Doubles:
    """Correlate each padded channel with the upstream gradient spread by the stride."""
    padded = _pad(image, window)
    (kh, kw), (dy, dx) = window.kernel, window.dilation
    gradient = np.zeros(weight_shape)
    for f, c, own in _pairs(weight_shape, groups):
        for n in range(len(image)):
            dense = _correlate(padded[n, c], _spread(upstream[n, f], window.stride))
            gradient[f, own] += dense[::dy, ::dx][:kh, :kw]
    return gradient


def input_gradient(
    upstream: Array, weight: Array, window: Window, groups: int, input_shape: tuple[int, ...]
) -> Doubles:
    """Convolve the upstream gradient, spread by the stride, fully with the dilated kernel."""
    from scipy.signal import convolve

    (top, bottom), (left, right) = window.padding
    h, w = input_shape[2:]
    gradient = np.zeros((*input_shape[:2], h + top + bottom, w + left + right))
    for f, c, own in _pairs(weight.shape, groups):
        kernel = _spread(weight[f, own], window.dilation)
        for n in range(len(upstream)):
            spread = _spread(upstream[n, f], window.stride)
            full = convolve(spread, kernel, mode="full", method="direct")
            gradient[n, c, : full.shape[0], : full.shape[1]] += full
    return gradient[:, :, top : top + h, left : left + w]


def _pairs(weight_shape: tuple[int, ...], groups: int) -> list[tuple[int, int, int]]:
    """List (filter, its input channel, that channel's place in the filter)."""
    filters, channels = weight_shape[:2]
    per_group = filters // groups
    return [
        (f, f // per_group * channels + own, own) for f in range(filters) for own in range(channels)
    ]


def _correlate(plane: Doubles, kernel: Doubles) -> Doubles:
    from scipy.signal import correlate

    return np.asarray(correlate(plane, kernel, mode="valid", method="direct"), np.float64)


def _pad(image: Array, window: Window) -> Doubles:
    return np.pad(image.astype(np.float64), ((0, 0), (0, 0), *window.padding))


def _spread(plane: Array, step: Pair) -> Doubles:
    """Put step − 1 zeros between neighbors."""
    height, width = plane.shape
    spread = np.zeros(((height - 1) * step[0] + 1, (width - 1) * step[1] + 1))
    spread[:: step[0], :: step[1]] = plane
    return spread
