"""The ledger: every term of a value as a row, with its bar and the running sum.

Of a sum too long for that a waterfall shows all terms by position, the rows the largest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from backpropviz.engine.derivation import Derivation, Shares
from backpropviz.engine.nest import NestRule
from backpropviz.figures.explain.written_sum import Rest, TermOrder
from backpropviz.figures.ledger_rows import (
    LEAST_HEIGHT,
    LedgerPiece,
    LedgerRow,
    LedgerRows,
    ledger_rows,
    sign_color,
    waterfall,
)
from backpropviz.figures.numbers import counted, group_texts, round_spacing, round_values
from backpropviz.figures.symbols import Notation
from backpropviz.figures.view import ALL, TermProgress, View, arrow_words
from backpropviz.frozen import frozen
from backpropviz.scene.equation import Role
from backpropviz.scene.equation_layout import role_colors
from backpropviz.scene.flow import baseline
from backpropviz.scene.marks import Anchor, Box, Ellipse, Line, Mark, Path, Rect, Stroke, Text
from backpropviz.scene.text import elide, text_width
from backpropviz.scene.theme import (
    BODY_STRONG,
    INDEX,
    LABEL,
    LABEL_MEDIUM,
    MONO,
    MONO_STRONG,
    ROW,
    Theme,
)


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


_CHOICES: tuple[tuple[float, str], ...] = (
    (140.0, "NUMBER TERM NUMBERS VALUE BAR TOTAL WHY"),
    (100.0, "NUMBER TERM NUMBERS VALUE BAR TOTAL"),
    (60.0, "NUMBER PLACE NUMBERS VALUE BAR TOTAL"),
    (40.0, "NUMBER PLACE NUMBERS VALUE BAR"),
    (24.0, "PLACE NUMBERS VALUE BAR"),
    (24.0, "PLACE VALUE BAR"),
    (0.0, "VALUE BAR"),
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
    for least, names in _CHOICES:
        columns = (Column[name] for name in names.split())
        shown = [c for c in columns if c is Column.BAR or widths[c] > 0]
        taken = sum(widths[c] for c in shown if c is not Column.BAR) + gap * (len(shown) - 1)
        if taken + least <= width:
            break
    widths[Column.BAR] = max(0.0, width - taken)
    placed = []
    for column in shown:
        placed.append(PlacedColumn(column, float(round(x)), widths[column]))
        x += widths[column] + gap
    return tuple(placed)


def _width(column: Column, content: LedgerRows) -> float:
    """The widest entry and the heading; 0 for a column without entries."""
    widest = max((_entry_width(column, row) for row in content.rows), default=0.0)
    return max(widest, text_width(heading(column, content), LABEL)) if widest else 0.0


def _entry_width(column: Column, row: LedgerRow) -> float:
    match column:
        case Column.BAR:
            return 0.0
        case Column.TERM | Column.NUMBERS:
            pieces = row.term if column is Column.TERM else row.numbers
            return sum(text_width(piece.text, MONO) for piece in pieces)
        case Column.WHY:
            return text_width(row.why, ROW)
        case Column.NUMBER | Column.PLACE:
            return text_width(row.number if column is Column.NUMBER else row.place, MONO)
        case Column.VALUE | Column.TOTAL:
            text = row.value or "•" if column is Column.VALUE else row.total
            return text_width(text, MONO_STRONG)


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


class FooterLine(NamedTuple):
    """A label at the left, a number at the right."""

    label: str
    value: str = ""
    is_total: bool = False


def footer_lines(derivation: Derivation, content: LedgerRows) -> tuple[FooterLine, ...]:
    """At most three; with the rows they add up to the total."""
    folded = content.folded
    lines: list[FooterLine] = []
    if folded.rest is not None:
        lines.append(FooterLine(_rest_text(folded.rest), folded.rest.subtotal))
    if folded.residue:
        lines.append(FooterLine("rounding residue", folded.residue))
    elif derivation.rule is NestRule.SUM and folded.rest is None:
        lines.append(FooterLine("Residue 0: the terms shown add up to the sum shown."))
    if content.hidden:
        lines.append(FooterLine(counted(content.hidden, "more operand")))
    total = FooterLine(_total_label(derivation, content), folded.total, is_total=True)
    return (*lines, total)


def footer(frame: LedgerFrame, lines: tuple[FooterLine, ...]) -> Iterator[Mark]:
    """The lines below the rows."""
    theme, inner = frame.theme, frame.inner
    top = frame.row_y(len(frame.content.rows)) + 4
    top = min(top, inner.bottom - len(lines) * LINE)
    yield Line(inner.x, top - 1.5, inner.right, top - 1.5, Stroke(theme.border))
    for number, (label, value, is_total) in enumerate(lines):
        y = baseline(top + number * LINE, LINE, ROW)
        color = theme.here if is_total else theme.text_secondary
        font = MONO_STRONG if is_total else MONO
        room = inner.width - (text_width(value, font) + 12.0 if value else 0.0)
        yield Text(inner.x, y, elide(label, ROW, room), ROW, color)
        if value:
            key = str(frame.derivation.address) if is_total else ""
            yield Text(inner.right, y, value, font, color, Anchor.END, key)


def _total_label(derivation: Derivation, content: LedgerRows) -> str:
    address = derivation.address
    name = "gradient" if address.is_gradient else Notation.of(derivation.tape).short(address)
    if derivation.rule in {NestRule.FUNCTION, NestRule.COPY}:
        return f"= {name}"
    what = "largest" if derivation.rule is NestRule.MAX else "sum"
    return f"{what} = {name}" if content.folded.is_complete else f"{what} so far"


def _rest_text(rest: Rest) -> str:
    parts = []
    if rest.not_zero:
        parts.append(f"{rest.not_zero:,} more that {'is' if rest.not_zero == 1 else 'are'} not 0")
    if rest.zero:
        more = "" if parts else " more"
        parts.append(f"{rest.zero:,}{more} that {'is' if rest.zero == 1 else 'are'} 0")
    if rest.not_run:
        parts.append(f"{counted(rest.not_run, 'term')} not run yet")
    return ", ".join(parts)


ORDER_KEY: Final = "ledger:order"
"""The mark that says the order; a click on it asks for the other."""
_WATERFALL_SHARE, _HIGHEST_WATERFALL, _LEAST_ROWS = 0.34, 150.0, 3


def ledger(
    derivation: Derivation,
    progress: TermProgress,
    box: Box,
    theme: Theme,
    order: TermOrder = TermOrder.POSITION,
    *,
    is_of_batch: bool = False,
) -> tuple[Mark, ...]:
    """The ledger as a card in a box of at least 360×160; a batch's can be summed by sample."""

    def rows(most: int) -> LedgerRows:
        return ledger_rows(derivation, progress, most, order)

    chosen = order.value if is_of_batch else ""
    return ledger_card(derivation, progress, box, theme, order, rows, chosen)


