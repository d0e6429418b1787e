"""Activation functions: one value in, one value out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar, Literal, TypeAlias, get_args

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.elementwise import elementwise_nest
from backpropviz.engine.index import constant
from backpropviz.engine.kernels import elementwise as kernel
from backpropviz.engine.kernels import smooth
from backpropviz.engine.kernels.normalization import channel_sum
from backpropviz.engine.kernels.workspace import FRESH, Workspace
from backpropviz.engine.kinds.configuration import single
from backpropviz.engine.kinds.protocol import Layer, LayerNests, LayerParameters, Residuals, Site
from backpropviz.engine.kink import Crossing, Flip, KinkFinder
from backpropviz.engine.lettered import Lettering, sizes_of
from backpropviz.engine.nest import (
    Computed,
    Coordinates,
    Factor,
    Nest,
    Operand,
    Region,
    Rule,
    Values,
)
from backpropviz.engine.operands import Cell, Constant
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


class RectifierKinks:
    """The slope changes at 0; at 0 it is that of the left side, unless the layer says `at_zero`."""

    def between(
        self, name: str, layer: Layer, base: Residuals, minus: Residuals, plus: Residuals
    ) -> Iterator[Crossing]:
        """Units that are on both sides of 0, or leave an exact 0 to where the slope is another."""
        low, here, high = minus["input"], base["input"], plus["input"]
        lowest = np.minimum(np.minimum(low, high), here)
        highest = np.maximum(np.maximum(low, high), here)
        at_zero = getattr(layer, "at_zero", 0.0)
        leaves = ((highest > 0) & (at_zero < 1)) | ((lowest < 0) & (at_zero > 0))
        crossed = ((lowest < 0) & (highest > 0)) | ((here == 0) & leaves)
        for cell in _cells(crossed):
            before, after = float(low[cell]), float(high[cell])
            yield Flip(Address(name, "input", "", cell), before, after)


def _cells(mask: Array) -> Iterator[Coordinates]:
    return (tuple(int(i) for i in cell) for cell in np.argwhere(mask))


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


Approximation: TypeAlias = Literal["none", "tanh"]


_GELU = "{0} · (1 + erf({0} / √(2))) / 2"


_GELU_SLOPE = "{0} · ((1 + erf({1} / √(2))) / 2 + {1} · exp(−({1}²) / 2) / √(2 · {2}))"


_BENT = "√(2 / {p}) · ({x} + 0.044715 · {x}³)"


_GELU_TANH = "{0} · (1 + tanh(" + _BENT.format(x="{0}", p="{1}") + ")) / 2"


_GELU_TANH_SLOPE = (
    "{0} · ((1 + tanh(#)) / 2 + {1} · (1 − tanh(#)²) / 2 · √(2 / {2}) · (1 + 0.134145 · {1}²))"
).replace("#", _BENT.format(x="{1}", p="{2}"))


@frozen
class GELU(Activation):
    """x · Φ(x), Φ being the normal distribution, or its approximation by tanh.

    Source: Hendrycks, Gimpel: Gaussian error linear units, 2016.
    """

    kind: ClassVar[str] = "gelu"
    kept: ClassVar[str] = "input"
    expression: ClassVar[str] = _GELU
    slope_expression: ClassVar[str] = _GELU_SLOPE
    remark: ClassVar[str] = "A value is weighted with the share of all values that lie below it."
    approximate: Approximation = "none"

    def __post_init__(self) -> None:
        """Refuse another approximation."""
        if self.approximate not in get_args(Approximation):
            raise UserError(f"approximate = “{self.approximate}” must be “none” or “tanh”.")

    def constants(self) -> tuple[Operand, ...]:
        """π."""
        return (Constant("π", math.pi),)

    def slope_formula(self) -> str:
        """That of the function or of its approximation."""
        return _GELU_TANH_SLOPE if self.approximate == "tanh" else _GELU_SLOPE

    def apply(self, values: Array, out: Array | None = None) -> Array:
        """x · Φ(x)."""
        if self.approximate == "tanh":
            return smooth.gelu_tanh(values, out)
        return smooth.gelu(values, out)

    def pull_back(self, upstream: Array, kept: Array, out: Array | None = None) -> Array:
        """upstream · (Φ(x) + x · Φ′(x))."""
        if self.approximate == "tanh":
            return smooth.gelu_tanh_gradient(upstream, kept, out)
        return smooth.gelu_gradient(upstream, kept, out)

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        found = Activation.nests(self, site)
        if self.approximate == "none":
            return found
        (output,) = found.forward
        return LayerNests((replace(output, expression=_GELU_TANH),), found.backward)


@frozen
class SiLU(Activation):
    """x · s(x) with s(x) = 1 / (1 + e⁻ˣ), also called swish; its slope is s · (1 + x · (1 − s))."""

    kind: ClassVar[str] = "silu"
    kept: ClassVar[str] = "input"
    expression: ClassVar[str] = "{0} / (1 + exp(−{0}))"
    slope_expression: ClassVar[str] = "{0} · (1 + {1} / (1 + exp({1}))) / (1 + exp(−{1}))"
    remark: ClassVar[str] = "A value is weighted with a number between 0 and 1 that grows with it."

    def apply(self, values: Array, out: Array | None = None) -> Array:
        """x · s(x)."""
        return smooth.silu(values, out)

    def pull_back(self, upstream: Array, kept: Array, out: Array | None = None) -> Array:
        """upstream · s · (1 + x · (1 − s))."""
        return smooth.silu_gradient(upstream, kept, out)


@frozen
class PReLU:
    """x where x > 0, else w[c] · x; one slope for each channel, or one for all of them.

    Source: He, Zhang, Ren, Sun: Delving deep into rectifiers, 2015. At exactly 0 the slope is w, as
    in PyTorch.
    """

    kind: ClassVar[str] = "prelu"
    shared: bool = True

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """That of the input."""
        (shape,) = single(inputs, "an activation")
        if not (shape or self.shared):
            raise UserError("a PReLU with a slope for each channel needs an input with channels.")
        return shape

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """weight (C), or (1) where all channels share it."""
        return {"weight": (1,) if self.shared else self.output_shape(inputs)[:1]}

    def initial_values(self) -> Mapping[str, float]:
        """A quarter, as in the paper."""
        return {"weight": 0.25}

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """x or w · x."""
        (values,) = inputs
        slopes = np.where(values > 0, values.dtype.type(1), _along(parameters["weight"], values))
        output = (workspace or FRESH).result("output", values.shape, values.dtype)
        return np.multiply(values, slopes, out=output), {"input": values}

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """∂w = Σ g · x over x ≤ 0; ∂X = g, or w · g where x ≤ 0."""
        values = residuals["input"]
        is_kept = values > 0
        pulled = np.where(is_kept, values.dtype.type(0), upstream * values)
        total = np.add.reduce(pulled, None).reshape(1) if self.shared else channel_sum(pulled)
        if not needs_inputs:
            return (), {"weight": total}
        slopes = np.where(is_kept, values.dtype.type(1), _along(parameters["weight"], values))
        gradient = (workspace or FRESH).result("input_gradient", upstream.shape, upstream.dtype)
        return (np.multiply(upstream, slopes, out=gradient),), {"weight": total}

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂w, ∂X."""
        return prelu_nests(site, shared=self.shared)


