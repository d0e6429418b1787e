"""The nests of pooling.

Names: n sample, c channel, y x window, i j cell of the window, u v cell of the input.
"""

from __future__ import annotations

from collections.abc import Mapping

from backpropviz.engine.arrays import Array
from backpropviz.engine.index import Index, variables
from backpropviz.engine.kernels.geometry import Window
from backpropviz.engine.kinds.protocol import Site
from backpropviz.engine.kinds.sliding import reached, under
from backpropviz.engine.nest import Axis, Loops, Nest, Operand, Presence, Rule
from backpropviz.engine.operands import Cell, Indicator, Share
from backpropviz.engine.ties import TiedIndicator, TiedShare, TieRule

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
