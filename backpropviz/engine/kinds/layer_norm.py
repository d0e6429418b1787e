"""Layer normalization: all values of each sample are normalized together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.configuration import AFFINE, EPS, check_eps, single
from backpropviz.engine.kinds.group_norm import (
    QUANTITIES,
    NormNests,
    normalize,
    passed_back,
    pull_back,
    told_of,
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
from backpropviz.engine.kinds.words import Words
from backpropviz.engine.operands import Lettering, sizes_of
from backpropviz.engine.value import Array, Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import frozen, setting

_said = told_of("sample", "the sample", lambda _: "the sample")


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
        words=Words(_said, passed_back),
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
        return _sample_nests(site, self.eps).nests()


def _sample_nests(site: Site, eps: float) -> NormNests:
    """Names: n sample, c y x (or k) a value's place in it."""
    is_map = len(site.output_shape) == 4
    own = "cyx" if is_map else "k"
    sizes = sizes_of(site.output_shape, "n" + own)
    gathering = Lettering("sample", f"|n|{own}", sizes)
    values = Lettering("element", "nc|yx|" if is_map else "|nk|", sizes)
    return NormNests(
        site,
        eps,
        "sample",
        "Each place",
        "It met one value of each sample, so it gathers from all samples.",
        ("n", "n" + own, own),
        site.output_shape[:1],
        math.prod(site.output_shape[1:]),
        gathering,
        Lettering("sample", "|n|", sizes),
        values,
        statistic=(values.index("n"),),
        member=tuple(map(gathering.index, "n" + own)),
        member_weight=tuple(map(gathering.index, own)),
        orders=((Lettering("weight", "c|yx|n" if is_map else "|k|n", sizes), ""),),
    )


LAYERS = (LayerNorm,)
