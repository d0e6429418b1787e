"""Training, one update after the other: each is a value, nothing is changed in place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, fields, replace
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, TypeAlias, cast

import numpy as np

from backpropviz.document import KIND_FIELD, JsonPlace, Value, to_fields
from backpropviz.engine.backprop import Forward, Parameters, backward, forward
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.configuration import positive
from backpropviz.engine.kinds.protocol import LayerParameters
from backpropviz.engine.model import EVAL, Mode, with_mode
from backpropviz.engine.network import Network
from backpropviz.engine.optimizers import Optimizer, OptimizerState
from backpropviz.engine.optimizers.optimizer import check_not_negative
from backpropviz.engine.training.samples import Batch, Batches
from backpropviz.engine.value import Address, Array, freeze
from backpropviz.frozen import Setting, frozen, setting

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


class UpdateObserver(Protocol):
    """Is shown an update while it is made; the arrays are good only until it returns."""

    def passed(self, run: Forward) -> None: ...

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
    watch: UpdateObserver | None = None,
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


class Curve(Protocol):
    """A learning rate's course, as a factor on it."""

    kind: ClassVar[str]

    def __call__(self, iteration: int) -> float:
        """The factor of the `iteration`-th update (from 1)."""


@frozen
class ConstantRate:
    """Always the same factor."""

    kind: ClassVar[str] = "constant"
    factor: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a rate that would climb the loss."""
        check_not_negative("factor", self.factor)

    def __call__(self, iteration: int) -> float:
        return self.factor


@frozen
class StepDecay:
    """γ^⌊t/every⌋ after t updates: a fall by γ every so many updates."""

    kind: ClassVar[str] = "step"
    every: int = setting(Setting("every … updates"))
    factor: float = setting(Setting("by factor"), default=0.1)

    def __post_init__(self) -> None:
        positive("every", self.every)
        check_not_negative("factor", self.factor)

    def __call__(self, iteration: int) -> float:
        return float(self.factor ** ((iteration - 1) // self.every))


@frozen
class Cosine:
    """least + (1 − least) · (1 + cos(π·t/T)) / 2 after t of T updates; then it stays at `least`.

    If `mirrored` it climbs back in the next T updates, and so on, as PyTorch's CosineAnnealingLR.
    Source: Loshchilov, Hutter: SGDR, 2017.
    """

    kind: ClassVar[str] = "cosine"
    updates: int = setting(Setting("over updates"))
    least: float = setting(Setting("down to factor"), default=0.0)
    mirrored: bool = False

    def __post_init__(self) -> None:
        positive("updates", self.updates)
        check_not_negative("least", self.least)

    def __call__(self, iteration: int) -> float:
        part = (iteration - 1) / self.updates
        part = part if self.mirrored else min(part, 1.0)
        return self.least + (1 - self.least) * (1 + math.cos(math.pi * part)) / 2


@frozen
class WarmUp:
    """start + (1 − start) · t/T after t of T updates; then 1."""

    kind: ClassVar[str] = "warm_up"
    updates: int = setting(Setting("over updates"))
    start: float = setting(Setting("from factor"), default=0.0)

    def __post_init__(self) -> None:
        positive("updates", self.updates)
        check_not_negative("start", self.start)

    def __call__(self, iteration: int) -> float:
        part = min((iteration - 1) / self.updates, 1.0)
        return self.start + (1 - self.start) * part


@frozen
class Then:
    """One curve for so many updates, then another one, which begins at its own beginning."""

    kind: ClassVar[str] = "then"
    first: Curve
    updates: int = setting(Setting("over updates"))
    second: Curve

    def __post_init__(self) -> None:
        positive("updates", self.updates)

    def __call__(self, iteration: int) -> float:
        """The factor of the part that the update lies in."""
        if iteration <= self.updates:
            return self.first(iteration)
        return self.second(iteration - self.updates)


@frozen
class Product:
    """Two curves at once: their factors are multiplied."""

    kind: ClassVar[str] = "product"
    first: Curve
    second: Curve

    def __call__(self, iteration: int) -> float:
        """The product of both factors."""
        return self.first(iteration) * self.second(iteration)


CURVES = (ConstantRate, StepDecay, Cosine, WarmUp, Then, Product)
_PARTS = ("first", "second")
_DEEPEST = 16


def curve_kinds() -> Mapping[str, type[Curve]]:
    """Every curve class by its kind."""
    return MappingProxyType({cls.kind: cls for cls in CURVES})


def scheduled(optimizer: Optimizer, curve: Curve) -> Schedule:
    """The optimizer of each update: its learning rate times the curve's factor."""

    def of_update(iteration: int) -> Optimizer:
        rate = optimizer.learning_rate * curve(iteration)
        changed: Optimizer = replace(cast("Any", optimizer), learning_rate=rate)
        return changed

    return of_update


def curve_to_fields(curve: Curve) -> dict[str, object]:
    """The curve as a JSON object, the curves that it is made of within it."""
    if not isinstance(curve, Then | Product):
        return to_fields(curve)
    own = {field.name: getattr(curve, field.name) for field in fields(curve)}
    parts = {name: curve_to_fields(own[name]) for name in _PARTS}
    return {KIND_FIELD: curve.kind, **own, **parts}


def curve_from_fields(given: Mapping[str, object], where: str = "schedule") -> Curve:
    """The curve that a JSON object describes.

    Raises:
        UserError: the kind or a field is unknown, missing, of a wrong type or out of range.
    """
    return read_curve(Value(dict(given), JsonPlace(where, ": ")))


def read_curve(value: Value, depth: int = 0) -> Curve:
    """The curve in a document; errors as for `curve_from_fields`."""
    if not isinstance(value.value, dict):
        raise value.must_be("a schedule, an object with a kind")
    if depth > _DEEPEST:
        raise value.error(f"more than {_DEEPEST} schedules lie in one another.")
    within = {Curve: partial(read_curve, depth=depth + 1)}
    found: Curve = value.configuration(curve_kinds(), "schedule", within)
    return found
