"""Views of single layers for the figures on the stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backpropviz.debugger.session import SessionState
from backpropviz.debugger.timeline import Depth, LoopOrder, Timeline
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.model import Model, Preprocessing
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Optimizer, Sgd
from backpropviz.engine.record import Settings, record, run
from backpropviz.engine.tape import operations
from backpropviz.engine.value import Array, parse
from backpropviz.figures.numbers import Scales
from backpropviz.figures.view import View
from backpropviz.files.networks import load_network
from backpropviz.scene.marks import Scene, Text


def of_layer(layer: Layer, image: Array, order: LoopOrder = LoopOrder.TARGET) -> View:
    """One layer on an image (C, H, W), its target a number of each kind."""
    network = chain("one", image.shape, {"layer": layer}, SquaredError(half=True))
    count = int(np.prod(network.shapes["layer"]))
    target = tuple(float(k % 5 - 2) for k in range(count))
    tape = record(network, {}, image[np.newaxis], target, Sgd(0.1))
    preprocessing = Preprocessing(1, 8, 8)
    model = Model("one", network, {}, preprocessing, (), Sgd(0.1))
    found = operations(network, 1, tape.optimizer)
    return View(model, tape, Timeline(found, order), SessionState(order=order), Scales(tape))


def of_network(
    name: str, order: LoopOrder = LoopOrder.TARGET, optimizer: Optimizer | None = None
) -> View:
    """A bundled network on its example."""
    model = load_network(name)
    tape = run(model, settings=Settings(optimizer=optimizer))
    found = operations(tape.network, tape.batch, tape.optimizer)
    return View(model, tape, Timeline(found, order), SessionState(order=order), Scales(tape))


def at(view: View, target: str, step: int, depth: Depth) -> View:
    """The same pass at a step of the operation that makes an array."""
    number = view.timeline.computed_by(parse(target))
    assert number is not None
    state = replace(view.state, k=view.timeline.starts[number] + step, depth=depth)
    return replace(view, state=state)


def texts(scene: Scene) -> list[str]:
    """Every text, back to front."""
    return [mark.text for mark in scene.walk() if isinstance(mark, Text)]


def text_of(scene: Scene, key: str) -> list[str]:
    """The texts that show a value."""
    return [mark.text for mark in scene.walk() if isinstance(mark, Text) and mark.key == key]
