"""Activation functions: one value in, one value out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np

from backpropviz.engine.formula import (
    Formula,
    chained,
    derivative,
    erf,
    exp,
    letter,
    maximum,
    minimum,
    operand,
    sqrt,
    step,
    tanh,
    where,
)
from backpropviz.engine.kernels import elementwise as kernel
from backpropviz.engine.kernels.workspace import FRESH, Workspace
from backpropviz.engine.kinds.configuration import single
from backpropviz.engine.kinds.protocol import (
    Crossing,
    Family,
    Flip,
    Kept,
    Kind,
    LayerNests,
    OneInput,
    Pattern,
    Residuals,
    Site,
    Torch,
)
from backpropviz.engine.kinds.words import (
    Sentences,
    Told,
    Words,
    bent,
    through_slope,
    through_slope_alone,
)
from backpropviz.engine.operands import Constant, elementwise_nest
from backpropviz.engine.value import Address, Array, Shape, cells_of
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting


class RectifierKinks:
    """The slope changes at 0; at 0 it is that of the left side, unless the layer says `at_zero`."""

    def between(
        self, name: str, layer: Any, base: Kept, minus: Kept, plus: Kept
    ) -> Iterator[Crossing]:
        """Units that are on both sides of 0, or leave an exact 0 to where the slope is another."""
        low, here, high = minus["input"], base["input"], plus["input"]
        lowest = np.minimum(np.minimum(low, high), here)
        highest = np.maximum(np.maximum(low, high), here)
        at_zero = layer.at_zero if isinstance(layer, ReLU) else 0.0
        leaves = ((highest > 0) & (at_zero < 1)) | ((lowest < 0) & (at_zero > 0))
        crossed = ((lowest < 0) & (highest > 0)) | ((here == 0) & leaves)
        yield from _flips(name, low, high, crossed)


@frozen
class Corners:
    """The slope changes at several places; on one of them, every way off it is told."""

    places: tuple[float, ...]

    def between(
        self, name: str, layer: Any, base: Kept, minus: Kept, plus: Kept
    ) -> Iterator[Crossing]:
        """Units that are on both sides of a corner, or leave it."""
        low, here, high = minus["input"], base["input"], plus["input"]
        lowest = np.minimum(np.minimum(low, high), here)
        highest = np.maximum(np.maximum(low, high), here)
        for corner in self.places:
            leaves = (here == corner) & (lowest < highest)
            crossed = ((lowest < corner) & (highest > corner)) | leaves
            yield from _flips(name, low, high, crossed, corner)


def _flips(
    name: str, low: Array, high: Array, crossed: Array, corner: float = 0.0
) -> Iterator[Crossing]:
    for cell in cells_of(crossed):
        yield Flip(Address(name, "input", "", cell), float(low[cell]), float(high[cell]), corner)


def _rectified(told: Told) -> Sentences:
    before = told.derivation.terms[0].operands[0].value
    if before > 0:
        return Sentences(f"The value is positive, so it passes unchanged: {told.said(told.value)}.")
    if before == 0:
        slope = f"{told.layer.at_zero:g}." if told.layer.at_zero else "0, too."
        return Sentences("The value is exactly 0 and stays 0.", (f"Its slope is taken as {slope}",))
    why = "As long as it is negative, a small change of it changes nothing."
    return Sentences(f"The value is negative ({told.said(before)}), so it becomes 0.", (why,))


def _through_rectifier(told: Told) -> Sentences:
    upstream, kept = (factor.value for factor in told.derivation.terms[0].operands[:2])
    is_chosen = kept == 0 and told.layer.at_zero != 0
    if kept <= 0 and not is_chosen:
        return _stopped(told, upstream, kept)
    found = _through_leak(told)
    if is_chosen and upstream:
        return found.also(("At exactly 0 any slope from 0 to 1 would do.",))
    return found


def _through_leak(told: Told) -> Sentences:
    upstream, kept = (factor.value for factor in told.derivation.terms[0].operands[:2])
    if upstream == 0 or not kept > 0:
        return through_slope_alone(told)
    bold = f"The value was positive, so the gradient passes unchanged: {told.said(told.value)}."
    return Sentences(bold, (f"At {told.said(kept)} the slope is 1.",))


def _stopped(told: Told, upstream: float, kept: float) -> Sentences:
    why = f"The upstream {told.said(upstream)} is multiplied by the slope, 0."
    if kept < 0:
        return Sentences("The value was negative, so no gradient passes.", (why,))
    at_zero = "At exactly 0 the slope is taken as 0."
    return Sentences("The value was 0, so no gradient passes.", (at_zero, why))


def _leaked(told: Told) -> Sentences:
    before = told.derivation.terms[0].operands[0].value
    if before > 0:
        return Sentences(f"The value is positive, so it passes unchanged: {told.said(told.value)}.")
    if before == 0:
        return Sentences("The value is exactly 0 and stays 0.", ("Its slope is taken as 0, too.",))
    scaled = f"The value is negative, so it is scaled down to {told.said(told.value)}."
    return Sentences(scaled)


def above_zero(output: Array) -> Array:
    """What counts as active of rectifiers and their smooth kin."""
    return np.asarray(output > 0)


def _zero_slope_at_0(layer: ReLU, is_gradient: bool) -> str:
    return "PyTorch takes 0 for the slope of ReLU at 0." if is_gradient and layer.at_zero else ""


def _ask_gelu(layer: GELU, given: Sequence[str]) -> str:
    bent_by = ', approximate="tanh"' if layer.approximate == "tanh" else ""
    return f"F.gelu({given[0]}{bent_by})"


SATURATED = 0.99
"""A sigmoid or tanh whose size on its scale from −1 to 1 is above this counts as not active."""


X, Y, ALPHA, PI = map(letter, ("x", "y", "α", "π"))
"""The input, the output, a setting, and the number."""


@frozen
class CurvedFunction:
    """A function of x, and its slope as a formula of x or, where that is simpler, of the output y.

    A slope that is not given is derived; at a corner it is that of the branch chosen there.
    """

    value: Formula
    given_slope: Formula | None = None

    @property
    def slope(self) -> Formula:
        """The slope that is shown and computed."""
        return derivative(self.value, X) if self.given_slope is None else self.given_slope


def unary(title: str, help: str, torch: Torch, **further: Any) -> Kind:  # noqa: A002
    """A function of each value by itself, in the words of any such function unless told others."""
    further = {"word": title.lower(), "words": Words(bent, through_slope), **further}
    return Kind(
        title, "a", Family.ACTIVATION, help=help, torch=torch, pattern=Pattern.VALUES, **further
    )


@frozen
class Activation(OneInput):
    """A function of each value by itself. Its curve is all that a new one has to say.

    Those that train many networks have kernels of their own; tests hold these to the curve.
    """

    kind: ClassVar[str]
    about: ClassVar[Kind]
    shape: ClassVar[CurvedFunction]
    remark: ClassVar[str]
    letters: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """The setting that a letter of the curve stands for."""

    @property
    def curve(self) -> CurvedFunction:
        """The function, where settings choose among several."""
        return self.shape

    @property
    def kept(self) -> str:
        """Which array the slope is computed from."""
        return "output" if "y" in self.curve.slope.letters else "input"

    def apply(self, values: Array, out: Array | None = None) -> Array:
        """f(x)."""
        return self._computed(_value(self.curve), (values,), out)

    def pull_back(self, upstream: Array, kept: Array, out: Array | None = None) -> Array:
        """f′ · upstream, from the kept input or output."""
        return self._computed(_backward(self.curve), (upstream, kept), out)

    def _computed(
        self, found: tuple[Formula, tuple[str, ...]], given: tuple[Array, ...], out: Array | None
    ) -> Array:
        formula, letters = found
        with np.errstate(all="ignore"):  # of branches that are not chosen
            values = formula(*given, *(c.value for c in self._constants(letters)))
        if out is None:
            return values.astype(given[0].dtype, copy=False)
        np.copyto(out, values)
        return out

    def _constants(self, letters: tuple[str, ...]) -> tuple[Constant, ...]:
        """The numbers that a formula uses besides the values."""
        return tuple(
            Constant(name, getattr(self, self.letters[name]) if name in self.letters else math.pi)
            for name in letters
        )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """That of the input."""
        return single(inputs, "an activation")[0]

    def run(self, values: Array, workspace: Workspace | None = None) -> tuple[Array, Residuals]:
        """Value by value."""
        output = (workspace or FRESH).result("output", values.shape, values.dtype)
        self.apply(values, output)
        return output, {self.kept: output if self.kept == "output" else values}

    def run_back(
        self, upstream: Array, residuals: Residuals, workspace: Workspace | None = None
    ) -> Array:
        """f′ · upstream, value by value."""
        gradient = (workspace or FRESH).result("input_gradient", upstream.shape, upstream.dtype)
        self.pull_back(upstream, residuals[self.kept], gradient)
        return gradient

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        value, letters = _value(self.curve)
        forward = elementwise_nest(
            site.output,
            site.output_shape,
            (site.input(), *self._constants(letters)),
            lambda *_: value,
            self.remark,
            lambda x, *_: self.apply(x),
        )
        slope, letters = _backward(self.curve)
        kept = site.output if self.kept == "output" else site.input()
        backward = elementwise_nest(
            site.input().grad,
            site.inputs[0],
            (site.output.grad, kept, *self._constants(letters)),
            lambda *_: slope,
            "The slope of the function where it stands scales the upstream gradient.",
            lambda g, x, *_: self.pull_back(g, x),
        )
        return LayerNests((forward,), (backward,))


@cache
def _value(curve: CurvedFunction) -> tuple[Formula, tuple[str, ...]]:
    """f as a formula of operands, the input first, and the letters of the others."""
    letters = tuple(name for name in curve.value.letters if name != "x")
    return curve.value.bound({"x": operand(0)} | _places(letters, 1)), letters


@cache
def _backward(curve: CurvedFunction) -> tuple[Formula, tuple[str, ...]]:
    """upstream · f′, the kept value second."""
    slope = curve.slope
    letters = tuple(name for name in slope.letters if name not in {"x", "y"})
    places = {"x": operand(1), "y": operand(1)} | _places(letters, 2)
    return chained(operand(0), slope.bound(places)), letters


def _places(letters: tuple[str, ...], first: int) -> dict[str, Formula]:
    return {name: operand(place) for place, name in enumerate(letters, start=first)}


SLOPES_AT_ZERO = (0.0, 0.5, 1.0)
"""ReLU′(0), where left and right differ: PyTorch's, the mean, the right side's."""


@frozen
class ReLU(Activation):
    """max(x, 0), with slope 0 at 0 as in PyTorch; `at_zero` may choose ½ or 1 instead."""

    kind: ClassVar[str] = "relu"
    about: ClassVar[Kind] = unary(
        "ReLU",
        "What is negative becomes 0.",
        Torch("F.relu({0})", lacks=_zero_slope_at_0),
        words=Words(_rectified, _through_rectifier),
        active=above_zero,
        can_die=True,
        kinks=RectifierKinks(),
    )
    remark: ClassVar[str] = "What is negative becomes 0."
    at_zero: float = setting(
        Setting("Slope at 0", "0 as in PyTorch; ½ and 1 are possible, too.", 0, most=1), default=0.0
    )

    def __post_init__(self) -> None:
        """Refuse a slope that lies on neither side nor in the middle."""
        if self.at_zero not in SLOPES_AT_ZERO:
            raise UserError(f"at_zero = {self.at_zero} must be 0, 0.5 or 1.")

    @property
    def curve(self) -> CurvedFunction:
        """The slope at 0 is a choice: the mean of both sides is ½ there."""
        return _RECTIFIERS[self.at_zero]

    @property
    def kept(self) -> str:
        """The input, since output 0 does not tell an input of 0."""
        return "input"

    def apply(self, values: Array, out: Array | None = None) -> Array:
        """max(x, 0)."""
        return kernel.relu(values, out)

    def pull_back(self, upstream: Array, kept: Array, out: Array | None = None) -> Array:
        """upstream where x > 0, `at_zero` · upstream where x = 0, else 0."""
        if self.at_zero:
            return kernel.rectifier_gradient(upstream, kept, self.at_zero, out)
        return kernel.relu_gradient(upstream, kept, out)


_RECTIFIERS = {at: CurvedFunction(maximum(X, 0), step(X, at)) for at in SLOPES_AT_ZERO}


@frozen
class LeakyReLU(Activation):
    """x where x > 0, else α·x."""

    kind: ClassVar[str] = "leaky_relu"
    about: ClassVar[Kind] = unary(
        "Leaky ReLU",
        "What is negative becomes small.",
        Torch("F.leaky_relu({0}, {negative_slope})"),
        word="leaky",
        words=Words(_leaked, _through_leak),
        summary=lambda layer, _: f"slope {layer.negative_slope:g}",
        code_numbers=lambda layer: {"alpha": layer.negative_slope},
        active=above_zero,
        kinks=RectifierKinks(),
    )
    shape: ClassVar[CurvedFunction] = CurvedFunction(where(X > 0, X, ALPHA * X))
    letters: ClassVar[Mapping[str, str]] = MappingProxyType({"α": "negative_slope"})
    remark: ClassVar[str] = "What is negative becomes small."
    negative_slope: float = setting(
        Setting("Slope below 0", "What a negative value is multiplied with."), default=0.01
    )

    def __post_init__(self) -> None:
        """Refuse a slope that is not a number."""
        if not np.isfinite(self.negative_slope):
            raise UserError(f"negative_slope = {self.negative_slope} must be a finite number.")

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
    about: ClassVar[Kind] = unary(
        "Sigmoid",
        "Any number becomes one between 0 and 1.",
        Torch("torch.sigmoid({0})"),
        words=Words(gradient=through_slope_alone),
        active=lambda output: np.abs(2 * output - 1) <= SATURATED,
        can_saturate=True,
    )
    shape: ClassVar[CurvedFunction] = CurvedFunction(1 / (1 + exp(-X)), Y * (1 - Y))
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
    about: ClassVar[Kind] = unary(
        "Tanh",
        "Any number becomes one between −1 and 1.",
        Torch("torch.tanh({0})"),
        words=Words(gradient=through_slope_alone),
        active=lambda output: np.abs(output) <= SATURATED,
        can_saturate=True,
    )
    shape: ClassVar[CurvedFunction] = CurvedFunction(tanh(X), 1 - Y * Y)
    remark: ClassVar[str] = "Any number becomes one between −1 and 1."

    def apply(self, values: Array, out: Array | None = None) -> Array:
        """tanh x."""
        return kernel.tanh(values, out)

    def pull_back(self, upstream: Array, kept: Array, out: Array | None = None) -> Array:
        """upstream · (1 − t²)."""
        return kernel.tanh_gradient(upstream, kept, out)


Approximation: TypeAlias = Literal["none", "tanh"]

_BENT = tanh(sqrt(2 / PI) * (X + 0.044715 * X**3))
_EXACT_GELU = CurvedFunction(
    X * (1 + erf(X / sqrt(2))) / 2, (1 + erf(X / sqrt(2))) / 2 + X * exp(-(X**2) / 2) / sqrt(2 * PI)
)
_TANH_GELU = CurvedFunction(
    X * (1 + _BENT) / 2,
    (1 + _BENT) / 2 + X * (1 - _BENT**2) / 2 * sqrt(2 / PI) * (1 + 0.134145 * X**2),
)


@frozen
class GELU(Activation):
    """x · Φ(x), Φ being the normal distribution, or its approximation by tanh.

    Source: Hendrycks, Gimpel: Gaussian error linear units, 2016.
    """

    kind: ClassVar[str] = "gelu"
    about: ClassVar[Kind] = unary(
        "GELU",
        "A ReLU with a smooth bend, as in transformers.",
        Torch(_ask_gelu),
        active=above_zero,
    )
    remark: ClassVar[str] = "A value is weighted with the share of all values that lie below it."
    approximate: Approximation = setting(
        Setting(
            "Approximation",
            "Exact, or the usual approximation by tanh.",
            options={"none": "exact", "tanh": "tanh"},
        ),
        default="none",
    )

    def __post_init__(self) -> None:
        if self.approximate not in get_args(Approximation):
            raise UserError(f"approximate = “{self.approximate}” must be “none” or “tanh”.")

    @property
    def curve(self) -> CurvedFunction:
        """The function or its approximation."""
        return _TANH_GELU if self.approximate == "tanh" else _EXACT_GELU

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


@frozen
class SiLU(Activation):
    """x · s(x) with s(x) = 1 / (1 + e⁻ˣ), also called swish; its slope is s · (1 + x · (1 − s))."""

    kind: ClassVar[str] = "silu"
    also_called: ClassVar[tuple[str, ...]] = ("swish",)
    about: ClassVar[Kind] = unary(
        "SiLU", "x times its sigmoid, also called swish.", Torch("F.silu({0})"), active=above_zero
    )
    shape: ClassVar[CurvedFunction] = CurvedFunction(
        X / (1 + exp(-X)), (1 + X / (1 + exp(X))) / (1 + exp(-X))
    )
    remark: ClassVar[str] = "A value is weighted with a number between 0 and 1 that grows with it."

    def apply(self, values: Array, out: Array | None = None) -> Array:
        """x · s(x)."""
        return kernel.silu(values, out)

    def pull_back(self, upstream: Array, kept: Array, out: Array | None = None) -> Array:
        """upstream · s · (1 + x · (1 − s))."""
        return kernel.silu_gradient(upstream, kept, out)


@frozen
class ReLU6(Activation):
    """min(max(x, 0), 6); at 0 and at 6 the slope is 0, as in PyTorch."""

    kind: ClassVar[str] = "relu6"
    about: ClassVar[Kind] = unary(
        "ReLU6",
        "What is negative becomes 0, what is above 6 becomes 6.",
        Torch("F.relu6({0})"),
        active=lambda output: (output > 0) & (output < 6),
        can_die=True,
        kinks=Corners((0.0, 6.0)),
    )
    shape: ClassVar[CurvedFunction] = CurvedFunction(minimum(maximum(X, 0), 6), (X > 0) * (X < 6))
    remark: ClassVar[str] = "Negative values become 0, and values above 6 are clipped to 6."


@frozen
class ELU(Activation):
    """x where x > 0, else α · (eˣ − 1).

    Source: Clevert, Unterthiner, Hochreiter: Fast and accurate deep network learning by ELUs, 2016.
    """

    kind: ClassVar[str] = "elu"
    about: ClassVar[Kind] = unary(
        "ELU",
        "A ReLU whose negative side bends smoothly towards −α.",
        Torch("F.elu({0}, {alpha!r})"),
        code_numbers=lambda layer: {"alpha": layer.alpha},
        active=above_zero,
        kinks=Corners((0.0,)),
    )
    shape: ClassVar[CurvedFunction] = CurvedFunction(where(X > 0, X, ALPHA * (exp(X) - 1)))
    letters: ClassVar[Mapping[str, str]] = MappingProxyType({"α": "alpha"})
    remark: ClassVar[str] = "Positive values pass; negative ones bend smoothly towards −α."
    alpha: float = setting(Setting("α", "How far below 0 the function reaches."), default=1.0)

    def __post_init__(self) -> None:
        """Refuse a size that is not a number."""
        if not np.isfinite(self.alpha):
            raise UserError(f"alpha = {self.alpha} must be a finite number.")


@frozen
class Hardswish(Activation):
    """x · min(max(x + 3, 0), 6) / 6, a swish of straight pieces; its slope at −3 is 0, at 3 is 1.

    Source: Howard and others: Searching for MobileNetV3, 2019.
    """

    kind: ClassVar[str] = "hardswish"
    about: ClassVar[Kind] = unary(
        "Hardswish",
        "A SiLU made of straight pieces: cheap, as in MobileNetV3.",
        Torch("F.hardswish({0})"),
        active=above_zero,
        can_die=True,
        kinks=Corners((-3.0, 3.0)),
    )
    shape: ClassVar[CurvedFunction] = CurvedFunction(
        X * minimum(maximum(X + 3, 0), 6) / 6, where(X <= -3, 0, where(X >= 3, 1, X / 3 + 0.5))
    )
    remark: ClassVar[str] = "A value is weighted with a number that rises from 0 at −3 to 1 at 3."


LAYERS = (ReLU, LeakyReLU, GELU, SiLU, Sigmoid, Tanh, ReLU6, ELU, Hardswish)
