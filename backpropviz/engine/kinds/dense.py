"""Dense layer: every output has a weight of its own for every input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from backpropviz.engine.kernels.workspace import FRESH, Workspace
from backpropviz.engine.kinds.configuration import BIAS, positive, single
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
from backpropviz.engine.kinds.words import Sentences, Told, Words, moved, not_zero, sums_from_bias
from backpropviz.engine.nest import Loops, Nest, NestRule
from backpropviz.engine.operands import Lettering, sizes_of
from backpropviz.engine.value import Address, Array, Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting


def _summed(told: Told) -> Sentences:
    inputs = told.counted(len(told.derivation.positions), "input")
    bold = f"{inputs.capitalize()}, each with a weight of its own, make {told.said(told.value)}."
    if not told.is_complete:
        bold = f"So far, the {inputs}, each with a weight of its own, make {told.said(told.value)}."
    quiet = int(np.count_nonzero(told.all_values(1) == 0))
    silent = (
        (f"{told.counted(quiet, 'input')} of them {_be(quiet)} 0 and add nothing.",)
        if quiet
        else ()
    )
    return Sentences(bold, (*sums_from_bias(told), *silent))


def _be(count: int) -> str:
    return "is" if count == 1 else "are"


def _why_weight(told: Told) -> tuple[str, ...]:
    upstream, values = told.all_values(0), told.all_values(1)
    if upstream.size > 1:
        samples = told.counted(upstream.size, "sample")
        return (f"It links one input to one output: one product for each of {samples}.",)
    met, came = told.said(float(values[0])), told.said(float(upstream[0]))
    link = "It links one input to one output, so it met one value only"
    return (f"{link}: {met}, times upstream {came}.",)


def _why_input(told: Told) -> tuple[str, ...]:
    outputs = told.derivation.term_values
    nonzero = int(np.count_nonzero(outputs))
    count = told.counted(outputs.size, "output")
    each = "each hands back its upstream gradient times their weight"
    return (f"It went into {count}, and {each}; {not_zero(nonzero, outputs.size)}.",)


def _pulled_back(told: Told) -> Sentences:
    return Sentences(moved(told, "input"), _why_input(told))


@frozen
class Dense:
    """y[n,o] = b[o] + Σ_i W[o,i] · x[n,i]."""

    kind: ClassVar[str] = "dense"
    also_called: ClassVar[tuple[str, ...]] = ("linear", "fully_connected", "gemm")
    about: ClassVar[Kind] = Kind(
        "Dense",
        "z",
        Family.LEARNED,
        "dense",
        "Every output is a weighted sum of all inputs; needs a flatten before it.",
        Torch(lambda _, given: f"F.linear({', '.join(given)})"),
        {"out_features": 32},
        Words(_summed, _pulled_back, _why_weight),
        Pattern.SUMS,
    )
    out_features: int = setting(Setting("Outputs", "How many numbers the layer gives.", 1))
    bias: bool = setting(BIAS, default=True)

    def __post_init__(self) -> None:
        positive("out_features", self.out_features)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """(out_features,)."""
        _in_features(inputs)
        return (self.out_features,)

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """weight (O, I) and, if wanted, bias (O)."""
        shapes: dict[str, Shape] = {"weight": (self.out_features, _in_features(inputs))}
        if self.bias:
            shapes["bias"] = (self.out_features,)
        return shapes

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """x · Wᵀ + b; the input is kept."""
        (values,) = inputs
        shape = (values.shape[0], self.out_features)
        output = (workspace or FRESH).result("output", shape, values.dtype)
        np.matmul(values, parameters["weight"].T, out=output)
        if self.bias:
            np.add(output, parameters["bias"], out=output)
        return output, {"input": values}

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """∂W = gᵀ · x, ∂b = Σ_n g, ∂x = g · W."""
        values, weight = residuals["input"], parameters["weight"]
        buffers = workspace or FRESH
        by_weight = buffers.result("weight_gradient", weight.shape, values.dtype)
        if upstream.shape[0] == 1:
            np.multiply(upstream.T, values, out=by_weight)
        else:
            np.matmul(upstream.T, values, out=by_weight)
        gradients = {"weight": by_weight}
        if self.bias:
            by_bias = buffers.result("bias_gradient", upstream.shape[1:], upstream.dtype)
            gradients["bias"] = np.add.reduce(upstream, axis=0, out=by_bias)
        if not needs_inputs:
            return (), gradients
        downstream = buffers.result("input_gradient", values.shape, upstream.dtype)
        np.matmul(upstream, weight, out=downstream)
        return (downstream,), gradients

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂W, ∂b, ∂X."""
        bias = (_bias_gradient(site),) if self.bias else ()
        return LayerNests((_output(site),), (_weight_gradient(site), *bias, _input_gradient(site)))


def _in_features(inputs: tuple[Shape, ...]) -> int:
    (shape,) = single(inputs, "a dense layer")
    if len(shape) != 1:
        raise UserError(
            f"a dense layer needs a flat input, but its input is {shape_text(shape)}: "
            "add a flatten layer before it."
        )
    return shape[0]


def _loops(
    site: Site,
    target: str,
    operands: tuple[tuple[Address, str], ...],
    orders: tuple[tuple[str, str], ...],
    initial: tuple[Address, str] | None = None,
) -> tuple[Loops, ...]:
    """One or two orders by label and letters: n sample, o output, i input."""
    sizes = sizes_of(site.inputs[0], "ni", o=site.output_shape[1])
    ways = [Lettering(label, written, sizes) for label, written in orders]
    return tuple(
        here.loops(
            target,
            tuple(here.cell(*operand) for operand in operands),
            there.written if here is not there else "",
            here.cell(*initial) if initial else None,
        )
        for here, there in zip(ways, reversed(ways), strict=True)
    )


def _output(site: Site) -> Nest:
    """– | n o | i, from the bias."""
    weight, bias = site.quantity("weight"), site.quantity("bias")
    initial = (bias, "o") if bias.quantity in site.parameters else None
    operands = ((weight, "oi"), (site.input(), "ni"))
    return Nest(
        site.output,
        site.output_shape,
        NestRule.SUM,
        _loops(site, "no", operands, (("output", "|no|i"),), initial),
        remark="Every input has a weight of its own, used at one place only.",
    )


def _weight_gradient(site: Site) -> Nest:
    """By weight – | o i | n, or by output – | n o | i."""
    operands = ((site.output.grad, "no"), (site.input(), "ni"))
    return Nest(
        site.quantity("weight").grad,
        site.parameters["weight"],
        NestRule.SUM,
        _loops(site, "oi", operands, (("weight", "|oi|n"), ("output", "|no|i"))),
        remark="The weight met one input of each sample, so its gradient has one product a sample.",
    )


def _bias_gradient(site: Site) -> Nest:
    """By bias – | o | n, or by output – | n o | –."""
    return Nest(
        site.quantity("bias").grad,
        site.parameters["bias"],
        NestRule.SUM,
        _loops(site, "o", ((site.output.grad, "no"),), (("bias", "|o|n"), ("output", "|no|"))),
        remark="The bias was added once a sample, so it takes the upstream gradient of each.",
    )


def _input_gradient(site: Site) -> Nest:
    """By input – | n i | o, or by output – | n o | i."""
    operands = ((site.output.grad, "no"), (site.quantity("weight"), "oi"))
    return Nest(
        site.input().grad,
        site.inputs[0],
        NestRule.SUM,
        _loops(site, "ni", operands, (("input", "|ni|o"), ("output", "|no|i"))),
        remark="The input reached every output through one weight each.",
    )


LAYERS = (Dense,)
