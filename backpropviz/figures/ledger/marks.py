"""The axis that the bars of a ledger share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final, TypeAlias

from backpropviz.engine.derivation import Derivation
from backpropviz.engine.nest import NestRule
from backpropviz.figures.ledger.rows import LedgerPiece, LedgerRow, LedgerRows, sign_color
from backpropviz.figures.numbers import group_texts, round_spacing, round_values
from backpropviz.figures.symbols import role_colors
from backpropviz.figures.view import TermProgress
from backpropviz.frozen import frozen
from backpropviz.scene.flow import baseline
from backpropviz.scene.marks import Anchor, Box, Ellipse, Line, Mark, Path, Rect, Stroke, Text
from backpropviz.scene.text import text_width
from backpropviz.scene.theme import INDEX, LABEL, LABEL_MEDIUM, MONO, MONO_STRONG, ROW, Theme


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
class PlacedColumn:
    """A column between x and x + width."""

    column: Column
    x: float
    width: float

    @property
    def right(self) -> float:
        return self.x + self.width


def heading(column: Column, content: LedgerRows) -> str:
    """What stands above a column."""
    if column is Column.PLACE:
        return content.place_names
    if content.what != "term" and column in {Column.TERM, Column.NUMBERS}:
        return content.what if column is Column.TERM else "target → read as"
    return "largest" if column is Column.TOTAL and content.is_maximum else column.value


def place_columns(content: LedgerRows, x: float, width: float) -> tuple[PlacedColumn, ...]:
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
) -> tuple[PlacedColumn, ...]:
    placed = []
    for column in shown:
        width = left if column is Column.BAR else widths[column]
        placed.append(PlacedColumn(column, float(round(x)), width))
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


def pieces_width(pieces: Sequence[LedgerPiece]) -> float:
    """The width of colored text."""
    return sum(text_width(piece.text, MONO) for piece in pieces)


Ticks: TypeAlias = tuple[tuple[float, str], ...]


@frozen
class LedgerAxis:
    """Values from `low` to `high` between x and x + width; `ticks` are values with their texts."""

    x: float
    width: float
    low: float
    high: float
    ticks: Ticks

    def at(self, value: float) -> float:
        return float(round(self.x + self.width * (value - self.low) / (self.high - self.low)))


def axis_of(rows: Sequence[LedgerRow], columns: Sequence[PlacedColumn]) -> LedgerAxis | None:
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
    margin = max(text_width(text, INDEX) for _, text in ticks) / 2 if len(ticks) > 1 else 4.0
    if placed.width <= 2 * margin + 8:
        ticks, margin = ((0.0, ""),), 2.0
    return LedgerAxis(placed.x + margin, placed.width - 2 * margin, low, high, ticks)


def _ticks(low: float, high: float, width: float) -> Ticks:
    """As many round values as their labels leave room for; only 0 where there is little."""
    for most in range(int(width // 36.0), 1, -1):
        spacing = round_spacing((high - low) / most)
        values = round_values(low, high, spacing)
        texts = group_texts(values, 4)
        ticks = tuple(zip(values, texts, strict=True))
        widest = max(text_width(text, INDEX) for _, text in ticks)
        if widest + 10 <= (width - widest) * spacing / (high - low):
            return ticks
    return ((0.0, ""),)


TITLE, HEADING, LINE = 28.0, 20.0, 18.0
LOWEST_ROW = 20.0
MOST_FOOTER_LINES = 3


@frozen(slots=False)
class LedgerFrame:
    """The card's box, its inner box, and the room above the rows that a waterfall takes."""

    derivation: Derivation
    progress: TermProgress
    content: LedgerRows
    box: Box
    inner: Box
    waterfall_height: float
    footer_lines: int
    theme: Theme

    @property
    def waterfall(self) -> Box:
        return Box(self.inner.x, self.inner.y + TITLE, self.inner.width, self.waterfall_height)

    @property
    def headings_top(self) -> float:
        """Where the columns are named."""
        return self.inner.y + TITLE + self.waterfall_height

    @property
    def rows_top(self) -> float:
        return self.headings_top + HEADING

    @property
    def row_height(self) -> float:
        """As high as there is room, within bounds."""
        room = self.inner.bottom - self.rows_top - self.footer_lines * LINE - 4
        fitting = room / max(1, len(self.content.rows))
        return float(math.floor(min(36.0, max(LOWEST_ROW, fitting))))

    def row_y(self, number: int) -> float:
        return self.rows_top + number * self.row_height


def ticks(frame: LedgerFrame, axis: LedgerAxis) -> Iterator[Mark]:
    """A line and a number at each round value."""
    theme, bottom = frame.theme, frame.row_y(len(frame.content.rows))
    y = baseline(frame.headings_top, HEADING, INDEX)
    for value, text in axis.ticks:
        x = axis.at(value)
        stroke = Stroke(theme.border_strong if value == 0 else theme.border)
        yield Line(x, frame.rows_top, x, bottom, stroke)
        if text:
            yield Text(x, y, text, INDEX, theme.text_tertiary, Anchor.MIDDLE)


def bar(frame: LedgerFrame, row: LedgerRow, axis: LedgerAxis, top: float) -> Iterator[Mark]:
    """From the sum before the term to the sum after it."""
    if row.bar is None:
        return
    start, end = sorted((axis.at(row.bar[0]), axis.at(row.bar[1])))
    thick = _thickness(frame)
    y = round(top + (frame.row_height - thick) / 2)
    change = row.bar[1] - row.bar[0]
    color = frame.theme.here if row.is_current else sign_color(change, frame.theme)
    x, width = start - (end - start < 2), max(2.0, end - start)
    yield Rect(x, y, width, thick, fill=color, radius=1, key=row.key)


