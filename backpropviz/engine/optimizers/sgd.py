"""Stochastic gradient descent, with momentum, Nesterov's or plain, and weight decay."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from backpropviz.engine.nest import Nest
from backpropviz.engine.operands import Constant, elementwise_nest
from backpropviz.engine.optimizers.optimizer import (
    DECAYED,
    OptimizerKind,
    OptimizerState,
    Part,
    Update,
    check_not_negative,
    decay_nests,
    velocity,
)
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


def _torch_settings(rule: Sgd) -> str:
    settings = f"lr={rule.learning_rate!r}"
    settings += f", momentum={rule.momentum!r}" if rule.momentum else ""
    settings += ", nesterov=True" if rule.nesterov else ""
    return settings + (f", weight_decay={rule.weight_decay!r}" if rule.weight_decay else "")


@frozen
class Sgd:
    """g ← ∂L/∂w + λ·w;  v ← μ·v + g;  step = −η·v, or with Nesterov −η·(g + μ·v).

    Source: Sutskever, Martens, Dahl, Hinton: On the importance of initialization and momentum in
    deep learning, 2013, in PyTorch's form.
    """

    kind: ClassVar[str] = "sgd"
    about: ClassVar[OptimizerKind] = OptimizerKind(
        "SGD",
        1951,
        "SGD",
        _torch_settings,
        lambda rule: {
            "lr": rule.learning_rate,
            "momentum": rule.momentum,
            "decay": rule.weight_decay,
        },
        {
            "decayed": DECAYED,
            "velocity": Part(
                "v",
                "velocity",
                lambda told: velocity(told, told.optimizer.momentum),
                "momentum_buffer",
            ),
        },
        {"learning_rate": 0.02, "momentum": 0.9},
    )
    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
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
            kept = self.momentum * state["velocity"]
            kept += gradient
            parts["velocity"] = kept
            direction = gradient + self.momentum * kept if self.nesterov else kept
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
            lambda m, v, g: m * v + g,
            "The velocity remembers earlier gradients.",
        )

    def _step_nest(self, parameter: Address, shape: Shape, gradient: Address) -> Nest:
        rate, kept = Constant("η", self.learning_rate), parameter.of("velocity")
        target, remark = parameter.of("step"), "The gradient points uphill; the step goes down."
        if self.nesterov:
            given = (rate, gradient, Constant("μ", self.momentum), kept)
            return elementwise_nest(
                target, shape, given, lambda r, g, m, v: -r * (g + m * v), remark
            )
        direction = kept if self.momentum else gradient
        return elementwise_nest(target, shape, (rate, direction), lambda r, d: -r * d, remark)


OPTIMIZERS = (Sgd,)
