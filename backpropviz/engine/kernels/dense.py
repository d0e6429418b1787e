"""The passes of a dense layer: x (N, I), weight (O, I), output and upstream (N, O)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kernels.workspace import FRESH, Workspace

Array = NDArray[Any]


def output(
    values: Array, weight: Array, bias: Array | None, workspace: Workspace | None = None
) -> Array:
    """Y[n,o] = b[o] + Σ_i W[o,i] · x[n,i]."""
    shape = (values.shape[0], weight.shape[0])
    result = (workspace or FRESH).result("output", shape, values.dtype)
    np.matmul(values, weight.T, out=result)
    if bias is not None:
        np.add(result, bias, out=result)
    return result


def weight_gradient(values: Array, upstream: Array, workspace: Workspace | None = None) -> Array:
    """∂W[o,i] = Σ_n upstream[n,o] · x[n,i]."""
    shape = (upstream.shape[1], values.shape[1])
    result = (workspace or FRESH).result("weight_gradient", shape, values.dtype)
    if upstream.shape[0] == 1:
        np.multiply(upstream.T, values, out=result)
    else:
        np.matmul(upstream.T, values, out=result)
    return result


def input_gradient(upstream: Array, weight: Array, workspace: Workspace | None = None) -> Array:
    """∂x[n,i] = Σ_o upstream[n,o] · W[o,i]."""
    shape = (upstream.shape[0], weight.shape[1])
    result = (workspace or FRESH).result("input_gradient", shape, upstream.dtype)
    np.matmul(upstream, weight, out=result)
    return result


def bias_gradient(upstream: Array, workspace: Workspace | None = None) -> Array:
    """∂b[o] = Σ_n upstream[n,o]."""
    result = (workspace or FRESH).result("bias_gradient", upstream.shape[1:], upstream.dtype)
    np.add.reduce(upstream, axis=0, out=result)
    return result
