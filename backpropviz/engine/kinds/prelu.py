"""PReLU: a rectifier whose slope below 0 is learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.kernels.normalization import channel_sum
from backpropviz.engine.kernels.workspace import FRESH, Workspace
from backpropviz.engine.kinds.configuration import single
from backpropviz.engine.kinds.kinked import RectifierKinks
from backpropviz.engine.kinds.prelu_nests import prelu_nests
from backpropviz.engine.kinds.protocol import LayerNests, LayerParameters, Residuals, Site
from backpropviz.engine.kink import KinkFinder
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class PReLU:
    """x where x > 0, else w[c] · x; one slope for each channel, or one for all of them.

    Source: He, Zhang, Ren, Sun: Delving deep into rectifiers, 2015. At exactly 0 the slope is w, as
    in PyTorch.
    """

    kind: ClassVar[str] = "prelu"
    shared: bool = True

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """That of the input."""
        (shape,) = single(inputs, "an activation")
        if not (shape or self.shared):
            raise UserError("a PReLU with a slope for each channel needs an input with channels.")
        return shape

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """weight (C), or (1) where all channels share it."""
        return {"weight": (1,) if self.shared else self.output_shape(inputs)[:1]}

    def initial_values(self) -> Mapping[str, float]:
        """A quarter, as in the paper."""
        return {"weight": 0.25}

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """x or w · x."""
        (values,) = inputs
        slopes = np.where(values > 0, values.dtype.type(1), _along(parameters["weight"], values))
        output = (workspace or FRESH).result("output", values.shape, values.dtype)
        return np.multiply(values, slopes, out=output), {"input": values}

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """∂w = Σ g · x over x ≤ 0; ∂X = g, or w · g where x ≤ 0."""
        values = residuals["input"]
        is_kept = values > 0
        pulled = np.where(is_kept, values.dtype.type(0), upstream * values)
        total = np.add.reduce(pulled, None).reshape(1) if self.shared else channel_sum(pulled)
        if not needs_inputs:
            return (), {"weight": total}
        slopes = np.where(is_kept, values.dtype.type(1), _along(parameters["weight"], values))
        gradient = (workspace or FRESH).result("input_gradient", upstream.shape, upstream.dtype)
        return (np.multiply(upstream, slopes, out=gradient),), {"weight": total}

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂w, ∂X."""
        return prelu_nests(site, shared=self.shared)


def _along(weight: Array, values: Array) -> Array:
    """Each channel's slope where its values lie."""
    shape = (1, -1, *(1,) * (values.ndim - 2)) if weight.size > 1 else ()
    return weight.reshape(shape)


LAYERS = (PReLU,)
KINKS: dict[str, KinkFinder] = {"prelu": RectifierKinks()}
