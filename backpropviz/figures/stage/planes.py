"""A plane: the two-dimensional picture of a part of an array.

Activations and filters are cut along their last two dimensions, one plane a channel. A vector is
wrapped into rows; a matrix is shown as it is. What is too large for its place is cut around the
cells of interest, and says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import product
from typing import TypeAlias

import numpy as np

from backpropviz.debugger.timeline import Depth, axes_fixed
from backpropviz.engine.contraction import join
from backpropviz.engine.nest import Coordinates, Index, Loops, Nest, Region, Values
from backpropviz.engine.partial import Partial, plane_dimensions, progress
from backpropviz.engine.tape import Operation
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.frozen import frozen

Selection = tuple[int | None, ...]
"""An index for every dimension of an array; None where the plane runs along it."""


@frozen(eq=False)
class Plane:
    """Values (rows, columns) of a selection; there is no value where `computed` is false.

    `length` is the number of cells that exist: a wrapped vector may end within its last row.
    Products have no address but a `pattern` for the keys of their cells, in which `{index}` counts
    from `first_index`.
    `first_row` and `first_column` say what was cut off before, `whole` the uncut (rows, columns).
    """

    address: Address | None
    selection: Selection
    values: Array
    computed: Array
    complete: Array
    wrapped: bool
    length: int
    whole: tuple[int, int]
    first_row: int = 0
    first_column: int = 0
    pattern: str = ""
    first_index: int = 0

    @property
    def rows(self) -> int:
        return int(self.values.shape[0])

    @property
    def columns(self) -> int:
        return int(self.values.shape[1])

    @property
    def is_cut(self) -> bool:
        """Whether a part of the plane is out of sight."""
        return (self.rows, self.columns) != self.whole

    def indices(self, row: int, column: int) -> Coordinates | None:
        """The array's indices of a cell of the picture; None behind a vector's end."""
        row, column = row + self.first_row, column + self.first_column
        if self.wrapped:
            position = row * self.whole[1] + column
            return self._filled((position,)) if position < self.length else None
        return self._filled((row, column))

    def address_of(self, row: int, column: int) -> Address | None:
        indices = self.indices(row, column)
        return None if indices is None or self.address is None else self.address.at(indices)

    def cell(self, indices: Coordinates) -> tuple[int, int] | None:
        """Where a value of the array is drawn; None on another plane or out of sight."""
        if any(s not in {None, i} for s, i in zip(self.selection, indices, strict=True)):
            return None
        free = [i for s, i in zip(self.selection, indices, strict=True) if s is None]
        # A plane has two free dimensions, a row of a matrix has one, and a number none.
        row, column = divmod(free[0], self.whole[1]) if self.wrapped else (0, 0, *free)[-2:]
        row, column = row - self.first_row, column - self.first_column
        inside = 0 <= row < self.rows and 0 <= column < self.columns
        return (row, column) if inside else None

    def key_of(self, row: int, column: int) -> str:
        """The key of a cell of the picture: its address, or what the pattern makes of it."""
        if self.pattern:
            place = (row + self.first_row) * self.whole[1] + column + self.first_column
            index = place + self.first_index
            return self.pattern.format(row=row, column=column, index=index)
        address = self.address_of(row, column)
        return "" if address is None else str(address)

    @property
    def key_pattern(self) -> str:
        """For `Pixels`: the keys of the cells, addresses unless a pattern is given."""
        if self.pattern or self.address is None:
            return self.pattern
        free = iter(("{index}",) if self.wrapped else ("{row}", "{column}"))
        if self.selection.count(None) == 1 and not self.wrapped:
            free = iter(("{column}",))
        inner = ",".join(str(s) if s is not None else next(free) for s in self.selection)
        return f"{self.address.name}[{inner}]" if self.selection else self.address.name

    def window(self, rows: range, columns: range) -> Plane:
        """The part of the plane in some rows and columns."""
        part = (slice(rows.start, rows.stop), slice(columns.start, columns.stop))
        return replace(
            self,
            values=self.values[part],
            computed=self.computed[part],
            complete=self.complete[part],
            first_row=self.first_row + rows.start,
            first_column=self.first_column + columns.start,
        )

    def _filled(self, free: tuple[int, ...]) -> Coordinates:
        rest = iter(free)
        return tuple(next(rest) if s is None else s for s in self.selection)


def plane(
    address: Address | None,
    selection: Selection,
    values: Array,
    computed: Array | None = None,
    complete: Array | None = None,
    pattern: str = "",
) -> Plane:
    """A plane from the values along its free dimensions (at most two)."""
    known = np.ones(values.shape, bool) if computed is None else computed
    done = known if complete is None else complete
    wrapped, length = values.ndim == 1, values.size
    if values.ndim < 2:
        columns = row_length(length)
        shape = (math.ceil(length / columns), columns)
        values = _padded(values.reshape(-1).astype(np.float64), shape, np.nan)
        known = _padded(known.reshape(-1), shape, fill=False)
        done = _padded(done.reshape(-1), shape, fill=False)
    whole = (values.shape[0], values.shape[1])
    return Plane(address, selection, values, known, done, wrapped, length, whole, pattern=pattern)


def known_plane(address: Address, selection: Selection, known: Partial) -> Plane:
    """A plane as far as it is known."""
    return plane(address, selection, known.values, known.computed, known.complete)


def _padded(flat: Array, shape: Shape, fill: float | bool) -> Array:
    missing = shape[0] * shape[1] - flat.size
    return np.concatenate([flat, np.full(missing, fill, flat.dtype)]).reshape(shape)


def row_length(length: int) -> int:
    """How a vector is wrapped: one row up to 10, else the divisor nearest to the square root."""
    if length <= 10:
        return max(1, length)
    root = math.sqrt(length)
    divisors = [d for d in range(2, length) if length % d == 0 and root / 2 <= d <= 2 * root]
    return max(min(divisors, key=lambda d: abs(d - root)), 2) if divisors else math.ceil(root)


def leading_dimensions(address: Address, dimensions: int) -> int:
    """How many first indices name a plane: sample and channel, or the sample of a vector."""
    if dimensions > 2:
        return dimensions - 2
    is_parameter = address.quantity in {"weight", "bias"}
    return 1 if dimensions == 2 and not is_parameter else 0


def selections(shape: Shape, leading: tuple[range, ...]) -> Iterator[Selection]:
    """The planes of an array whose leading indices lie in the given ranges."""
    free = (None,) * (len(shape) - len(leading))
    for indices in product(*leading):
        yield (*indices, *free)


@frozen(eq=False, slots=False)
class Focus:
    """A block of steps of one nest, at tensor depth or deeper.

    `coordinates` are those of the step; `steps_done` counts the nest's steps up to the block's end.
    """

    operation: Operation
    order: int
    coordinates: Coordinates
    depth: Depth
    steps_done: int

    @property
    def nest(self) -> Nest:
        return self.operation.nest

    @property
    def loops(self) -> Loops:
        return self.nest.orders[self.order]

    @property
    def is_by_source(self) -> bool:
        """Whether upstream values are scattered instead of targets gathered."""
        return self.order > 0

    def region_at(self, depth: Depth) -> Region:
        """The block around the current step at a depth."""
        return self.loops.region(self.coordinates[: axes_fixed(self.nest, self.order, depth)])

    @cached_property
    def region(self) -> Region:
        return self.region_at(self.depth)

    @cached_property
    def element_region(self) -> Region:
        """The block in focus, at least an element: the picture stays when terms are stepped."""
        return self.region_at(Depth.ELEMENT if self.depth is Depth.TERM else self.depth)

    @property
    def is_element(self) -> bool:
        """Whether the focus is one element or one term of it."""
        return self.depth in {Depth.ELEMENT, Depth.TERM}

    @cached_property
    def target(self) -> Coordinates | None:
        """The value that the focus makes, where it makes just one inside the array."""
        if not self.is_element or (self.is_by_source and self.depth is not Depth.TERM):
            return None
        return self.loops.target_at(self.coordinates, self.nest.shape)


@frozen
class Extent:
    """The cells along one dimension, ascending; they may lie outside the array (in the padding)."""

    cells: tuple[int, ...]

    @property
    def is_single(self) -> bool:
        return len(self.cells) == 1

    @property
    def hull(self) -> range:
        """From the first to the last."""
        return range(self.cells[0], self.cells[-1] + 1) if self.cells else range(0)

    def runs(self) -> tuple[range, ...]:
        """The cells as ranges without gaps."""
        found: list[range] = []
        for cell in self.cells:
            if found and found[-1].stop == cell:
                found[-1] = range(found[-1].start, cell + 1)
            else:
                found.append(range(cell, cell + 1))
        return tuple(found)


@lru_cache(maxsize=1024)
def extent(index: Index, region: Region) -> Extent:
    """The values that an index takes over a block of steps."""
    if any(len(r) == 0 for r in region):
        return Extent(())
    cells, exact = index.over(region)
    found = cells if exact is None else cells[np.broadcast_to(exact, cells.shape)]
    # Not np.unique: it imports masked arrays, which the first stage would wait for.
    return Extent(tuple(sorted(set(found.ravel().tolist()))))


def extents(maps: tuple[Index, ...], region: Region) -> tuple[Extent, ...]:
    """The cells along each dimension; the block reads (some of) their product."""
    return tuple(extent(index, region) for index in maps)


def is_made_in_turn(nest: Nest, order: int) -> bool:
    """Whether one plane is complete before the next is begun."""
    loops, leading = nest.orders[order], plane_dimensions(nest.shape)
    return not order and [i.axis for i in loops.target[:leading]] == list(range(leading))


def steps_of_plane(nest: Nest, selection: Selection) -> range:
    """The steps of a plane of a nest whose planes are made in turn."""
    sizes, leading = nest.by_target.sizes, plane_dimensions(nest.shape)
    plane = tuple(s or 0 for s in selection[:leading])
    size = math.prod(sizes[leading:])
    start = join(plane, sizes[:leading]) * size
    return range(start, start + size)


def growing_planes(
    tape: Values, nest: Nest, order: int, selections: Sequence[Selection], done: int
) -> tuple[Partial, ...]:
    """The planes after so many steps of the nest."""
    leading = plane_dimensions(nest.shape)
    planes = [tuple(s or 0 for s in selection[:leading]) for selection in selections]
    found = progress(tape, nest, order, done, planes)
    parts = (
        (k, *(slice(None) if s is None else s for s in selection[leading:]))
        for k, selection in enumerate(selections)
    )
    return tuple(
        Partial(found.values[part], found.computed[part], found.complete[part]) for part in parts
    )


WINDOW_KEY, SPOT_KEY = "window:", "spot:"
CellIndex: TypeAlias = tuple[int, int]
_SPAN = r"(\d+)\+(\d+)/(\d+)"
_WINDOW = re.compile(rf"window:([^@]*)@{_SPAN},{_SPAN}")
_SPOT = re.compile(rf"spot:([^@]*)@{_SPAN},{_SPAN}@(\d+)/(\d+),(\d+)/(\d+)")


@frozen
class CloseUp:
    """What a person chose to see of a plane, and the step at which."""

    plane: str
    rows: range
    columns: range
    k: int
    depth: Depth

    @property
    def middle(self) -> CellIndex:
        """The cell around which the plane is cut."""
        return middle_of(self.rows), middle_of(self.columns)

    def holds(self, rows: range, columns: range) -> bool:
        return _is_inside(rows, self.rows) and _is_inside(columns, self.columns)


@frozen
class ViewWindow:
    """A part of a plane: its rows and columns, of how many."""

    plane: str
    rows: range
    columns: range
    whole: CellIndex

    @property
    def key(self) -> str:
        return WINDOW_KEY + self._words

    def spot_pattern(self, rows: int, columns: int) -> str:
        """The keys of the pixels of a map of the whole."""
        return f"{SPOT_KEY}{self._words}@{{row}}/{rows},{{column}}/{columns}"

    @property
    def _words(self) -> str:
        rows, columns = self.rows, self.columns
        down = f"{rows.start}+{len(rows)}/{self.whole[0]}"
        return f"{self.plane}@{down},{columns.start}+{len(columns)}/{self.whole[1]}"

    def moved(self, down: int, across: int) -> ViewWindow:
        """The part so many rows and columns further on, as far as the plane goes."""
        middle = middle_of(self.rows) + down, middle_of(self.columns) + across
        return self.around(*middle)

    def around(self, row: int, column: int) -> ViewWindow:
        """A part as large with a cell in its middle, or as near to it as the plane allows."""
        rows = around(row, self.whole[0], len(self.rows))
        columns = around(column, self.whole[1], len(self.columns))
        return ViewWindow(self.plane, rows, columns, self.whole)


@frozen
class Spot:
    """A pixel of the map of a whole plane: the cells behind it, and what is drawn large now."""

    window: ViewWindow
    rows: range
    columns: range

    @property
    def wanted(self) -> ViewWindow:
        return self.window.around(middle_of(self.rows), middle_of(self.columns))


def window_of(key: str) -> ViewWindow | None:
    """The part that a key tells; None for another key."""
    match = _WINDOW.fullmatch(key)
    return None if match is None else _window(match[1], [int(text) for text in match.groups()[1:]])


def spot_of(key: str) -> Spot | None:
    """The pixel that a key tells; None for another key."""
    match = _SPOT.fullmatch(key)
    if match is None:
        return None
    numbers = [int(text) for text in match.groups()[1:]]
    window = _window(match[1], numbers[:6])
    row, rows, column, columns = numbers[6:]
    return Spot(window, part(window.whole[0], rows, row), part(window.whole[1], columns, column))


def window_wanted(key: str) -> ViewWindow | None:
    """What is to be drawn large when a mark with the key is clicked."""
    spot = spot_of(key)
    return window_of(key) if spot is None else spot.wanted


def _window(plane: str, numbers: list[int]) -> ViewWindow:
    row, rows, all_rows, column, columns, all_columns = numbers
    return ViewWindow(
        plane, range(row, row + rows), range(column, column + columns), (all_rows, all_columns)
    )


def window_shown(shown: Plane) -> ViewWindow:
    """What part of its whole a plane is."""
    rows = range(shown.first_row, shown.first_row + shown.rows)
    columns = range(shown.first_column, shown.first_column + shown.columns)
    return ViewWindow(plane_name(shown), rows, columns, shown.whole)


def plane_name(shown: Plane) -> str:
    """`conv1.output[0,3,:,:]`; of products, which have no address, only that."""
    if shown.address is None:
        return "products"
    indices = ",".join(":" if s is None else str(s) for s in shown.selection)
    return f"{shown.address.name}[{indices}]"


def selection_named(name: str) -> tuple[str, tuple[int | None, ...]]:
    """The array of a plane's name, and the indices that select the plane."""
    array, _, indices = name.removesuffix("]").partition("[")
    parts = indices.split(",") if indices else []
    return array, tuple(None if text == ":" else int(text) for text in parts)


def part(length: int, count: int, number: int) -> range:
    """The cells behind one of `count` pixels, at least one."""
    first = number * length // count
    return range(first, max(first + 1, (number + 1) * length // count))


def around(middle: int, size: int, most: int) -> range:
    """So many of `size` cells, with one in the middle as far as the ends allow."""
    most = max(1, min(most, size))
    first = max(0, min(middle - most // 2, size - most))
    return range(first, first + most)


def shifted(cells: range, first: int) -> range:
    """The cells counted from another one."""
    return range(cells.start - first, cells.stop - first)


def middle_of(cells: range) -> int:
    """The cell in the middle, of two the later: `around` makes the same of it again."""
    return cells.start + len(cells) // 2


def _is_inside(inner: range, outer: range) -> bool:
    return outer.start <= inner.start and inner.stop <= outer.stop
