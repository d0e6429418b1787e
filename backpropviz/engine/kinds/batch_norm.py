"""Batch normalization: each channel is given mean 0 and variance 1, then a scale and a shift."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, TypeAlias

import numpy as np

from backpropviz.engine.formula import Formula, product, sqrt
from backpropviz.engine.kernels import elementwise as kernel
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.configuration import AFFINE, EPS, MODE, check_eps, image_shape
from backpropviz.engine.kinds.protocol import (
    Family,
    Kind,
    LayerMode,
    LayerNests,
    LayerParameters,
    Pattern,
    Quantity,
    Residuals,
    Site,
    Torch,
)
from backpropviz.engine.kinds.words import Sentences, Told, Words, opened
from backpropviz.engine.nest import Nest, NestRule, Operand
from backpropviz.engine.operands import Constant, Lettering, function_nest, sizes_of
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting

BUFFERS = ("running_mean", "running_var")


def _batch_norm(told: Told) -> Sentences:
    value, remark = told.said(told.value), told.derivation.nest.remark
    channel = told.address.indices[1 if len(told.address.indices) == 4 else 0]
    if told.address.part == "next":
        return _running(told, channel)
    match told.address.quantity:
        case "mean":
            count = told.counted(len(told.derivation.positions), "value")
            bold = opened(told, f"The {count} of channel {channel} have the mean {value}.")
        case "variance":
            bold = opened(told, f"The variance of channel {channel} is {value}.")
        case "centered":
            bold = _beside_mean(told)
        case "inv_std":
            spread = 1 / told.value if told.value else float("inf")
            bold = f"One over the spread of channel {channel}, {told.said(spread)}, is {value}."
        case "normalized":
            bold = _in_spreads(told)
        case "upstream_sum":
            remark = "The mean of the channel has moved every value, so all of them count."
            text = f"The upstream gradients of channel {channel} add up to {value}."
            bold = opened(told, text)
        case "upstream_dot":
            remark = "The variance of the channel has moved every value, so all of them count."
            upstream = f"upstream gradients of channel {channel}, each times its output,"
            bold = opened(told, f"The {upstream} add up to {value}.")
        case _:
            bold = _scaled(told)
    return Sentences(bold, (remark,))


def _running(told: Told, channel: int) -> Sentences:
    kept = told.address.of("")
    is_mean = kept.quantity == "running_mean"
    batch = Address(kept.layer, "mean" if is_mean else "variance").at(kept.indices)
    name = "mean" if is_mean else "variance"
    before, after = told.said(told.value_at(kept)), told.said(told.value)
    bold = f"The running {name} of channel {channel} goes from {before} to {after}."
    how = f"{told.said_exactly(told.layer.momentum)} of the way"
    unbiased = "" if is_mean else ", made a little larger since it was taken from a sample"
    why = f"It goes {how} to the batch's, {told.said(told.value_at(batch))}{unbiased}."
    return Sentences(bold, (why, "No gradient flows here: it is used after training."))


def _mean_name(told: Told) -> str:
    return "mean" if told.layer.mode == "train" else "running mean"


def _beside_mean(told: Told) -> str:
    if told.value == 0:
        return f"The value is the {_mean_name(told)} of its channel."
    side = "above" if told.value > 0 else "below"
    return (
        f"The value is {told.said(abs(told.value))} {side} the {_mean_name(told)} of its channel."
    )


def _in_spreads(told: Told) -> str:
    if told.value == 0:
        return f"The value is the {_mean_name(told)} of its channel, so it becomes 0."
    side = "above" if told.value > 0 else "below"
    distance = f"{told.said(abs(told.value))} spreads {side} the {_mean_name(told)}"
    return f"The value is {distance} of its channel."


def _scaled(told: Told) -> str:
    if not told.layer.affine:
        return _in_spreads(told)
    normalized, weight, bias = (f.value for f in told.derivation.terms[0].operands)
    scaled = (
        f"{told.said(normalized)} is scaled by {told.said(weight)} and shifted by {told.said(bias)}"
    )
    return f"{scaled}: {told.said(told.value)}."


def _through_norm(told: Told) -> Sentences:
    remark, value = told.derivation.nest.remark, told.said(told.value)
    factors = told.derivation.terms[0].operands
    if told.layer.mode != "train":
        came = told.said(factors[0].value)
        return Sentences(f"The scale turns the upstream {came} into {value}.", (remark,))
    first = len(factors) - 5
    upstream, total, share, normalized, dot = (f.value for f in factors[first:])
    mean, variance = total * share, normalized * dot * share
    bold = "Nothing is left to pass back." if told.value == 0 else f"It hands on {value}."
    parts = (
        f"Of the upstream {told.said(upstream)} the mean takes off {told.said(mean)} "
        f"and the variance {told.said(variance)}; what is left is scaled."
    )
    return Sentences(bold, (parts, remark))


def _inside(layer: BatchNorm2d, quantity: str, names: Mapping[str, str]) -> tuple[str, ...]:
    given = names["input"]
    if quantity.endswith(".next"):
        running = "running_mean, running_var"
        options = f"training=True, momentum={layer.momentum!r}"
        call = f"F.batch_norm({given}, {running}, {options})"
        return f"{call}  # changes both in place", quantity.removesuffix(".next")
    is_training = layer.mode == "train"
    variance = f"{given}.var({_OVER}, correction=0)" if is_training else "running_var"
    mean = f"{given}.mean({_OVER}, keepdim=True)"
    found = {
        "mean": f"{given}.mean({_OVER})",
        "variance": variance,
        "centered": f"{given} - {mean if is_training else 'running_mean[:, None, None]'}",
        "inv_std": f"torch.rsqrt({variance} + {layer.eps!r})",
        "normalized": _call(layer, given, "", ""),
        "upstream_sum": f"g.sum({_OVER})",
        "upstream_dot": f"(g * {names['output']}).sum({_OVER})",
    }
    return (found[quantity],) if quantity in found else ()


def _asked(layer: BatchNorm2d, given: Sequence[str]) -> str:
    return _call(layer, given[0], *(given[1:3] if layer.affine else ("", "")))


def _call(layer: BatchNorm2d, given: str, weight: str, bias: str) -> str:
    """`F.batch_norm(X, None, None, W, b, training=True)`, by the batch's statistics or not."""
    is_training = layer.mode == "train"
    running = "None, None" if is_training else "running_mean, running_var"
    affine = f", {weight}, {bias}" if weight else ""
    options = (", training=True" if is_training else "") + f", eps={layer.eps!r}"
    return f"F.batch_norm({given}, {running}{affine}{options})"


