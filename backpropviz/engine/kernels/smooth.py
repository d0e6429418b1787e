"""Smooth activation functions value by value, and their gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kernels.elementwise import sigmoid

Array = NDArray[Any]

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
