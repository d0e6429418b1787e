"""A plane: the two-dimensional picture of a part of an array.

Activations and filters are cut along their last two dimensions, one plane a channel. A vector is
wrapped into rows; a matrix is shown as it is. What is too large for its place is cut around the
cells of interest, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.nest import Coordinates
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
        """Rows shown."""
        return int(self.values.shape[0])

    @property
    def columns(self) -> int:
        """Columns shown."""
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
        """The address of a cell of the picture."""
        indices = self.indices(row, column)
        return None if indices is None or self.address is None else self.address.at(indices)

    def cell(self, indices: Coordinates) -> tuple[int, int] | None:
        """Where a value of the array is drawn; None on another plane or out of sight."""
        if any(s not in {None, i} for s, i in zip(self.selection, indices, strict=True)):
            return None
        free = [i for s, i in zip(self.selection, indices, strict=True) if s is None]
        row, column = divmod(free[0], self.whole[1]) if self.wrapped else _two(free)
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


def _two(free: list[int]) -> tuple[int, int]:
    return (0, 0) if not free else (0, free[0]) if len(free) == 1 else (free[0], free[1])


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
