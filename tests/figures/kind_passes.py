"""Recorded passes of the layers that act otherwise in training, and of their neighbors."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache

import numpy as np

from backpropviz.engine.backprop import Parameters
from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.activation import GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Tanh
from backpropviz.engine.kinds.adaptive_pooling import AdaptiveAvgPool2d
from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.binary_cross_entropy import BinaryCrossEntropy
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.join import Add, Concat
from backpropviz.engine.kinds.pooling import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from backpropviz.engine.kinds.prelu import PReLU
from backpropviz.engine.kinds.protocol import Layer, Loss, Pattern
from backpropviz.engine.kinds.registry import catalog
from backpropviz.engine.kinds.shape import Flatten, Pad, Reshape
from backpropviz.engine.kinds.softmax import Softmax
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.model import Mode, with_mode
from backpropviz.engine.network import Network, Node, chain
from backpropviz.engine.optimizers import Adam, AdamW, Optimizer, RmsProp, Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address, Array

_CHOSEN = (
    Node("pad", Pad(((1, 0), (1, 2)), 0.5), ("image",)),
    Node("conv", Conv2d(3, 3, stride=2, bias=False), ("pad",)),
    Node("norm", BatchNorm2d(), ("conv",)),
    Node("prelu", PReLU(shared=False), ("norm",)),
    Node("plain", BatchNorm2d(affine=False), ("prelu",)),
    Node("gelu", GELU(), ("plain",)),
    Node("bent", GELU("tanh"), ("plain",)),
    Node("sum", Add(), ("gelu", "bent")),
    Node("one", PReLU(), ("sum",)),
    Node("silu", SiLU(), ("one",)),
    Node("leaky", LeakyReLU(), ("one",)),
    Node("both", Concat(), ("silu", "leaky")),
    Node("average", AvgPool2d(2, 1), ("both",)),
    Node("largest", MaxPool2d(2, 1, padding=1), ("average",)),
    Node("drop", Dropout(0.3), ("largest",)),
    Node("uneven", AdaptiveAvgPool2d((2, 3)), ("drop",)),
    Node("even", AdaptiveAvgPool2d((1, 3)), ("uneven",)),
    Node("sigmoid", Sigmoid(), ("even",)),
    Node("mean", GlobalAvgPool2d(), ("sigmoid",)),
    Node("reshape", Reshape((6, 1, 1)), ("mean",)),
    Node("flatten", Flatten(), ("reshape",)),
    Node("dense", Dense(4), ("flatten",)),
    Node("slopes", PReLU(shared=False), ("dense",)),
    Node("tanh", Tanh(), ("slopes",)),
    Node("relu", ReLU(), ("tanh",)),
    Node("quiet", Dropout(0.25), ("relu",)),
    Node("shares", Softmax(), ("quiet",)),
)


def _with_all_others(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Behind the first layer, every kind that leaves shapes alone and is not there yet."""
    known = {node.layer.kind for node in nodes}
    others, last = [], nodes[0].name
    for kind, entry in catalog().items():
        if kind not in known and entry.about.pattern is Pattern.VALUES:
            layer = type(entry.layer)(**_suited(entry.layer))
            others.append(Node(kind, layer, (last,)))
            last = kind
    first, second, *rest = nodes
    return (first, *others, replace(second, inputs=(last,)), *rest)


def _suited(layer: Layer) -> dict[str, object]:
    """The usual settings; groups of channels must divide the two that the network begins with."""
    names = {field.name for field in fields(layer)}  # type: ignore[arg-type]
    usual = dict(layer.about.usual)
    return usual | ({"num_groups": 1} if "num_groups" in names else {})


NODES = _with_all_others(_CHOSEN)
LOSSES: dict[str, tuple[Loss, object]] = {
    "smoothed": (CrossEntropy(label_smoothing=0.1), [1, 3]),
    "weighted": (CrossEntropy(class_weights=(0.5, 1.0, 2.0, 0.25)), [1, 3]),
    "both": (CrossEntropy("sum", 0.2, (0.5, 1.0, 2.0, 0.25)), [1, 3]),
    "both, mean": (CrossEntropy("mean", 0.2, (0.5, 1.0, 2.0, 0.25)), [1, 3]),
    "binary": (BinaryCrossEntropy(), [[0, 1, 0.5, 1], [1, 0, 0, 0.25]]),
    "binary, summed": (BinaryCrossEntropy("sum"), [[0, 1, 0.5, 1], [1, 0, 0, 0.25]]),
}
OPTIMIZERS: dict[str, Optimizer] = {
    "rmsprop": RmsProp(),
    "rmsprop with all": RmsProp(momentum=0.9, centered=True, weight_decay=0.01),
    "rmsprop centered": RmsProp(centered=True),
    "adamw": AdamW(weight_decay=0.1),
    "adam": Adam(weight_decay=0.1),
    "sgd": Sgd(0.1, 0.9, nesterov=True),
}


def trained(network: Network, seed: int) -> Parameters:
    """Parameters and running statistics that are nowhere 0 or 1; variances are positive."""
    random = np.random.default_rng(seed)
    return {
        layer: {
            name: (np.abs(array) if name == "running_var" else array)
            + random.uniform(0.05, 0.5, array.shape).astype(np.float32)
            for name, array in own.items()
        }
        for layer, own in initialize(network, seed=seed).items()
    }


@cache
def every_kind(mode: str) -> Tape:
    """All kinds of layers in one network, on two images."""
    network = Network("every", (3, 7, 6), NODES, CrossEntropy(label_smoothing=0.1))
    found = with_mode(network, Mode(mode == "train", seed=3))
    return record(found, trained(network, 1), _images((2, 3, 7, 6)), [1, 3], RmsProp(momentum=0.9))


@cache
def of_loss(name: str) -> Tape:
    """A dense layer and a loss, two samples of four classes."""
    loss, target = LOSSES[name]
    network = chain("loss", (3,), {"dense": Dense(4)}, loss)
    return record(network, trained(network, 2), _images((2, 3)), target, Sgd(0.1))


@cache
def of_optimizer(name: str) -> Tape:
    """A dense layer's second update."""
    network = chain("update", (3,), {"dense": Dense(2)}, SquaredError())
    optimizer, parameters = OPTIMIZERS[name], trained(network, 5)
    random = np.random.default_rng(9)
    addresses = [Address("dense", name) for name in ("weight", "bias")]
    states = {
        address: {
            part: random.uniform(0.1, 0.5, array.shape).astype(np.float32)
            + (0.5 if part in {"square_average", "moment2"} else 0.0)
            for part, array in optimizer.initial_state(
                parameters["dense"][address.quantity]
            ).items()
        }
        for address in addresses
    }
    images = _images((1, 3))
    return record(network, parameters, images, (0.5, -1.0), optimizer, states=states, iteration=2)


def _images(shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(8).standard_normal(shape).astype(np.float32)
