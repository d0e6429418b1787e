"""Layers with several inputs: the sum of a residual block, the concatenation of branches."""

from __future__ import annotations

from itertools import accumulate
from typing import ClassVar

import numpy as np

from backpropviz.engine.formula import Formula
from backpropviz.engine.kernels.workspace import FRESH, Workspace
from backpropviz.engine.kinds.protocol import (
    Family,
    Kind,
    LayerNests,
    LayerParameters,
    Parameterless,
    Residuals,
    Site,
    Torch,
)
from backpropviz.engine.nest import Nest, variables
from backpropviz.engine.operands import ArrayCell, Choice, copy_nest, elementwise_nest
from backpropviz.engine.value import Array, Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class Add(Parameterless):
    """o = X1 + X2 + …, value by value; every input takes the whole upstream gradient."""

    kind: ClassVar[str] = "add"
    about: ClassVar[Kind] = Kind(
        "Add",
        "s",
        Family.JOIN,
        "add",
        "The sum of several layers: the join of a residual block.",
        Torch(lambda _, given: " + ".join(given)),
        summary=lambda _, inputs: " + ".join(inputs),
    )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """The shape that all inputs have."""
        _check_count(inputs, "an add layer")
        if len(set(inputs)) > 1:
            raise UserError(
                f"the inputs of an add layer must have one shape, but they are {_listed(inputs)}."
            )
        return inputs[0]

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """The sum, from left to right."""
        first, second, *others = inputs
        output = (workspace or FRESH).result("output", first.shape, first.dtype)
        np.add(first, second, out=output)
        for other in others:
            np.add(output, other, out=output)
        return output, {f"input{k + 1}": values for k, values in enumerate(inputs)}

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """The upstream gradient, once for each input."""
        return (upstream,) * len(residuals) if needs_inputs else (), {}

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X1, ∂X2, …"""
        count = len(site.inputs)
        inputs = tuple(site.input(k) for k in range(count))
        forward = elementwise_nest(
            site.output,
            site.output_shape,
            inputs,
            _added,
            "The branches meet and their values add up.",
        )
        upstream = ArrayCell(site.output.grad, variables(len(site.output_shape)))
        remark = "A sum passes its upstream gradient on to every summand unchanged."
        backward = (copy_nest(x.grad, site.output_shape, upstream, remark) for x in inputs)
        return LayerNests((forward,), tuple(backward))


def _added(first: Formula, *others: Formula) -> Formula:
    for other in others:
        first = first + other
    return first


@frozen
class Concat(Parameterless):
    """The inputs' channels one after the other; every input takes its part of the gradient."""

    kind: ClassVar[str] = "concat"
    about: ClassVar[Kind] = Kind(
        "Concatenate",
        "h",
        Family.JOIN,
        "concat",
        "The channels of several layers in a row.",
        Torch(lambda _, given: f"torch.cat([{', '.join(given)}], dim=1)"),
        summary=lambda _, inputs: ", ".join(inputs),
    )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """The channels (or features) add up; the rest is what all inputs have."""
        _check_count(inputs, "a concat layer")
        if len({shape[1:] for shape in inputs}) > 1:
            raise UserError(
                "the inputs of a concat layer may differ in channels only, but they are "
                f"{_listed(inputs)}."
            )
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """All channels."""
        batch, *shape = inputs[0].shape
        shape[0] = sum(values.shape[1] for values in inputs)
        output = (workspace or FRESH).result("output", (batch, *shape), inputs[0].dtype)
        np.concatenate(inputs, axis=1, out=output)
        return output, {f"input{k + 1}": values for k, values in enumerate(inputs)}

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """Each input's channels of the upstream gradient."""
        if not needs_inputs:
            return (), {}
        ends = accumulate(values.shape[1] for values in residuals.values())
        return tuple(np.ascontiguousarray(part) for part in np.split(upstream, [*ends][:-1], 1)), {}

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X1, ∂X2, …"""
        sizes = [shape[1] for shape in site.inputs]
        starts = [0, *accumulate(sizes)]
        backward = (_part(site, k, start) for k, start in enumerate(starts[:-1]))
        return LayerNests((_joined(site, sizes, starts),), tuple(backward))


def _joined(site: Site, sizes: list[int], starts: list[int]) -> Nest:
    n, c, *rest = variables(len(site.output_shape))
    parts = tuple(
        ArrayCell(site.input(k), (n, c - start, *rest))
        for k, (size, start) in enumerate(zip(sizes, starts, strict=False))
        for _ in range(size)
    )
    remark = "The channels of all inputs, one after the other."
    return copy_nest(site.output, site.output_shape, Choice(c.axis, parts), remark)


def _part(site: Site, number: int, start: int) -> Nest:
    n, c, *rest = variables(len(site.output_shape))
    upstream = ArrayCell(site.output.grad, (n, c + start, *rest))
    remark = "Each input takes the gradient of its own channels."
    return copy_nest(site.input(number).grad, site.inputs[number], upstream, remark)


def _check_count(inputs: tuple[Shape, ...], what: str) -> None:
    if len(inputs) < 2:
        raise UserError(f"{what} needs at least two inputs, but {len(inputs)} is given.")


def _listed(shapes: tuple[Shape, ...]) -> str:
    return ", ".join(map(shape_text, shapes))


LAYERS = (Add, Concat)
