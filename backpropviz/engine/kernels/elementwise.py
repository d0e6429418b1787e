"""Activation functions value by value, and their gradients.

`out` may be any array of the right shape and dtype, an argument itself included.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BLOCK = 1 << 16
"""Values masked at once, so that the mask stays in the cache."""


def relu(values: Array, out: Array | None = None) -> Array:
    """max(x, 0); NaN stays NaN."""
    return np.asarray(np.maximum(values, values.dtype.type(0), out=out))


def rectifier_gradient(
    upstream: Array, values: Array, at_zero: float, out: Array | None = None
) -> Array:
    """As `relu_gradient`, but at exactly 0 the slope is `at_zero` > 0; `values` is the input."""
    zero = np.equal(values, 0)
    there = upstream[zero] * upstream.dtype.type(at_zero)
    gradient = relu_gradient(upstream, values, out)
    gradient[zero] = there
    return gradient


def relu_gradient(upstream: Array, values: Array, out: Array | None = None) -> Array:
    """Pass upstream where x > 0 and give exactly 0 elsewhere: ReLU′(0) = 0, as in PyTorch.

    `values` may be the function's input or its output. A mask over the bits is as fast as a product
    with booleans, and is right where the upstream value is not finite: 0 · ∞ would be NaN.
    """
    if out is None:
        out = np.empty(upstream.shape, upstream.dtype)
    if not (upstream.flags.c_contiguous and values.flags.c_contiguous and out.flags.c_contiguous):
        out[...] = np.where(values <= 0, upstream.dtype.type(0), upstream)
        return out
    bits = np.int32 if upstream.itemsize == 4 else np.int64
    source, kind, target = upstream.reshape(-1).view(bits), values.reshape(-1), out.reshape(-1)
    target = target.view(bits)
    for start in range(0, source.size, BLOCK):
        some = slice(start, start + BLOCK)
        keep = np.less_equal(kind[some], 0).view(np.int8)
        np.subtract(keep, np.int8(1), out=keep)
        np.bitwise_and(source[some], keep, out=target[some])
    return out


def leaky_relu(values: Array, slope: float, out: Array | None = None) -> Array:
    """x where x > 0, otherwise slope · x."""
    return np.asarray(np.multiply(values, _slopes(values, slope), out=out))


def leaky_relu_gradient(
    upstream: Array, values: Array, slope: float, out: Array | None = None
) -> Array:
    """Upstream where the input x > 0, otherwise slope · upstream."""
    return np.asarray(np.multiply(upstream, _slopes(values, slope), out=out))


def sigmoid(values: Array, out: Array | None = None) -> Array:
    """1 / (1 + e⁻ˣ), from e^−|x| so that nothing overflows and small results keep their digits."""
    small = np.exp(-np.abs(values))
    numerator = np.where(values >= 0, values.dtype.type(1), small)
    np.add(small, 1, out=small)
    return np.asarray(np.divide(numerator, small, out=out))


def sigmoid_gradient(upstream: Array, output: Array, out: Array | None = None) -> Array:
    """Upstream · s · (1 − s), where s is the function's output."""
    slopes = np.multiply(output, 1 - output)
    return np.asarray(np.multiply(upstream, slopes, out=out))


def tanh(values: Array, out: Array | None = None) -> Array:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)."""
    return np.tanh(values, out=out)


def tanh_gradient(upstream: Array, output: Array, out: Array | None = None) -> Array:
    """Upstream · (1 − t²), where t is the function's output."""
    slopes = 1 - np.square(output)
    return np.asarray(np.multiply(upstream, slopes, out=out))


def _slopes(values: Array, slope: float) -> Array:
    kind = values.dtype.type
    return np.asarray(np.where(values > 0, kind(1), kind(slope)))
