"""Affine maps from loop coordinates to the index of a cell.

index = (Σ factor · (coordinate[axis] // floor) + offset) / divisor, and there is no such cell where
the division leaves a remainder. `floor` is 1 except where a number is split: a channel into group
and member, a flat index into channel, row and column.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.kernels.geometry import Window
from backpropviz.engine.nest import Coordinates, Region
from backpropviz.frozen import frozen


class Coordinate(NamedTuple):
    """factor · (coordinate[axis] // floor)."""

    axis: int
    factor: int = 1
    floor: int = 1


@frozen
class Index:
    """One index of a cell as a function of the loop coordinates."""

    terms: tuple[Coordinate, ...] = ()
    offset: int = 0
    divisor: int = 1

    @property
    def axis(self) -> int:
        """The loop axis that this index is, where it is just that.

        Raises:
            ValueError: the index is more than a bare loop variable.
        """
        if len(self.terms) != 1 or self.offset or self.divisor != 1 or self.terms[0][1:] != (1, 1):
            raise ValueError(f"{self} is not a bare loop variable")
        return self.terms[0].axis

    def __add__(self, other: Index | int) -> Index:
        """The sum; only an undivided index can be added to."""
        if isinstance(other, int):
            return Index(self.terms, self.offset + other, self.divisor)
        return Index(self.terms + other.terms, self.offset + other.offset)

    def __sub__(self, other: Index | int) -> Index:
        """The difference."""
        return self + other * -1

    def __mul__(self, factor: int) -> Index:
        """The multiple; it vanishes for 0."""
        terms = tuple(Coordinate(t.axis, t.factor * factor, t.floor) for t in self.terms)
        return Index(terms if factor else (), self.offset * factor)

    def __floordiv__(self, floor: int) -> Index:
        """A bare loop variable, rounded down: the group that a channel belongs to."""
        return Index((Coordinate(self.axis, 1, floor),))

    def exactly_by(self, divisor: int) -> Index:
        """Divided, and nowhere where a remainder is left."""
        return Index(self.terms, self.offset, divisor)

    def at(self, coordinates: Coordinates) -> int | None:
        """The index for one step; None where the division leaves a remainder."""
        total = self.offset + sum(t.factor * (coordinates[t.axis] // t.floor) for t in self.terms)
        quotient, remainder = divmod(total, self.divisor)
        return None if remainder else quotient

    def over(self, region: Region) -> tuple[Array, Array | None]:
        """The indices of a box of steps, and where the division is exact (None: everywhere).

        Both have one dimension a loop axis, of length 1 along those that do not matter.
        """
        total: Array = np.full((1,) * len(region), self.offset, dtype=np.int64)
        for term in self.terms:
            total = total + term.factor * (_along(region, term.axis) // term.floor)
        if self.divisor == 1:
            return total, None
        return total // self.divisor, total % self.divisor == 0


def _along(region: Region, axis: int) -> Array:
    shape = [1] * len(region)
    shape[axis] = len(region[axis])
    return np.arange(region[axis].start, region[axis].stop, dtype=np.int64).reshape(shape)


def variables(count: int) -> tuple[Index, ...]:
    """The loop variables of an order, outermost first, to write indices with."""
    return tuple(Index((Coordinate(axis),)) for axis in range(count))


def constant(value: int) -> Index:
    """Always the same cell."""
    return Index((), value)


def picked(source: str, wanted: str) -> tuple[Index, ...]:
    """The axes of one order, found by their letters in another that has the same."""
    found = variables(len(source))
    return tuple(found[source.index(letter)] for letter in wanted)


def under(window: Window, y: Index, x: Index, i: Index, j: Index) -> tuple[Index, Index]:
    """The pixel (u, v) under cell (i, j) of window (y, x)."""
    (sy, sx), (dy, dx) = window.stride, window.dilation
    (top, _), (left, _) = window.padding
    return y * sy + i * dy - top, x * sx + j * dx - left


def reached(window: Window, u: Index, v: Index, i: Index, j: Index) -> tuple[Index, Index]:
    """The window (y, x) whose cell (i, j) lies on pixel (u, v), where there is one."""
    (sy, sx), (dy, dx) = window.stride, window.dilation
    (top, _), (left, _) = window.padding
    return (u + top - i * dy).exactly_by(sy), (v + left - j * dx).exactly_by(sx)