_OVER = "(0, 2, 3)"


@frozen
class BatchNorm2d:
    """x̂ = (X − μ[c]) · r[c] with r = 1/√(σ² + ε), o = w[c] · x̂ + b[c].

    In training μ and σ² are those of the batch (σ² divided by m = N·H·W), and the running ones take
    a step of `momentum` towards them, the running variance towards m/(m − 1) · σ²; in use they are
    the running ones. Source: Ioffe, Szegedy: Batch normalization, 2015, in PyTorch's form.
    """

    kind: ClassVar[str] = "batch_norm2d"
    about: ClassVar[Kind] = Kind(
        "Batch normalization",
        "o",
        Family.NORMALIZATION,
        "norm",
        "Each channel is brought to mean 0 and variance 1, then scaled and shifted.",
        Torch(_asked, _inside, buffers=lambda layer: BUFFERS if layer.mode == "eval" else ()),
        words=Words(_batch_norm, _through_norm),
        pattern=Pattern.VALUES,
        quantities={
            "running_mean": Quantity("μ̂"),
            "running_var": Quantity("v̂"),
            "mean": Quantity("μ"),
            "variance": Quantity("v"),
            "centered": Quantity("d"),
            "inv_std": Quantity("r"),
            "normalized": Quantity("x̂"),
            "upstream_sum": Quantity("s"),
            "upstream_dot": Quantity("q"),
        },
        code_numbers=lambda layer: {"eps": layer.eps, "alpha": layer.momentum},
    )
    eps: float = setting(EPS, default=1e-5)
    momentum: float = setting(
        Setting("Momentum", "How far the running statistics follow each batch."), default=0.1
    )
    affine: bool = setting(AFFINE, default=True)
    mode: LayerMode = setting(MODE, default="eval")

    def __post_init__(self) -> None:
        check_eps(self.eps)
        if not math.isfinite(self.momentum):
            raise UserError(f"momentum = {self.momentum} must be a finite number.")

    @property
    def _result(self) -> str:
        """What x̂ is called: without scale and shift it is the output."""
        return "normalized" if self.affine else "output"

    def in_mode(self, *, training: bool, seed: int) -> BatchNorm2d:
        """The batch's own statistics, or the running ones; nothing is drawn."""
        return replace(self, mode="train" if training else "eval")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """That of the input."""
        return image_shape(inputs, "a batch normalization")

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """weight (C) and bias (C), if wanted."""
        channels = self.output_shape(inputs)[:1]
        return {"weight": channels, "bias": channels} if self.affine else {}

    def buffer_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """running_mean (C) and running_var (C)."""
        return dict.fromkeys(BUFFERS, self.output_shape(inputs)[:1])

    def initial_values(self) -> Mapping[str, float]:
        """Nothing is scaled at first."""
        return {"weight": 1.0, "running_var": 1.0}

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """The normalized, scaled and shifted values; every step is kept.

        Raises:
            UserError: in training a channel has one value only, which has no variance.
        """
        (image,) = inputs
        kept: dict[str, Array] = {}
        if self.mode == "train":
            if refusal := self.training_refusal(image.shape):
                raise UserError(refusal)
            mean = kept["mean"] = kernel.channel_mean(image)
            centered = kernel.centered(image, mean, workspace)
            variance = kept["variance"] = kernel.channel_mean(centered * centered)
        else:
            variance = parameters["running_var"]
            centered = kernel.centered(image, parameters["running_mean"], workspace)
        inverse = kernel.inverse_deviation(variance, self.eps)
        normalized = kernel.scaled(centered, inverse, "normalized", workspace)
        kept |= {"centered": centered, "inv_std": inverse, self._result: normalized}
        if not self.affine:
            return normalized, kept
        weight, bias = parameters["weight"], parameters["bias"]
        return kernel.shifted(normalized, weight, bias, workspace), kept

    def next_buffers(self, residuals: Residuals, parameters: LayerParameters) -> dict[str, Array]:
        """(1 − a) · old + a · the batch's, the variance times m/(m − 1)."""
        if self.mode == "eval":
            return {}
        normalized = residuals[self._result]
        unbiased = self.momentum * unbiasing(normalized.size // normalized.shape[1])
        keep = 1 - self.momentum
        return {
            "running_mean": keep * parameters["running_mean"] + self.momentum * residuals["mean"],
            "running_var": keep * parameters["running_var"] + unbiased * residuals["variance"],
        }

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """∂w = Σ g·x̂, ∂b = Σ g, and ∂X, in training with what mean and variance pass on."""
        sums = self._sums(upstream, residuals)
        if not needs_inputs:
            return (), sums
        scale = residuals["inv_std"] * parameters["weight"] if self.affine else residuals["inv_std"]
        if self.mode == "eval":
            return (kernel.scaled(upstream, scale, "input_gradient", workspace),), sums
        names = ("bias", "weight") if self.affine else ("upstream_sum", "upstream_dot")
        total, dot = (sums[name] for name in names)
        normalized = residuals[self._result]
        return (kernel.input_gradient(upstream, normalized, scale, total, dot, workspace),), sums

    def _sums(self, upstream: Array, residuals: Residuals) -> dict[str, Array]:
        """Σ g·x̂ and Σ g under the names by which they are known; none that nothing needs."""
        if not self.affine and self.mode == "eval":
            return {}
        total = kernel.channel_sum(upstream)
        dot = kernel.channel_sum(upstream * residuals[self._result])
        if self.affine:
            return {"weight": dot, "bias": total}
        return {"upstream_sum": total, "upstream_dot": dot}

    def nests(self, site: Site) -> LayerNests:
        """mean, centered, variance, inv_std, normalized, output, running ones; ∂w, ∂b, ∂X."""
        return BatchNormNests(site, self.eps, self.momentum, self.mode).nests()

    def training_refusal(self, shape: Shape) -> str:
        """A channel's statistics need at least two values."""
        batch, _, height, width = shape
        if batch * height * width >= 2:
            return ""
        return (
            "a batch normalization in training needs more than one value a channel, but the batch "
            f"has {batch} image of {height}×{width}: give it more images, or record the pass in "
            "the mode eval."
        )


def unbiasing(count: int) -> float:
    """m/(m − 1): what makes a sample's variance that of what it was drawn from."""
    return count / (count - 1)


# Names: n sample, c channel, y x place.


_PIXELS = "nc|yx|"
_Formula: TypeAlias = Callable[..., Formula]


class BatchNormNests:
    """Builds the nests of one batch normalization from its settings and shapes."""

    def __init__(self, site: Site, eps: float, momentum: float, mode: LayerMode) -> None:
        self.site = site
        self.eps = eps
        self.momentum = momentum
        self.is_training = mode == "train"
        self.shape = site.output_shape
        self.channels = self.shape[1:2]
        self.count = int(np.prod(self.shape)) // self.shape[1]
        self.is_affine = "weight" in site.parameters
        sizes = sizes_of(self.shape)
        self.pixels = Lettering("element", _PIXELS, sizes)
        self.each_channel = Lettering("channel", "|c|", sizes)
        self.gathering = Lettering("channel", "|c|nyx", sizes)
        self.scattering = Lettering("position", _PIXELS, sizes)

    def nests(self) -> LayerNests:
        """All in order."""
        return LayerNests(tuple(self._forward()), tuple(self._backward()))

    def _forward(self) -> Iterator[Nest]:
        quantity, cell = self.site.quantity, self.pixels.cell
        mean, variance = "running_mean", "running_var"
        if self.is_training:
            mean, variance = "mean", "variance"
            values = self.gathering.cell(self.site.input(), "ncyx")
            remark = "The mean of all values of the channel."
            yield self._gathered(quantity(mean), (values, self._share()), remark)
        yield self._each_pixel(
            quantity("centered"),
            (cell(self.site.input(), "ncyx"), cell(quantity(mean), "c")),
            lambda x, mean: x - mean,
            "How far each value is from the mean.",
        )
        if self.is_training:
            distance = self.gathering.cell(quantity("centered"), "ncyx")
            remark = "The mean square of the distances: how far the channel's values spread."
            yield self._gathered(quantity(variance), (distance, distance, self._share()), remark)
        yield self._each_channel(
            quantity("inv_std"),
            (self.each_channel.cell(quantity(variance), "c"), Constant("ε", self.eps)),
            lambda variance, eps: 1 / sqrt(variance + eps),
            "One over the spread; ε keeps it finite where all values are alike.",
        )
        yield self._each_pixel(
            self._normalized,
            (cell(quantity("centered"), "ncyx"), cell(quantity("inv_std"), "c")),
            lambda distance, inverse: distance * inverse,
            "The distance in units of the spread.",
        )
        if self.is_affine:
            parameters = (cell(quantity(name), "c") for name in ("weight", "bias"))
            yield self._each_pixel(
                self.site.output,
                (cell(self._normalized, "ncyx"), *parameters),
                lambda x, weight, bias: x * weight + bias,
                "Each channel is given a spread and a mean of its own, which are learned.",
            )
        if self.is_training:
            yield self._next(quantity("running_mean"), quantity("mean"))
            yield self._next(quantity("running_var"), quantity("variance"))

    def _backward(self) -> Iterator[Nest]:
        quantity = self.site.quantity
        if self.is_affine:
            yield self._dot(quantity("weight").grad)
            yield self._total(quantity("bias").grad)
        elif self.is_training:
            yield self._total(quantity("upstream_sum"))
            yield self._dot(quantity("upstream_dot"))
        yield self._input_gradient_in_training() if self.is_training else self._input_gradient()

    def _gathered(self, target: Address, operands: tuple[Operand, ...], remark: str) -> Nest:
        loops = self.gathering.loops("c", operands)
        return Nest(target, self.channels, NestRule.SUM, (loops,), remark=remark)

    def _share(self) -> Constant:
        return Constant(f"1/{self.count}", 1 / self.count)

    def _next(self, running: Address, batch: Address) -> Nest:
        cell = self.each_channel.cell
        unbiased: tuple[Operand, ...] = ()
        if batch.quantity == "variance":
            unbiased = (Constant(f"{self.count}/{self.count - 1}", self.count / (self.count - 1)),)
        return self._each_channel(
            running.of("next"),
            (
                Constant("1 − α", 1 - self.momentum),
                cell(running, "c"),
                Constant("α", self.momentum),
                cell(batch, "c"),
                *unbiased,
            ),
            lambda keep, old, *new: keep * old + product(new),
            "The running value, for use after training, follows the batch's.",
        )

    def _dot(self, target: Address) -> Nest:
        remark = "The scale met every value of the channel, so it gathers from all of them."
        return self._both_ways(target, (self.site.output.grad, self._normalized), remark)

    def _total(self, target: Address) -> Nest:
        remark = "The shift was added at every position, so it gathers every upstream value."
        return self._both_ways(target, (self.site.output.grad,), remark)

    def _both_ways(self, target: Address, factors: tuple[Address, ...], remark: str) -> Nest:
        """By channel – | c | n y x, or by position n c | y x | –."""
        ways = ((self.gathering, self.scattering), (self.scattering, self.gathering))
        orders = tuple(
            here.loops("c", tuple(here.cell(f, "ncyx") for f in factors), there.written)
            for here, there in ways
        )
        return Nest(target, self.channels, NestRule.SUM, orders, remark=remark)

    def _input_gradient(self) -> Nest:
        cell = self.pixels.cell
        factors = (cell(self.site.output.grad, "ncyx"), *self._scale())
        return self._each_pixel(
            self.site.input().grad,
            factors,
            lambda *given: product(given),
            "In use mean and spread are constants, so a value acts on its own output only.",
        )

    def _input_gradient_in_training(self) -> Nest:
        """Three terms: by the value itself, by the mean, by the variance."""
        cell, quantity = self.pixels.cell, self.site.quantity
        total, dot = (
            (quantity("bias").grad, quantity("weight").grad)
            if self.is_affine
            else (quantity("upstream_sum"), quantity("upstream_dot"))
        )
        return self._each_pixel(
            self.site.input().grad,
            (
                *self._scale(),
                cell(self.site.output.grad, "ncyx"),
                cell(total, "c"),
                self._share(),
                cell(self._normalized, "ncyx"),
                cell(dot, "c"),
            ),
            _three_ways,
            "Three ways: the value itself, the mean that it moves, the variance that it moves; "
            "the last two are shared by the whole channel.",
        )

    def _scale(self) -> tuple[Operand, ...]:
        names = ("weight", "inv_std") if self.is_affine else ("inv_std",)
        return tuple(self.pixels.cell(self.site.quantity(name), "c") for name in names)

    @property
    def _normalized(self) -> Address:
        return self.site.quantity("normalized") if self.is_affine else self.site.output

    def _each_pixel(
        self, target: Address, operands: tuple[Operand, ...], formula: _Formula, remark: str
    ) -> Nest:
        loops = self.pixels.loops("ncyx", operands)
        return function_nest(target, self.shape, loops, formula, remark)

    def _each_channel(
        self, target: Address, operands: tuple[Operand, ...], formula: _Formula, remark: str
    ) -> Nest:
        loops = self.each_channel.loops("c", operands)
        return function_nest(target, self.channels, loops, formula, remark)


def _three_ways(*given: Formula) -> Formula:
    *scale, upstream, total, share, normalized, dot = given
    return product((*scale, upstream - total * share - normalized * dot * share))


LAYERS = (BatchNorm2d,)
