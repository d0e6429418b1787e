"""Operands that the terms of a nest multiply: cells of arrays, constants, indicators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Literal, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from backpropviz.engine.formula import Formula, operands
from backpropviz.engine.nest import (
    Axis,
    Computed,
    Coordinates,
    Factor,
    Index,
    Loops,
    Nest,
    NestRule,
    Operand,
    Presence,
    Present,
    Region,
    Values,
    picked,
    variables,
)
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.frozen import frozen

PADDING_LABEL = "padding"


@frozen
class ArrayCell:
    """A value of an array. Outside the array lies padding (a 0 that is stopped at) or nothing."""

    address: Address
    index: tuple[Index, ...]
    outside: Presence = Presence.PADDING

    @property
    def reads(self) -> tuple[Address, ...]:
        return (self.address.array,)

    @property
    def label(self) -> str:
        """A cell is called by its address."""
        return ""

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        array = values[self.address]
        cell = tuple(index.at(coordinates) for index in self.index)
        found = tuple(c for c in cell if c is not None)
        if len(found) < len(cell):
            return Factor(None, "", 0.0, Presence.ABSENT)
        if not all(0 <= c < size for c, size in zip(found, array.shape, strict=True)):
            return Factor(None, PADDING_LABEL, 0.0, self.outside)
        return Factor(self.address.at(found), "", float(array[found]))

    def block(self, values: Values, region: Region) -> Array:
        """A strided view where the maps allow it, else gathered."""
        array = values[self.address]
        view = _strided(array, self.index, region)
        return _gathered(array, self.index, region) if view is None else view

    def exists(self, values: Values, region: Region) -> Array | None:
        """Where the maps divide without remainder and, if nothing lies outside, stay inside."""
        if self.outside is Presence.ABSENT:
            return self.inside(values, region)
        return _all_of(_exact_masks(self.index, region))

    def inside(self, values: Values, region: Region) -> Array | None:
        """Where all indices exist and lie inside."""
        masks = _exact_masks(self.index, region)
        for index, size in zip(self.index, values[self.address].shape, strict=True):
            found, _ = index.over(region)
            if found.min() < 0 or found.max() >= size:
                masks.append((found >= 0) & (found < size))
        return _all_of(masks)


def _exact_masks(maps: tuple[Index, ...], region: Region) -> list[Array]:
    exact = (index.over(region)[1] for index in maps)
    return [mask for mask in exact if mask is not None and not mask.all()]


def _all_of(masks: list[Array]) -> Array | None:
    return reduce(np.logical_and, masks) if masks else None


def _gathered(array: Array, maps: tuple[Index, ...], region: Region) -> Array:
    inside: Array | None = None
    cells = []
    for index, size in zip(maps, array.shape, strict=True):
        found, exact = index.over(region)
        good = (found >= 0) & (found < size)
        good = good if exact is None else good & exact
        inside = good if inside is None else inside & good
        cells.append(np.where(good, found, 0))
    gathered = array[tuple(cells)] if cells else array.reshape((1,) * len(region))
    return gathered if inside is None else np.where(inside, gathered, array.dtype.type(0))


def _strided(array: Array, maps: tuple[Index, ...], region: Region) -> Array | None:
    """The cells without copying (but for padding), or None where a map is not plainly affine."""
    if array.ndim == 0 or not all(_is_plain(index, region) for index in maps):
        return None
    first = tuple(r.start for r in region)
    last = tuple(r.stop - 1 for r in region)
    low = [_extreme(index, first, last, smallest=True) for index in maps]
    high = [_extreme(index, first, last, smallest=False) for index in maps]
    window = _padded_window(array, low, high)
    strides = [0] * len(region)
    start = [0] * array.ndim
    for dimension, index in enumerate(maps):
        start[dimension] = (index.at(first) or 0) - low[dimension]
        for term in index.terms:
            if len(region[term.axis]) > 1:
                strides[term.axis] += term.factor * window.strides[dimension]
    origin = window[tuple(slice(s, None) for s in start)]
    used = {term.axis for index in maps for term in index.terms}
    shape = tuple(len(r) if axis in used else 1 for axis, r in enumerate(region))
    return as_strided(origin, shape=shape, strides=tuple(strides), writeable=False)


def _is_plain(index: Index, region: Region) -> bool:
    return index.divisor == 1 and all(t.floor == 1 or len(region[t.axis]) == 1 for t in index.terms)


def _extreme(index: Index, first: Coordinates, last: Coordinates, *, smallest: bool) -> int:
    total = index.offset
    for term in index.terms:
        ends = (first[term.axis] // term.floor, last[term.axis] // term.floor)
        products = (term.factor * ends[0], term.factor * ends[1])
        total += min(products) if smallest else max(products)
    return total


def _padded_window(array: Array, low: list[int], high: list[int]) -> Array:
    """The cells from `low` to `high` (inclusive), zeros where they lie outside."""
    inside = tuple(
        slice(max(0, a), max(0, min(size, b + 1)))
        for a, b, size in zip(low, high, array.shape, strict=True)
    )
    window = array[inside]
    margins = [
        (min(b + 1, 0) - a if a < 0 else 0, b + 1 - max(a, size) if b >= size else 0)
        for a, b, size in zip(low, high, array.shape, strict=True)
    ]
    return np.pad(window, margins) if any(m != (0, 0) for m in margins) else window


@frozen
class Constant(Computed):
    """A number that has no address: `1/4`, a learning rate."""

    label: str
    value: float

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        return Factor(None, self.label, self.value)

    def block(self, values: Values, region: Region) -> Array:
        return np.full((1,) * len(region), self.value)


@frozen(eq=False)
class Share(Present):
    """1/n, where n may differ between windows: padding is not counted, an edge cuts them."""

    counts: Array
    index: tuple[Index, ...]

    @property
    def address(self) -> Address | None:
        return None

    @property
    def reads(self) -> tuple[Address, ...]:
        return ()

    @property
    def label(self) -> str:
        """`1/4`, or `1/n` where windows differ."""
        least, most = int(self.counts.min()), int(self.counts.max())
        return f"1/{least}" if least == most else "1/n"

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        cell = tuple(index.at(coordinates) for index in self.index)
        found = tuple(c for c in cell if c is not None)
        inside = all(0 <= c < n for c, n in zip(found, self.counts.shape, strict=False))
        if len(found) < len(cell) or not inside:
            return Factor(None, "", 0.0, Presence.ABSENT)
        count = int(self.counts[found])
        return Factor(None, f"1/{count}", 1.0 / count)

    def block(self, values: Values, region: Region) -> Array:
        """The shares of a box of terms."""
        return _gathered(1.0 / self.counts, self.index, region)


@frozen
class Indicator(Computed):
    """1 where a cell is the winner of its window, else 0."""

    switches: Address
    window: tuple[Index, ...]
    cell: tuple[Index, Index]
    plane_width: int

    @property
    def reads(self) -> tuple[Address, ...]:
        return (self.switches,)

    @property
    def index(self) -> tuple[Index, ...]:
        """The window whose winner is asked for."""
        return self.window

    @property
    def label(self) -> str:
        """𝟏 in words."""
        return "won"

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """1 or 0, labelled with the outcome."""
        switch = ArrayCell(self.switches, self.window, Presence.ABSENT).at(values, coordinates)
        row, column = (index.at(coordinates) for index in self.cell)
        if switch.presence is not Presence.PRESENT or row is None or column is None:
            return Factor(None, "", 0.0, Presence.ABSENT)
        won = 0 <= column < self.plane_width and row * self.plane_width + column == switch.value
        return Factor(None, "won" if won else "lost", float(won))

    def block(self, values: Values, region: Region) -> Array:
        """1 for winners, 0 for losers."""
        switch = _gathered(values[self.switches] + 1, self.window, region) - 1
        (rows, _), (columns, _) = (index.over(region) for index in self.cell)
        inside = (columns >= 0) & (columns < self.plane_width)
        won: Array = (inside & (rows * self.plane_width + columns == switch)).astype(np.float64)
        return won


@frozen
class Choice(Computed):
    """A different operand for each position along one loop axis.

    The consumers of a value that was used twice, the parts that a concatenation joins.
    """

    axis: int
    options: tuple[Operand, ...]

    @property
    def reads(self) -> tuple[Address, ...]:
        """Those of all options, each once."""
        return tuple(dict.fromkeys(a for option in self.options for a in option.reads))

    @property
    def index(self) -> tuple[Index, ...]:
        """That of the options, where they share it."""
        first = self.options[0].index
        return first if all(option.index == first for option in self.options) else ()

    @property
    def label(self) -> str:
        """Empty: each term names its own."""
        return ""

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """The operand that the term's position chooses."""
        return self.options[coordinates[self.axis]].at(values, coordinates)

    def block(self, values: Values, region: Region) -> Array:
        """The chosen operands, stacked along the axis."""
        chosen = [
            self.options[position].block(values, self._single(region, position))
            for position in region[self.axis]
        ]
        shape = np.broadcast_shapes(*(c.shape for c in chosen))
        return np.concatenate([np.broadcast_to(c, shape) for c in chosen], axis=self.axis)

    def _single(self, region: Region, position: int) -> Region:
        return (*region[: self.axis], range(position, position + 1), *region[self.axis + 1 :])


