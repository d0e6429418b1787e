"""A nest as naive Python: its loops, the guard around a term, its operands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from backpropviz.engine.address import Address
from backpropviz.engine.index import Index
from backpropviz.engine.kinds.adaptive_pooling import WindowShare
from backpropviz.engine.kinds.cross_entropy import (
    ClassWeight,
    IsTarget,
    OneOver,
    TargetCell,
    TargetWeight,
)
from backpropviz.engine.kinds.prelu import NotAbove
from backpropviz.engine.kinds.protocol import TARGET
from backpropviz.engine.nest import Axis, Nest, Operand, Region, Rule, Values
from backpropviz.engine.operands import Cell, Choice, Indicator, Share
from backpropviz.engine.ties import TiedIndicator, TiedShare
from backpropviz.figures.code.program import Names, indexed, python_constant
from backpropviz.figures.equations.index_text import index_text
from backpropviz.figures.equations.operand_nodes import WINDOW_NAMES, OperandWriter
from backpropviz.frozen import frozen


@frozen(slots=False)
class Coder:
    """Writes a nest as loops; `indices` are those of one value, None for all of them.

    Arrays lie without the dimensions that equations leave out: a batch of one, a single channel.
    """

    nest: Nest
    values: Values
    indices: tuple[int, ...] | None

    @cached_property
    def writer(self) -> OperandWriter:
        """How operands are written elsewhere."""
        return OperandWriter.of(self.nest, self.values)

    @cached_property
    def names(self) -> Names:
        """The variables."""
        return Names(self.nest, self.values)

    @property
    def operands(self) -> tuple[Operand, ...]:
        """What a term multiplies."""
        return self.nest.by_target.operands

    @property
    def running(self) -> str:
        """The variable that holds the value so far."""
        return "best" if self.nest.rule is Rule.MAX else "total"

    @property
    def prefix(self) -> tuple[int, ...]:
        """The loop variables of the channel and the element."""
        return () if self.indices is None else self.nest.element_at(self.indices)

    @property
    def first_term(self) -> int:
        """The number of the first loop over terms."""
        loops = self.nest.by_target
        return loops.channel_axes + loops.element_axes

    @property
    def term_axes(self) -> tuple[Axis, ...]:
        """The loops over terms."""
        return self.nest.by_target.axes[self.first_term :]

    def start(self) -> str:
        """Before the loop."""
        initial = self.nest.by_target.initial
        if self.nest.rule is Rule.MAX:
            return "best = -inf"
        return f"total = {0 if initial is None else self.operand(initial)}"

    def loop(self) -> str:
        """The loop over terms."""
        if self.writer.names_windows:
            return f"for y, x in windows_over({', '.join(self._element())}):"
        axes = [axis for axis in self.term_axes if axis.size > 1] or list(self.term_axes)
        return loop_over(axes)

    def outer_loop(self) -> str:
        """The loop over values."""
        return loop_over(self.outer_axes)

    @cached_property
    def outer_axes(self) -> tuple[Axis, ...]:
        """The loops over values that run more than once, or whose variable is written."""
        written = " ".join((self.target(), self.start(), self.product(), *self.conditions()))
        axes = self.nest.by_target.axes[: self.first_term]
        used = (a for a in axes if a.size > 1 or re.search(rf"\b{a.name}\b", written))
        return tuple(used) or axes[-1:]

    def _element(self) -> list[str]:
        names = [axis.name for axis in self.nest.by_target.axes[: self.first_term]]
        known = self.prefix
        return [str(known[k]) if k < len(known) else name for k, name in enumerate(names)][-2:]

    def guard(self) -> str:
        """Where a term exists: nothing beside the array, no remainder; '' if all do."""
        found = " and ".join(dict.fromkeys(self.conditions()))
        return f"if {found}:" if found else ""

    def conditions(self) -> Iterator[str]:
        """What has to hold for the cells of a term."""
        if self.writer.names_windows:
            return
        region = self.nest.by_target.region(self.prefix)
        for operand in self.operands:
            if isinstance(operand, WindowShare):
                yield from self.covers(operand)
            elif isinstance(operand, Cell):
                dropped = self.writer.cells.dropped(operand.address)
                sizes = self.values[operand.address].shape
                for number, (index, size) in enumerate(zip(operand.index, sizes, strict=True)):
                    if number not in dropped:
                        yield from self.condition(index, size, region)

    def condition(self, index: Index, size: int, region: Region) -> Iterator[str]:
        """`(u-i) % 2 == 0`, `0 <= y+i-2 < 28`, as far as they are not always so."""
        found, exact = index.over(region)
        if exact is not None and not exact.all():
            yield f"({self.index(replace(index, divisor=1))}) % {index.divisor} == 0"
        low = "0 <= " if found.min() < 0 else ""
        high = f" < {size}" if found.max() >= size else ""
        if low or high:
            yield f"{low}{self.index(index)}{high}"

    def covers(self, share: WindowShare) -> Iterator[str]:
        """The window goes from ⌊y·H/O⌋ to ⌈(y+1)·H/O⌉, without division."""
        for window, pixel, covered in zip(
            share.window, share.pixel, (share.rows, share.columns), strict=True
        ):
            windows, size = covered.shape
            if not covered.all():
                y, u = self.index(window), self.index(pixel)
                yield f"{y}*{size} < ({u}+1)*{windows}"
                yield f"{u}*{windows} < ({y}+1)*{size}"

    def index(self, index: Index) -> str:
        """One index, the loop variables that are known filled in."""
        loops = self.nest.by_target
        silent = frozenset(
            k for k, axis in enumerate(loops.axes) if k >= self.first_term and axis.size == 1
        )
        return ascii_index(index_text(index, loops.axes, self.prefix, silent))

    def body(self) -> str:
        """What the loop does with a term."""
        term = self.product()
        return f"best = max(best, {term})" if self.nest.rule is Rule.MAX else f"total += {term}"

    def product(self) -> str:
        """A term."""
        return " * ".join(self.operand(operand) for operand in self.operands)

    @property
    def is_one_product(self) -> bool:
        """Whether the loop over terms would run just once, and its term always exists."""
        is_sum = self.nest.rule is Rule.SUM and self.nest.by_target.initial is None
        is_single = is_sum and all(axis.size == 1 for axis in self.term_axes)
        return is_single and not self.guard() and not self.writer.names_windows

    def target(self) -> str:
        """The value that is computed."""
        address = self.nest.target
        name = self.names.of(address)
        if self.indices is not None:
            return indexed(name, self.indices)
        text = ascii_index(self.writer.cells.text(self.nest.by_target.target, address))
        return f"{name}[{text}]" if text else name

    def function(self) -> str:
        """The right side of a function."""
        operands = [self.operand(operand) for operand in self.operands]
        return "" if self.nest.formula is None else self.nest.formula.python(operands)

    def operand(self, operand: Operand) -> str:
        """One operand of a term."""
        match operand:
            case Choice():
                return self._chosen(operand)
            case TiedIndicator():
                return self._tied(operand)
            case Indicator():
                return self._won(operand)
            case Share():
                return self._share(operand)
            case TiedShare():
                return f"1/tied[{self._window(operand.tied)}]"
            case IsTarget():
                return f"({self.index(operand.category)} == {self._class(operand.sample)})"
            case TargetCell():
                return self._of_class(operand)
        address = operand.address
        if address is None:
            return self._nameless(operand)
        name = self.names.of(address)
        text = ascii_index(self._cell(operand, address))
        return f"{name}[{text}]" if text else name

    def _nameless(self, operand: Operand) -> str:
        """An operand whose value is no cell of an array."""
        match operand:
            case NotAbove():
                return f"({self.operand(operand.cell)} <= 0)"
            case ClassWeight():
                return f"w[{self.index(operand.category)}]"
            case TargetWeight():
                return f"w[{self._class(operand.sample)}]"
            case OneOver():
                return f"(1/{self.names.of(operand.source)})"
            case WindowShare():
                y, x = map(self.index, operand.window)
                return f"1/count[{y},{x}]"
        return python_constant(operand.label)

    def _cell(self, operand: Operand, address: Address) -> str:
        if self.writer.names_windows and address.is_gradient:
            return self._window(address)
        return self.writer.cells.text(operand.index, address, self.prefix)

    def _chosen(self, operand: Choice) -> str:
        cell = operand.options[0]
        text = self.writer.cells.text(cell.index, cell.address or self.nest.target, self.prefix)
        part = f"[{ascii_index(text)}]" if text else ""
        return f"g[{self.nest.by_target.axes[operand.axis].name}]{part}"

    def _share(self, operand: Share) -> str:
        label = self.writer.share_label(operand, self.prefix)
        return label if label != "1/n" else "1/count[y,x]"

    def _class(self, sample: Index) -> str:
        is_dropped = 0 in self.writer.cells.dropped(TARGET)
        return "t" if is_dropped else f"t[{self.index(sample)}]"

    def _of_class(self, operand: TargetCell) -> str:
        name, target = self.names.of(operand.address), self._class(operand.sample)
        is_dropped = 0 in self.writer.cells.dropped(operand.address)
        return f"{name}[{target if is_dropped else f'{self.index(operand.sample)},{target}'}]"

    def _window(self, address: Address) -> str:
        dropped = self.writer.cells.dropped(address)
        known = [str(index) for index in self.prefix[:2]]
        names = [*known, *WINDOW_NAMES[len(known) :]]
        return ",".join(name for k, name in enumerate(names) if k not in dropped)

    def _won(self, operand: Indicator) -> str:
        window = self._window(operand.switches)
        if self.indices is None:
            return f"(switches[{window}] == u*{operand.plane_width}+v)"
        row, column = (index.at((*self.prefix, 0, 0)) for index in operand.cell)
        return f"(switches[{window}] == {(row or 0) * operand.plane_width + (column or 0)})"

    def _tied(self, operand: TiedIndicator) -> str:
        """The cell holds the window's largest value."""
        maps = (*operand.window[:2], *operand.cell)
        cell = ascii_index(self.writer.cells.text(maps, operand.source, self.prefix))
        window = self._window(operand.largest)
        source, largest = self.names.of(operand.source), self.names.of(operand.largest)
        return f"({source}[{cell}] == {largest}[{window}])"


def loop_over(axes: Sequence[Axis]) -> str:
    """`for y, x in ndindex(28, 28):`."""
    names = ", ".join(axis.name for axis in axes)
    if len(axes) == 1:
        return f"for {names} in range({axes[0].size}):"
    sizes = ", ".join(str(axis.size) for axis in axes)
    return f"for {names} in ndindex({sizes}):"


def ascii_index(text: str) -> str:
    """Index arithmetic as Python writes it: `2*y+i-1`, `(u+1-i)//2`, `f//4`."""
    text = re.sub(r"⌊(\w+)/(\d+)⌋", r"(\1//\2)", text.replace("−", "-"))
    text = re.sub(r"\)/(\d+)", r")//\1", text)
    return re.sub(r"(\d)([a-z(])", r"\1*\2", text)
