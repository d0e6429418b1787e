"""Which columns a ledger has room for, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from backpropviz.figures.ledger.rows import LedgerRows, Piece
from backpropviz.frozen import frozen
from backpropviz.scene.fonts import text_width
from backpropviz.scene.theme import LABEL, MONO, MONO_STRONG, ROW


class Column(Enum):
    """What a column tells; its value is its heading."""

    NUMBER = "#"
    PLACE = "at"
    TERM = "term"
    NUMBERS = "numbers"
    VALUE = "="
    BAR = ""
    TOTAL = "sum"
    WHY = "why"


_CHOICES: tuple[tuple[float, tuple[Column, ...]], ...] = (
    (
        140.0,
        (
            Column.NUMBER,
            Column.TERM,
            Column.NUMBERS,
            Column.VALUE,
            Column.BAR,
            Column.TOTAL,
            Column.WHY,
        ),
    ),
    (
        100.0,
        (Column.NUMBER, Column.TERM, Column.NUMBERS, Column.VALUE, Column.BAR, Column.TOTAL),
    ),
    (60.0, (Column.NUMBER, Column.PLACE, Column.NUMBERS, Column.VALUE, Column.BAR, Column.TOTAL)),
    (40.0, (Column.NUMBER, Column.PLACE, Column.NUMBERS, Column.VALUE, Column.BAR)),
    (24.0, (Column.PLACE, Column.NUMBERS, Column.VALUE, Column.BAR)),
    (24.0, (Column.PLACE, Column.VALUE, Column.BAR)),
    (0.0, (Column.VALUE, Column.BAR)),
)
"""From rich to poor, each with the least width of its bars."""


@frozen
class Placed:
    """A column between x and x + width."""

    column: Column
    x: float
    width: float

    @property
    def right(self) -> float:
        """x + width."""
        return self.x + self.width


def heading(column: Column, content: LedgerRows) -> str:
    """What stands above a column."""
    if column is Column.PLACE:
        return content.place_names
    if content.what != "term" and column in {Column.TERM, Column.NUMBERS}:
        return content.what if column is Column.TERM else "target → read as"
    return "largest" if column is Column.TOTAL and content.is_maximum else column.value


def place_columns(content: LedgerRows, x: float, width: float) -> tuple[Placed, ...]:
    """The richest choice of columns that fits; the bars take what is left."""
    gap = 16.0 if width >= 480 else 12.0
    widths = {column: _width(column, content) for column in Column}
    for least, columns in _CHOICES:
        shown = [c for c in columns if c is Column.BAR or widths[c] > 0]
        taken = sum(widths[c] for c in shown if c is not Column.BAR) + gap * (len(shown) - 1)
        if taken + least <= width or columns is _CHOICES[-1][1]:
            return _placed(shown, widths, x, max(0.0, width - taken), gap)
    return ()


def _placed(
    shown: Sequence[Column], widths: dict[Column, float], x: float, left: float, gap: float
) -> tuple[Placed, ...]:
    placed = []
    for column in shown:
        width = left if column is Column.BAR else widths[column]
        placed.append(Placed(column, float(round(x)), width))
        x += width + gap
    return tuple(placed)


def _width(column: Column, content: LedgerRows) -> float:
    """The widest entry and the heading; 0 for a column without entries."""
    rows = content.rows
    match column:
        case Column.BAR:
            return 0.0
        case Column.TERM:
            entries = [pieces_width(row.term) for row in rows]
        case Column.NUMBERS:
            entries = [pieces_width(row.numbers) for row in rows]
        case Column.WHY:
            entries = [text_width(row.why, ROW) for row in rows]
        case Column.NUMBER:
            entries = [text_width(row.number, MONO) for row in rows]
        case Column.PLACE:
            entries = [text_width(row.place, MONO) for row in rows]
        case Column.VALUE:
            entries = [text_width(row.value or "•", MONO_STRONG) for row in rows]
        case Column.TOTAL:
            entries = [text_width(row.total, MONO_STRONG) for row in rows]
    widest = max(entries, default=0.0)
    return max(widest, text_width(heading(column, content), LABEL)) if widest else 0.0


def pieces_width(pieces: Sequence[Piece]) -> float:
    """The width of colored text."""
    return sum(text_width(piece.text, MONO) for piece in pieces)