@frozen
class Lettering:
    """One order of loops, a letter an axis; a cell is addressed by the same letters."""

    label: str
    written: str
    sizes: Mapping[str, int]

    @property
    def letters(self) -> str:
        """The axes, outermost first."""
        return self.written.replace("|", "")

    def index(self, letter: str) -> Index:
        """An axis as an index."""
        return variables(len(self.letters))[self.letters.index(letter)]

    def cell(self, address: Address, letters: str) -> ArrayCell:
        """The value at `letters` of an array."""
        return ArrayCell(address, picked(self.letters, letters))

    def loops(
        self,
        target: str,
        operands: tuple[Operand, ...],
        other: str = "",
        initial: Operand | None = None,
    ) -> Loops:
        """The loops; `other` is how the nest's other order is written, if it has one."""
        channel, element, _ = self.written.split("|")
        return Loops(
            self.label,
            axes=tuple(Axis(letter, self.sizes[letter]) for letter in self.letters),
            channel_axes=len(channel),
            element_axes=len(element),
            target=picked(self.letters, target),
            operands=operands,
            initial=initial,
            locate=picked(other.replace("|", ""), self.letters) if other else (),
        )


def sizes_of(shape: Shape, letters: str = "ncyx", **further: int) -> dict[str, int]:
    """The sizes of an array's axes by their letters, and of further axes."""
    return dict(zip(letters, shape, strict=False)) | further


