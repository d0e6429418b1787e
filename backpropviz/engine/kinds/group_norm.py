"""Group normalization: the channels of each sample are normalized in groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from backpropviz.engine.formula import Formula, product, sqrt
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.configuration import AFFINE, EPS, check_eps, image_shape, positive
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
from backpropviz.engine.kinds.words import Sentences, Teller, Told, Words, opened
from backpropviz.engine.nest import Index, Nest, NestRule, Operand
from backpropviz.engine.operands import ArrayCell, Constant, Lettering, function_nest, sizes_of
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting


def told_of(noun: str, owner: str, whose: Callable[[tuple[int, ...]], str]) -> Teller:
    """The sentences of what is normalized together; `whose` names it, given a value's indices."""

    def said(told: Told) -> Sentences:
        value, whole = told.said(told.value), whose(told.address.indices)
        match told.address.quantity:
            case "mean":
                count = told.counted(len(told.derivation.positions), "value")
                bold = opened(told, f"The {count} of {whole} have the mean {value}.")
            case "variance":
                bold = opened(told, f"The variance of {whole} is {value}.")
            case "centered":
                side = "above" if told.value > 0 else "below"
                bold = f"The value is {told.said(abs(told.value))} {side} the mean of its {noun}."
            case "inv_std":
                bold = f"One over the spread of {whole} is {value}."
            case "normalized":
                bold = f"In units of {owner}'s spread, the value is {value} from the mean."
            case "upstream_sum" | "upstream_dot":
                bold = opened(told, f"The scaled upstream gradients of {whole} add up to {value}.")
            case _:
                bold = f"Normalized, scaled and shifted, the value is {value}."
        return Sentences(bold, (told.derivation.nest.remark,))

    return said


def passed_back(told: Told) -> Sentences:
    """The gradient of the input."""
    bold = "Nothing is left to pass back."
    if told.value:
        bold = f"It hands on {told.said(told.value)}."
    return Sentences(bold, (told.derivation.nest.remark,))


_said = told_of(
    "group", "its group", lambda at: f"group {at[1]} of the sample" if len(at) == 2 else ""
)

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
        Words(_said, passed_back),
        Pattern.VALUES,
        lambda layer, _: told_groups(layer.num_groups),
        QUANTITIES,
        code_numbers=lambda layer: {"eps": layer.eps},
    )
    num_groups: int = setting(Setting("Groups", "How many groups the channels form.", 1))
    eps: float = setting(EPS, default=1e-5)
    affine: bool = setting(AFFINE, default=True)

    def __post_init__(self) -> None:
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
        return _group_nests(site, self.num_groups, self.eps).nests()


def told_groups(groups: int) -> str:
    """`2 groups`."""
    return f"{groups} group{'' if groups == 1 else 's'}"


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


