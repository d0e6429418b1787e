"""Two passes held against each other: which numbers differ, how many, and where the most."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, shape_text
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class ArrayChange:
    """An array of which `count` of `size` values differ; the most, by |after − before|, at one."""

    array: Address
    count: int
    size: int
    at: Address
    before: float
    after: float

    @property
    def largest(self) -> float:
        """|after − before| where it is largest; NaN or infinite where a value is."""
        return abs(self.after - self.before)


@frozen
class Comparison:
    """What differs from one pass to another, in the order of the pass."""

    changes: tuple[ArrayChange, ...]
    unchanged: tuple[Address, ...]

    @property
    def is_same(self) -> bool:
        """Whether every value that both have is the same."""
        return not self.changes

    @property
    def count(self) -> int:
        """How many values differ."""
        return sum(change.count for change in self.changes)

    @property
    def largest(self) -> ArrayChange | None:
        """The array with the largest difference; None where there is none."""
        sizes = [float(np.nan_to_num(c.largest, nan=np.inf)) for c in self.changes]
        return self.changes[int(np.argmax(sizes))] if sizes else None


def compared(before: Tape, after: Tape) -> Comparison:
    """Every array that both passes have, exactly: equal means to the last bit (or both NaN).

    An array of several names counts once, under the name by which it is computed.

    Raises:
        UserError: an array has another shape in the other pass.
    """
    names = [a for a in before if a not in before.canonical]
    changes: list[ArrayChange] = []
    unchanged: list[Address] = []
    for array in (a for a in names if a in after):
        change = _change(array, before[array], after[array])
        if change is None:
            unchanged.append(array)
        else:
            changes.append(change)
    return Comparison(
        tuple(changes),
        tuple(unchanged),
    )


def differing(before: Array, after: Array) -> Array:
    """Where two arrays differ, as booleans; NaN is NaN's equal."""
    both_nan = np.isnan(before) & np.isnan(after)
    return np.asarray((before != after) & ~both_nan)


def _change(array: Address, before: Array, after: Array) -> ArrayChange | None:
    if before.shape != after.shape:
        raise UserError(
            f"{array} is {shape_text(before.shape)} in one pass and {shape_text(after.shape)} in "
            "the other: compare passes of one network and one batch."
        )
    mask = differing(before, after)
    count = int(np.count_nonzero(mask))
    if not count:
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(np.subtract(after, before, dtype=np.float64))
    ranked = np.where(mask, np.nan_to_num(distance, nan=np.inf), -1.0)
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(ranked)), before.shape))
    return ArrayChange(
        array, count, before.size, array.at(place), float(before[place]), float(after[place])
    )