def elementwise_nest(
    target: Address,
    shape: Shape,
    given: tuple[Operand | Address, ...],
    formula: Callable[..., Formula],
    remark: str,
    kernel: Callable[..., Array] | None = None,
) -> Nest:
    """target[i] = formula(given[i]), where an address stands for its cell at the same place.

    A parameter's axes are called f c i j (or o i), an activation's n c y x (or n i).
    """
    coordinates = variables(len(shape))
    cells = tuple(
        ArrayCell(operand, coordinates) if isinstance(operand, Address) else operand
        for operand in given
    )
    axes, channels = element_axes(target, shape)
    loops = Loops(
        label="element",
        axes=axes,
        channel_axes=channels,
        element_axes=len(axes) - channels,
        target=coordinates,
        operands=cells,
    )
    return function_nest(target, shape, loops, formula, remark, kernel)


def function_nest(
    target: Address,
    shape: Shape,
    loops: Loops,
    formula: Callable[..., Formula],
    remark: str,
    kernel: Callable[..., Array] | None = None,
) -> Nest:
    """A nest of one function; `formula` is called with its operands to write it down."""
    found = formula(*operands(len(loops.operands)))
    return Nest(target, shape, NestRule.FUNCTION, (loops,), found, remark, kernel)


def element_axes(target: Address, shape: Shape) -> tuple[tuple[Axis, ...], int]:
    """A loop a dimension, and how many of them are channel axes: all but two."""
    axes = tuple(map(Axis, axis_names(target, len(shape)), shape))
    return axes, len(shape) - 2 if len(shape) > 2 else 0


