"""First weights: random, of a size that keeps signals and gradients of even strength.

The standard deviation is √(2 / fan_in) (He et al. 2015), √(2 / (fan_in + fan_out)) (Glorot, Bengio
2010) or √(1 / fan_in) (LeCun et al. 1998); a uniform distribution reaches √3 times as far.

`WRONG` are beginnings that fail, each in a way that is worth to be seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from backpropviz.engine.kinds.protocol import Initialized
from backpropviz.engine.network import Network, Node
from backpropviz.engine.value import Array, Shape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

DEFAULT_SCHEME = "he_normal"

_VARIANCES: Mapping[str, Callable[[int, int], float]] = MappingProxyType(
    {
        "he": lambda fan_in, _: 2 / fan_in,
        "glorot": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
        "lecun": lambda fan_in, _: 1 / fan_in,
    }
)
SCHEMES = tuple(f"{name}_{how}" for name in _VARIANCES for how in ("normal", "uniform"))


@frozen
class Wrong:
    """A beginning that is wrong on purpose: its title, and in a sentence what is to be seen.

    `factor` multiplies weights by `DEFAULT_SCHEME`; None where the weights are not drawn at all.
    """

    title: str
    seen: str
    factor: float | None = None


WRONG: Mapping[str, Wrong] = MappingProxyType(
    {
        "all_equal": Wrong(
            "All equal",
            "All filters of a layer are the same and get the same gradient, so they stay the same "
            "but for rounding, which grows slowly: random weights are there to break the symmetry.",
        ),
        "all_zero": Wrong(
            "All zero",
            "Every layer puts out zeros and no gradient passes a weight of zero, so only the last "
            "layer's bias learns: how frequent each class is.",
        ),
        "too_large": Wrong(
            "Too large",
            "Each layer multiplies the signal, and on the way back the gradient: the loss starts "
            "huge, and the first updates throw the weights about or make them NaN.",
            30.0,
        ),
        "too_small": Wrong(
            "Too small",
            "Each layer shrinks the signal, and on the way back the gradient: the first layers get "
            "next to none (it vanishes), and the loss stays where guessing puts it.",
            0.01,
        ),
    }
)
"""By name; `initialize` takes these names too."""
INITIALIZATIONS = (*SCHEMES, *WRONG)


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
    factor: float | None = None,
) -> dict[str, dict[str, Array]]:
    """Parameters and buffers of a whole network from one seeded generator; biases are 0.

    `scheme` is one of `SCHEMES` or of `WRONG`; `factor` replaces that of “too_large” or
    “too_small”.

    Raises:
        UserError: there is no such scheme, or it takes no factor, or not this one.
    """
    if scheme not in INITIALIZATIONS:
        raise UserError(f"“{scheme}” is no initialization; there are {', '.join(INITIALIZATIONS)}.")
    if factor is not None:
        if scheme not in WRONG or WRONG[scheme].factor is None:
            raise UserError(f"“{scheme}” takes no factor: choose too_large or too_small.")
        if not (math.isfinite(factor) and factor > 0):
            raise UserError(f"factor = {factor:g} of “{scheme}” must be a positive number.")
    random = np.random.default_rng(seed)

    def draw(shape: Shape) -> Array:
        return _drawn(shape, scheme, factor, random)

    return {
        node.name: {
            name: _started(node, name, shape, draw).astype(dtype)
            for name, shape in network.kept_shapes(node).items()
        }
        for node in network.nodes
    }


def _started(node: Node, name: str, shape: Shape, draw: Callable[[Shape], Array]) -> Array:
    """A layer's own start, where it names one, else drawn."""
    own = node.layer.initial_values() if isinstance(node.layer, Initialized) else {}
    return np.full(shape, own[name]) if name in own else draw(shape)


def _drawn(shape: Shape, scheme: str, factor: float | None, random: np.random.Generator) -> Array:
    if len(shape) < 2 or scheme == "all_zero":
        return np.zeros(shape)
    if scheme == "all_equal":
        # Outputs are then the mean of their inputs: nothing but the symmetry is wrong.
        return np.full(shape, 1 / fans(shape)[0])
    if scheme in WRONG:
        times = WRONG[scheme].factor if factor is None else factor
        return _drawn(shape, DEFAULT_SCHEME, None, random) * times
    name, _, distribution = scheme.partition("_")
    deviation = math.sqrt(_VARIANCES[name](*fans(shape)))
    if distribution == "normal":
        return random.normal(0, deviation, shape)
    limit = math.sqrt(3) * deviation
    return random.uniform(-limit, limit, shape)
