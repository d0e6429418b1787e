"""Activation functions value by value, and their gradients.

`out` may be any array of the right shape and dtype, an argument itself included.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kernels.workspace import FRESH, Workspace

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


CUBIC = 0.044715
"""The factor of x³ in the approximation of GELU by tanh."""


def erf(values: Array) -> Array:
    """2/√π · ∫₀ˣ e^−t² dt, by SciPy, which is imported at first use."""
    from scipy.special import erf as scipy_erf

    return np.asarray(scipy_erf(values))


def normal_distribution(values: Array) -> Array:
    """Φ(x) = (1 + erf(x/√2)) / 2: the share of a normal distribution below x."""
    return np.asarray((1 + erf(values / math.sqrt(2))) / 2)


def gelu(values: Array, out: Array | None = None) -> Array:
    """x · Φ(x)."""
    return np.asarray(np.multiply(values, normal_distribution(values), out=out))


def gelu_gradient(upstream: Array, values: Array, out: Array | None = None) -> Array:
    """Upstream · (Φ(x) + x · φ(x)), φ being Φ's slope e^−x²/2 / √(2π)."""
    density = np.exp(-np.square(values) / 2) / math.sqrt(2 * math.pi)
    slopes = normal_distribution(values) + values * density
    return np.asarray(np.multiply(upstream, slopes, out=out))


def gelu_tanh(values: Array, out: Array | None = None) -> Array:
    """x · (1 + tanh u) / 2 with u = √(2/π) · (x + 0.044715 · x³)."""
    return np.asarray(np.multiply(values, (1 + np.tanh(_bent(values))) / 2, out=out))


def gelu_tanh_gradient(upstream: Array, values: Array, out: Array | None = None) -> Array:
    """Upstream · ((1 + t) / 2 + x · (1 − t²) / 2 · u′) with t = tanh u."""
    t = np.tanh(_bent(values))
    slope = math.sqrt(2 / math.pi) * (1 + 3 * CUBIC * np.square(values))
    slopes = (1 + t) / 2 + values * (1 - np.square(t)) / 2 * slope
    return np.asarray(np.multiply(upstream, slopes, out=out))


def silu(values: Array, out: Array | None = None) -> Array:
    """x · s(x), s being the sigmoid."""
    return np.asarray(np.multiply(values, sigmoid(values), out=out))


def silu_gradient(upstream: Array, values: Array, out: Array | None = None) -> Array:
    """Upstream · s · (1 + x · (1 − s))."""
    s = sigmoid(values)
    return np.asarray(np.multiply(upstream, s * (1 + values * (1 - s)), out=out))


def _bent(values: Array) -> Array:
    cube = values * np.square(values)
    return np.asarray(math.sqrt(2 / math.pi) * (values + CUBIC * cube))


def maximum(logits: Array) -> Array:
    """m[n] = max_k z[n,k]."""
    return np.asarray(np.maximum.reduce(logits, axis=-1))


def exponentials(logits: Array, largest: Array) -> Array:
    """e[n,k] = exp(z[n,k] − m[n])."""
    shifted: Array = logits - largest[..., None]
    np.exp(shifted, out=shifted)
    return shifted


def normalizer(exponentials: Array) -> Array:
    """s[n] = Σ_k e[n,k]."""
    return np.asarray(np.add.reduce(exponentials, axis=-1))


def probabilities(exponentials: Array, normalizer: Array) -> Array:
    """p[n,k] = e[n,k] / s[n]."""
    return np.asarray(exponentials / normalizer[..., None])


def softmax(logits: Array) -> Array:
    """p[n,k] = exp(z[n,k]) / Σ_j exp(z[n,j]), the four steps at once."""
    powers = exponentials(logits, maximum(logits))
    np.divide(powers, normalizer(powers)[..., None], out=powers)
    return powers


def dot(upstream: Array, probabilities: Array) -> Array:
    """d[n] = Σ_k p[n,k] · g[n,k]."""
    return np.asarray(np.add.reduce(probabilities * upstream, axis=-1))


def gradient(upstream: Array, probabilities: Array, dot: Array) -> Array:
    """∂z[n,k] = p[n,k]·g[n,k] − p[n,k]·d[n]."""
    return np.asarray(probabilities * upstream - probabilities * dot[..., None])


def channel_sum(values: Array) -> Array:
    """s[c] = Σ_{n,y,x} v[n,c,y,x]: each plane in pairs, the planes' sums in float64."""
    batch, channels = values.shape[:2]
    planes = np.add.reduce(values.reshape(batch, channels, -1), axis=2)
    return np.asarray(np.add.reduce(planes, axis=0, dtype=np.float64).astype(values.dtype))


def channel_mean(values: Array) -> Array:
    """μ[c] = s[c] / m."""
    return np.asarray(channel_sum(values) / values.dtype.type(_count(values)))


def centered(values: Array, mean: Array, workspace: Workspace | None = None) -> Array:
    """d[n,c,y,x] = v[n,c,y,x] − μ[c]."""
    out = (workspace or FRESH).result("centered", values.shape, values.dtype)
    return np.asarray(np.subtract(values, _along(mean), out=out))


def inverse_deviation(variance: Array, eps: float) -> Array:
    """r[c] = 1 / √(σ²[c] + ε)."""
    return np.asarray(1 / np.sqrt(variance + variance.dtype.type(eps)))


def scaled(values: Array, factor: Array, name: str, workspace: Workspace | None = None) -> Array:
    """v[n,c,y,x] · f[c]; `name` is that of the result in the workspace."""
    out = (workspace or FRESH).result(name, values.shape, values.dtype)
    return np.asarray(np.multiply(values, _along(factor), out=out))


def shifted(values: Array, weight: Array, bias: Array, workspace: Workspace | None = None) -> Array:
    """o[n,c,y,x] = v[n,c,y,x] · w[c] + b[c]."""
    output = scaled(values, weight, "output", workspace)
    output += _along(bias)
    return output


def input_gradient(
    upstream: Array,
    normalized: Array,
    scale: Array,
    upstream_sum: Array,
    upstream_dot: Array,
    workspace: Workspace | None = None,
) -> Array:
    """s·g − s·(Σ g)/m − s·x̂·(Σ g·x̂)/m, where s[c] is weight times inverse deviation."""
    count = upstream.dtype.type(_count(upstream))
    space = workspace or FRESH
    gradient = scaled(normalized, upstream_dot / count, "input_gradient", workspace)
    rest = space.scratch("rest", upstream.shape, upstream.dtype)
    np.subtract(upstream, _along(upstream_sum / count), out=rest)
    np.subtract(rest, gradient, out=gradient)
    gradient *= _along(scale)
    return gradient


def _count(values: Array) -> int:
    return int(values.size // values.shape[1])


def _along(channels: Array) -> Array:
    return channels.reshape(1, -1, 1, 1)