def axis_names(target: Address, dimensions: int) -> str:
    """One letter a dimension."""
    is_parameter = target.quantity in {"weight", "bias"}
    if is_parameter:
        return {1: "o", 2: "oi", 4: "fcij"}.get(dimensions, "abcdefgh"[:dimensions])
    return {0: "", 1: "n", 2: "ni", 4: "ncyx"}.get(dimensions, "nabcdefg"[:dimensions])


def copy_nest(target: Address, shape: Shape, operand: Operand, remark: str) -> Nest:
    """target[i] = the operand at i."""
    axes, channels = element_axes(target, shape)
    loops = Loops(
        label="element",
        axes=axes,
        channel_axes=channels,
        element_axes=len(axes) - channels,
        target=variables(len(shape)),
        operands=(operand,),
    )
    return Nest(target, shape, NestRule.COPY, (loops,), remark=remark)


TieRule: TypeAlias = Literal["first", "all", "shared"]
"""Who takes the upstream gradient of a tied window: the first in row-major order, each the whole,
or each an even part."""


@frozen
class TiedIndicator(Indicator):
    """1 where a cell holds its window's largest value, be it alone or one of several; else 0."""

    source: Address
    largest: Address
    tied: Address

    @property
    def reads(self) -> tuple[Address, ...]:
        """The values that compete, and the largest."""
        return (self.source, self.largest)

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """1 or 0, labelled with the outcome."""
        best = self._best.at(values, coordinates)
        cell = self._own.at(values, coordinates)
        if Presence.ABSENT in {best.presence, cell.presence}:
            return Factor(None, "", 0.0, Presence.ABSENT)
        if cell.presence is not Presence.PRESENT or not _same(cell.value, best.value):
            return Factor(None, "lost", 0.0)
        count = ArrayCell(self.tied, self.window).at(values, coordinates).value
        return Factor(None, "tied" if count > 1 else "won", 1.0)

    def block(self, values: Values, region: Region) -> Array:
        """1 for all that hold the largest value, 0 for losers."""
        own, best = self._own, self._best
        won = _same(own.block(values, region), best.block(values, region))
        for mask in (own.inside(values, region), best.inside(values, region)):
            won = won if mask is None else won & mask
        return won.astype(np.float64)

    @property
    def _own(self) -> ArrayCell:
        return ArrayCell(self.source, (*self.window[:2], *self.cell))

    @property
    def _best(self) -> ArrayCell:
        return ArrayCell(self.largest, self.window, Presence.ABSENT)


@frozen
class TiedShare(Computed):
    """1/k, where k cells hold the largest value of a window; 1/1 where there is no tie."""

    tied: Address
    window: tuple[Index, ...]

    @property
    def reads(self) -> tuple[Address, ...]:
        return (self.tied,)

    @property
    def index(self) -> tuple[Index, ...]:
        """The window whose winners are counted."""
        return self.window

    @property
    def label(self) -> str:
        """1/k, since windows differ."""
        return "1/k"

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        count = ArrayCell(self.tied, self.window, Presence.ABSENT).at(values, coordinates)
        if count.presence is not Presence.PRESENT:
            return Factor(None, "", 0.0, Presence.ABSENT)
        return Factor(None, f"1/{int(count.value)}", 1 / count.value)

    def block(self, values: Values, region: Region) -> Array:
        """The shares of a box of terms; where there is no window, the upstream operand is 0."""
        counts = ArrayCell(self.tied, self.window, Presence.ABSENT).block(values, region)
        return np.asarray(1 / np.maximum(counts, 1))


def _same(a: Array | float, b: Array | float) -> Array:
    """Equal, or both NaN: NaN wins its window."""
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))
