"""Indices of cells as they are written: `y+i−2`, `2y+i`, with what is known filled in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

from backpropviz.engine.address import Address
from backpropviz.engine.index import Coordinate, Index
from backpropviz.engine.nest import Axis, Nest, Operand, Values
from backpropviz.engine.operands import Cell, Choice
from backpropviz.figures.symbols import PARAMETERS
from backpropviz.frozen import frozen
from backpropviz.scene.equation import MINUS


def index_text(
    index: Index,
    axes: Sequence[Axis],
    known: Sequence[int] = (),
    silent: frozenset[int] = frozenset(),
) -> str:
    """One index; loop variables from the left are replaced by what is `known` of them.

    `silent` axes run once, so that they are always 0.
    """
    total = index.offset
    pieces: list[str] = []
    for term in index.terms:
        if term.axis < len(known):
            total += term.factor * (known[term.axis] // term.floor)
        elif term.axis not in silent:
            pieces.append(_variable(term, axes[term.axis].name))
    return _divided(pieces, total, index.divisor)


def _variable(term: Coordinate, name: str) -> str:
    letter = name if term.floor == 1 else f"⌊{name}/{term.floor}⌋"
    factor = "" if abs(term.factor) == 1 else str(abs(term.factor))
    return f"{'-' if term.factor < 0 else '+'}{factor}{letter}"


def _divided(pieces: list[str], total: int, divisor: int) -> str:
    if not pieces and total % divisor == 0:
        return str(total // divisor).replace("-", MINUS)
    pieces.sort(key=lambda piece: piece.startswith("-"))
    # A sum that would begin with a minus begins with its constant instead: 2−i.
    constant = f"{total:+d}" if total else ""
    first = [constant] if total > 0 and pieces and pieces[0].startswith("-") else []
    text = "".join([*first, *pieces, *([] if first else [constant])])
    text = text.removeprefix("+").replace("-", MINUS)
    return text if divisor == 1 else f"({text})/{divisor}"


@frozen(eq=False, slots=False)
class Cells:
    """Writes the cells of one nest, without the indices that say nothing.

    The batch is left out while it holds one sample, channels while there is but one of any kind.
    """

    nest: Nest
    values: Values

    def text(self, maps: Sequence[Index], address: Address, known: Sequence[int] = ()) -> str:
        """The indices of a cell of an array."""
        loops = self.nest.by_target
        first = loops.channel_axes + loops.element_axes
        silent = frozenset(k for k, axis in enumerate(loops.axes) if k >= first and axis.size == 1)
        dropped = self.dropped(address)
        kept = (index for number, index in enumerate(maps) if number not in dropped)
        return ",".join(index_text(index, loops.axes, known, silent) for index in kept)

    def of_address(self, address: Address) -> str:
        """The indices of a value, `0,1`."""
        dropped = self.dropped(address)
        kept = (index for number, index in enumerate(address.indices) if number not in dropped)
        return ",".join(str(index).replace("-", MINUS) for index in kept)

    def short(self, cell: Sequence[int], address: Address) -> str:
        """A cell inside or outside an array: `−1,3`."""
        return self.of_address(address.at(tuple(cell)))

    def dropped(self, address: Address) -> frozenset[int]:
        """The dimensions that are not written."""
        known = self._dropped.get((address.layer, address.quantity, address.part))
        return self._dropped_of(address.array) if known is None else known

    @cached_property
    def _dropped(self) -> dict[tuple[str, str, str], frozenset[int]]:
        """The same for every array of the nest."""
        return {(a.layer, a.quantity, a.part): self._dropped_of(a) for a in self._arrays}

    def _dropped_of(self, array: Address) -> frozenset[int]:
        shape = self.values[array].shape
        leading = leading_dimensions(array, len(shape))
        batch = {0} if leading and array.quantity not in PARAMETERS and shape[0] == 1 else set()
        single = {n for n in leading if shape[n] == 1} if self._is_single else set()
        return frozenset(batch | single)

    @cached_property
    def _arrays(self) -> tuple[Address, ...]:
        return (self.nest.target, *_addresses(self.nest.by_target.operands))

    @cached_property
    def _is_single(self) -> bool:
        """Whether no array of the nest has more than one channel."""
        for address in self._arrays:
            shape = self.values[address].shape
            channels = leading_dimensions(address, len(shape)) - {0}
            is_parameter = address.quantity in PARAMETERS
            channels |= {0} if is_parameter and len(shape) != 2 else set()
            if any(shape[n] > 1 for n in channels if n < len(shape)):
                return False
        return True

    def term_axes(self) -> tuple[Axis, ...]:
        """The loops of a sum that run more than once."""
        loops = self.nest.by_target
        first = loops.channel_axes + loops.element_axes
        return tuple(axis for axis in loops.axes[first:] if axis.size > 1)

    def has_many_terms(self) -> bool:
        """Whether some element has more than one term: windows that do not overlap give one."""
        loops = self.nest.by_target
        first = loops.channel_axes + loops.element_axes
        return any(
            axis.size > _spacing(loops.operands, number)
            for number, axis in enumerate(loops.axes)
            if number >= first
        )


def _spacing(operands: Sequence[Operand], axis: int) -> int:
    """Every how many turns of a loop the operands exist."""
    spacing = 1
    for operand in operands:
        for index in operand.index:
            factors = [term.factor for term in index.terms if term.axis == axis]
            if factors:
                spacing = max(spacing, index.divisor // math.gcd(index.divisor, factors[0]))
    return spacing


def leading_dimensions(address: Address, dimensions: int) -> set[int]:
    """The dimensions that count samples, filters or channels."""
    if address.quantity in PARAMETERS:
        return {0, 1} if dimensions == 4 else ({0} if dimensions == 1 else set())
    return {0, 1} if dimensions == 4 else ({0} if dimensions >= 1 else set())


def _addresses(operands: Sequence[Operand]) -> list[Address]:
    found: list[Address] = []
    for operand in operands:
        if isinstance(operand, Cell):
            found.append(operand.address)
        elif isinstance(operand, Choice):
            found.extend(_addresses(operand.options))
    return found