def _along(weight: Array, values: Array) -> Array:
    """Each channel's slope where its values lie."""
    shape = (1, -1, *(1,) * (values.ndim - 2)) if weight.size > 1 else ()
    return weight.reshape(shape)


# Names: n sample, c channel, y x place, o the one slope of all channels.


def prelu_nests(site: Site, *, shared: bool) -> LayerNests:
    """Output; ∂w, ∂X."""
    shape = site.output_shape
    letters = "ncyx" if len(shape) == 4 else "ni"
    return LayerNests(
        (_each(site, letters, shared=shared),),
        (_weight_gradient(site, letters, shared=shared), _each(site, letters, True, shared=shared)),
    )


def _each(site: Site, letters: str, is_gradient: bool = False, *, shared: bool) -> Nest:
    """The output, or the input's gradient: either value times 1 or the slope."""
    here = Lettering("element", _written(letters), sizes_of(site.output_shape, letters))
    slope = (
        Cell(site.quantity("weight"), (constant(0),))
        if shared
        else here.cell(site.quantity("weight"), letters[1])
    )
    value = here.cell(site.input(), letters)
    if not is_gradient:
        return Nest(
            site.output,
            site.output_shape,
            Rule.FUNCTION,
            (here.loops(letters, (value, slope)),),
            "{0} if {0} > 0 else {1} · {0}",
            lambda x, w: np.where(x > 0, x, w * x),
            "What is negative is scaled by a learned slope.",
        )
    return Nest(
        site.input().grad,
        site.inputs[0],
        Rule.FUNCTION,
        (here.loops(letters, (here.cell(site.output.grad, letters), value, slope)),),
        "{0} · (1 if {1} > 0 else {2})",
        lambda g, x, w: np.where(x > 0, g, w * g),
        "The slope of the function where it stands scales the upstream gradient.",
    )


def _weight_gradient(site: Site, letters: str, *, shared: bool) -> Nest:
    """By weight – | c | n y x (– | o | n c y x if shared), or by position n c | y x | –."""
    sizes = sizes_of(site.output_shape, letters, o=1)
    target = "o" if shared else letters[1]
    others = letters if shared else letters.replace(target, "")
    by_weight = Lettering("weight", f"|{target}|{others}", sizes)
    by_position = Lettering("position", _written(letters) + ("o" if shared else ""), sizes)
    orders = tuple(
        here.loops(
            target,
            (
                here.cell(site.output.grad, letters),
                here.cell(site.input(), letters),
                NotAbove(here.cell(site.input(), letters)),
            ),
            there.written,
        )
        for here, there in ((by_weight, by_position), (by_position, by_weight))
    )
    return Nest(
        site.quantity("weight").grad,
        site.parameters["weight"],
        Rule.SUM,
        orders,
        remark="The slope met every value that is not above 0, so it gathers from these.",
    )


def _written(letters: str) -> str:
    return "nc|yx|" if letters == "ncyx" else f"|{letters}|"


@frozen
class NotAbove(Computed):
    """1 where a value is not above 0, else 0."""

    cell: Cell

    @property
    def label(self) -> str:
        """The condition."""
        return "[x ≤ 0]"

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """1 or 0, labelled with the question."""
        value = self.cell.at(values, coordinates).value
        return Factor(None, f"[{value:g} ≤ 0]", float(not value > 0))

    def block(self, values: Values, region: Region) -> Array:
        """1 where the value is not above 0."""
        return np.asarray(~(self.cell.block(values, region) > 0), dtype=np.float64)


LAYERS = (ReLU, LeakyReLU, PReLU, GELU, SiLU, Sigmoid, Tanh)
KINKS: dict[str, KinkFinder] = {kind: RectifierKinks() for kind in ("relu", "leaky_relu", "prelu")}
