"""PReLU: a rectifier whose slope below 0 is learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from backpropviz.engine.formula import where
from backpropviz.engine.kernels.elementwise import channel_sum
from backpropviz.engine.kernels.workspace import FRESH, Workspace
from backpropviz.engine.kinds.activation import RectifierKinks, above_zero, unary
from backpropviz.engine.kinds.configuration import single
from backpropviz.engine.kinds.protocol import (
    Kind,
    LayerNests,
    LayerParameters,
    Residuals,
    Site,
    Torch,
)
from backpropviz.engine.kinds.words import Sentences, Told, Words, through_slope
from backpropviz.engine.nest import (
    Computed,
    Coordinates,
    Factor,
    Nest,
    NestRule,
    Region,
    Values,
    constant,
)
from backpropviz.engine.operands import ArrayCell, Lettering, function_nest, sizes_of
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting


def _scaled_by_learned(told: Told) -> Sentences:
    before, slope = (factor.value for factor in told.derivation.terms[0].operands[:2])
    if before > 0:
        return Sentences(f"The value is positive, so it passes unchanged: {told.said(told.value)}.")
    if before == 0:
        return Sentences("The value is exactly 0 and stays 0.", ("Its slope is the learned one.",))
    scaled = f"times its learned slope {told.said(slope)} is {told.said(told.value)}"
    return Sentences(f"The value is negative: {told.said(before)} {scaled}.")


@frozen
class PReLU:
    """x where x > 0, else w[c] · x; one slope for each channel, or one for all of them.

    Source: He, Zhang, Ren, Sun: Delving deep into rectifiers, 2015. At exactly 0 the slope is w, as
    in PyTorch.
    """

    kind: ClassVar[str] = "prelu"
    about: ClassVar[Kind] = unary(
        "PReLU",
        "What is negative is multiplied with a slope that is learned.",
        Torch(lambda _, given: f"F.prelu({', '.join(given)})"),
        words=Words(_scaled_by_learned, through_slope),
        active=above_zero,
        kinks=RectifierKinks(),
    )
    shared: bool = setting(
        Setting("One slope", "One slope for all channels, or one for each."), default=True
    )

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


# Names: n sample, c channel, y x place, o the one slope of all channels.


def prelu_nests(site: Site, *, shared: bool) -> LayerNests:
    """Output; ∂w, ∂X."""
    shape = site.output_shape
    letters = "ncyx" if len(shape) == 4 else "ni"
    return LayerNests(
        (_each(site, letters, shared=shared),),
        (_weight_gradient(site, letters, shared=shared), _each(site, letters, True, shared=shared)),
    )


def _each(site: Site, letters: str, is_gradient: bool = False, *, shared: bool) -> Nest:
    """The output, or the input's gradient: either value times 1 or the slope."""
    here = Lettering("element", _written(letters), sizes_of(site.output_shape, letters))
    slope = (
        ArrayCell(site.quantity("weight"), (constant(0),))
        if shared
        else here.cell(site.quantity("weight"), letters[1])
    )
    value = here.cell(site.input(), letters)
    if not is_gradient:
        return function_nest(
            site.output,
            site.output_shape,
            here.loops(letters, (value, slope)),
            lambda x, w: where(x > 0, x, w * x),
            "What is negative is scaled by a learned slope.",
        )
    return function_nest(
        site.input().grad,
        site.inputs[0],
        here.loops(letters, (here.cell(site.output.grad, letters), value, slope)),
        lambda g, x, w: g * where(x > 0, 1, w),
        "The slope of the function where it stands scales the upstream gradient.",
    )


def _weight_gradient(site: Site, letters: str, *, shared: bool) -> Nest:
    """By weight – | c | n y x (– | o | n c y x if shared), or by position n c | y x | –."""
    sizes = sizes_of(site.output_shape, letters, o=1)
    target = "o" if shared else letters[1]
    others = letters if shared else letters.replace(target, "")
    by_weight = Lettering("weight", f"|{target}|{others}", sizes)
    by_position = Lettering("position", _written(letters) + ("o" if shared else ""), sizes)
    orders = tuple(
        here.loops(
            target,
            (
                here.cell(site.output.grad, letters),
                here.cell(site.input(), letters),
                NotAbove(here.cell(site.input(), letters)),
            ),
            there.written,
        )
        for here, there in ((by_weight, by_position), (by_position, by_weight))
    )
    return Nest(
        site.quantity("weight").grad,
        site.parameters["weight"],
        NestRule.SUM,
        orders,
        remark="The slope met every value that is not above 0, so it gathers from these.",
    )


def _written(letters: str) -> str:
    return "nc|yx|" if letters == "ncyx" else f"|{letters}|"


@frozen
class NotAbove(Computed):
    """1 where a value is not above 0, else 0."""

    cell: ArrayCell

    @property
    def reads(self) -> tuple[Address, ...]:
        return self.cell.reads

    @property
    def label(self) -> str:
        return "[x ≤ 0]"

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """1 or 0, labelled with the question."""
        value = self.cell.at(values, coordinates).value
        return Factor(None, f"[{value:g} ≤ 0]", float(not value > 0))

    def block(self, values: Values, region: Region) -> Array:
        """1 where the value is not above 0."""
        return np.asarray(~(self.cell.block(values, region) > 0), dtype=np.float64)


LAYERS = (PReLU,)
