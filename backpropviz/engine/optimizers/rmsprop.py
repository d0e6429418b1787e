"""RMSProp: the gradient in units of its usual size."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from backpropviz.engine.formula import Formula, maximum, sqrt
from backpropviz.engine.kinds.words import Sentences, Told
from backpropviz.engine.nest import Nest, Operand
from backpropviz.engine.operands import Constant, elementwise_nest
from backpropviz.engine.optimizers.optimizer import (
    DECAYED,
    OptimizerKind,
    OptimizerState,
    Part,
    Update,
    average,
    check_not_negative,
    decay_nests,
    velocity,
)
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


def _torch_settings(rule: RmsProp) -> str:
    settings = f"lr={rule.learning_rate!r}, alpha={rule.alpha!r}, eps={rule.eps!r}"
    settings += f", momentum={rule.momentum!r}" if rule.momentum else ""
    settings += ", centered=True" if rule.centered else ""
    return settings + (f", weight_decay={rule.weight_decay!r}" if rule.weight_decay else "")


def _varies(told: Told) -> Sentences:
    bold = f"The gradient varies about its mean by {told.said(told.value)}, squared."
    return Sentences(bold, (told.derivation.nest.remark,))


@frozen
class RmsProp:
    """g ← ∂L/∂w + λ·w;  s ← α·s + (1 − α)·g²;  step = −η · g / (√s + ε).

    With `centered` the mean gradient a ← α·a + (1 − α)·g is taken off: the root is that of the
    variance max(s − a², 0), which rounding alone could make negative where gradients are steady.
    With momentum v ← μ·v + g / (√s + ε) and step = −η·v.
    Source: Hinton: Neural networks for machine learning, lecture 6, 2012, in PyTorch's form.
    """

    kind: ClassVar[str] = "rmsprop"
    about: ClassVar[OptimizerKind] = OptimizerKind(
        "RMSProp",
        2012,
        "RMSprop",
        _torch_settings,
        lambda rule: {
            "lr": rule.learning_rate,
            "momentum": rule.momentum,
            "decay": rule.weight_decay,
            "eps": rule.eps,
            "alpha": rule.alpha,
        },
        {
            "decayed": DECAYED,
            "square_average": Part(
                "s",
                "square average",
                average("squared gradients", "It says how large they usually are."),
                "square_avg",
            ),
            "gradient_average": Part(
                "a",
                "gradient average",
                average("gradients", "Taken off, it leaves how much they vary."),
                "grad_avg",
            ),
            "gradient_variance": Part(
                "r",
                "gradient variance",
                _varies,
                torch='(optimizer.state[w]["square_avg"]'
                ' - optimizer.state[w]["grad_avg"] ** 2).clamp(min=0)',
            ),
            "velocity": Part(
                "v",
                "velocity",
                lambda told: velocity(
                    told, told.optimizer.momentum, ", taken in units of its usual size"
                ),
                "momentum_buffer",
            ),
        },
        torch_counts=True,
    )
    learning_rate: float = 0.01
    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    centered: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_not_negative("learning rate", self.learning_rate)
        check_not_negative("eps", self.eps)
        check_not_negative("momentum", self.momentum)
        check_not_negative("weight decay", self.weight_decay)
        if not 0 <= self.alpha < 1:
            raise UserError(f"alpha = {self.alpha} must be at least 0 and below 1.")

    def initial_state(self, parameter: Array) -> OptimizerState:
        """All means 0, and the velocity where there is momentum."""
        names = ["square_average"]
        names += ["gradient_average"] if self.centered else []
        names += ["velocity"] if self.momentum else []
        return {name: np.zeros_like(parameter) for name in names}

    def update(
        self, parameter: Array, gradient: Array, state: OptimizerState, iteration: int
    ) -> Update:
        """One update."""
        parts: dict[str, Array] = {}
        if self.weight_decay:
            gradient = parts["decayed"] = gradient + self.weight_decay * parameter
        rest = 1 - self.alpha
        spread = self.alpha * state["square_average"] + rest * np.square(gradient)
        parts["square_average"] = spread
        if self.centered:
            mean = self.alpha * state["gradient_average"] + rest * gradient
            parts["gradient_average"] = mean
            spread = parts["gradient_variance"] = np.maximum(spread - np.square(mean), 0)
        direction = gradient / (np.sqrt(spread) + self.eps)
        if self.momentum:
            direction = parts["velocity"] = self.momentum * state["velocity"] + direction
        return Update(parts, -self.learning_rate * direction)

    def nests(self, parameter: Address, shape: Shape, iteration: int) -> tuple[Nest, ...]:
        """decayed, the averages, gradient_variance, velocity, step as far as they are used."""
        gradient, nests = decay_nests(parameter, shape, self.weight_decay)
        found = [*nests, self._average(parameter, shape, gradient, "square_average")]
        if self.centered:
            found.append(self._average(parameter, shape, gradient, "gradient_average"))
            found.append(_variance(parameter, shape))
        if self.momentum:
            found.append(self._velocity(parameter, shape, gradient))
        return (*found, self._step(parameter, shape, gradient))

    def _average(self, parameter: Address, shape: Shape, gradient: Address, name: str) -> Nest:
        order = 2 if name == "square_average" else 1
        return elementwise_nest(
            parameter.of(name),
            shape,
            (
                Constant("α", self.alpha),
                parameter.of(f"{name}_before"),
                Constant("1 − α", 1 - self.alpha),
                gradient,
            ),
            lambda a, before, rest, g: a * before + rest * g**order,
            f"A running mean of the gradient{' squared' if order == 2 else ''}.",
        )

    def _velocity(self, parameter: Address, shape: Shape, gradient: Address) -> Nest:
        operands = self._scaled(parameter, gradient)
        return elementwise_nest(
            parameter.of("velocity"),
            shape,
            (Constant("μ", self.momentum), parameter.of("velocity_before"), *operands),
            lambda m, before, *given: m * before + _in_units(*given),
            "The velocity remembers earlier gradients, each in units of its usual size.",
        )

    def _step(self, parameter: Address, shape: Shape, gradient: Address) -> Nest:
        rate = Constant("η", self.learning_rate)
        if self.momentum:
            return elementwise_nest(
                parameter.of("step"),
                shape,
                (rate, parameter.of("velocity")),
                lambda r, velocity: -r * velocity,
                "The velocity points uphill; the step goes down.",
            )
        operands = self._scaled(parameter, gradient)
        return elementwise_nest(
            parameter.of("step"),
            shape,
            (rate, *operands),
            lambda r, *given: -r * _in_units(*given),
            "The gradient, measured in units of its usual size, goes down.",
        )

    def _scaled(self, parameter: Address, gradient: Address) -> tuple[Operand | Address, ...]:
        """The operands of g / (√s + ε)."""
        spread = parameter.of("gradient_variance" if self.centered else "square_average")
        return gradient, Constant("ε", self.eps), spread


def _variance(parameter: Address, shape: Shape) -> Nest:
    return elementwise_nest(
        parameter.of("gradient_variance"),
        shape,
        (parameter.of("square_average"), parameter.of("gradient_average")),
        lambda square, mean: maximum(square - mean**2, 0),
        "How much the gradient varies about its mean; never below 0, whatever rounding leaves.",
    )


def _in_units(gradient: Formula, eps: Formula, spread: Formula) -> Formula:
    return gradient / (sqrt(spread) + eps)


OPTIMIZERS = (RmsProp,)