def ledger_card(
    derivation: Derivation,
    progress: TermProgress,
    box: Box,
    theme: Theme,
    order: TermOrder,
    rows: Callable[[int], LedgerRows],
    chosen: str = "",
) -> tuple[Mark, ...]:
    """A card with the rows that `rows` makes of the most that fit.

    `chosen` is the order of a sum over a batch, which offers a choice of them.
    """
    padding = 16.0 if box.width >= 480 else 12.0
    inner = Box(box.x + padding, box.y + 8, box.width - 2 * padding, box.height - 16)
    room = inner.height - TITLE - HEADING - MOST_FOOTER_LINES * LINE
    fall = _waterfall_height(derivation, room, order)
    content = rows(max(1, int((room - fall) // LOWEST_ROW)))
    lines = footer_lines(derivation, content)
    frame = LedgerFrame(derivation, progress, content, box, inner, fall, len(lines), theme)
    edge = Rect(box.x, box.y, box.width, box.height, theme.panel, Stroke(theme.border), radius=8)
    return (edge, *_title(frame, order, chosen), *_rows(frame), *footer(frame, lines))


def _waterfall_height(derivation: Derivation, room: float, order: TermOrder) -> float:
    """Room for the waterfall of a long sum, if some rows stay beside it."""
    start = 0 if derivation.initial is None else 1
    is_long = derivation.term_values.size + start > room // LOWEST_ROW
    if derivation.rule is not NestRule.SUM or order is TermOrder.SIZE or not is_long:
        return 0.0
    height = min(_HIGHEST_WATERFALL, max(LEAST_HEIGHT, round(room * _WATERFALL_SHARE)))
    return float(height) if room - height >= _LEAST_ROWS * LOWEST_ROW else 0.0


def _rows(frame: LedgerFrame) -> Iterator[Mark]:
    columns = place_columns(frame.content, frame.inner.x, frame.inner.width)
    axis = axis_of(frame.content.rows, columns)
    if frame.waterfall_height:
        content, room = frame.content, frame.waterfall
        yield from waterfall(frame.derivation, frame.progress, room, frame.theme, content.what)
    yield from headings(frame, columns)
    if axis is not None:
        yield from ticks(frame, axis)
    for number in range(len(frame.content.rows)):
        yield from row_marks(frame, number, columns, axis)
    if axis is not None and frame.content.is_running:
        yield from connectors(frame, axis)


def _title(frame: LedgerFrame, order: TermOrder, chosen: str) -> Iterator[Mark]:
    theme, inner = frame.theme, frame.inner
    y = baseline(inner.y, TITLE, BODY_STRONG)
    yield Text(inner.x, y, "Ledger", BODY_STRONG, theme.text)
    x = inner.x + text_width("Ledger", BODY_STRONG) + 8
    room = inner.right - x
    said, subtitle = _order(frame.content, order), _subtitle(frame.derivation, frame.content)
    if chosen:
        yield from order_switch(chosen, inner.right, inner.y, TITLE, theme)
        room -= switch_width() + 12
    elif said and text_width(subtitle, ROW) + text_width(said, LABEL) + 16 <= room:
        color = theme.text_secondary
        yield Text(inner.right, y, said, LABEL, color, Anchor.END, ORDER_KEY)
    shown_text = elide(subtitle, ROW, room)
    if shown_text:
        yield Text(x, y, shown_text, ROW, theme.text_secondary)


def _subtitle(derivation: Derivation, content: LedgerRows) -> str:
    name = Notation.of(derivation.tape).short(derivation.address)
    if derivation.rule in {NestRule.FUNCTION, NestRule.COPY}:
        return f"what {name} is made of"
    if content.what != "term":
        return f"what each {content.what} adds to {name}"
    if content.folded.rest is not None:
        return f"top {len(content.folded.numbers)} of {len(derivation.positions):,} by |term|"
    if derivation.rule is NestRule.MAX:
        return f"every candidate for {name}"
    is_product = len(derivation.nest.by_target.operands) > 1
    return f"every {'product' if is_product else 'term'} that enters {name}"


def _order(content: LedgerRows, order: TermOrder) -> str:
    if content.folded.rest is None and len(content.rows) < 2:
        return ""
    if not any(row.key for row in content.rows):
        return ""
    if content.what != "term":
        return f"by {content.what}"
    if order is TermOrder.SIZE:
        return "largest first"
    return "in loop order" if content.folded.rest is None else "above: in loop order"


def sample_ledger(view: View, shares: Shares, box: Box, theme: Theme) -> tuple[Mark, ...]:
    """A row a sample, all bars above; a row's key leads to the first term of its sample."""
    derivation, progress = view.explained.derivation, view.explained.progress
    if derivation is None:
        return ()
    summed, ran = summed_by_sample(derivation, progress, shares)
    is_complete = progress.mask(derivation.term_values.size) is None

    def rows(most: int) -> LedgerRows:
        content = ledger_rows(summed, ran, most, TermOrder.POSITION)
        rows = tuple(
            _row(view, row, sample)
            for row, sample in zip(content.rows, content.folded.numbers, strict=True)
        )
        folded = replace(content.folded, is_complete=is_complete)
        return replace(content, rows=rows, folded=folded, place_names="sample", what="sample")

    return ledger_card(summed, ran, box, theme, TermOrder.POSITION, rows, "sample")


def summed_by_sample(
    derivation: Derivation, progress: TermProgress, shares: Shares
) -> tuple[Derivation, TermProgress]:
    """The same value with one term a sample, which stands where the sample's first term stands."""
    mask = progress.mask(derivation.term_values.size)
    summed = replace(
        derivation,
        value=progress.running(derivation),
        positions=derivation.positions[shares.first],
        term_values=shares.values,
    )
    if mask is None and progress.current is None:
        return summed, ALL
    current = None
    if progress.current is not None:
        current = int(np.searchsorted(shares.first, progress.current, side="right")) - 1
    return summed, TermProgress(current, None if mask is None else mask[shares.first])


def _row(view: View, row: LedgerRow, sample: int) -> LedgerRow:
    """Which sample it is, its target and the answer."""
    words = LedgerPiece(arrow_words(view, sample), Role.MUTED)
    name = LedgerPiece(f"sample {sample}", Role.MUTED)
    return replace(row, number="", place=str(sample), term=(name,), numbers=(words,), why="")
