"""Activation functions: one value in, one value out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.elementwise import elementwise_nest
from backpropviz.engine.kernels import elementwise as kernel
from backpropviz.engine.kernels.workspace import FRESH, Workspace
from backpropviz.engine.kinds.configuration import single
from backpropviz.engine.kinds.protocol import LayerNests, LayerParameters, Residuals, Site
from backpropviz.engine.nest import Operand
from backpropviz.engine.operands import Constant
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class Activation(ABC):
    """What all of them share; `kept` is the array from which the slope is computed."""

    kind: ClassVar[str]
    kept: ClassVar[str]
    expression: ClassVar[str]
    slope_expression: ClassVar[str]
    remark: ClassVar[str]

    @abstractmethod
    def apply(self, values: Array, out: Array | None = None) -> Array:
        """f(x)."""

    @abstractmethod
    def pull_back(self, upstream: Array, kept: Array, out: Array | None = None) -> Array:
        """f′(x) · upstream, from the kept input or output."""

    def constants(self) -> tuple[Operand, ...]:
        """What the formulas use besides the values."""
        return ()

    def slope_formula(self) -> str:
        """The formula of the backward pass; a convention may change it."""
        return self.slope_expression

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """That of the input."""
        return single(inputs, "an activation")[0]

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """None."""
        return {}

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """Value by value."""
        (values,) = inputs
        output = (workspace or FRESH).result("output", values.shape, values.dtype)
        self.apply(values, output)
        return output, {self.kept: output if self.kept == "output" else values}

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """f′ · upstream, value by value."""
        if not needs_inputs:
            return (), {}
        gradient = (workspace or FRESH).result("input_gradient", upstream.shape, upstream.dtype)
        self.pull_back(upstream, residuals[self.kept], gradient)
        return (gradient,), {}

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        forward = elementwise_nest(
            site.output,
            site.output_shape,
            (site.input(), *self.constants()),
            self.expression,
            lambda x, *_: self.apply(x),
            self.remark,
        )
        kept = site.output if self.kept == "output" else site.input()
        backward = elementwise_nest(
            site.input().grad,
            site.inputs[0],
            (site.output.grad, kept, *self.constants()),
            self.slope_formula(),
            lambda g, x, *_: self.pull_back(g, x),
            "The slope of the function where it stands scales the upstream gradient.",
        )
        return LayerNests((forward,), (backward,))


SLOPES_AT_ZERO: Mapping[float, str] = {
    0.0: "{0} · [{1} > 0]",
    0.5: "{0} · ([{1} > 0] + [{1} ≥ 0]) / 2",
    1.0: "{0} · [{1} ≥ 0]",
}
"""ReLU′(0), where left and right differ, and the formula of the slope that has it."""


@frozen
class ReLU(Activation):
    """max(x, 0), with slope 0 at 0 as in PyTorch; `at_zero` may choose ½ or 1 instead."""

    kind: ClassVar[str] = "relu"
    kept: ClassVar[str] = "input"
    expression: ClassVar[str] = "max({0}, 0)"
    slope_expression: ClassVar[str] = SLOPES_AT_ZERO[0.0]
    remark: ClassVar[str] = "What is negative becomes 0."
    at_zero: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a slope that lies on neither side nor in the middle."""
        if self.at_zero not in SLOPES_AT_ZERO:
            raise UserError(f"at_zero = {self.at_zero} must be 0, 0.5 or 1.")

    def slope_formula(self) -> str:
        """The slope's formula with its value at 0: the mean of both sides is ½ there."""
        return SLOPES_AT_ZERO[self.at_zero]

    def apply(self, values: Array, out: Array | None = None) -> Array:
        """max(x, 0)."""
        return kernel.relu(values, out)

    def pull_back(self, upstream: Array, kept: Array, out: Array | None = None) -> Array:
        """upstream where x > 0, `at_zero` · upstream where x = 0, else 0."""
        if self.at_zero:
            return kernel.rectifier_gradient(upstream, kept, self.at_zero, out)
        return kernel.relu_gradient(upstream, kept, out)


@frozen
class LeakyReLU(Activation):
    """x where x > 0, else α·x."""

    kind: ClassVar[str] = "leaky_relu"
    kept: ClassVar[str] = "input"
    expression: ClassVar[str] = "{0} if {0} > 0 else {1} · {0}"
    slope_expression: ClassVar[str] = "{0} · (1 if {1} > 0 else {2})"
    remark: ClassVar[str] = "What is negative becomes small."
    negative_slope: float = 0.01

    def __post_init__(self) -> None:
        """Refuse a slope that is not a number."""
        if not np.isfinite(self.negative_slope):
            raise UserError(f"negative_slope = {self.negative_slope} must be a finite number.")

    def constants(self) -> tuple[Operand, ...]:
        """α."""
        return (Constant("α", self.negative_slope),)

    def apply(self, values: Array, out: Array | None = None) -> Array:
        """x or α·x."""
        return kernel.leaky_relu(values, self.negative_slope, out)

    def pull_back(self, upstream: Array, kept: Array, out: Array | None = None) -> Array:
        """upstream or α · upstream."""
        return kernel.leaky_relu_gradient(upstream, kept, self.negative_slope, out)


@frozen
class Sigmoid(Activation):
    """s(x) = 1 / (1 + e⁻ˣ), with slope s·(1 − s)."""

    kind: ClassVar[str] = "sigmoid"
    kept: ClassVar[str] = "output"
    expression: ClassVar[str] = "1 / (1 + exp(−{0}))"
    slope_expression: ClassVar[str] = "{0} · {1} · (1 − {1})"
    remark: ClassVar[str] = "Any number becomes one between 0 and 1."

    def apply(self, values: Array, out: Array | None = None) -> Array:
        """1 / (1 + e⁻ˣ)."""
        return kernel.sigmoid(values, out)

    def pull_back(self, upstream: Array, kept: Array, out: Array | None = None) -> Array:
        """upstream · s · (1 − s)."""
        return kernel.sigmoid_gradient(upstream, kept, out)


@frozen
class Tanh(Activation):
    """t(x) = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), with slope 1 − t²."""

    kind: ClassVar[str] = "tanh"
    kept: ClassVar[str] = "output"
    expression: ClassVar[str] = "tanh({0})"
    slope_expression: ClassVar[str] = "{0} · (1 − {1} · {1})"
    remark: ClassVar[str] = "Any number becomes one between −1 and 1."

    def apply(self, values: Array, out: Array | None = None) -> Array:
        """tanh x."""
        return kernel.tanh(values, out)

    def pull_back(self, upstream: Array, kept: Array, out: Array | None = None) -> Array:
        """upstream · (1 − t²)."""
        return kernel.tanh_gradient(upstream, kept, out)


LAYERS = (ReLU, LeakyReLU, Sigmoid, Tanh)