def connectors(frame: LedgerFrame, axis: LedgerAxis) -> Iterator[Mark]:
    """Where one bar ends, the next begins."""
    height, half = frame.row_height, _thickness(frame) / 2
    stroke = Stroke(frame.theme.text_tertiary, 1.0, (2, 2))
    if height < 24.0 or frame.derivation.rule is NestRule.MAX:
        return
    for number, row in enumerate(frame.content.rows[:-1]):
        if row.bar is None or not row.ran:
            continue
        x, middle = axis.at(row.bar[1]), frame.row_y(number) + height / 2
        yield Line(x, middle + half, x, middle + height - half, stroke)
        if not frame.content.rows[number + 1].ran:
            yield Ellipse(x, middle + height, 2, 2, frame.theme.text_secondary)


def _thickness(frame: LedgerFrame) -> float:
    return max(6.0, round(frame.row_height * 0.42))


def headings(frame: LedgerFrame, columns: Sequence[PlacedColumn]) -> Iterator[Mark]:
    """What the columns tell."""
    y, color = baseline(frame.headings_top, HEADING, LABEL), frame.theme.text_secondary
    for placed in columns:
        text = heading(placed.column, frame.content)
        if text and placed.column in frozenset(
            {Column.NUMBER, Column.PLACE, Column.VALUE, Column.TOTAL}
        ):
            yield Text(placed.right, y, text, LABEL, color, Anchor.END)
        elif text:
            yield Text(placed.x, y, text, LABEL, color)


def row_marks(
    frame: LedgerFrame, number: int, columns: Sequence[PlacedColumn], axis: LedgerAxis | None
) -> Iterator[Mark]:
    """One row; all of it answers with its term's key, its numbers with their addresses."""
    row, top, height = frame.content.rows[number], frame.row_y(number), frame.row_height
    tint = frame.theme.here_tint if row.is_current else None
    if row.key or tint:
        box = frame.box
        yield Rect(box.x + 1, top, box.width - 2, height, fill=tint, key=row.key)
    if row.is_current:
        x, middle = frame.box.x + 2, top + height / 2
        outline = ((0, -4), (4, -4), (8, 0), (4, 4), (0, 4))
        points = tuple((x + dx, middle + dy) for dx, dy in outline)
        yield Path(points, fill=frame.theme.here, closed=True)
    y = baseline(top, height, MONO)
    for placed in columns:
        if placed.column is not Column.BAR:
            yield from _entry(row, placed, y, top + height / 2, frame.theme)
        elif axis is not None:
            yield from bar(frame, row, axis, top)


def _entry(
    row: LedgerRow, placed: PlacedColumn, y: float, middle: float, theme: Theme
) -> Iterator[Mark]:
    match placed.column:
        case Column.NUMBER:
            yield Text(placed.right, y, row.number, MONO, theme.text_tertiary, Anchor.END)
        case Column.PLACE:
            yield Text(placed.right, y, row.place, MONO, theme.text_secondary, Anchor.END)
        case Column.TERM:
            yield from _pieces(row.term, placed.x, y, theme, faded=not row.ran)
        case Column.NUMBERS:
            yield from _pieces(row.numbers, placed.x, y, theme, faded=False)
        case Column.WHY:
            color = theme.text if row.is_current else theme.text_secondary
            yield Text(placed.x, y, row.why, ROW, color)
        case Column.VALUE | Column.TOTAL:
            text = row.value if placed.column is Column.VALUE else row.total
            if text:
                font = MONO_STRONG if row.is_current else MONO
                color = theme.here if row.is_current else theme.text
                yield Text(placed.right, y, text, font, color, Anchor.END, row.key)
            elif not row.ran:
                yield Ellipse(placed.right - 3.5, middle, 2, 2, theme.text_secondary)


def _pieces(
    pieces: Sequence[LedgerPiece], x: float, y: float, theme: Theme, *, faded: bool
) -> Iterator[Mark]:
    colors = role_colors(theme)
    for piece in pieces:
        color = f"{colors[piece.role]}99" if faded else colors[piece.role]
        text = piece.text.strip(" ")
        lead = len(piece.text) - len(piece.text.lstrip(" "))
        dx = text_width(" " * lead, MONO)
        yield Text(x + dx, y, text, MONO, color, key=piece.key)
        x += text_width(piece.text, MONO)


SWITCH_KEY: Final = "ledger:by_"
"""`ledger:by_position`, `ledger:by_size`, `ledger:by_sample`: a click asks for that order."""
ORDERS: Final = ("position", "size", "sample")
_GAP, _PAD = 4.0, 5.0


def switch_width() -> float:
    """What the switch takes."""
    words = sum(text_width(word, LABEL_MEDIUM) + 2 * _PAD for word in ORDERS)
    return words + _GAP * (len(ORDERS) - 1)


def order_switch(
    chosen: str, right: float, top: float, height: float, theme: Theme
) -> Iterator[Mark]:
    """Three words, right-aligned; the chosen one stands on a tint."""
    x = right - switch_width()
    for word in ORDERS:
        width = text_width(word, LABEL_MEDIUM) + 2 * _PAD
        box, key = Box(x, top + (height - 20) / 2, width, 20), f"{SWITCH_KEY}{word}"
        is_chosen = word == chosen
        fill = theme.border if is_chosen else theme.panel
        yield Rect(box.x, box.y, box.width, box.height, fill=fill, radius=4.0, key=key)
        font = LABEL_MEDIUM if is_chosen else LABEL
        color = theme.text if is_chosen else theme.text_secondary
        yield Text(x + _PAD, baseline(top, height, LABEL), word, font, color, key=key)
        x += width + _GAP
