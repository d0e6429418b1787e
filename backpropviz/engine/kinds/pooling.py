"""Pooling: each window of a channel becomes one number, its largest or its mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import ClassVar, TypeAlias, get_args

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.index import Index, reached, under, variables
from backpropviz.engine.kernels import adaptive_pooling as adaptive
from backpropviz.engine.kernels import pooling as kernel
from backpropviz.engine.kernels.geometry import Window
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.configuration import Padding, Pair, image_shape, is_whole, window
from backpropviz.engine.kinds.protocol import Layer, LayerNests, LayerParameters, Residuals, Site
from backpropviz.engine.kink import Crossing, KinkFinder, WinnerChange
from backpropviz.engine.lettered import Lettering, sizes_of
from backpropviz.engine.nest import (
    Axis,
    Coordinates,
    Factor,
    Loops,
    Nest,
    Operand,
    Presence,
    Region,
    Rule,
    Values,
)
from backpropviz.engine.operands import Cell, Indicator, Share
from backpropviz.engine.ties import TiedIndicator, TiedShare, TieRule
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


class MaxPoolKinks:
    """The slope changes where another cell of the window becomes the largest."""

    def between(
        self, name: str, layer: Layer, base: Residuals, minus: Residuals, plus: Residuals
    ) -> Iterator[Crossing]:
        """Windows that not all passes give to the same cell."""
        low, here, high = (r["switches"] for r in (minus, base, plus))
        for place in _cells((low != here) | (high != here)):
            other = low if low[place] != high[place] else here
            winners = (_winner(name, base, place, int(s[place])) for s in (other, high))
            yield WinnerChange(Address(name, "output", "", place), *winners)


def _winner(name: str, base: Residuals, window: Coordinates, switch: int) -> Address:
    row, column = divmod(switch, base["input"].shape[3])
    return Address(name, "input", "", (*window[:2], row, column))


def _cells(mask: Array) -> Iterator[Coordinates]:
    return (tuple(int(i) for i in cell) for cell in np.argwhere(mask))


@frozen(slots=False)
class _Windowed:
    """What both poolings with a window are told; the stride is the kernel size unless given."""

    name_in_words: ClassVar[str]
    kernel_size: Pair
    stride: Pair | None = None
    padding: Padding = 0
    dilation: Pair = 1
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        """Refuse what can be refused without knowing the input."""
        _ = self.window

    @cached_property
    def window(self) -> Window:
        """The geometry."""
        return window(
            self.kernel_size, self.stride, self.padding, self.dilation, ceil_mode=self.ceil_mode
        )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """(channels, rows, columns) of windows; each has at least one cell inside the input."""
        channels, height, width = image_shape(inputs, self.name_in_words)
        rows, columns = self.window.output_size(height, width)
        kernel.window_counts(height, width, self.window, count_include_pad=False)
        return (channels, rows, columns)

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """None."""
        return {}


@frozen(slots=False)
class MaxPool2d(_Windowed):
    """o[n,c,y,x] = max_{i,j} X[n,c,y·s+i·d−p,x·s+j·d−p]; padding never wins.

    Only the winner (the first in row-major order) receives the upstream gradient; its flat index in
    the unpadded plane is the residual `switches`.
    `ties` may instead give the whole to every cell that holds the largest value ("all") or share it
    out evenly among them ("shared"); then the residual `tied` counts these cells.
    """

    kind: ClassVar[str] = "max_pool2d"
    name_in_words: ClassVar[str] = "a max-pooling"
    ties: TieRule = "first"

    def __post_init__(self) -> None:
        """Refuse what can be refused without knowing the input."""
        _Windowed.__post_init__(self)
        if self.ties not in get_args(TieRule):
            raise UserError(f"ties = “{self.ties}” must be “first”, “all” or “shared”.")

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """The winners; where they stood is kept, and how many they are if ties matter."""
        (image,) = inputs
        output, switches = kernel.max_pool(image, self.window, workspace)
        kept = {"input": image, "switches": switches}
        if self.ties != "first":
            kept["output"] = output
            kept["tied"] = kernel.tied_counts(image, output, self.window, workspace)
        return output, kept

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """Each upstream value is added to its winner, or as `ties` says to all that hold it."""
        if not needs_inputs:
            return (), {}
        image = residuals["input"]
        if self.ties == "first":
            switches = residuals["switches"]
            return (kernel.max_pool_gradient(upstream, switches, image.shape, workspace),), {}
        counts = residuals["tied"] if self.ties == "shared" else None
        gradient = kernel.tied_gradient(
            upstream, image, residuals["output"], self.window, counts, workspace
        )
        return (gradient,), {}

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        loops = PoolingLoops(site, self.window)
        return LayerNests((loops.largest(),), (loops.winner_gradient(self.ties),))


@frozen(slots=False)
class AvgPool2d(_Windowed):
    """o[n,c,y,x] = Σ_{i,j} X[n,c,y·s+i·d−p,x·s+j·d−p] / n_{y,x}.

    n counts the window's cells: those in padding too, unless `count_include_pad` is false, but
    never those beyond the padding, which `ceil_mode` may let a window reach.
    """

    kind: ClassVar[str] = "avg_pool2d"
    name_in_words: ClassVar[str] = "an average-pooling"
    count_include_pad: bool = True

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """The means."""
        (image,) = inputs
        output = kernel.average_pool(image, self.window, self.count_include_pad, workspace)
        return output, {"input": image}

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """Each upstream value is shared out evenly over its window."""
        if not needs_inputs:
            return (), {}
        gradient = kernel.average_pool_gradient(
            upstream, residuals["input"].shape, self.window, self.count_include_pad, workspace
        )
        return (gradient,), {}

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        height, width = site.inputs[0][2:]
        counts = kernel.window_counts(height, width, self.window, self.count_include_pad)
        loops = PoolingLoops(site, self.window)
        return LayerNests((loops.mean(counts),), (loops.share_gradient(counts),))


@frozen
class GlobalAvgPool2d:
    """o[n,c,0,0] = Σ_{y,x} X[n,c,y,x] / (H·W): one window over each whole channel."""

    kind: ClassVar[str] = "global_avg_pool2d"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """(channels, 1, 1)."""
        channels, _, _ = image_shape(inputs, "a global average-pooling")
        return (channels, 1, 1)

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """None."""
        return {}

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """The mean of each channel."""
        return _over_all(inputs[0].shape).forward(inputs, parameters, workspace)

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """Each upstream value is shared out evenly over its channel."""
        pooling = _over_all(residuals["input"].shape)
        return pooling.vjp(upstream, residuals, parameters, workspace, needs_inputs=needs_inputs)

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        return _over_all(site.inputs[0]).nests(site)


def _over_all(batch_shape: Shape) -> AvgPool2d:
    return AvgPool2d((batch_shape[2], batch_shape[3]))


# Names: n sample, c channel, y x window, i j cell of the window, u v cell of the input.


_REMARKS: Mapping[TieRule, str] = {
    "first": "The winner takes the whole upstream gradient of its window; the others, which did "
    "not reach the loss, take nothing.",
    "all": "Every cell that holds the largest value takes the whole upstream gradient of its "
    "window (tie rule: all); the others take nothing.",
    "shared": "The cells that hold the largest value share the upstream gradient of their window "
    "evenly (tie rule: shared); the others take nothing.",
}


class PoolingLoops:
    """Builds the nests of one pooling layer from its geometry and shapes."""

    def __init__(self, site: Site, window: Window) -> None:
        """Name the axes."""
        self.site = site
        self.window = window
        batch, channels, height, width = site.inputs[0]
        self.planes = (Axis("n", batch), Axis("c", channels))
        self.pixels = (Axis("u", height), Axis("v", width))
        self.windows = (Axis("y", site.output_shape[2]), Axis("x", site.output_shape[3]))
        self.cells = (Axis("i", window.kernel[0]), Axis("j", window.kernel[1]))

    def largest(self) -> Nest:
        """n c | y x | i j, by maximum."""
        return self._output(Rule.MAX, (), "Only the largest value of the window goes on.")

    def mean(self, counts: Array) -> Nest:
        """n c | y x | i j, by summation of X/n."""
        _, _, y, x, _, _ = variables(6)
        share = Share(counts, (y, x))
        return self._output(Rule.SUM, (share,), "Every value of the window has an equal share.")

    def winner_gradient(self, ties: TieRule = "first") -> Nest:
        """upstream · [the cell won], and where ties are shared · 1/k."""
        by_cell, by_window = self._names()
        return self._gradient(self._won(by_cell, ties), self._won(by_window, ties), _REMARKS[ties])

    def share_gradient(self, counts: Array) -> Nest:
        """upstream · 1/n."""
        by_cell, by_window = self._names()
        return self._gradient(
            (Share(counts, by_cell[2:4]),),
            (Share(counts, by_window[2:4]),),
            "Every cell had an equal share in the mean, so it takes one of the gradient.",
        )

    def _output(self, rule: Rule, further: tuple[Operand, ...], remark: str) -> Nest:
        n, c, y, x, i, j = variables(6)
        loops = Loops(
            label="window",
            axes=(*self.planes, *self.windows, *self.cells),
            channel_axes=2,
            element_axes=2,
            target=(n, c, y, x),
            operands=(
                Cell(self.site.input(), (n, c, *under(self.window, y, x, i, j))),
                *further,
            ),
        )
        return Nest(self.site.output, self.site.output_shape, rule, (loops,), remark=remark)

    def _gradient(
        self, of_cell: tuple[Operand, ...], of_window: tuple[Operand, ...], remark: str
    ) -> Nest:
        """By cell n c | u v | i j, or by window n c | y x | i j."""
        n, c, _, _, i, j = variables(6)
        by_cell, by_window = self._names()
        (y, x), (u, v) = by_cell[2:4], by_window[4:6]
        cells = Loops(
            label="cell",
            axes=(*self.planes, *self.pixels, *self.cells),
            channel_axes=2,
            element_axes=2,
            target=(n, c, *by_cell[4:6]),
            operands=(self._upstream(by_cell), *of_cell),
            locate=(n, c, u, v, i, j),
        )
        windows = Loops(
            label="window",
            axes=(*self.planes, *self.windows, *self.cells),
            channel_axes=2,
            element_axes=2,
            target=(n, c, u, v),
            operands=(self._upstream(by_window), *of_window),
            locate=(n, c, y, x, i, j),
        )
        return Nest(
            self.site.input().grad, self.site.inputs[0], Rule.SUM, (cells, windows), remark=remark
        )

    def _names(self) -> tuple[tuple[Index, ...], tuple[Index, ...]]:
        """n c y x u v as maps of the loops by cell, and of those by window."""
        n, c, row, column, i, j = variables(6)
        return (
            (n, c, *reached(self.window, row, column, i, j), row, column),
            (n, c, row, column, *under(self.window, row, column, i, j)),
        )

    def _upstream(self, names: tuple[Index, ...]) -> Cell:
        return Cell(self.site.output.grad, names[:4], Presence.ABSENT)

    def _won(self, names: tuple[Index, ...], ties: TieRule) -> tuple[Operand, ...]:
        site, width = self.site, self.pixels[1].size
        switches, window, cell = site.quantity("switches"), names[:4], (names[4], names[5])
        if ties == "first":
            return (Indicator(switches, window, cell, width),)
        tied = site.quantity("tied")
        won = TiedIndicator(switches, window, cell, width, site.input(), site.output, tied)
        return (won, TiedShare(tied, window)) if ties == "shared" else (won,)


OutputSize: TypeAlias = int | tuple[int | None, int | None]
"""Rows and columns of windows, or one number for both; None: as many as the input has."""


@frozen
class AdaptiveAvgPool2d:
    """o[n,c,y,x] = mean of X over rows ⌊y·H/O⌋ … ⌈(y+1)·H/O⌉ − 1, columns alike.

    Where the sizes divide without remainder it is an average pooling with windows of H/O × W/O.
    """

    kind: ClassVar[str] = "adaptive_avg_pool2d"
    output_size: OutputSize

    def __post_init__(self) -> None:
        """Refuse sizes without meaning."""
        sizes = self._sizes
        if len(sizes) != 2 or not all(size is None or is_whole(size, 1) for size in sizes):
            raise UserError(
                f"output_size = {self.output_size!r} must be one or two whole numbers of at least "
                "1, or null for the input's own."
            )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """(channels, rows, columns) of windows."""
        channels, height, width = image_shape(inputs, "an adaptive average-pooling")
        rows, columns = self._sizes
        return (channels, rows or height, columns or width)

    def parameter_shapes(self, inputs: tuple[Shape, ...]) -> Mapping[str, Shape]:
        """None."""
        return {}

    def forward(
        self,
        inputs: tuple[Array, ...],
        parameters: LayerParameters,
        workspace: Workspace | None = None,
    ) -> tuple[Array, Residuals]:
        """The means."""
        (image,) = inputs
        if (even := self._even(image.shape)) is not None:
            return even.forward(inputs, parameters, workspace)
        _, rows, columns = self.output_shape((image.shape[1:],))
        return adaptive.adaptive_average(image, rows, columns), {"input": image}

    def vjp(
        self,
        upstream: Array,
        residuals: Residuals,
        parameters: LayerParameters,
        workspace: Workspace | None = None,
        *,
        needs_inputs: bool = True,
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """Each upstream value is shared out evenly over its window."""
        if not needs_inputs:
            return (), {}
        shape = residuals["input"].shape
        if (even := self._even(shape)) is not None:
            return even.vjp(upstream, residuals, parameters, workspace)
        return (adaptive.adaptive_average_gradient(upstream, shape),), {}

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        even = self._even(site.inputs[0])
        return adaptive_nests(site) if even is None else even.nests(site)

    @property
    def _sizes(self) -> tuple[int | None, ...]:
        size = self.output_size
        return tuple(size) if isinstance(size, tuple | list) else (size, size)

    def _even(self, batch_shape: Shape) -> AvgPool2d | None:
        """The pooling whose windows all are of one size and do not overlap, if there is one."""
        height, width = batch_shape[2:]
        _, rows, columns = self.output_shape((batch_shape[1:],))
        if height % rows or width % columns:
            return None
        return AvgPool2d((height // rows, width // columns))


# With windows of several sizes the loops go over all pairs of a window (y, x) and a pixel (u, v);
# those that do not meet are no terms.


def adaptive_nests(site: Site) -> LayerNests:
    """Output; ∂X by cell n c | u v | y x, or by window n c | y x | u v."""
    sizes = sizes_of(site.output_shape) | sizes_of(site.inputs[0], "ncuv")
    by_window, by_cell = (
        Lettering(label, written, sizes)
        for label, written in (("window", "nc|yx|uv"), ("cell", "nc|uv|yx"))
    )
    pixel = by_window.cell(site.input(), "ncuv")
    output = by_window.loops("ncyx", (pixel, _share(site, by_window)))
    gradient = tuple(
        here.loops("ncuv", (here.cell(site.output.grad, "ncyx"), _share(site, here)), there.written)
        for here, there in ((by_cell, by_window), (by_window, by_cell))
    )
    there = "Every value of the window has an equal share."
    back = "Every cell had an equal share in the mean, so it takes one of the gradient."
    return LayerNests(
        (Nest(site.output, site.output_shape, Rule.SUM, (output,), remark=there),),
        (Nest(site.input().grad, site.inputs[0], Rule.SUM, gradient, remark=back),),
    )


def _share(site: Site, lettering: Lettering) -> WindowShare:
    (height, width), windows = site.inputs[0][2:], site.output_shape[2:]
    y, x, u, v = (lettering.index(letter) for letter in "yxuv")
    return WindowShare(
        adaptive.window_counts((height, width), windows),
        adaptive.covered(height, windows[0]),
        adaptive.covered(width, windows[1]),
        (y, x),
        (u, v),
    )


@frozen(eq=False)
class WindowShare:
    """1/n where a window of n pixels covers a pixel; absent where it does not."""

    counts: Array
    rows: Array
    columns: Array
    window: tuple[Index, Index]
    pixel: tuple[Index, Index]

    @property
    def address(self) -> None:
        """None."""
        return

    @property
    def index(self) -> tuple[Index, ...]:
        """The window."""
        return self.window

    @property
    def label(self) -> str:
        """Windows differ in size."""
        return "1/n"

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """The window's share."""
        y, x, u, v = (coordinates[index.axis] for index in (*self.window, *self.pixel))
        if not (self.rows[y, u] and self.columns[x, v]):
            return Factor(None, "", 0.0, Presence.ABSENT)
        count = int(self.counts[y, x])
        return Factor(None, f"1/{count}", 1.0 / count)

    def block(self, values: Values, region: Region) -> Array:
        """The shares of a box of terms, 0 where there is none."""
        y, x = (index.over(region)[0] for index in self.window)
        return np.where(self._meets(region), 1.0 / self.counts[y, x], 0.0)

    def exists(self, values: Values, region: Region) -> Array | None:
        """Where the window covers the pixel."""
        return self._meets(region)

    def inside(self, values: Values, region: Region) -> Array | None:
        """Where the window covers the pixel."""
        return self._meets(region)

    def _meets(self, region: Region) -> Array:
        y, x, u, v = (index.over(region)[0] for index in (*self.window, *self.pixel))
        return np.asarray(self.rows[y, u] & self.columns[x, v])


LAYERS = (
    MaxPool2d,
    AvgPool2d,
    GlobalAvgPool2d,
    AdaptiveAvgPool2d,
)
KINKS: dict[str, KinkFinder] = {"max_pool2d": MaxPoolKinks()}
