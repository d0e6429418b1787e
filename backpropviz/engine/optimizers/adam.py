"""Adam, and AdamW, whose weight decay stays out of the moments."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from backpropviz.engine.formula import sqrt
from backpropviz.engine.nest import Nest
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
)
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


def _about(name: str, year: int) -> OptimizerKind:
    return OptimizerKind(
        name,
        year,
        name,
        _torch_settings,
        lambda rule: {
            "lr": rule.learning_rate,
            "decay": rule.weight_decay,
            "eps": rule.eps,
            "beta1": rule.betas[0],
            "beta2": rule.betas[1],
        },
        {
            "decayed": DECAYED,
            "moment1": Part(
                "m",
                "first moment",
                average("gradients", "It says which way they agree to go."),
                "exp_avg",
            ),
            "moment2": Part(
                "v",
                "second moment",
                average("squared gradients", "It says how large they usually are."),
                "exp_avg_sq",
            ),
        },
        torch_counts=True,
        powers=lambda rule: {"1 − β₂ᵗ": rule.betas[1], "1 − β₁ᵗ": rule.betas[0]},
    )


def _torch_settings(rule: Adam) -> str:
    settings = f"lr={rule.learning_rate!r}, betas={rule.betas!r}, eps={rule.eps!r}"
    is_told = rule.weight_decay or isinstance(rule, AdamW)
    return settings + (f", weight_decay={rule.weight_decay!r}" if is_told else "")


@frozen
class Adam:
    """g ← ∂L/∂w + λ·w;  m ← β₁·m + (1 − β₁)·g;  v ← β₂·v + (1 − β₂)·g².

    step = −η · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε) in the t-th update.
    Source: Kingma, Ba: Adam: a method for stochastic optimization, 2015, in PyTorch's form.
    """

    kind: ClassVar[str] = "adam"
    about: ClassVar[OptimizerKind] = _about("Adam", 2015)
    learning_rate: float = 0.001
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
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
        parts |= self._moments(gradient, state)
        corrections = self._corrections(iteration)
        return Update(parts, self._step(parts["moment1"], parts["moment2"], *corrections))

    def nests(self, parameter: Address, shape: Shape, iteration: int) -> tuple[Nest, ...]:
        """decayed where there is decay, moment1, moment2, step."""
        gradient, nests = decay_nests(parameter, shape, self.weight_decay)
        return (
            *nests,
            self._moment_nest(parameter, shape, gradient, 1),
            self._moment_nest(parameter, shape, gradient, 2),
            self._step_nest(parameter, shape, iteration),
        )

    def _moments(self, gradient: Array, state: OptimizerState) -> dict[str, Array]:
        beta1, beta2 = self.betas
        return {
            "moment1": beta1 * state["moment1"] + (1 - beta1) * gradient,
            "moment2": beta2 * state["moment2"] + (1 - beta2) * np.square(gradient),
        }

    def _corrections(self, iteration: int) -> tuple[float, float]:
        """1 − β₁ᵗ and 1 − β₂ᵗ: they make up for the moments' start at 0."""
        return 1 - self.betas[0] ** iteration, 1 - self.betas[1] ** iteration

    def _step(self, mean: Array, square: Array, correction1: float, correction2: float) -> Array:
        scale = np.sqrt(square / correction2) + self.eps
        return np.asarray(-self.learning_rate * (mean / correction1) / scale)

    def _moment_nest(self, parameter: Address, shape: Shape, gradient: Address, order: int) -> Nest:
        digit, beta = "₁₂"[order - 1], self.betas[order - 1]
        return elementwise_nest(
            parameter.of(f"moment{order}"),
            shape,
            (
                Constant(f"β{digit}", beta),
                parameter.of(f"moment{order}_before"),
                Constant(f"1 − β{digit}", 1 - beta),
                gradient,
            ),
            lambda b, before, rest, g: b * before + rest * g**order,
            f"A running mean of the gradient{'' if order == 1 else ' squared'}.",
        )

    def _in_units(self, parameter: Address, iteration: int) -> tuple[Address | Constant, ...]:
        """The operands of (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)."""
        first, second = self._corrections(iteration)
        return (
            parameter.of("moment1"),
            Constant("1 − β₁ᵗ", first),
            parameter.of("moment2"),
            Constant("1 − β₂ᵗ", second),
            Constant("ε", self.eps),
        )

    def _step_nest(self, parameter: Address, shape: Shape, iteration: int) -> Nest:
        return elementwise_nest(
            parameter.of("step"),
            shape,
            (Constant("η", self.learning_rate), *self._in_units(parameter, iteration)),
            lambda r, m, c1, v, c2, e: -r * (m / c1) / (sqrt(v / c2) + e),
            "The mean gradient, measured in units of its usual size, goes down.",
        )


@frozen
class AdamW(Adam):
    """Adam without decay in its gradient; step = −η · (λ·w + m̂ / (√v̂ + ε)).

    Source: Loshchilov, Hutter: Decoupled weight decay regularization, 2019, in PyTorch's form.
    """

    kind: ClassVar[str] = "adamw"
    about: ClassVar[OptimizerKind] = _about("AdamW", 2019)
    weight_decay: float = 0.01

    def update(
        self, parameter: Array, gradient: Array, state: OptimizerState, iteration: int
    ) -> Update:
        """One update."""
        parts = self._moments(gradient, state)
        step = self._step(parts["moment1"], parts["moment2"], *self._corrections(iteration))
        return Update(parts, step - self.learning_rate * self.weight_decay * parameter)

    def nests(self, parameter: Address, shape: Shape, iteration: int) -> tuple[Nest, ...]:
        """moment1, moment2, step."""
        return (
            self._moment_nest(parameter, shape, parameter.grad, 1),
            self._moment_nest(parameter, shape, parameter.grad, 2),
            self._decoupled_nest(parameter, shape, iteration),
        )

    def _decoupled_nest(self, parameter: Address, shape: Shape, iteration: int) -> Nest:
        decay = (Constant("λ", self.weight_decay), parameter)
        units = self._in_units(parameter, iteration)
        return elementwise_nest(
            parameter.of("step"),
            shape,
            (Constant("η", self.learning_rate), *decay, *units),
            lambda r, d, w, m, c1, v, c2, e: -r * (d * w + (m / c1) / (sqrt(v / c2) + e)),
            "The mean gradient in units of its usual size goes down, and so does the weight.",
        )


OPTIMIZERS = (Adam, AdamW)
