"""The nests of adaptive pooling with windows of several sizes.

Names: n sample, c channel, y x window, u v pixel. The loops go over all pairs of a window and a
pixel; those that do not meet are no terms.
"""

from __future__ import annotations

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.index import Index
from backpropviz.engine.kernels.adaptive_pooling import covered, window_counts
from backpropviz.engine.kinds.protocol import LayerNests, Site
from backpropviz.engine.lettered import Lettering, sizes_of
from backpropviz.engine.nest import Coordinates, Factor, Nest, Presence, Region, Rule, Values
from backpropviz.frozen import frozen


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
        window_counts((height, width), windows),
        covered(height, windows[0]),
        covered(width, windows[1]),
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
