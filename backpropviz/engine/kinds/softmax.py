"""Softmax as a layer: any numbers become shares of 1."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from backpropviz.engine.formula import exp
from backpropviz.engine.kernels import elementwise as kernel
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.configuration import single
from backpropviz.engine.kinds.protocol import (
    Family,
    Kind,
    LayerNests,
    LayerParameters,
    Parameterless,
    Quantity,
    Residuals,
    Site,
    Torch,
)
from backpropviz.engine.kinds.words import Sentences, Told, Words, opened
from backpropviz.engine.nest import Loops, Nest, NestRule, Operand, variables
from backpropviz.engine.operands import ArrayCell, Lettering, function_nest, sizes_of
from backpropviz.engine.value import Address, Array, Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


def _shares(told: Told) -> Sentences:
    """A step of a softmax layer."""
    value, remark = told.said(told.value), told.derivation.nest.remark
    place = told.address.indices[-1] if told.address.indices else 0
    match told.address.quantity:
        case "max":
            bold = opened(told, f"The largest input is {value}.")
        case "exp":
            bold = f"Output {place} weighs {value} among the outputs."
        case "normalizer":
            bold = opened(told, f"All outputs together weigh {value}.")
        case "dot":
            bold = opened(told, f"The mean upstream gradient is {value}.")
        case _:
            bold = f"Output {place} gets the share {value}."
    return Sentences(bold, (remark,))


def _inside(_: Softmax, quantity: str, names: Mapping[str, str]) -> tuple[str, ...]:
    given = names["input"]
    shifted = f"torch.exp({given} - {given}.max(1, keepdim=True).values)"
    found = {
        "max": f"{given}.max(1).values",
        "exp": shifted,
        "normalizer": f"{shifted}.sum(1)",
        "dot": f"(g * {names['output']}).sum(1)",
    }
    return (found[quantity],) if quantity in found else ()


STEPS: Mapping[str, Quantity] = MappingProxyType(
    {
        "max": Quantity("m", is_spelled_out=False),
        "exp": Quantity("e", is_spelled_out=False),
        "normalizer": Quantity("S", is_spelled_out=False),
        "probabilities": Quantity("p", is_spelled_out=False),
    }
)
"""The arrays that a softmax computes on its way."""


@frozen
class Softmax(Parameterless):
    """p[n,k] = exp(z[n,k]) / Σ_j exp(z[n,j]); ∂z = p·g − p·Σ_j p·g."""

    kind: ClassVar[str] = "softmax"
    about: ClassVar[Kind] = Kind(
        "Softmax",
        "p",
        Family.ACTIVATION,
        "softmax",
        "Probabilities that add up to 1; cross-entropy brings its own, so it needs none before.",
        Torch("F.softmax({0}, dim=1)", _inside),
        words=Words(_shares),
        quantities={**STEPS, "dot": Quantity("q")},
    )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """That of the input, which must be flat."""
        (shape,) = single(inputs, "a softmax")
        if len(shape) != 1:
            raise UserError(
                f"a softmax needs one number for each class, but its input is {shape_text(shape)}: "
                "add a flatten layer before it."
            )
        return shape

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """The shares; its four steps are kept."""
        (logits,) = inputs
        largest = kernel.maximum(logits)
        powers = kernel.exponentials(logits, largest)
        total = kernel.normalizer(powers)
        output = kernel.probabilities(powers, total)
        return output, {"max": largest, "exp": powers, "normalizer": total, "output": output}

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """p·g − p·d with d = Σ p·g, which is told too."""
        output = residuals["output"]
        dot = kernel.dot(upstream, output)
        found = (kernel.gradient(upstream, output, dot),) if needs_inputs else ()
        return found, {"dot": dot}

    def nests(self, site: Site) -> LayerNests:
        """max, exp, normalizer, output; dot, ∂X."""
        shape, name = site.output_shape, site.quantity
        return LayerNests(
            (
                largest(name("max"), shape, site.input()),
                exponentials(name("exp"), shape, site.input(), name("max")),
                normalizer(name("normalizer"), shape, name("exp")),
                probabilities(site.output, shape, name("exp"), name("normalizer")),
            ),
            (
                dot(name("dot"), shape, site.output),
                gradient(site.input().grad, shape, site.output, name("dot")),
            ),
        )


# Names: n sample, k class.


def over_classes(
    target: Address, shape: Shape, rule: NestRule, sources: tuple[Address, ...], remark: str
) -> Nest:
    """– | n | k: one number a sample, from those of all its classes."""
    here = Lettering("sample", "|n|k", sizes_of(shape, "nk"))
    loops = here.loops("n", tuple(here.cell(source, "nk") for source in sources))
    return Nest(target, shape[:1], rule, (loops,), remark=remark)


def largest(target: Address, shape: Shape, logits: Address) -> Nest:
    """m[n] = max_k z[n,k]."""
    remark = "The largest logit is subtracted from all of them."
    return over_classes(target, shape, NestRule.MAX, (logits,), remark)


def exponentials(target: Address, shape: Shape, logits: Address, maximum: Address) -> Nest:
    """e[n,k] = exp(z[n,k] − m[n])."""
    n, k = variables(2)
    return function_nest(
        target,
        shape,
        each_class(shape, (ArrayCell(logits, (n, k)), ArrayCell(maximum, (n,)))),
        lambda z, largest: exp(z - largest),
        "Subtracting the largest changes no probability and keeps exp from overflowing.",
    )


def normalizer(target: Address, shape: Shape, powers: Address) -> Nest:
    """s[n] = Σ_k e[n,k]."""
    remark = "All classes share this sum."
    return over_classes(target, shape, NestRule.SUM, (powers,), remark)


def probabilities(target: Address, shape: Shape, powers: Address, total: Address) -> Nest:
    """p[n,k] = e[n,k] / s[n]."""
    n, k = variables(2)
    return function_nest(
        target,
        shape,
        each_class(shape, (ArrayCell(powers, (n, k)), ArrayCell(total, (n,)))),
        lambda power, normalizer: power / normalizer,
        "The probabilities of all classes add up to 1.",
    )


def dot(target: Address, shape: Shape, output: Address) -> Nest:
    """d[n] = Σ_k p[n,k] · g[n,k]."""
    remark = "The mean upstream gradient, weighted with the probabilities."
    return over_classes(target, shape, NestRule.SUM, (output, output.grad), remark)


def gradient(target: Address, shape: Shape, output: Address, mean: Address) -> Nest:
    """∂z[n,k] = p[n,k] · g[n,k] − p[n,k] · d[n]."""
    n, k = variables(2)
    cells = (ArrayCell(output, (n, k)), ArrayCell(output.grad, (n, k)), ArrayCell(mean, (n,)))
    return function_nest(
        target,
        shape,
        each_class(shape, cells),
        lambda p, upstream, mean: p * upstream - p * mean,
        "What one class gains all of them lose, each in proportion to its probability.",
    )


def each_class(shape: Shape, operands: tuple[Operand, ...]) -> Loops:
    """– | n k | –."""
    return Lettering("element", "|nk|", sizes_of(shape, "nk")).loops("nk", operands)


LAYERS = (Softmax,)
