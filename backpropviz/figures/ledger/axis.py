"""The axis that the bars of a ledger share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from backpropviz.figures.ledger.columns import Column, Placed
from backpropviz.figures.ledger.rows import LedgerRow
from backpropviz.figures.number_groups import group_texts
from backpropviz.figures.round_values import round_spacing, round_values
from backpropviz.frozen import frozen
from backpropviz.scene.fonts import text_width
from backpropviz.scene.theme import INDEX

_LEAST_TICK = 36.0
Ticks: TypeAlias = tuple[tuple[float, str], ...]


@frozen
class Axis:
    """Values from `low` to `high` between x and x + width; `ticks` are values with their texts."""

    x: float
    width: float
    low: float
    high: float
    ticks: Ticks

    def at(self, value: float) -> float:
        """The x of a value, on a whole pixel."""
        return float(round(self.x + self.width * (value - self.low) / (self.high - self.low)))


def axis_of(rows: Sequence[LedgerRow], columns: Sequence[Placed]) -> Axis | None:
    """The axis that all bars share; it always holds 0."""
    placed = next((p for p in columns if p.column is Column.BAR), None)
    ends = [end for row in rows if row.bar is not None for end in row.bar]
    if placed is None or placed.width < 16 or not ends:
        return None
    low, high = min(0.0, *ends), max(0.0, *ends)
    ticks: Ticks = ((0.0, "0"),)
    if low == high:
        low, high = 0.0, 1.0
    else:
        ticks = _ticks(low, high, placed.width)
    margin = _label_margin(ticks) if len(ticks) > 1 else 4.0
    if placed.width <= 2 * margin + 8:
        ticks, margin = ((0.0, ""),), 2.0
    return Axis(placed.x + margin, placed.width - 2 * margin, low, high, ticks)


def _label_margin(ticks: Sequence[tuple[float, str]]) -> float:
    return max(text_width(text, INDEX) for _, text in ticks) / 2


def _ticks(low: float, high: float, width: float) -> Ticks:
    """As many round values as their labels leave room for; only 0 where there is little."""
    for most in range(int(width // _LEAST_TICK), 1, -1):
        spacing = round_spacing((high - low) / most)
        values = round_values(low, high, spacing)
        texts = group_texts(values, 4)
        ticks = tuple(zip(values, texts, strict=True))
        widest = max(text_width(text, INDEX) for _, text in ticks)
        if widest + 10 <= (width - widest) * spacing / (high - low):
            return ticks
    return ((0.0, ""),)
