"""Views of bundled and of made-up networks for the figures around the stage."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.session import SessionState
from backpropviz.debugger.timeline import Depth, LoopOrder, Timeline
from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.join import Add
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.model import Model, Preprocessing
from backpropviz.engine.network import Network, Node
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record, run
from backpropviz.engine.tape import Tape, operations
from backpropviz.engine.value import parse
from backpropviz.figures.numbers import Scales
from backpropviz.figures.view import View
from backpropviz.files.networks import load_network


@lru_cache(maxsize=16)
def start(name: str, order: LoopOrder = LoopOrder.TARGET) -> View:
    """The start of the pass of a bundled network, or of `residual` or `deep`."""
    made = {"residual": residual, "deep": deep}
    if name in made:
        return _of(*made[name](), order)
    model = load_network(name)
    return _of(model, run(model), order)


def at(view: View, k: int, depth: Depth, *breakpoints: Breakpoint) -> View:
    """The same pass at a position."""
    return replace(view, state=replace(view.state, k=k, depth=depth, breakpoints=breakpoints))


def at_step(view: View, target: str, step: int, depth: Depth, *breakpoints: Breakpoint) -> View:
    """The same pass at a step of the operation that makes an array."""
    number = view.timeline.computed_by(parse(target))
    assert number is not None
    return at(view, view.timeline.starts[number] + step, depth, *breakpoints)


def residual() -> tuple[Model, Tape]:
    """A joined branch, with colors, two images a batch."""
    nodes = (
        Node("conv1", Conv2d(3, 3, padding=1), ("image",)),
        Node("relu1", ReLU(), ("conv1",)),
        Node("conv2", Conv2d(3, 3, padding=1), ("relu1",)),
        Node("add1", Add(), ("conv2", "image")),
        Node("flatten", Flatten(), ("add1",)),
        Node("a-rather-long-name-of-a-layer", Dense(7), ("flatten",)),
    )
    return _made(Network("residual", (3, 8, 8), nodes, CrossEntropy()), batch=2)


def deep() -> tuple[Model, Tape]:
    """Sixteen convolutions with pools between them: as many operations as VGG16 has."""
    nodes: list[Node] = []
    source = "image"
    for block in range(5):
        for number in range(3):
            for name, layer in (("conv", Conv2d(8, 3, padding=1)), ("relu", ReLU())):
                full = f"{name}{block + 1}_{number + 1}"
                nodes.append(Node(full, layer, (source,)))
                source = full
        nodes.append(Node(f"pool{block + 1}", MaxPool2d(2), (source,)))
        source = f"pool{block + 1}"
    nodes.append(Node("flatten", Flatten(), (source,)))
    nodes.append(Node("dense1", Dense(10), ("flatten",)))
    return _made(Network("deep", (3, 64, 64), tuple(nodes), CrossEntropy()), batch=1)


def _made(network: Network, batch: int) -> tuple[Model, Tape]:
    rng = np.random.default_rng(0)
    images = rng.random((batch, *network.input_shape), dtype=np.float32)
    parameters = initialize(network)
    optimizer = Sgd(0.1, momentum=0.9)
    channels, height, width = network.input_shape
    preprocessing = Preprocessing(channels, height, width)
    model = Model(network.name, network, parameters, preprocessing, (), optimizer)
    targets = np.zeros(batch, dtype=np.int64)
    return model, record(network, parameters, images, targets, optimizer)


def _of(model: Model, tape: Tape, order: LoopOrder) -> View:
    timeline = Timeline(operations(tape.network, tape.batch, tape.optimizer), order)
    return View(model, tape, timeline, SessionState(order=order), Scales(tape))


def with_nan() -> View:
    """The tiny example with a weight that is not a number, before its first step."""
    model = load_network("tiny-max")
    weight = np.array(model.parameters["conv1"]["weight"])
    weight[0, 0, 0, 0] = np.nan
    broken = {"conv1": {**model.parameters["conv1"], "weight": weight}}
    changed = replace(model, parameters=broken)
    with np.errstate(all="ignore"):
        return _of(changed, run(changed), LoopOrder.TARGET)
