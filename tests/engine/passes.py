"""Whole networks for tests, and every operation of a recorded pass by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.activation import GELU, ReLU, SiLU, Tanh
from backpropviz.engine.kinds.adaptive_pooling import AdaptiveAvgPool2d
from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.join import Add, Concat
from backpropviz.engine.kinds.pooling import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from backpropviz.engine.kinds.prelu import PReLU
from backpropviz.engine.kinds.protocol import Layer, Loss
from backpropviz.engine.kinds.shape import Flatten, Pad
from backpropviz.engine.kinds.softmax import Softmax
from backpropviz.engine.model import Mode
from backpropviz.engine.nest import Nest
from backpropviz.engine.network import Network, Node, chain
from backpropviz.engine.optimizers import Optimizer, Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import Tape, operations
from backpropviz.engine.value import Address, Array, Shape


def lenet(loss: Loss | None = None, side: int = 28) -> Network:
    layers: dict[str, Layer] = {
        "conv1": Conv2d(6, 5, padding=2),
        "relu1": ReLU(),
        "pool1": MaxPool2d(2),
        "conv2": Conv2d(16, 5),
        "relu2": ReLU(),
        "pool2": AvgPool2d(2),
        "flatten": Flatten(),
        "dense1": Dense(20),
        "tanh": Tanh(),
        "dense2": Dense(10),
    }
    return chain("lenet", (1, side, side), layers, loss or CrossEntropy())


def branched(loss: Loss | None = None, shape: Shape = (2, 6, 7)) -> Network:
    """A residual block, a concatenation, a layer fed twice by one value, an image with two uses."""
    nodes = (
        Node("conv1", Conv2d(4, 3, padding=1, bias=False), ("image",)),
        Node("relu1", ReLU(), ("conv1",)),
        Node("conv2", Conv2d(4, 3, padding=1, groups=2), ("relu1",)),
        Node("add1", Add(), ("conv2", "conv1")),
        Node("twice", Add(), ("add1", "add1")),
        Node("skip", Conv2d(2, 1), ("image",)),
        Node("concat", Concat(), ("twice", "skip", "relu1")),
        Node("pool", MaxPool2d(3, 2, 1, ceil_mode=True), ("concat",)),
        Node("mean", GlobalAvgPool2d(), ("pool",)),
        Node("flatten", Flatten(), ("mean",)),
        Node("dense", Dense(5), ("flatten",)),
    )
    return Network("branched", shape, nodes, loss or CrossEntropy())


def grown(loss: Loss | None = None, shape: Shape = (2, 6, 7)) -> Network:
    """The layers that came after the first ones; conv1 reaches the loss in two ways."""
    nodes = (
        Node("pad", Pad(1, 0.5), ("image",)),
        Node("conv1", Conv2d(3, 3), ("pad",)),
        Node("norm", BatchNorm2d(), ("conv1",)),
        Node("prelu", PReLU(shared=False), ("norm",)),
        Node("add", Add(), ("prelu", "conv1")),
        Node("silu", SiLU(), ("add",)),
        Node("bare", BatchNorm2d(affine=False), ("silu",)),
        Node("pool", AdaptiveAvgPool2d((4, 3)), ("bare",)),
        Node("dropout", Dropout(0.25), ("pool",)),
        Node("flatten", Flatten(), ("dropout",)),
        Node("dense1", Dense(6), ("flatten",)),
        Node("gelu", GELU(), ("dense1",)),
        Node("softmax", Softmax(), ("gelu",)),
        Node("slope", PReLU(), ("softmax",)),
        Node("dense2", Dense(5), ("slope",)),
        Node("bent", GELU("tanh"), ("dense2",)),
    )
    return Network("grown", shape, nodes, loss or CrossEntropy())


def recorded(
    network: Network,
    target: object,
    optimizer: Optimizer | None = None,
    *,
    batch: int = 2,
    dtype: type[np.floating[Any]] = np.float64,
    seed: int = 1,
    mode: Mode | None = None,
) -> Tape:
    images = np.random.default_rng(seed).normal(size=(batch, *network.input_shape)).astype(dtype)
    parameters = with_biases(initialize(network, seed=seed, dtype=dtype), seed)
    return record(network, parameters, images, target, optimizer or Sgd(0.1), mode=mode)


def with_biases(
    parameters: Mapping[str, Mapping[str, Array]], seed: int
) -> dict[str, dict[str, Array]]:
    """Biases that are not 0, so that a forgotten one shows."""
    random = np.random.default_rng(seed)
    return {
        layer: {
            name: random.normal(size=p.shape).astype(p.dtype) if name == "bias" else p
            for name, p in own.items()
        }
        for layer, own in parameters.items()
    }


def nests_of(tape: Tape, iteration: int = 1) -> dict[Address, Nest]:
    return {
        operation.nest.target: operation.nest
        for operation in operations(tape.network, tape.batch, tape.optimizer, iteration)
    }
