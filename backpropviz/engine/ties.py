"""What the cells of a window take where several of them hold its largest value.

The maximum has no derivative there, only one-sided ones, so a program has to choose: PyTorch gives
all to the first, some share it out, some give the whole to each.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from backpropviz.engine.nest import Computed, Coordinates, Factor, Index, Presence, Region, Values
from backpropviz.engine.operands import ArrayCell, Indicator
from backpropviz.engine.value import Address, Array
from backpropviz.frozen import frozen

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
        """How many cells are tied."""
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
        """One window's share."""
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
