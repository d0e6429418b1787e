"""Optimizers as pure updates: old weight, gradient, old state → new state, step, new weight.

A gradient is not an update: the step is −learning rate × gradient only for plain SGD.
Conventions are PyTorch's (torch.optim).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Protocol, TypeAlias

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.elementwise import elementwise_nest
from backpropviz.engine.fields import from_fields
from backpropviz.engine.nest import Nest, Operand
from backpropviz.engine.operands import Constant
from backpropviz.errors import UserError

OptimizerState: TypeAlias = Mapping[str, Array]
"""A parameter's state by name: `velocity`, `moment1`, …"""


@dataclass(frozen=True, slots=True, eq=False)
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


@dataclass(frozen=True, slots=True)
class Sgd:
    """g ← ∂L/∂w + λ·w;  v ← μ·v + g;  step = −η·v, or with Nesterov −η·(g + μ·v).

    Source: Sutskever, Martens, Dahl, Hinton: On the importance of initialization and momentum in
    deep learning, 2013, in PyTorch's form.
    """

    kind: ClassVar[str] = "sgd"
    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Refuse settings without meaning."""
        check_not_negative("learning rate", self.learning_rate)
        check_not_negative("momentum", self.momentum)
        check_not_negative("weight decay", self.weight_decay)
        if self.nesterov and not self.momentum:
            raise UserError("Nesterov needs a momentum above 0.")

    def initial_state(self, parameter: Array) -> OptimizerState:
        """A velocity of 0, where there is momentum."""
        return {"velocity": np.zeros_like(parameter)} if self.momentum else {}

    def update(
        self, parameter: Array, gradient: Array, state: OptimizerState, iteration: int
    ) -> Update:
        """One update."""
        parts: dict[str, Array] = {}
        if self.weight_decay:
            gradient = parts["decayed"] = gradient + self.weight_decay * parameter
        direction = gradient
        if self.momentum:
            velocity = self.momentum * state["velocity"]
            velocity += gradient
            parts["velocity"] = velocity
            direction = gradient + self.momentum * velocity if self.nesterov else velocity
        return Update(parts, -self.learning_rate * direction)

    def nests(self, parameter: Address, shape: Shape, iteration: int) -> tuple[Nest, ...]:
        """decayed, velocity, step as far as the settings use them."""
        gradient, nests = decay_nests(parameter, shape, self.weight_decay)
        if self.momentum:
            nests = (*nests, self._velocity_nest(parameter, shape, gradient))
        return (*nests, self._step_nest(parameter, shape, gradient))

    def _velocity_nest(self, parameter: Address, shape: Shape, gradient: Address) -> Nest:
        return elementwise_nest(
            parameter.of("velocity"),
            shape,
            (Constant("μ", self.momentum), parameter.of("velocity_before"), gradient),
            "{0} · {1} + {2}",
            lambda m, v, g: m * v + g,
            "The velocity remembers earlier gradients.",
        )

    def _step_nest(self, parameter: Address, shape: Shape, gradient: Address) -> Nest:
        rate, momentum = Constant("η", self.learning_rate), Constant("μ", self.momentum)
        velocity = parameter.of("velocity")
        operands: tuple[Operand | Address, ...] = (rate, velocity if self.momentum else gradient)
        expression = "−{0} · {1}"
        function: Callable[..., Array] = _scaled_down
        if self.nesterov:
            operands = (rate, gradient, momentum, velocity)
            expression, function = "−{0} · ({1} + {2} · {3})", _looked_ahead
        remark = "The gradient points uphill; the step goes down."
        return elementwise_nest(parameter.of("step"), shape, operands, expression, function, remark)


@dataclass(frozen=True, slots=True)
class Adam:
    """g ← ∂L/∂w + λ·w;  m ← β₁·m + (1 − β₁)·g;  v ← β₂·v + (1 − β₂)·g².

    step = −η · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε) in the t-th update.
    Source: Kingma, Ba: Adam: a method for stochastic optimization, 2015, in PyTorch's form.
    """

    kind: ClassVar[str] = "adam"
    learning_rate: float = 0.001
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Refuse settings without meaning."""
        check_not_negative("learning rate", self.learning_rate)
        check_not_negative("eps", self.eps)
        check_not_negative("weight decay", self.weight_decay)
        if not all(0 <= beta < 1 for beta in self.betas):
            raise UserError(f"betas = {list(self.betas)} must be at least 0 and below 1.")

    def initial_state(self, parameter: Array) -> OptimizerState:
        """Both moments 0."""
        return {"moment1": np.zeros_like(parameter), "moment2": np.zeros_like(parameter)}

    def update(
        self, parameter: Array, gradient: Array, state: OptimizerState, iteration: int
    ) -> Update:
        """One update."""
        parts: dict[str, Array] = {}
        if self.weight_decay:
            gradient = parts["decayed"] = gradient + self.weight_decay * parameter
        beta1, beta2 = self.betas
        mean = parts["moment1"] = beta1 * state["moment1"] + (1 - beta1) * gradient
        square = parts["moment2"] = beta2 * state["moment2"] + (1 - beta2) * np.square(gradient)
        return Update(parts, self._step(mean, square, *self._corrections(iteration)))

    def nests(self, parameter: Address, shape: Shape, iteration: int) -> tuple[Nest, ...]:
        """decayed where there is decay, moment1, moment2, step."""
        gradient, nests = decay_nests(parameter, shape, self.weight_decay)
        return (
            *nests,
            self._moment_nest(parameter, shape, gradient, 1),
            self._moment_nest(parameter, shape, gradient, 2),
            self._step_nest(parameter, shape, iteration),
        )

    def _corrections(self, iteration: int) -> tuple[float, float]:
        """1 − β₁ᵗ and 1 − β₂ᵗ: they make up for the moments' start at 0."""
        return 1 - self.betas[0] ** iteration, 1 - self.betas[1] ** iteration

    def _step(self, mean: Array, square: Array, correction1: float, correction2: float) -> Array:
        scale = np.sqrt(square / correction2) + self.eps
        return np.asarray(-self.learning_rate * (mean / correction1) / scale)

    def _moment_nest(self, parameter: Address, shape: Shape, gradient: Address, order: int) -> Nest:
        digit, beta = "₁₂"[order - 1], self.betas[order - 1]
        power = "" if order == 1 else "²"
        return elementwise_nest(
            parameter.of(f"moment{order}"),
            shape,
            (
                Constant(f"β{digit}", beta),
                parameter.of(f"moment{order}_before"),
                Constant(f"1 − β{digit}", 1 - beta),
                gradient,
            ),
            "{0} · {1} + {2} · {3}" + power,
            lambda b, before, rest, g: b * before + rest * g**order,
            f"A running mean of the gradient{'' if order == 1 else ' squared'}.",
        )

    def _step_nest(self, parameter: Address, shape: Shape, iteration: int) -> Nest:
        corrections = self._corrections(iteration)
        return elementwise_nest(
            parameter.of("step"),
            shape,
            (
                Constant("η", self.learning_rate),
                parameter.of("moment1"),
                Constant("1 − β₁ᵗ", corrections[0]),
                parameter.of("moment2"),
                Constant("1 − β₂ᵗ", corrections[1]),
                Constant("ε", self.eps),
            ),
            "−{0} · ({1} / {2}) / (√({3} / {4}) + {5})",
            lambda r, m, c1, v, c2, e: -r * (m / c1) / (np.sqrt(v / c2) + e),
            "The mean gradient, measured in units of its usual size, goes down.",
        )


OPTIMIZERS = (Sgd, Adam)


def optimizer_kinds() -> Mapping[str, type[Optimizer]]:
    """Every optimizer class by its kind."""
    return MappingProxyType({cls.kind: cls for cls in OPTIMIZERS})


def optimizer_from_fields(fields: Mapping[str, object], where: str = "optimizer") -> Optimizer:
    """The optimizer that a JSON object describes.

    Raises:
        UserError: the kind or a field is unknown, of a wrong type or out of range.
    """
    return from_fields(optimizer_kinds(), fields, "optimizer", where)


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
        "{0} + {1} · {2}",
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
        "{0} + {1}",
        lambda w, step: w + step,
        "The weight takes the step.",
    )


def _scaled_down(rate: Array, direction: Array) -> Array:
    return np.asarray(-rate * direction)


def _looked_ahead(rate: Array, gradient: Array, momentum: Array, velocity: Array) -> Array:
    return np.asarray(-rate * (gradient + momentum * velocity))
