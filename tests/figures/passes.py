"""Recorded passes that between them have every kind of nest."""

from __future__ import annotations

from functools import cache

import numpy as np

from backpropviz.engine.kinds.activation import LeakyReLU, ReLU, Sigmoid, Tanh
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.join import Add, Concat
from backpropviz.engine.kinds.pooling import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import Network, Node, chain
from backpropviz.engine.optimizers import Adam, Optimizer, Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address, Array


@cache
def tiny() -> Tape:
    """The mockup's 3×3 example: ∂L/∂W = [[6, 8], [4, 2]]."""
    network = chain(
        "tiny", (1, 3, 3), {"conv1": Conv2d(1, 2), "pool1": MaxPool2d(2)}, SquaredError(half=True)
    )
    weight = np.array([[[[2, 1], [-1, 1]]]], dtype=np.float32)
    parameters = {"conv1": {"weight": weight, "bias": np.array([-1], dtype=np.float32)}}
    image = np.array([[[[0, 2, 1], [3, 4, 1], [2, 1, 0]]]], dtype=np.float32)
    return record(network, parameters, image, (6.0,), Sgd(0.01))


@cache
def lenet(bits: int = 32) -> Tape:
    """LeNet's layers with random weights on a sparse random image."""
    layers: dict[str, Layer] = {
        "conv1": Conv2d(6, 5, padding=2),
        "relu1": ReLU(),
        "pool1": MaxPool2d(2),
        "conv2": Conv2d(16, 5),
        "relu2": ReLU(),
        "pool2": MaxPool2d(2),
        "flatten": Flatten(),
        "dense1": Dense(120),
        "relu3": ReLU(),
        "dense3": Dense(10),
    }
    network = chain("lenet", (1, 28, 28), layers, CrossEntropy())
    return _recorded(network, 1, 7, Sgd(0.01), np.float32 if bits == 32 else np.float64)


@cache
def branching() -> Tape:
    """Stride, groups, overlapping windows, joins, two samples, momentum and weight decay."""
    nodes = (
        Node("conv1", Conv2d(4, 3, stride=2, padding=1, groups=2), ("image",)),
        Node("leaky", LeakyReLU(), ("conv1",)),
        Node("pool1", MaxPool2d(3, stride=1, padding=1), ("leaky",)),
        Node("avg", AvgPool2d(3, stride=1, padding=1, count_include_pad=False), ("leaky",)),
        Node("sum", Add(), ("pool1", "avg")),
        Node("both", Concat(), ("sum", "leaky")),
        Node("conv2", Conv2d(3, 1, bias=False), ("both",)),
        Node("tanh", Tanh(), ("conv2",)),
        Node("global", GlobalAvgPool2d(), ("tanh",)),
        Node("flatten", Flatten(), ("global",)),
        Node("dense", Dense(3), ("flatten",)),
        Node("sigmoid", Sigmoid(), ("dense",)),
    )
    network = Network("branching", (2, 9, 9), nodes, SquaredError())
    optimizer = Sgd(0.1, momentum=0.9, nesterov=True, weight_decay=0.01)
    return _recorded(network, 2, [[0.1, 0.9, 0.4], [0.3, 0.2, 0.8]], optimizer, np.float32)


@cache
def adam() -> Tape:
    """A dense network updated by Adam, two samples."""
    network = chain("mlp", (5,), {"dense1": Dense(4), "dense2": Dense(3)}, CrossEntropy())
    return _recorded(network, 2, [1, 2], Adam(), np.float32)


def with_value(tape: Tape, layer: str, value: float) -> Tape:
    """The same pass after one weight became another value: a NaN, an infinity."""
    parameters = {
        node.name: {
            name: np.array(tape[Address(node.name, name)])
            for name in tape.network.parameter_shapes(node)
        }
        for node in tape.network.nodes
    }
    parameters[layer]["weight"].flat[0] = value
    with np.errstate(all="ignore"):
        target = [int(k) for k in tape[Address("loss", "target")]]
        image = np.array(tape[Address("", "image")])
        return record(tape.network, parameters, image, target, tape.optimizer)


def _recorded(
    network: Network, batch: int, target: object, optimizer: Optimizer, dtype: type
) -> Tape:
    random = np.random.default_rng(3)
    parameters = {
        node.name: {
            name: _scaled(random.standard_normal(shape), shape, dtype)
            for name, shape in network.parameter_shapes(node).items()
        }
        for node in network.nodes
    }
    images: Array = np.maximum(random.standard_normal((batch, *network.input_shape)), 0).astype(
        dtype
    )
    wanted = target if batch > 1 or not isinstance(target, list) else target[0]
    return record(network, parameters, images, wanted, optimizer)


def _scaled(values: Array, shape: tuple[int, ...], dtype: type) -> Array:
    scale = (2 / max(1, int(np.prod(shape[1:])))) ** 0.5
    return np.asarray(values * scale, dtype=dtype)
