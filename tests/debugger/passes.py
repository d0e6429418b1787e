"""Small recorded passes to step through."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from backpropviz.debugger.commands import Pass
from backpropviz.debugger.timeline import LoopOrder, Timeline
from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.network import Network, chain
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import Tape, operations


def small_network() -> Network:
    """A convolution with padding and stride, pooling, a dense layer."""
    layers: dict[str, Layer] = {
        "conv1": Conv2d(2, 3, stride=2, padding=1),
        "relu1": ReLU(),
        "pool1": MaxPool2d(2, stride=1),
        "flatten1": Flatten(),
        "dense1": Dense(3),
    }
    return chain("small", (2, 6, 5), layers, CrossEntropy())


@lru_cache
def small_pass(batch: int = 2, order: LoopOrder = LoopOrder.TARGET) -> Pass:
    """The network's pass over random images in float64."""
    network = small_network()
    optimizer = Sgd(0.1, momentum=0.9)
    parameters = initialize(network, seed=1)
    images = np.random.default_rng(2).normal(size=(batch, 2, 6, 5))
    tape = record(network, parameters, images, [0, 2][:batch], optimizer)
    return Pass(Timeline(operations(network, batch, optimizer), order), tape)


def small_tape() -> Tape:
    """The tape alone."""
    return small_pass().tape
