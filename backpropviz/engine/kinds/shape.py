"""Layers that put the same values into another shape; a step copies the whole tensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from backpropviz.engine.kernels.workspace import FRESH, Workspace
from backpropviz.engine.kinds.configuration import (
    PADDING,
    Padding,
    image_shape,
    is_whole,
    single,
    window,
)
from backpropviz.engine.kinds.protocol import (
    Family,
    Kind,
    LayerNests,
    OneInput,
    Pattern,
    Residuals,
    Site,
    Torch,
)
from backpropviz.engine.nest import (
    Coordinates,
    Factor,
    Index,
    Presence,
    Present,
    Region,
    Values,
    variables,
)
from backpropviz.engine.operands import ArrayCell, copy_nest
from backpropviz.engine.value import Address, Array, Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting

_REMARK = "The values stay as they are; only their places are named anew."


def _reshaped(layer: Reshape, given: Sequence[str]) -> str:
    return f"{given[0]}.reshape({given[0]}.shape[0], {', '.join(map(str, layer.shape))})"


def _framed(layer: Pad, given: Sequence[str]) -> str:
    (top, bottom), (left, right) = layer.margins
    return f"F.pad({given[0]}, ({left}, {right}, {top}, {bottom}), value={layer.value!r})"


class Reshaping(OneInput):
    """What both share: the values in row-major order, given another shape."""

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """Each reshaping has its own."""
        return single(inputs, "a reshaping")[0]

    def run(self, values: Array, workspace: Workspace | None = None) -> tuple[Array, Residuals]:
        """The same values in another shape."""
        shape = (values.shape[0], *self.output_shape((values.shape[1:],)))
        return values.reshape(shape), {"input": values}

    def run_back(
        self, upstream: Array, residuals: Residuals, workspace: Workspace | None = None
    ) -> Array:
        """The upstream values in the input's shape."""
        return upstream.reshape(residuals["input"].shape)

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        before, after = site.inputs[0], site.output_shape
        there = Reshaped(site.input(), before, after)
        back = Reshaped(site.output.grad, after, before)
        return LayerNests(
            (copy_nest(site.output, after, there, _REMARK),),
            (copy_nest(site.input().grad, before, back, _REMARK),),
        )


@frozen
class Flatten(Reshaping):
    """o[n, c·H·W + y·W + x] = X[n,c,y,x]."""

    kind: ClassVar[str] = "flatten"
    about: ClassVar[Kind] = Kind(
        "Flatten",
        "x",
        Family.SHAPE,
        "flatten",
        "All values of a sample in one row.",
        Torch("torch.flatten({0}, 1)"),
        pattern=Pattern.RESHAPED,
        is_numbered=False,
    )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """One axis."""
        (shape,) = single(inputs, "a flatten layer")
        return (math.prod(shape),)


@frozen
class Reshape(Reshaping):
    """The values in row-major order under another shape (without the batch); one size may be −1."""

    kind: ClassVar[str] = "reshape"
    about: ClassVar[Kind] = Kind(
        "Reshape",
        "x",
        Family.SHAPE,
        "reshape",
        "The same values in another shape.",
        Torch(_reshaped),
        {"shape": (-1,)},
        pattern=Pattern.RESHAPED,
    )
    shape: tuple[int, ...] = setting(
        Setting("Shape", "Sizes without the batch; one may be −1 for what is left: 16, −1.")
    )

    def __post_init__(self) -> None:
        good = all(size == -1 or is_whole(size, 1) for size in self.shape)
        if not self.shape or not good or self.shape.count(-1) > 1:
            raise UserError(
                f"shape = {list(self.shape)} must be whole numbers of at least 1, one of which "
                "may be −1 for “what is left”."
            )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """The wanted shape, −1 resolved."""
        (shape,) = single(inputs, "a reshape layer")
        count, known = math.prod(shape), math.prod(size for size in self.shape if size != -1)
        found = tuple(count // known if size == -1 else size for size in self.shape)
        if math.prod(found) != count:
            raise UserError(
                f"{shape_text(shape)} are {count} values, which do not fill "
                f"{'×'.join(map(str, self.shape))}."
            )
        return found


@frozen
class Reshaped(Present):
    """The cell of an array that has the same row-major place in another shape."""

    address: Address
    shape: Shape
    wanted: Shape

    @property
    def reads(self) -> tuple[Address, ...]:
        return (self.address.array,)

    @property
    def index(self) -> tuple[Index, ...]:
        """Empty: the maps are not affine in general; `cell` tells the place."""
        return ()

    @property
    def label(self) -> str:
        """A cell is called by its address."""
        return ""

    def cell(self, coordinates: Coordinates) -> Coordinates:
        """The indices of the cell that a place is copied from."""
        place = np.ravel_multi_index(coordinates, self.wanted)
        return tuple(int(index) for index in np.unravel_index(int(place), self.shape))

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        cell = self.cell(coordinates)
        return Factor(
            self.address.at(cell), "", float(values[self.address][cell]), Presence.PRESENT
        )

    def block(self, values: Values, region: Region) -> Array:
        """The values of a box of places."""
        wanted = values[self.address].reshape(self.wanted)
        return wanted[tuple(slice(r.start, r.stop) for r in region)]


@frozen
class Pad(OneInput):
    """o[n,c,y,x] = X[n,c,y−top,x−left], and `value` where there is no such pixel."""

    kind: ClassVar[str] = "pad"
    about: ClassVar[Kind] = Kind(
        "Pad",
        "x",
        Family.SHAPE,
        "pad",
        "A frame of equal values around each map.",
        Torch(_framed),
        {"padding": 1},
    )
    padding: Padding = setting(PADDING)
    value: float = setting(Setting("Value", "What the frame is filled with."), default=0.0)

    def __post_init__(self) -> None:
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

    def run(self, values: Array, workspace: Workspace | None = None) -> tuple[Array, Residuals]:
        """The image in its frame."""
        shape = (*values.shape[:1], *self.output_shape((values.shape[1:],)))
        output = (workspace or FRESH).result("output", shape, values.dtype)
        output.fill(self.value)
        output[self._inside(shape)] = values
        return output, {}

    def run_back(
        self, upstream: Array, residuals: Residuals, workspace: Workspace | None = None
    ) -> Array:
        """The upstream gradient without the frame's."""
        return np.ascontiguousarray(upstream[self._inside(upstream.shape)])

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        (top, _), (left, _) = self.margins
        n, c, y, x = variables(4)
        pixel = Framed(ArrayCell(site.input(), (n, c, y - top, x - left)), self.value)
        upstream = ArrayCell(site.output.grad, (n, c, y + top, x + left))
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

    cell: ArrayCell
    value: float

    @property
    def address(self) -> Address:
        return self.cell.address

    @property
    def reads(self) -> tuple[Address, ...]:
        return self.cell.reads

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
        pixels, inside = self.cell.block(values, region), self.cell.inside(values, region)
        return pixels if inside is None else np.where(inside, pixels, self.value)


LAYERS = (Flatten, Reshape, Pad)
