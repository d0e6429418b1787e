"""States of training for the figures: real networks, numbers drawn from a seed."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.backprop import Parameters
from backpropviz.engine.initialize import initialize
from backpropviz.engine.network import Network
from backpropviz.engine.training.history import History, Measured, Validated, tensors_of
from backpropviz.engine.value import Address, Array
from backpropviz.figures.training.curves import CurveMark, RunCurves, run_curves
from backpropviz.figures.training.filter_values import FilterState


def state_of(network: Network, seed: int = 0) -> FilterState:
    """Parameters after a change, gradients of which some are exactly 0."""
    start = initialize(network, seed=seed)
    random = np.random.default_rng(seed + 1)
    moved = {
        layer: {
            name: array + 0.01 * random.standard_normal(array.shape) for name, array in own.items()
        }
        for layer, own in start.items()
    }
    gradients: dict[Address, Array] = {}
    for address in tensors_of(network):
        gradient = random.standard_normal(moved[address.layer][address.quantity].shape)
        gradient[::2] = 0.0
        gradients[address] = gradient
    inactive = {a.layer: np.arange(len(gradients[a])) for a in gradients if a.quantity == "weight"}
    return FilterState(moved, gradients, start, inactive)


def parameters_of(network: Network, seed: int) -> Parameters:
    """Fresh parameters."""
    return initialize(network, seed=seed)


def history_of(network: Network, rows: int, seed: int = 0) -> History:
    """A falling loss with noise, validated every tenth update."""
    random = np.random.default_rng(seed)
    tensors = tensors_of(network)
    history = History(tensors)
    for iteration in range(1, rows + 1):
        loss = 2.3 / iteration**0.5 + 0.05 * random.random()
        norms = tuple(10.0 ** random.uniform(-4, 0, len(tensors)))
        correct = min(32, iteration // 4)
        weights = (1.0,) * len(tensors)
        history.add(
            Measured(iteration, 1 + iteration // 50, loss, 0.02, correct, 32, norms, norms, weights)
        )
        if iteration % 10 == 0:
            history.add_validated(Validated(iteration, loss * 1.1, 0.5, None))
    return history


def curves_of(network: Network, rows: int = 120, title: str = "first", seed: int = 0) -> RunCurves:
    """A run with a changed setting and an alert."""
    marks = (
        CurveMark(40, "learning rate 0.02 → 0.3", until=50),
        CurveMark(90, "ReLU relu2: 12 of 16 maps inactive", is_alert=True),
    )
    return run_curves(title, history_of(network, rows, seed), marks)