@frozen(eq=False)
class NormNests:
    """The nests of a normalization whose statistics are those of a group, or of a whole sample."""

    site: Site
    eps: float
    noun: str
    scaled_by: str
    """What has a weight and a bias of its own, as a sentence begins."""
    met: str
    """What a weight met, in a sentence."""
    letters: tuple[str, str, str]
    """Of the statistics, of a value, of a weight."""
    shape: Shape
    """Of the statistics."""
    count: int
    """Values that have a statistic in common."""
    gathering: Lettering
    each: Lettering
    values: Lettering
    statistic: tuple[Index, ...]
    """Where a value finds its statistics."""
    member: tuple[Index, ...]
    """Where the values of a statistic lie, and where their weights do."""
    member_weight: tuple[Index, ...]
    orders: tuple[tuple[Lettering, str], ...]
    """The loops of a weight's gradient, each with the other order's letters."""

    def nests(self) -> LayerNests:
        """mean, centered, variance, inv_std, normalized, output; ∂w, ∂b, two sums, ∂X."""
        return LayerNests(tuple(self._forward()), tuple(self._backward()))

    def _forward(self) -> Iterator[Nest]:
        quantity, share, noun = self.site.quantity, self._share(), self.noun
        members = (self._member(self.site.input()), share)
        yield self._summed("mean", members, f"The mean of all values of the {noun}.")
        yield self._each(
            quantity("centered"),
            (self._value(self.site.input()), self._statistic("mean")),
            lambda x, mean: x - mean,
            f"How far each value is from the mean of its {noun}.",
        )
        distance = self._member(quantity("centered"))
        spread = f"The mean square of the distances: how far the {noun}'s values spread."
        yield self._summed("variance", (distance, distance, share), spread)
        variance = self.each.cell(quantity("variance"), self.letters[0])
        yield function_nest(
            quantity("inv_std"),
            self.shape,
            self.each.loops(self.letters[0], (variance, Constant("ε", self.eps))),
            lambda v, eps: 1 / sqrt(v + eps),
            "One over the spread; ε keeps it finite where all values are alike.",
        )
        yield self._each(
            self._normalized,
            (self._value(quantity("centered")), self._statistic("inv_std")),
            lambda distance, inverse: distance * inverse,
            "The distance in units of the spread.",
        )
        if "weight" in self.site.parameters:
            yield self._each(
                self.site.output,
                (self._value(self._normalized), self._scale("weight"), self._scale("bias")),
                lambda x, weight, bias: x * weight + bias,
                f"{self.scaled_by} is given a spread and a mean of its own, which are learned.",
            )

    def _backward(self) -> Iterator[Nest]:
        upstream, noun = self.site.output.grad, self.noun
        scale: tuple[Operand, ...] = ()
        scaled: tuple[Operand, ...] = (self._member(upstream),)
        if "weight" in self.site.parameters:
            yield self._parameter_gradient("weight", (upstream, self._normalized))
            yield self._parameter_gradient("bias", (upstream,))
            scale = (self._scale("weight"),)
            weight = ArrayCell(self.site.quantity("weight"), self.member_weight)
            scaled = (*scaled, weight)
        moved_mean = f"The mean of the {noun} has moved every value, so all of them count."
        yield self._summed("upstream_sum", scaled, moved_mean)
        moved_spread = f"The variance of the {noun} has moved every value, so all of them count."
        yield self._summed("upstream_dot", (*scaled, self._member(self._normalized)), moved_spread)
        yield self._each(
            self.site.input().grad,
            (
                *map(self._statistic, ("inv_std", "upstream_sum", "upstream_dot")),
                self._value(self._normalized),
                self._share(),
                self._value(upstream),
                *scale,
            ),
            _three_ways,
            "Three ways: the value itself, the mean that it moves, the variance that it moves; "
            f"the last two are shared by the whole {noun}.",
        )

    @property
    def _normalized(self) -> Address:
        """Without scale and shift it is the output."""
        return (
            self.site.quantity("normalized")
            if "weight" in self.site.parameters
            else self.site.output
        )

    def _share(self) -> Constant:
        return Constant(f"1/{self.count}", 1 / self.count)

    def _value(self, address: Address) -> ArrayCell:
        return self.values.cell(address, self.letters[1])

    def _scale(self, name: str) -> ArrayCell:
        return self.values.cell(self.site.quantity(name), self.letters[2])

    def _statistic(self, name: str) -> ArrayCell:
        return ArrayCell(self.site.quantity(name), self.statistic)

    def _member(self, address: Address) -> ArrayCell:
        return ArrayCell(address, self.member)

    def _summed(self, name: str, operands: tuple[Operand, ...], remark: str) -> Nest:
        loops = self.gathering.loops(self.letters[0], operands)
        return Nest(self.site.quantity(name), self.shape, NestRule.SUM, (loops,), remark=remark)

    def _each(self, target: Address, given: tuple[Operand, ...], formula: Any, remark: str) -> Nest:
        loops = self.values.loops(self.letters[1], given)
        return function_nest(target, self.site.output_shape, loops, formula, remark)

    def _parameter_gradient(self, name: str, factors: tuple[Address, ...]) -> Nest:
        _, value, weight = self.letters
        orders = tuple(
            here.loops(weight, tuple(here.cell(f, value) for f in factors), other)
            for here, other in self.orders
        )
        target = self.site.quantity(name).grad
        return Nest(target, self.site.parameters[name], NestRule.SUM, orders, remark=self.met)


def _three_ways(*given: Formula) -> Formula:
    """r · (g · w − s/m − x̂ · q/m); without scale there is no w."""
    inverse, total, dot, normalized, share, *scaled = given
    return inverse * (product(scaled) - total * share - normalized * dot * share)


def _group_nests(site: Site, groups: int, eps: float) -> NormNests:
    """Names: n sample, g group, c channel (of a sum: within its group), y x place."""
    batch, channels, height, width = site.output_shape
    size = channels // groups
    sizes = sizes_of(site.output_shape)
    gathering = Lettering("group", "|ng|cyx", {**sizes, "g": groups, "c": size})
    values = Lettering("element", "nc|yx|", sizes)
    by_channel, by_position = (
        Lettering(label, written, sizes)
        for label, written in (("channel", "|c|nyx"), ("position", "nc|yx|"))
    )
    n, g, c, y, x = map(gathering.index, "ngcyx")
    return NormNests(
        site,
        eps,
        "group",
        "Each channel",
        "It met every value of the channel, so it gathers from all of them.",
        ("ng", "ncyx", "c"),
        (batch, groups),
        size * height * width,
        gathering,
        Lettering("group", "|ng|", {"n": batch, "g": groups}),
        values,
        statistic=(values.index("n"), values.index("c") // size),
        member=(n, g * size + c, y, x),
        member_weight=(g * size + c,),
        orders=((by_channel, by_position.written), (by_position, by_channel.written)),
    )


LAYERS = (GroupNorm,)
