"""Padding as a layer of its own: a frame of one constant around each channel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.copying import copy_nest
from backpropviz.engine.index import Index, variables
from backpropviz.engine.kernels.workspace import FRESH, Workspace
from backpropviz.engine.kinds.configuration import Padding, image_shape, window
from backpropviz.engine.kinds.protocol import LayerNests, LayerParameters, Residuals, Site
from backpropviz.engine.nest import Coordinates, Factor, Presence, Present, Region, Values
from backpropviz.engine.operands import Cell
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class Pad:
    """o[n,c,y,x] = X[n,c,y−top,x−left], and `value` where there is no such pixel."""

    kind: ClassVar[str] = "pad"
    padding: Padding
    value: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no frame."""
        if self.padding == "same":
            raise UserError('padding = "same" asks for a window: give the padding as numbers.')
        if not math.isfinite(self.value):
            raise UserError(f"value = {self.value} must be a finite number.")
        _ = self.margins

    @property
    def margins(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """((top, bottom), (left, right))."""
        return window(1, 1, self.padding).padding

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """The input's channels, higher and wider by the frame."""
        channels, height, width = image_shape(inputs, "a padding")
        (top, bottom), (left, right) = self.margins
        return (channels, height + top + bottom, width + left + right)

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """None."""
        return {}

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """The image in its frame."""
        (image,) = inputs
        shape = (*image.shape[:1], *self.output_shape((image.shape[1:],)))
        output = (workspace or FRESH).result("output", shape, image.dtype)
        output.fill(self.value)
        output[self._inside(shape)] = image
        return output, {}

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """The upstream gradient without the frame's."""
        if not needs_inputs:
            return (), {}
        return (np.ascontiguousarray(upstream[self._inside(upstream.shape)]),), {}

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        (top, _), (left, _) = self.margins
        n, c, y, x = variables(4)
        pixel = Framed(Cell(site.input(), (n, c, y - top, x - left)), self.value)
        upstream = Cell(site.output.grad, (n, c, y + top, x + left))
        there = "The image stays as it is; a frame is put around it."
        back = "The frame did not come from the image, so its gradient goes nowhere."
        return LayerNests(
            (copy_nest(site.output, site.output_shape, pixel, there),),
            (copy_nest(site.input().grad, site.inputs[0], upstream, back),),
        )

    def _inside(self, shape: Shape) -> tuple[slice, ...]:
        (top, bottom), (left, right) = self.margins
        rows, columns = slice(top, shape[2] - bottom), slice(left, shape[3] - right)
        return (slice(None), slice(None), rows, columns)


@frozen
class Framed(Present):
    """A cell of an array, or the frame's constant where the array has none."""

    cell: Cell
    value: float

    @property
    def address(self) -> Address:
        """The array that is framed."""
        return self.cell.address

    @property
    def index(self) -> tuple[Index, ...]:
        """The cell; outside the array lies the frame."""
        return self.cell.index

    @property
    def label(self) -> str:
        """A cell is called by its address."""
        return ""

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """The pixel, or the constant of the frame."""
        found = self.cell.at(values, coordinates)
        if found.presence is Presence.PRESENT:
            return found
        return Factor(None, f"{self.value:g}", self.value)

    def block(self, values: Values, region: Region) -> Array:
        """Pixels and frame."""
        pixels, inside = self.cell.block(values, region), self.cell.inside(values, region)
        return pixels if inside is None else np.where(inside, pixels, self.value)


LAYERS = (Pad,)
