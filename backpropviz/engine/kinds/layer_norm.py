"""Layer normalization: all values of each sample are normalized together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from backpropviz.engine.formula import sqrt
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.configuration import AFFINE, EPS, single
from backpropviz.engine.kinds.group_norm import (
    QUANTITIES,
    check_eps,
    normalize,
    pull_back,
    three_ways,
)
from backpropviz.engine.kinds.protocol import (
    Family,
    Kind,
    LayerNests,
    LayerParameters,
    Pattern,
    Residuals,
    Site,
    Torch,
)
from backpropviz.engine.kinds.words import Sentences, Told, Words, opened
from backpropviz.engine.nest import Nest, NestRule, Operand
from backpropviz.engine.operands import Constant, Lettering, function_nest, sizes_of
from backpropviz.engine.value import Address, Array, Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import frozen, setting


def _said(told: Told) -> Sentences:
    """A step of the forward pass, or a sum that the way back needs."""
    value = told.said(told.value)
    match told.address.quantity:
        case "mean":
            count = told.counted(len(told.derivation.positions), "value")
            bold = opened(told, f"The {count} of the sample have the mean {value}.")
        case "variance":
            bold = opened(told, f"The variance of the sample is {value}.")
        case "centered":
            side = "above" if told.value > 0 else "below"
            bold = f"The value is {told.said(abs(told.value))} {side} the mean of its sample."
        case "inv_std":
            bold = f"One over the spread of the sample is {value}."
        case "normalized":
            bold = f"In units of the sample's spread, the value is {value} from the mean."
        case "upstream_sum" | "upstream_dot":
            bold = opened(told, f"The scaled upstream gradients of the sample add up to {value}.")
        case _:
            bold = f"Normalized, scaled and shifted, the value is {value}."
    return Sentences(bold, (told.derivation.nest.remark,))


def _passed_back(told: Told) -> Sentences:
    bold = (
        f"It hands on {told.said(told.value)}." if told.value else "Nothing is left to pass back."
    )
    return Sentences(bold, (told.derivation.nest.remark,))


def _inside(layer: LayerNorm, quantity: str, names: Mapping[str, str]) -> tuple[str, ...]:
    given = names["input"]
    variance = f"{given}.flatten(1).var(1, correction=0)"
    normalized = f"F.layer_norm({given}, {given}.shape[1:], eps={layer.eps!r})"
    scaled = f"(g * {names['weight']})" if layer.affine else "g"
    found = {
        "mean": f"{given}.flatten(1).mean(1)",
        "variance": variance,
        "centered": f"({given}.flatten(1) - {given}.flatten(1).mean(1, keepdim=True))"
        f".reshape({given}.shape)",
        "inv_std": f"torch.rsqrt({variance} + {layer.eps!r})",
        "normalized": normalized,
        "upstream_sum": f"{scaled}.flatten(1).sum(1)",
        "upstream_dot": f"({scaled} * {normalized}).flatten(1).sum(1)",
    }
    return (found[quantity],) if quantity in found else ()


def _asked(layer: LayerNorm, given: Sequence[str]) -> str:
    arguments = (given[0], f"{given[0]}.shape[1:]", *given[1:])
    return f"F.layer_norm({', '.join(arguments)}, eps={layer.eps!r})"


@frozen
class LayerNorm:
    """x̂ = (X − μ[n]) · r[n] with r = 1/√(σ² + ε), o = w · x̂ + b, a weight and a bias a value.

    Mean and variance are those of all values of a sample, in training and in use.
    Source: Ba, Kiros, Hinton: Layer normalization, 2016.
    """

    kind: ClassVar[str] = "layer_norm"
    about: ClassVar[Kind] = Kind(
        "Layer normalization",
        "o",
        Family.NORMALIZATION,
        "layer_norm",
        "All values of each sample are brought to mean 0 and variance 1.",
        Torch(_asked, _inside),
        words=Words(_said, _passed_back),
        pattern=Pattern.VALUES,
        quantities=QUANTITIES,
        code_numbers=lambda layer: {"eps": layer.eps},
    )
    eps: float = setting(EPS, default=1e-5)
    affine: bool = setting(AFFINE, default=True)

    def __post_init__(self) -> None:
        """Refuse what cannot be added to a variance."""
        check_eps(self.eps)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """That of the input."""
        (shape,) = single(inputs, "a layer normalization")
        if len(shape) not in {1, 3}:
            raise UserError(
                "a layer normalization needs a row of values or channels × height × width, but "
                f"its input is {shape_text(shape)}."
            )
        return shape

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """weight and bias of the input's shape, if wanted."""
        shape = self.output_shape(inputs)
        return {"weight": shape, "bias": shape} if self.affine else {}

    def initial_values(self) -> Mapping[str, float]:
        """Nothing is scaled at first."""
        return {"weight": 1.0}

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """The normalized, scaled and shifted values; every step is kept."""
        (values,) = inputs
        kept = normalize(values, 1, self.eps)
        kept |= {name: kept[name][:, 0] for name in ("mean", "variance", "inv_std")}
        if not self.affine:
            output = kept.pop("normalized")
            return output, kept | {"output": output}
        return kept["normalized"] * parameters["weight"] + parameters["bias"], kept

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """∂w = Σ g·x̂, ∂b = Σ g over the samples, and ∂X by the value, the mean, the variance."""
        normalized = residuals["normalized" if self.affine else "output"]
        gradients: dict[str, Array] = {}
        scaled = upstream
        if self.affine:
            gradients["weight"] = np.asarray(np.add.reduce(upstream * normalized, axis=0))
            gradients["bias"] = np.asarray(np.add.reduce(upstream, axis=0))
            scaled = upstream * parameters["weight"]
        found, sums = pull_back(scaled, normalized, residuals["inv_std"][:, None])
        told = {name: total[:, 0] for name, total in sums.items()}
        return ((found,) if needs_inputs else ()), gradients | told

    def nests(self, site: Site) -> LayerNests:
        """mean, centered, variance, inv_std, normalized, output; ∂w, ∂b, two sums, ∂X."""
        nests = _SampleNests(site, self.eps)
        return LayerNests(tuple(nests.forward()), tuple(nests.backward()))


