"""What the cells of a window take where several of them hold its largest value.

The maximum has no derivative there, only one-sided ones, so a program has to choose: PyTorch gives
all to the first, some share it out, some give the whole to each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.nest import Coordinates, Factor, Presence, Region, Values
from backpropviz.engine.operands import Cell, Indicator

TieRule: TypeAlias = Literal["first", "all", "shared"]
"""Who takes the upstream gradient of a tied window: the first in row-major order, each, or a part
for each."""


@dataclass(frozen=True, slots=True)
class TiedIndicator(Indicator):
    """1 where a cell holds its window's largest value (1/k if k cells share it), else 0."""

    source: Address
    largest: Address
    tied: Address
    shared: bool

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """0, 1 or 1/k, labelled with the outcome."""
        best = self._largest().at(values, coordinates)
        cell = self._cell().at(values, coordinates)
        if Presence.ABSENT in {best.presence, cell.presence}:
            return Factor(None, "", 0.0, Presence.ABSENT)
        won = cell.presence is Presence.PRESENT and _same(cell.value, best.value)
        if not won:
            return Factor(None, "lost", 0.0)
        count = int(self._count().at(values, coordinates).value)
        if count == 1:
            return Factor(None, "won", 1.0)
        part = 1.0 / count if self.shared else 1.0
        return Factor(None, f"tied 1/{count}" if self.shared else "tied", part)

    def block(self, values: Values, region: Region) -> Array:
        """What each cell of a box of terms takes."""
        cell, best = self._cell(), self._largest()
        won = _same(cell.block(values, region), best.block(values, region))
        for mask in (cell.inside(values, region), best.inside(values, region)):
            won = won if mask is None else won & mask
        taken: Array = won.astype(np.float64)
        return taken / np.maximum(self._count().block(values, region), 1) if self.shared else taken

    def _cell(self) -> Cell:
        return Cell(self.source, (*self.window[:2], *self.cell))

    def _largest(self) -> Cell:
        return Cell(self.largest, self.window, Presence.ABSENT)

    def _count(self) -> Cell:
        return Cell(self.tied, self.window, Presence.ABSENT)


def _same(a: Array | float, b: Array | float) -> Array:
    """Equal, or both NaN: NaN wins its window."""
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))
