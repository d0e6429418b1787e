"""First weights: random, of a size that keeps signals and gradients of even strength.

The standard deviation is √(2 / fan_in) (He et al. 2015), √(2 / (fan_in + fan_out)) (Glorot, Bengio
2010) or √(1 / fan_in) (LeCun et al. 1998); a uniform distribution reaches √3 times as far.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.layers.protocol import Initialized
from backpropviz.engine.network import Network, Node
from backpropviz.errors import UserError

DEFAULT_SCHEME = "he_normal"

_VARIANCES: Mapping[str, Callable[[int, int], float]] = MappingProxyType(
    {
        "he": lambda fan_in, _: 2 / fan_in,
        "glorot": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
        "lecun": lambda fan_in, _: 1 / fan_in,
    }
)
SCHEMES = tuple(f"{name}_{how}" for name in _VARIANCES for how in ("normal", "uniform"))


def fans(shape: Shape) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (O, I, …): inputs of an output value, outputs of an input."""
    receptive = math.prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive


def initialize(
    network: Network,
    scheme: str = DEFAULT_SCHEME,
    *,
    seed: int = 0,
    dtype: type[np.floating[Any]] = np.float32,
) -> dict[str, dict[str, Array]]:
    """Parameters and buffers of a whole network from one seeded generator; biases are 0.

    Raises:
        UserError: there is no such scheme.
    """
    if scheme not in SCHEMES:
        raise UserError(f"“{scheme}” is no initialization; there are {', '.join(SCHEMES)}.")
    random = np.random.default_rng(seed)
    return {
        node.name: {
            name: _started(node, name, shape, scheme, random).astype(dtype)
            for name, shape in network.kept_shapes(node).items()
        }
        for node in network.nodes
    }


def _started(
    node: Node, name: str, shape: Shape, scheme: str, random: np.random.Generator
) -> Array:
    """A layer's own start, where it names one, else drawn."""
    own = node.layer.initial_values() if isinstance(node.layer, Initialized) else {}
    return np.full(shape, own[name]) if name in own else _drawn(shape, scheme, random)


def _drawn(shape: Shape, scheme: str, random: np.random.Generator) -> Array:
    if len(shape) < 2:
        return np.zeros(shape)
    name, _, distribution = scheme.partition("_")
    deviation = math.sqrt(_VARIANCES[name](*fans(shape)))
    if distribution == "normal":
        return random.normal(0, deviation, shape)
    limit = math.sqrt(3) * deviation
    return random.uniform(-limit, limit, shape)
