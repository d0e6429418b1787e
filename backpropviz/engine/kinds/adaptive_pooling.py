"""Adaptive average pooling: as many windows as are wanted, whatever the image's size.

With windows of several sizes the loops go over all pairs of a window (y, x) and a pixel (u, v);
those that do not meet are no terms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from backpropviz.engine.kernels import pooling as adaptive
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.configuration import image_shape, is_whole
from backpropviz.engine.kinds.pooling import MEAN_WORDS, AvgPool2d
from backpropviz.engine.kinds.protocol import (
    Coding,
    Family,
    Kind,
    LayerNests,
    OneInput,
    Residuals,
    Site,
    Torch,
)
from backpropviz.engine.nest import (
    Computed,
    Coordinates,
    Factor,
    Index,
    Nest,
    NestRule,
    Presence,
    Region,
    Values,
)
from backpropviz.engine.operands import Lettering, sizes_of
from backpropviz.engine.value import Array, Shape
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting

OutputSize: TypeAlias = int | tuple[int | None, int | None]
"""Rows and columns of windows, or one number for both; None: as many as the input has."""


def _ask_adaptive(layer: Any, given: Sequence[str]) -> str:
    size = layer.output_size
    return f"F.adaptive_avg_pool2d({given[0]}, {size if isinstance(size, int) else tuple(size)})"


def _adaptive_numpy(coding: Coding) -> Iterator[tuple[str, Shape | None]]:
    """Window after window, since their sizes differ."""
    target = coding.target
    (height, width), (rows, columns) = coding.input_shape[2:], coding.output_shape[2:]
    yield f"{target} = np.zeros({coding.nest.shape})", coding.nest.shape
    yield f"for y, x in ndindex({rows}, {columns}):", None
    yield f"    rows = slice(y * {height} // {rows}, -(-(y + 1) * {height} // {rows}))", None
    yield f"    columns = slice(x * {width} // {columns}, -(-(x + 1) * {width} // {columns}))", None
    if not coding.nest.target.is_gradient:
        window = f"{coding.source}[:, :, rows, columns]"
        yield f"    {target}[:, :, y, x] = {window}.mean(axis=(2, 3))", None
        return
    yield f"    window = {target}[:, :, rows, columns]", None
    yield "    count = window.shape[2] * window.shape[3]", None
    yield "    window += g[:, :, y, x, None, None] / count", None


@frozen
class AdaptiveAvgPool2d(OneInput):
    """o[n,c,y,x] = mean of X over rows ⌊y·H/O⌋ … ⌈(y+1)·H/O⌉ − 1, columns alike.

    Where the sizes divide without remainder it is an average pooling with windows of H/O × W/O.
    """

    kind: ClassVar[str] = "adaptive_avg_pool2d"
    about: ClassVar[Kind] = Kind(
        "Adaptive average pooling",
        "p",
        Family.POOLING,
        "pool",
        "Means over as many windows as are asked for.",
        Torch(_ask_adaptive),
        {"output_size": 4},
        MEAN_WORDS,
        numpy=_adaptive_numpy,
    )
    output_size: OutputSize = setting(
        Setting("Windows", "How many, down and across; “–” keeps the input's: 4, –.", 1)
    )

    def __post_init__(self) -> None:
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

    def run(self, values: Array, workspace: Workspace | None = None) -> tuple[Array, Residuals]:
        """The means."""
        if (even := self._even(values.shape)) is not None:
            return even.run(values, workspace)
        _, rows, columns = self.output_shape((values.shape[1:],))
        return adaptive.adaptive_average(values, rows, columns), {"input": values}

    def run_back(
        self, upstream: Array, residuals: Residuals, workspace: Workspace | None = None
    ) -> Array:
        """Each upstream value is shared out evenly over its window."""
        shape = residuals["input"].shape
        if (even := self._even(shape)) is not None:
            return even.run_back(upstream, residuals, workspace)
        return adaptive.adaptive_average_gradient(upstream, shape)

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
        (Nest(site.output, site.output_shape, NestRule.SUM, (output,), remark=there),),
        (Nest(site.input().grad, site.inputs[0], NestRule.SUM, gradient, remark=back),),
    )


def _share(site: Site, lettering: Lettering) -> WindowShare:
    (height, width), windows = site.inputs[0][2:], site.output_shape[2:]
    y, x, u, v = (lettering.index(letter) for letter in "yxuv")
    return WindowShare(
        adaptive.adaptive_window_counts((height, width), windows),
        adaptive.covered(height, windows[0]),
        adaptive.covered(width, windows[1]),
        (y, x),
        (u, v),
    )


@frozen(eq=False)
class WindowShare(Computed):
    """1/n where a window of n pixels covers a pixel; absent where it does not."""

    counts: Array
    rows: Array
    columns: Array
    window: tuple[Index, Index]
    pixel: tuple[Index, Index]

    @property
    def index(self) -> tuple[Index, ...]:
        return self.window

    @property
    def label(self) -> str:
        """Windows differ in size."""
        return "1/n"

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
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


LAYERS = (AdaptiveAvgPool2d,)
