"""Softmax as a layer: any numbers become shares of 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from backpropviz.engine.arrays import Array, Shape, shape_text
from backpropviz.engine.kernels import softmax as kernel
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds import softmax_nests as nests
from backpropviz.engine.kinds.configuration import single
from backpropviz.engine.kinds.protocol import LayerNests, LayerParameters, Residuals, Site
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class Softmax:
    """p[n,k] = exp(z[n,k]) / Σ_j exp(z[n,j]); ∂z = p·g − p·Σ_j p·g."""

    kind: ClassVar[str] = "softmax"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """That of the input, which must be flat."""
        (shape,) = single(inputs, "a softmax")
        if len(shape) != 1:
            raise UserError(
                f"a softmax needs one number for each class, but its input is {shape_text(shape)}: "
                "add a flatten layer before it."
            )
        return shape

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """None."""
        return {}

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
                nests.largest(name("max"), shape, site.input()),
                nests.exponentials(name("exp"), shape, site.input(), name("max")),
                nests.normalizer(name("normalizer"), shape, name("exp")),
                nests.probabilities(site.output, shape, name("exp"), name("normalizer")),
            ),
            (
                nests.dot(name("dot"), shape, site.output),
                nests.gradient(site.input().grad, shape, site.output, name("dot")),
            ),
        )


LAYERS = (Softmax,)
