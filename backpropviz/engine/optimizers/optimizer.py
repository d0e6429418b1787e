"""What an optimizer is: old weight, gradient, old state → new state, step, new weight.

A gradient is not an update: the step is −learning rate × gradient only for plain SGD.
Conventions are PyTorch's (torch.optim).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, ClassVar, Protocol, TypeAlias

from backpropviz.engine.kinds.words import Sentences, Teller, Told
from backpropviz.engine.nest import Nest
from backpropviz.engine.operands import Constant, elementwise_nest
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

OptimizerState: TypeAlias = Mapping[str, Array]
"""A parameter's state by name: `velocity`, `moment1`, …"""


@frozen(eq=False)
class Update:
    """What an optimizer does to one parameter; `next` = weight + step.

    `parts` are the intermediate arrays by part name (the new state among them).
    """

    parts: Mapping[str, Array]
    step: Array


@frozen(eq=False)
class Part:
    """An array that an optimizer keeps or makes of a parameter: its letter, title and sentences."""

    letter: str
    title: str
    says: Teller
    buffer: str = ""
    """What PyTorch calls it in its state."""
    torch: str = ""
    """PyTorch's expression of it, where it is not in that state."""


@frozen(eq=False)
class OptimizerKind:
    """All that is known of a kind of optimizer beside its mathematics."""

    title: str
    year: int
    """When it was published: lists go from the oldest on."""
    torch: str
    """PyTorch's class, in `torch.optim`."""
    torch_settings: Callable[[Any], str]
    code_numbers: Callable[[Any], Mapping[str, float]]
    """The settings that code names."""
    parts: Mapping[str, Part]
    usual: Mapping[str, Any] = field(default_factory=dict)
    """The settings to begin with, where they are not the class's own."""
    torch_counts: bool = False
    """Whether PyTorch's state holds the number of updates."""
    powers: Callable[[Any], Mapping[str, float]] = lambda _: {}
    """Numbers that stand in a constant 1 − xᵗ, by its label: they tell which update it is."""


class Optimizer(Protocol):
    """A rule that turns gradients into steps."""

    kind: ClassVar[str]
    about: ClassVar[OptimizerKind]

    @property
    def learning_rate(self) -> float:
        """How far a step goes."""

    def initial_state(self, parameter: Array) -> OptimizerState:
        """The state before the first update."""

    def update(
        self, parameter: Array, gradient: Array, state: OptimizerState, iteration: int
    ) -> Update:
        """The `iteration`-th update (from 1) of one parameter."""

    def nests(self, parameter: Address, shape: Shape, iteration: int) -> tuple[Nest, ...]:
        """The definitions of the parts and of `step`, in order."""


def _decayed(told: Told) -> Sentences:
    return Sentences(
        f"With weight decay the gradient is {told.said(told.value)}.",
        ("Weight decay adds a share of the weight itself, which pulls it towards 0.",),
    )


def velocity(told: Told, momentum: float, remark: str = "") -> Sentences:
    """What a velocity keeps and takes in."""
    before = told.value_at(told.address.of("velocity_before"))
    gradient = told.value_at(told.address.of("").grad)
    was = f"It was {told.said(before)}, the gradient is {told.said(gradient)}{remark}"
    return Sentences(
        f"The velocity keeps {told.said_exactly(momentum)} of itself and takes in the gradient.",
        (f"{was}, so it is {told.said(told.value)}.",),
    )


def average(of_what: str, why: str) -> Teller:
    """The sentences of a running average."""

    def says(told: Told) -> Sentences:
        value = told.said(told.value)
        return Sentences(f"The running average of the {of_what} is {value}.", (why,))

    return says


DECAYED = Part("g", "gradient with weight decay", _decayed)


def check_not_negative(name: str, value: float) -> None:
    """Refuse a number that is negative or not finite."""
    if not (math.isfinite(value) and value >= 0):
        raise UserError(f"{name} = {value} must be 0 or a positive number.")


def decay_nests(
    parameter: Address, shape: Shape, weight_decay: float
) -> tuple[Address, tuple[Nest, ...]]:
    """Which gradient the update uses, and the nest ∂L/∂w + λ·w where there is decay."""
    if not weight_decay:
        return parameter.grad, ()
    nest = elementwise_nest(
        parameter.of("decayed"),
        shape,
        (parameter.grad, Constant("λ", weight_decay), parameter),
        lambda g, decay, w: g + decay * w,
        "Weight decay pulls every weight towards 0.",
    )
    return nest.target, (nest,)


def next_nest(parameter: Address, shape: Shape) -> Nest:
    """The new weight: weight + step."""
    return elementwise_nest(
        parameter.of("next"),
        shape,
        (parameter, parameter.of("step")),
        lambda w, step: w + step,
        "The weight takes the step.",
    )
