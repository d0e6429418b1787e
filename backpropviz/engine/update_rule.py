"""What an optimizer is: old weight, gradient, old state → new state, step, new weight.

A gradient is not an update: the step is −learning rate × gradient only for plain SGD.
Conventions are PyTorch's (torch.optim).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Protocol, TypeAlias

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.elementwise import elementwise_nest
from backpropviz.engine.nest import Nest
from backpropviz.engine.operands import Constant
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


class Optimizer(Protocol):
    """A rule that turns gradients into steps."""

    kind: ClassVar[str]

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
