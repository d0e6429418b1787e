"""A small layer, network and numbers of any kind that is in the registry."""

from __future__ import annotations

from typing import Any

import numpy as np

from backpropviz.engine.backprop import Parameters
from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.protocol import Layer, Loss
from backpropviz.engine.kinds.registry import catalog
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import Network, Node
from backpropviz.engine.value import Array
from backpropviz.errors import UserError

IMAGE = (3, 4, 4)


def layer_of(kind: str) -> Layer:
    """The layer as the editor adds it, with few channels where it makes any."""
    layer = catalog()[kind].layer
    small = {"out_channels": 2, "out_features": 3, "output_size": 2}
    known = {name: value for name, value in small.items() if hasattr(layer, name)}
    made: Layer = type(layer)(**{**layer.about.usual, **known})
    return made


def network_of(kind: str, loss: Loss | None = None) -> Network:
    """The kind behind the image, or behind a flatten, and a dense layer of two outputs."""
    layer = layer_of(kind)
    inputs = ("image", "image") if layer.about.is_join else ("image",)
    nodes: list[Node] = []
    try:
        shape = layer.output_shape((IMAGE,) * len(inputs))
    except UserError:
        nodes.append(Node("row", Flatten(), ("image",)))
        inputs = ("row",)
        shape = layer.output_shape(((48,),))
    nodes.append(Node("layer", layer, inputs))
    if len(shape) > 1:
        nodes.append(Node("flat", Flatten(), ("layer",)))
    nodes.append(Node("end", Dense(2), (nodes[-1].name,)))
    return Network(kind, IMAGE, tuple(nodes), loss or SquaredError())


def numbers_of(
    network: Network, dtype: type[np.floating[Any]] = np.float32
) -> tuple[Array, Parameters]:
    """Two images whose values are apart from each other and from 0, and parameters."""
    random = np.random.default_rng(5)
    count = 2 * int(np.prod(IMAGE))
    images = random.permutation((np.arange(count) - count // 2) * 0.1 + 0.05)
    parameters = {
        layer: {
            name: (array + random.uniform(0.05, 0.5, array.shape)).astype(dtype)
            for name, array in own.items()
        }
        for layer, own in initialize(network, seed=1).items()
    }
    return images.reshape(2, *IMAGE).astype(dtype), parameters
