"""Group normalization: the channels of each sample are normalized in groups."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from backpropviz.engine.formula import Formula, product, sqrt
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.configuration import AFFINE, EPS, image_shape, positive
from backpropviz.engine.kinds.protocol import (
    Family,
    Kind,
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
from backpropviz.engine.operands import ArrayCell, Constant, Lettering, function_nest, sizes_of
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting


def _said(told: Told) -> Sentences:
    """A step of the forward pass, or a sum that the way back needs."""
    value, indices = told.said(told.value), told.address.indices
    whose = f"group {indices[1]} of the sample" if len(indices) == 2 else ""
    match told.address.quantity:
        case "mean":
            count = told.counted(len(told.derivation.positions), "value")
            bold = opened(told, f"The {count} of {whose} have the mean {value}.")
        case "variance":
            bold = opened(told, f"The variance of {whose} is {value}.")
        case "centered":
            side = "above" if told.value > 0 else "below"
            bold = f"The value is {told.said(abs(told.value))} {side} the mean of its group."
        case "inv_std":
            bold = f"One over the spread of {whose} is {value}."
        case "normalized":
            bold = f"In units of its group's spread, the value is {value} from the mean."
        case "upstream_sum" | "upstream_dot":
            bold = opened(told, f"The scaled upstream gradients of {whose} add up to {value}.")
        case _:
            bold = f"Normalized, scaled and shifted, the value is {value}."
    return Sentences(bold, (told.derivation.nest.remark,))


def _passed_back(told: Told) -> Sentences:
    bold = "Nothing is left to pass back."
    if told.value:
        bold = f"It hands on {told.said(told.value)}."
    return Sentences(bold, (told.derivation.nest.remark,))


QUANTITIES: Mapping[str, Quantity] = {
    "mean": Quantity("μ"),
    "variance": Quantity("v"),
    "centered": Quantity("d"),
    "inv_std": Quantity("r"),
    "normalized": Quantity("x̂"),
    "upstream_sum": Quantity("s"),
    "upstream_dot": Quantity("q"),
}


def _inside(layer: GroupNorm, quantity: str, names: Mapping[str, str]) -> tuple[str, ...]:
    given, groups = names["input"], layer.num_groups
    split = f"{given}.reshape({given}.shape[0], {groups}, -1)"
    variance = f"{split}.var(2, correction=0)"
    scaled = f"g * {names['weight']}[:, None, None]" if layer.affine else "g"
    normalized = f"F.group_norm({given}, {groups}, eps={layer.eps!r})"
    found = {
        "mean": f"{split}.mean(2)",
        "variance": variance,
        "centered": f"({split} - {split}.mean(2, keepdim=True)).reshape({given}.shape)",
        "inv_std": f"torch.rsqrt({variance} + {layer.eps!r})",
        "normalized": normalized,
        "upstream_sum": f"({scaled}).reshape({given}.shape[0], {groups}, -1).sum(2)",
        "upstream_dot": (
            f"({scaled} * {normalized}).reshape({given}.shape[0], {groups}, -1).sum(2)"
        ),
    }
    return (found[quantity],) if quantity in found else ()


def _asked(layer: GroupNorm, given: Sequence[str]) -> str:
    arguments = (given[0], str(layer.num_groups), *given[1:])
    return f"F.group_norm({', '.join(arguments)}, eps={layer.eps!r})"


@frozen
class GroupNorm:
    """x̂ = (X − μ[n,g]) · r[n,g] with r = 1/√(σ² + ε), o = w[c] · x̂ + b[c]; c lies in group g.

    Mean and variance are those of the group's channels in one sample, in training and in use.
    Source: Wu, He: Group normalization, 2018.
    """

    kind: ClassVar[str] = "group_norm"
    about: ClassVar[Kind] = Kind(
        "Group normalization",
        "o",
        Family.NORMALIZATION,
        "group_norm",
        "Groups of channels of each sample are brought to mean 0 and variance 1.",
        Torch(_asked, _inside),
        {"num_groups": 1},
        Words(_said, _passed_back),
        Pattern.VALUES,
        lambda layer, _: told_groups(layer.num_groups),
        QUANTITIES,
        code_numbers=lambda layer: {"eps": layer.eps},
    )
    num_groups: int = setting(Setting("Groups", "How many groups the channels form.", 1))
    eps: float = setting(EPS, default=1e-5)
    affine: bool = setting(AFFINE, default=True)

    def __post_init__(self) -> None:
        """Refuse settings without meaning."""
        positive("num_groups", self.num_groups)
        check_eps(self.eps)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """That of the input."""
        shape = image_shape(inputs, "a group normalization")
        if shape[0] % self.num_groups:
            raise UserError(
                f"{shape[0]} channels cannot be split into num_groups = {self.num_groups}: "
                "choose a divisor."
            )
        return shape

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """weight (C) and bias (C), if wanted."""
        channels = self.output_shape(inputs)[:1]
        return {"weight": channels, "bias": channels} if self.affine else {}

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
        (image,) = inputs
        kept = normalize(image, self.num_groups, self.eps)
        if not self.affine:
            output = kept.pop("normalized")
            return output, kept | {"output": output}
        weight, bias = (parameters[name][:, None, None] for name in ("weight", "bias"))
        return kept["normalized"] * weight + bias, kept

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """∂w = Σ g·x̂, ∂b = Σ g, and ∂X by the value, the mean and the variance."""
        normalized = residuals["normalized" if self.affine else "output"]
        gradients: dict[str, Array] = {}
        scaled = upstream
        if self.affine:
            gradients["weight"] = np.add.reduce(upstream * normalized, axis=(0, 2, 3))
            gradients["bias"] = np.add.reduce(upstream, axis=(0, 2, 3))
            scaled = upstream * parameters["weight"][:, None, None]
        found, sums = pull_back(scaled, normalized, residuals["inv_std"])
        return ((found,) if needs_inputs else ()), gradients | sums

    def nests(self, site: Site) -> LayerNests:
        """mean, centered, variance, inv_std, normalized, output; ∂w, ∂b, two sums, ∂X."""
        nests = _GroupNests(site, self.num_groups, self.eps)
        return LayerNests(tuple(nests.forward()), tuple(nests.backward()))


def told_groups(groups: int) -> str:
    """`2 groups`."""
    return f"{groups} group{'' if groups == 1 else 's'}"


def check_eps(eps: float) -> None:
    """Refuse what cannot be added to a variance."""
    if not (math.isfinite(eps) and eps >= 0):
        raise UserError(f"eps = {eps} must be 0 or a positive number.")


def normalize(values: Array, groups: int, eps: float) -> dict[str, Array]:
    """mean, variance, inv_std (N,G); centered and normalized; sums in float64."""
    split = values.reshape(len(values), groups, math.prod(values.shape[1:]) // groups)
    kind = values.dtype
    mean = np.mean(split, axis=2, dtype=np.float64).astype(kind)
    centered = split - mean[:, :, None]
    variance = np.mean(np.square(centered), axis=2, dtype=np.float64).astype(kind)
    inverse = np.asarray(1 / np.sqrt(variance + kind.type(eps)))
    normalized = centered * inverse[:, :, None]
    return {
        "mean": mean,
        "centered": centered.reshape(values.shape),
        "variance": variance,
        "inv_std": inverse,
        "normalized": normalized.reshape(values.shape),
    }


def pull_back(scaled: Array, normalized: Array, inverse: Array) -> tuple[Array, dict[str, Array]]:
    """r · (ĝ − Σĝ/m − x̂ · Σ(ĝ·x̂)/m), ĝ being the scaled upstream gradient; and the two sums."""
    size = math.prod(scaled.shape[1:]) // inverse.shape[1]
    split = scaled.reshape(*inverse.shape, size)
    x = normalized.reshape(split.shape)
    count = split.shape[2]
    total = np.sum(split, axis=2, dtype=np.float64).astype(scaled.dtype)
    dot = np.sum(split * x, axis=2, dtype=np.float64).astype(scaled.dtype)
    inside = split - (total / count)[:, :, None] - x * (dot / count)[:, :, None]
    found = (inside * inverse[:, :, None]).reshape(scaled.shape)
    return found, {"upstream_sum": total, "upstream_dot": dot}


def three_ways(*given: Formula) -> Formula:
    """r · (g · w − s/m − x̂ · q/m); without scale there is no w."""
    inverse, total, dot, normalized, share, *scaled = given
    return inverse * (product(scaled) - total * share - normalized * dot * share)


class _GroupNests:
    """Names: n sample, g group, c channel (of a sum: within its group), y x place."""

    def __init__(self, site: Site, groups: int, eps: float) -> None:
        batch, channels, height, width = site.output_shape
        self.site, self.eps = site, eps
        self.is_affine = "weight" in site.parameters
        self.per_group = channels // groups
        self.count = self.per_group * height * width
        self.groups: Shape = (batch, groups)
        sizes = {"n": batch, "g": groups, "c": self.per_group, "y": height, "x": width}
        self.gathering = Lettering("group", "|ng|cyx", sizes)
        self.each_group = Lettering("group", "|ng|", sizes)
        self.pixels = Lettering("element", "nc|yx|", sizes_of(site.output_shape))
        self.by_channel = Lettering("channel", "|c|nyx", sizes_of(site.output_shape))
        self.by_position = Lettering("position", "nc|yx|", sizes_of(site.output_shape))

    def forward(self) -> Iterator[Nest]:
        quantity, share = self.site.quantity, self._share()
        pixel = self._in_group(self.site.input())
        yield self._summed("mean", (pixel, share), "The mean of all values of the group.")
        yield self._each(
            quantity("centered"),
            (self._pixel(self.site.input()), self._of_group("mean")),
            lambda x, mean: x - mean,
            "How far each value is from the mean of its group.",
        )
        distance = self._in_group(quantity("centered"))
        spread = "The mean square of the distances: how far the group's values spread."
        yield self._summed("variance", (distance, distance, share), spread)
        variance = self.each_group.cell(quantity("variance"), "ng")
        yield function_nest(
            quantity("inv_std"),
            self.groups,
            self.each_group.loops("ng", (variance, Constant("ε", self.eps))),
            lambda v, eps: 1 / sqrt(v + eps),
            "One over the spread; ε keeps it finite where all values are alike.",
        )
        yield self._each(
            self._normalized,
            (self._pixel(quantity("centered")), self._of_group("inv_std")),
            lambda distance, inverse: distance * inverse,
            "The distance in units of the spread.",
        )
        if self.is_affine:
            parameters = (self.pixels.cell(quantity(name), "c") for name in ("weight", "bias"))
            yield self._each(
                self.site.output,
                (self._pixel(self._normalized), *parameters),
                lambda x, weight, bias: x * weight + bias,
                "Each channel is given a spread and a mean of its own, which are learned.",
            )

    def backward(self) -> Iterator[Nest]:
        quantity, upstream = self.site.quantity, self.site.output.grad
        scale: tuple[Operand, ...] = ()
        if self.is_affine:
            yield self._of_channel("weight", (upstream, self._normalized))
            yield self._of_channel("bias", (upstream,))
            scale = (self.pixels.cell(quantity("weight"), "c"),)
        scaled = (self._in_group(upstream), *self._weight_in_group())
        moved_mean = "The mean of the group has moved every value, so all of them count."
        yield self._summed("upstream_sum", scaled, moved_mean)
        x = self._in_group(self._normalized)
        moved_spread = "The variance of the group has moved every value, so all of them count."
        yield self._summed("upstream_dot", (*scaled, x), moved_spread)
        yield self._each(
            self.site.input().grad,
            (
                self._of_group("inv_std"),
                self._of_group("upstream_sum"),
                self._of_group("upstream_dot"),
                self._pixel(self._normalized),
                self._share(),
                self._pixel(upstream),
                *scale,
            ),
            three_ways,
            "Three ways: the value itself, the mean that it moves, the variance that it moves; "
            "the last two are shared by the whole group.",
        )

    @property
    def _normalized(self) -> Address:
        return self.site.quantity("normalized") if self.is_affine else self.site.output

    def _share(self) -> Constant:
        return Constant(f"1/{self.count}", 1 / self.count)

    def _pixel(self, address: Address) -> ArrayCell:
        return self.pixels.cell(address, "ncyx")

    def _of_group(self, name: str) -> ArrayCell:
        """A group's number, seen from a pixel."""
        n, c = self.pixels.index("n"), self.pixels.index("c")
        return ArrayCell(self.site.quantity(name), (n, c // self.per_group))

    def _in_group(self, address: Address) -> ArrayCell:
        n, g, c, y, x = map(self.gathering.index, "ngcyx")
        return ArrayCell(address, (n, g * self.per_group + c, y, x))

    def _weight_in_group(self) -> tuple[ArrayCell, ...]:
        g, c = self.gathering.index("g"), self.gathering.index("c")
        weight = ArrayCell(self.site.quantity("weight"), (g * self.per_group + c,))
        return (weight,) if self.is_affine else ()

    def _summed(self, name: str, operands: tuple[Operand, ...], remark: str) -> Nest:
        loops = self.gathering.loops("ng", operands)
        return Nest(self.site.quantity(name), self.groups, NestRule.SUM, (loops,), remark=remark)

    def _each(self, target: Address, given: tuple[Operand, ...], formula: Any, remark: str) -> Nest:
        loops = self.pixels.loops("ncyx", given)
        return function_nest(target, self.site.output_shape, loops, formula, remark)

    def _of_channel(self, name: str, factors: tuple[Address, ...]) -> Nest:
        """By channel – | c | n y x, or by position n c | y x | –."""
        ways = ((self.by_channel, self.by_position), (self.by_position, self.by_channel))
        orders = tuple(
            here.loops("c", tuple(here.cell(f, "ncyx") for f in factors), there.written)
            for here, there in ways
        )
        remark = "It met every value of the channel, so it gathers from all of them."
        target = self.site.quantity(name).grad
        return Nest(target, self.site.parameters[name], NestRule.SUM, orders, remark=remark)


LAYERS = (GroupNorm,)
