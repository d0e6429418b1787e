"""Poolings in NumPy: windows, reduced; gradients, scattered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backpropviz.engine.address import Address
from backpropviz.engine.nest import Nest
from backpropviz.engine.operands import Share
from backpropviz.figures.code.program import CodeLine, Names, with_shape
from backpropviz.figures.code.windows import Slid, every, pad, slid_of, view
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.frozen import frozen


def pooling_lines(step: ExplainedStep, nest: Nest, names: Names) -> Iterator[CodeLine]:
    """Output or ∂X."""
    layer: Any = step.layer
    writer = _Pooling(step, nest, names, layer)
    if not nest.target.is_gradient:
        return writer.output()
    return writer.gradient()


@frozen(slots=False)
class _Pooling:
    step: ExplainedStep
    nest: Nest
    names: Names
    layer: Any

    @property
    def is_maximum(self) -> bool:
        return self.share is None

    @property
    def slid(self) -> Slid:
        return slid_of(self.step.tape, self.nest, self.layer.window)

    @property
    def share(self) -> Share | None:
        operands = self.nest.by_target.operands
        return next((o for o in operands if isinstance(o, Share)), None)

    def output(self) -> Iterator[CodeLine]:
        source = self.names.of(Address(self.nest.target.layer, "input"))
        value = "-np.inf" if self.is_maximum else ""
        padded, lines = pad(source, self.slid, value)
        yield from lines
        yield view(padded, self.slid)
        target = self.names.of(self.nest.target)
        if self.is_maximum:
            yield with_shape(f"{target} = windows.max(axis=(4, 5))", self.nest.shape)
            return
        yield from self._counts()
        yield with_shape(f"{target} = windows.sum(axis=(4, 5)) / {self._count()}", self.nest.shape)

    def gradient(self) -> Iterator[CodeLine]:
        if self.is_maximum and self.layer.ties == "first":
            yield from self._scattered()
            return
        slid, target = self.slid, self.names.of(self.nest.target)
        padded = slid.padded_shape()
        if self.is_maximum:
            source = self.names.of(Address(self.nest.target.layer, "input"))
            name, lines = pad(source, slid, "-np.inf")
            yield from lines
            largest = self.names.of(Address(self.nest.target.layer, "output"))
            part = " / tied" if self.layer.ties == "shared" else ""
            taken = f"g * ({name}[cells] == {largest}){part}"
        else:
            yield from self._counts()
            taken = f"g / {self._count()}"
        yield with_shape(f"{target} = np.zeros({padded})", padded)
        yield CodeLine(f"for i, j in ndindex{self.layer.window.kernel}:")
        yield CodeLine(f"    cells = np.s_[:, :, {self._cells(0)}, {self._cells(1)}]")
        yield CodeLine(f"    {target}[cells] += {taken}")
        if padded != self.nest.shape:
            (top, _), (left, _) = slid.needed()
            height, width = self.nest.shape[2:]
            cut = f"[:, :, {top}:{top + height}, {left}:{left + width}]"
            yield with_shape(f"{target} = {target}{cut}", self.nest.shape)

    def _scattered(self) -> Iterator[CodeLine]:
        """Every upstream value is added to its winner."""
        target, shape = self.names.of(self.nest.target), self.nest.shape
        flat = (*shape[:2], shape[2] * shape[3])
        yield with_shape(f"{target} = np.zeros({flat})", flat)
        yield CodeLine("n, c, y, x = np.indices(g.shape)")
        yield CodeLine(f"np.add.at({target}, (n, c, switches), g)", "to the winners")
        yield with_shape(f"{target} = {target}.reshape{shape}", shape)

    def _cells(self, axis: int) -> str:
        """Where cell i (or j) of all windows lies."""
        window, letter = self.layer.window, "ij"[axis]
        stride, dilation = window.stride[axis], window.dilation[axis]
        start = letter if dilation == 1 else f"{dilation}*{letter}"
        stop = f"{start}+{(self.slid.places[axis] - 1) * stride + 1}"
        return f"{start}:{stop}" + ("" if stride == 1 else f":{stride}")

    def _count(self) -> str:
        label = "" if self.share is None else self.share.label
        return "count" if label == "1/n" else label.removeprefix("1/")

    def _counts(self) -> Iterator[CodeLine]:
        """How many cells each window counts, where that differs."""
        if self._count() != "count" or self.share is None:
            return
        slid, counted = self.slid, self.layer.window.padding
        height, width = slid.source[2:]
        needed = slid.needed()
        sizes, rest = (height, width), needed
        if self.layer.count_include_pad:
            sizes = (height + sum(counted[0]), width + sum(counted[1]))
            beyond = [max(0, needed[axis][1] - counted[axis][1]) for axis in (0, 1)]
            rest = ((0, beyond[0]), (0, beyond[1]))
        padded = (sizes[0] + sum(rest[0]), sizes[1] + sum(rest[1]))
        yield with_shape(f"ones = np.pad(np.ones({sizes}), {rest})", padded)
        window = slid.window
        (sy, sx), (dy, dx) = window.stride, window.dilation
        yield with_shape(
            f"count = sliding_window_view(ones, {window.extent})"
            f"[{every(sy)}, {every(sx)}, {every(dy)}, {every(dx)}].sum(axis=(2, 3))"
            f"[:{slid.places[0]}, :{slid.places[1]}]",
            self.share.counts.shape,
        )
