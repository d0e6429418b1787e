"""A convolution's three tensors in NumPy: windows, contracted; the turn by 180° in ∂X."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Shape
from backpropviz.engine.kernels.geometry import Pair
from backpropviz.engine.nest import Nest
from backpropviz.figures.code.program import CodeLine, Names, with_shape
from backpropviz.figures.code.windows import NO_PADDING, Slid, pad, slid_of, view
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.frozen import frozen


def convolution_lines(step: ExplainedStep, nest: Nest, names: Names) -> Iterator[CodeLine]:
    """Output, ∂W or ∂X."""
    writer = _Convolution(step, nest, names, step.layer)
    if not nest.target.is_gradient:
        return writer.output()
    is_weight = nest.target.quantity == "weight"
    return writer.weight_gradient() if is_weight else writer.input_gradient()


@frozen(slots=False)
class _Convolution:
    """One convolution's three tensors; with groups, every array gets an axis G for them."""

    step: ExplainedStep
    nest: Nest
    names: Names
    layer: Any

    @property
    def weight(self) -> str:
        return self.names.of(Address(self.nest.target.layer, "weight"))

    @property
    def slid(self) -> Slid:
        return slid_of(self.step.tape, self.nest, self.layer.window)

    def output(self) -> Iterator[CodeLine]:
        yield from self._windows()
        turned = "[:, :, ::-1, ::-1]" if self.layer.flip else ""
        weight = self._by_group(f"{self.weight}{turned}", self._weight_shape(), 0)
        text = self._contracted("nGcyxij,Gfcij->nGfyx", ("windows", weight), self.nest.shape)
        initial = self.nest.by_target.initial
        bias = "" if initial is None or initial.address is None else self.names.of(initial.address)
        added = f" + {bias}[:, None, None]" if bias else ""
        yield self._result(f"{text}{added}")

    def weight_gradient(self) -> Iterator[CodeLine]:
        yield from self._windows()
        upstream = self._by_group("g", self._upstream_shape(), 1)
        text = self._contracted("nGfyx,nGcyxij->Gfcij", (upstream, "windows"), self.nest.shape)
        yield self._result(f"{text}[:, :, ::-1, ::-1]" if self.layer.flip else text)

    def input_gradient(self) -> Iterator[CodeLine]:
        """The upstream gradient, spread by the stride, meets the kernel turned by 180°."""
        canvas, first, outer = self._canvas()
        places = ", ".join(
            f"{start}:{start + (count - 1) * stride + 1}{'' if stride == 1 else f':{stride}'}"
            for start, count, stride in zip(
                first, self.slid.places, self.layer.window.stride, strict=True
            )
        )
        yield with_shape(f"spread = np.zeros({canvas}, g.dtype)", canvas)
        yield CodeLine(f"spread[:, :, {places}] = g")
        dense = replace(self.layer.window, stride=(1, 1), padding=NO_PADDING)
        height, width = (canvas[2 + axis] - dense.extent[axis] + 1 for axis in (0, 1))
        yield view("spread", Slid(dense, canvas, (height, width)))
        if self.layer.groups > 1:
            yield self._split_windows((*canvas[:2], height, width, *dense.kernel))
        if self.layer.flip:
            turned = self.weight
        else:
            turned = "turned"
            yield CodeLine(f"turned = {self.weight}[:, :, ::-1, ::-1]", "by 180°")
        weight = self._by_group(turned, self._weight_shape(), 0)
        shape = (*self.nest.shape[:2], height, width)
        text = self._contracted("nGfyxij,Gfcij->nGcyx", ("windows", weight), shape)
        ends = (outer[0] + self.nest.shape[2], outer[1] + self.nest.shape[3])
        cut = f"[:, :, {outer[0]}:{ends[0]}, {outer[1]}:{ends[1]}]"
        yield self._result(text if outer == (0, 0) else f"{text}{cut}")

    def _canvas(self) -> tuple[Shape, Pair, Pair]:
        """The shape in which g is spread, where it begins, and what the padding adds outside."""
        window, (rows, columns) = self.layer.window, self.slid.places
        starts, sizes, outer = [], [], []
        for axis, count in ((0, rows), (1, columns)):
            reach, before = window.extent[axis] - 1, window.padding[axis][0]
            more = max(0, before - reach)
            start = reach - before + more
            last = start + (count - 1) * window.stride[axis] + 1
            starts.append(start)
            sizes.append(max(self.nest.shape[2 + axis] + reach + more, last))
            outer.append(more)
        filters = self._upstream_shape()[:2]
        return (*filters, *sizes), (starts[0], starts[1]), (outer[0], outer[1])

    def _windows(self) -> Iterator[CodeLine]:
        slid = self.slid
        source, padding = pad(self.names.of(Address(self.nest.target.layer, "input")), slid)
        yield from padding
        yield view(source, slid)
        if self.layer.groups > 1:
            yield self._split_windows(slid.shape)

    def _split_windows(self, shape: Shape) -> CodeLine:
        split = self._split(shape, 1)
        return with_shape(f"windows = windows.reshape{split}", split)

    def _by_group(self, name: str, shape: Shape, axis: int) -> str:
        return name if self.layer.groups == 1 else f"{name}.reshape{self._split(shape, axis)}"

    def _split(self, shape: Shape, axis: int) -> Shape:
        groups = self.layer.groups
        return (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])

    def _contracted(self, letters: str, operands: tuple[str, str], shape: Shape) -> str:
        if self.layer.groups == 1:
            letters = letters.replace("G", "")
            return f'np.einsum("{letters}", {operands[0]}, {operands[1]})'
        return f'np.einsum("{letters}", {operands[0]}, {operands[1]}).reshape{shape}'

    def _result(self, text: str) -> CodeLine:
        return with_shape(f"{self.names.of(self.nest.target)} = {text}", self.nest.shape)

    def _upstream_shape(self) -> Shape:
        return self.step.tape[Address(self.nest.target.layer, "output")].shape

    def _weight_shape(self) -> Shape:
        return self.step.tape[Address(self.nest.target.layer, "weight")].shape
