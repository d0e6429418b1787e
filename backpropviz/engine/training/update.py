"""Training, one update after the other: each is a value, nothing is changed in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Protocol, TypeAlias

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, freeze
from backpropviz.engine.backprop import Forward, Parameters, backward, forward
from backpropviz.engine.data import Batch, Batches
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.protocol import LayerParameters
from backpropviz.engine.mode import EVAL, Mode, with_mode
from backpropviz.engine.network import Network
from backpropviz.engine.optimizer import Optimizer, OptimizerState
from backpropviz.frozen import frozen

Schedule: TypeAlias = Callable[[int], Optimizer]
"""The optimizer of the n-th update (from 1): how a learning rate falls."""
Workspaces: TypeAlias = Mapping[str, Workspace]
"""Buffers by layer; what a pass leaves in them lasts until the next one."""


@frozen(eq=False)
class Trained:
    """Where training stands after `iteration` updates; `loss` is from before the last of them."""

    parameters: Parameters
    states: Mapping[Address, OptimizerState] = field(default_factory=dict)
    iteration: int = 0
    loss: float | None = None


class Watch(Protocol):
    """Is shown an update while it is made; the arrays are good only until it returns."""

    def passed(self, run: Forward) -> None:
        """The forward pass."""

    def stepped(self, parameter: Address, weight: Array, gradient: Array, step: Array) -> None:
        """What is about to happen to a parameter: weight + step."""


def train(
    network: Network,
    start: Trained,
    batches: Batches,
    optimizer: Optimizer | Schedule,
    *,
    seed: int = 0,
) -> Iterator[Trained]:
    """Train without end: the state after each further update; take as many as wanted.

    Going on from any yielded state gives what would have come without the stop. The n-th update is
    a pass in `Mode(True, seed, n)`.
    """
    workspaces = layer_workspaces(network)
    now = start
    while True:
        iteration = now.iteration + 1
        rule = optimizer(iteration) if callable(optimizer) else optimizer
        network = with_mode(network, Mode(True, seed, iteration))
        now = updated(network, now, batches.batch(iteration), rule, iteration, workspaces)
        yield now


def layer_workspaces(network: Network) -> Workspaces:
    """Buffers for repeated passes: results by layer, scratch in common."""
    shared = Workspace()
    return {node.name: shared.scope(node.name) for node in network.nodes}


def updated(
    network: Network,
    now: Trained,
    batch: Batch,
    optimizer: Optimizer,
    age: int,
    workspaces: Workspaces,
    watch: Watch | None = None,
) -> Trained:
    """The next state: both passes over a batch and the `age`-th update of the optimizer."""
    target = network.loss.target(
        batch.targets, (len(batch.images), *network.shapes[network.output])
    )
    run = forward(network, now.parameters, batch.images, target, workspaces)
    if watch is not None:
        watch.passed(run)
    gradients = backward(network, now.parameters, run, workspaces, needs_image=False).parameters
    parameters: dict[str, dict[str, Array]] = {}
    states: dict[Address, OptimizerState] = {}
    for layer, own in now.parameters.items():
        parameters[layer] = {**own, **_next_buffers(network, layer, run, own)}
        for name, gradient in gradients[layer].items():
            if name not in own:  # a sum that the way back needed, of no parameter
                continue
            parameter, address = own[name], Address(layer, name)
            state = now.states.get(address) or optimizer.initial_state(parameter)
            update = optimizer.update(parameter, gradient, state, age)
            if watch is not None:
                watch.stepped(address, parameter, gradient, update.step)
            # The step becomes the parameter: a large array costs more to allocate than to add up.
            parameters[layer][name] = freeze(np.add(parameter, update.step, out=update.step))
            states[address] = {part: freeze(update.parts[part]) for part in state}
    return Trained(parameters, states, now.iteration + 1, float(run.loss))


def _next_buffers(
    network: Network, layer: str, run: Forward, own: LayerParameters
) -> dict[str, Array]:
    if layer not in network.buffered:
        return {}
    found = network.buffered[layer].next_buffers(run.residuals[layer], own)
    return {name: freeze(array) for name, array in found.items()}


def predict(network: Network, parameters: Parameters, images: Array, size: int = 250) -> Array:
    """The network's output for each image, in use (not in training), in batches of `size`."""
    network = with_mode(network, EVAL)
    workspaces = layer_workspaces(network)
    outputs = []
    for first in range(0, len(images), size):
        values = images[first : first + size]
        for_layer = {"image": values}
        for node in network.nodes:
            inputs = tuple(for_layer[source] for source in node.inputs)
            for_layer[node.name], _ = node.layer.forward(
                inputs, parameters.get(node.name, {}), workspaces[node.name]
            )
        outputs.append(for_layer[network.output].copy())
    return np.concatenate(outputs)


def accuracy(network: Network, parameters: Parameters, images: Array, labels: Array) -> float:
    """The share of images whose largest output is the label's."""
    guesses = predict(network, parameters, images).argmax(axis=1)
    return float((guesses == labels).mean())