class _SampleNests:
    """Names: n sample, c y x (or k) a value's place in it."""

    def __init__(self, site: Site, eps: float) -> None:
        self.site, self.eps = site, eps
        self.is_affine = "weight" in site.parameters
        self.own = "cyx" if len(site.output_shape) == 4 else "k"
        self.all = "n" + self.own
        self.count = int(np.prod(site.output_shape[1:]))
        self.samples = site.output_shape[:1]
        sizes = sizes_of(site.output_shape, self.all)
        is_map = self.own == "cyx"
        self.gathering = Lettering("sample", f"|n|{self.own}", sizes)
        self.each_sample = Lettering("sample", "|n|", sizes)
        self.values = Lettering("element", "nc|yx|" if is_map else "|nk|", sizes)
        self.by_weight = Lettering("weight", "c|yx|n" if is_map else "|k|n", sizes)

    def forward(self) -> Iterator[Nest]:
        quantity, share, value = self.site.quantity, self._share(), self.values.cell
        x = self.gathering.cell(self.site.input(), self.all)
        yield self._summed("mean", (x, share), "The mean of all values of the sample.")
        yield self._each(
            quantity("centered"),
            (value(self.site.input(), self.all), value(quantity("mean"), "n")),
            lambda x, mean: x - mean,
            "How far each value is from the mean of its sample.",
        )
        distance = self.gathering.cell(quantity("centered"), self.all)
        spread = "The mean square of the distances: how far the sample's values spread."
        yield self._summed("variance", (distance, distance, share), spread)
        variance = self.each_sample.cell(quantity("variance"), "n")
        yield function_nest(
            quantity("inv_std"),
            self.samples,
            self.each_sample.loops("n", (variance, Constant("ε", self.eps))),
            lambda v, eps: 1 / sqrt(v + eps),
            "One over the spread; ε keeps it finite where all values are alike.",
        )
        yield self._each(
            self._normalized,
            (value(quantity("centered"), self.all), value(quantity("inv_std"), "n")),
            lambda distance, inverse: distance * inverse,
            "The distance in units of the spread.",
        )
        if self.is_affine:
            parameters = (value(quantity(name), self.own) for name in ("weight", "bias"))
            yield self._each(
                self.site.output,
                (value(self._normalized, self.all), *parameters),
                lambda x, weight, bias: x * weight + bias,
                "Each place is given a spread and a mean of its own, which are learned.",
            )

    def backward(self) -> Iterator[Nest]:
        quantity, upstream, value = self.site.quantity, self.site.output.grad, self.values.cell
        gathered = self.gathering.cell
        scale: tuple[Operand, ...] = ()
        scaled: tuple[Operand, ...] = (gathered(upstream, self.all),)
        if self.is_affine:
            yield self._of_place("weight", (upstream, self._normalized))
            yield self._of_place("bias", (upstream,))
            scale = (value(quantity("weight"), self.own),)
            scaled = (*scaled, gathered(quantity("weight"), self.own))
        moved_mean = "The mean of the sample has moved every value, so all of them count."
        yield self._summed("upstream_sum", scaled, moved_mean)
        x = gathered(self._normalized, self.all)
        moved_spread = "The variance of the sample has moved every value, so all of them count."
        yield self._summed("upstream_dot", (*scaled, x), moved_spread)
        yield self._each(
            self.site.input().grad,
            (
                value(quantity("inv_std"), "n"),
                value(quantity("upstream_sum"), "n"),
                value(quantity("upstream_dot"), "n"),
                value(self._normalized, self.all),
                self._share(),
                value(upstream, self.all),
                *scale,
            ),
            three_ways,
            "Three ways: the value itself, the mean that it moves, the variance that it moves; "
            "the last two are shared by the whole sample.",
        )

    @property
    def _normalized(self) -> Address:
        return self.site.quantity("normalized") if self.is_affine else self.site.output

    def _share(self) -> Constant:
        return Constant(f"1/{self.count}", 1 / self.count)

    def _summed(self, name: str, operands: tuple[Operand, ...], remark: str) -> Nest:
        loops = self.gathering.loops("n", operands)
        return Nest(self.site.quantity(name), self.samples, NestRule.SUM, (loops,), remark=remark)

    def _each(self, target: Address, given: tuple[Operand, ...], formula: Any, remark: str) -> Nest:
        loops = self.values.loops(self.all, given)
        return function_nest(target, self.site.output_shape, loops, formula, remark)

    def _of_place(self, name: str, factors: tuple[Address, ...]) -> Nest:
        operands = tuple(self.by_weight.cell(factor, self.all) for factor in factors)
        loops = self.by_weight.loops(self.own, operands)
        remark = "It met one value of each sample, so it gathers from all samples."
        target = self.site.quantity(name).grad
        return Nest(target, self.site.parameters[name], NestRule.SUM, (loops,), remark=remark)


LAYERS = (LayerNorm,)
