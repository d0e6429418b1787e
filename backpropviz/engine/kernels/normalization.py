"""Normalization of each channel by its mean and variance, in the steps that define it.

Arrays are (N,C,H,W); m = N·H·W values make a channel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kernels.workspace import FRESH, Workspace

Array = NDArray[Any]


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
