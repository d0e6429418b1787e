"""Activation functions without a corner: GELU and SiLU."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar, Literal, TypeAlias, get_args

from backpropviz.engine.arrays import Array
from backpropviz.engine.kernels import smooth as kernel
from backpropviz.engine.kinds.activation import Activation
from backpropviz.engine.kinds.protocol import LayerNests, Site
from backpropviz.engine.nest import Operand
from backpropviz.engine.operands import Constant
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

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
            return kernel.gelu_tanh(values, out)
        return kernel.gelu(values, out)

    def pull_back(self, upstream: Array, kept: Array, out: Array | None = None) -> Array:
        """upstream · (Φ(x) + x · Φ′(x))."""
        if self.approximate == "tanh":
            return kernel.gelu_tanh_gradient(upstream, kept, out)
        return kernel.gelu_gradient(upstream, kept, out)

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
        return kernel.silu(values, out)

    def pull_back(self, upstream: Array, kept: Array, out: Array | None = None) -> Array:
        """upstream · s · (1 + x · (1 − s))."""
        return kernel.silu_gradient(upstream, kept, out)


LAYERS = (GELU, SiLU)
