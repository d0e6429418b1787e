"""Softmax over the last axis in the steps in which it is defined, and its gradient.

The largest logit is subtracted first: the result is the same and nothing overflows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


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
