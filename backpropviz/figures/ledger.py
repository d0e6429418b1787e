"""The ledger: every term of a value as a row, with its bar and the running sum."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from backpropviz.engine.derivation import Derivation
from backpropviz.engine.nest import Rule
from backpropviz.figures.explained_step import Progress
from backpropviz.figures.folding import Rest, TermOrder
from backpropviz.figures.ledger_axis import Axis, axis_of
from backpropviz.figures.ledger_columns import Column, Placed, heading, place_columns
from backpropviz.figures.ledger_rows import LedgerRow, LedgerRows, Piece, ledger_rows
from backpropviz.figures.number_groups import counted
from backpropviz.figures.roles import role_colors
from backpropviz.figures.stack import baseline
from backpropviz.figures.symbols import Notation
from backpropviz.scene.colormaps import color_at
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Anchor, Box, Ellipse, Line, Mark, Path, Rect, Stroke, Text
from backpropviz.scene.theme import (
    BODY_STRONG,
    INDEX,
    LABEL,
    MONO,
    MONO_STRONG,
    ROW,
    Theme,
)

_TITLE, _HEADING, _LINE = 28.0, 20.0, 18.0
_LOWEST_ROW, _HIGHEST_ROW = 20.0, 36.0
_MOST_FOOTER_LINES = 3
_GAP = 12.0


def ledger(
    derivation: Derivation,
    progress: Progress,
    box: Box,
    theme: Theme,
    order: TermOrder = TermOrder.POSITION,
) -> tuple[Mark, ...]:
    """The ledger as a card in a box of at least 360×160."""
    padding = 16.0 if box.width >= 480 else 12.0
    footer = _MOST_FOOTER_LINES * _LINE
    room = box.height - 8 - _TITLE - _HEADING - footer - 8
    content = ledger_rows(derivation, progress, max(1, int(room // _LOWEST_ROW)), order)
    inner = Box(box.x + padding, box.y + 8, box.width - 2 * padding, box.height - 16)
    card = _Card(derivation, content, box, inner, theme)
    return tuple(card.marks())


@dataclass(frozen=True)
class _Card:
    derivation: Derivation
    content: LedgerRows
    box: Box
    inner: Box
    theme: Theme

    def marks(self) -> Iterator[Mark]:
        box, theme = self.box, self.theme
        border = Stroke(theme.border)
        yield Rect(box.x, box.y, box.width, box.height, theme.panel, border, radius=8)
        yield from self._title()
        columns = place_columns(self.content, self.inner.x, self.inner.width)
        axis = axis_of(self.content.rows, columns)
        yield from self._headings(columns)
        if axis is not None:
            yield from self._ticks(axis)
        for number, row in enumerate(self.content.rows):
            yield from self._row(number, row, columns, axis)
        if axis is not None and self.content.is_running:
            yield from self._connectors(axis)
        yield from self._footer()

    # Title

    def _title(self) -> Iterator[Mark]:
        theme, inner = self.theme, self.inner
        y = baseline(inner.y, _TITLE, BODY_STRONG)
        yield Text(inner.x, y, "Ledger", BODY_STRONG, theme.text)
        x = inner.x + text_width("Ledger", BODY_STRONG) + 8
        order = self._order()
        room = inner.right - x
        subtitle = self._subtitle()
        if order and text_width(subtitle, ROW) + text_width(order, LABEL) + 16 <= room:
            yield Text(inner.right, y, order, LABEL, theme.text_secondary, Anchor.END)
        shown_text = elide(subtitle, ROW, room)
        if shown_text:
            yield Text(x, y, shown_text, ROW, theme.text_secondary)

    def _subtitle(self) -> str:
        name = Notation.of(self.derivation.tape).short(self.derivation.address)
        count = len(self.derivation.positions)
        if self.derivation.rule in {Rule.FUNCTION, Rule.COPY}:
            return f"what {name} is made of"
        if self.content.folded.rest is not None:
            return f"top {len(self.content.folded.numbers)} of {count:,} by |term|"
        if self.derivation.rule is Rule.MAX:
            return f"every candidate for {name}"
        is_product = len(self.derivation.nest.by_target.operands) > 1
        return f"every {'product' if is_product else 'term'} that enters {name}"

    def _order(self) -> str:
        if self.content.folded.rest is not None or len(self.content.rows) < 2:
            return ""
        return "in loop order" if self.content.is_running else ""

    # Rows

    @property
    def _rows_top(self) -> float:
        return self.inner.y + _TITLE + _HEADING

    @cached_property
    def _row_height(self) -> float:
        room = self.inner.bottom - self._rows_top - len(self._footer_lines()) * _LINE - 4
        fitting = room / max(1, len(self.content.rows))
        return float(math.floor(min(_HIGHEST_ROW, max(_LOWEST_ROW, fitting))))

    def _row_y(self, number: int) -> float:
        return self._rows_top + number * self._row_height

    def _headings(self, columns: Sequence[Placed]) -> Iterator[Mark]:
        y = baseline(self.inner.y + _TITLE, _HEADING, LABEL)
        color = self.theme.text_secondary
        for placed in columns:
            text = heading(placed.column, self.content)
            if not text:
                continue
            if placed.column in _RIGHT:
                yield Text(placed.right, y, text, LABEL, color, Anchor.END)
            else:
                yield Text(placed.x, y, text, LABEL, color)

    def _row(
        self, number: int, row: LedgerRow, columns: Sequence[Placed], axis: Axis | None
    ) -> Iterator[Mark]:
        top, height = self._row_y(number), self._row_height
        if row.is_current:
            tint = self.theme.here_tint
            yield Rect(self.box.x + 1, top, self.box.width - 2, height, fill=tint)
            yield self._pointer(top + height / 2)
        y = baseline(top, height, MONO)
        for placed in columns:
            if placed.column is Column.BAR:
                if axis is not None:
                    yield from self._bar(row, axis, top, height)
            else:
                yield from self._entry(row, placed, y, top + height / 2)

    def _pointer(self, middle: float) -> Path:
        x = self.box.x + 2
        points = (
            (x, middle - 4),
            (x + 4, middle - 4),
            (x + 8, middle),
            (x + 4, middle + 4),
            (x, middle + 4),
        )
        return Path(points, fill=self.theme.here, closed=True)

    def _entry(self, row: LedgerRow, placed: Placed, y: float, middle: float) -> Iterator[Mark]:
        theme = self.theme
        strong = theme.here if row.is_current else theme.text
        match placed.column:
            case Column.NUMBER:
                yield Text(placed.right, y, row.number, MONO, theme.text_tertiary, Anchor.END)
            case Column.PLACE:
                yield Text(placed.right, y, row.place, MONO, theme.text_secondary, Anchor.END)
            case Column.TERM:
                yield from self._pieces(row.term, placed.x, y, faded=not row.ran)
            case Column.NUMBERS:
                yield from self._pieces(row.numbers, placed.x, y, faded=False)
            case Column.WHY:
                color = theme.text if row.is_current else theme.text_secondary
                yield Text(placed.x, y, row.why, ROW, color)
            case Column.VALUE | Column.TOTAL:
                text = row.value if placed.column is Column.VALUE else row.total
                if text:
                    font = MONO_STRONG if row.is_current else MONO
                    yield Text(placed.right, y, text, font, strong, Anchor.END)
                elif not row.ran:
                    yield Ellipse(placed.right - 3.5, middle, 2, 2, theme.text_secondary)

    def _pieces(
        self, pieces: Sequence[Piece], x: float, y: float, *, faded: bool
    ) -> Iterator[Mark]:
        colors = role_colors(self.theme)
        for piece in pieces:
            color = f"{colors[piece.role]}99" if faded else colors[piece.role]
            text = piece.text.strip(" ")
            lead = len(piece.text) - len(piece.text.lstrip(" "))
            dx = text_width(" " * lead, MONO)
            yield Text(x + dx, y, text, MONO, color, key=piece.key)
            x += text_width(piece.text, MONO)

    # Bars

    def _ticks(self, axis: Axis) -> Iterator[Mark]:
        theme = self.theme
        bottom = self._row_y(len(self.content.rows))
        y = baseline(self.inner.y + _TITLE, _HEADING, INDEX)
        for value, text in axis.ticks:
            x = axis.at(value)
            stroke = Stroke(theme.border_strong if value == 0 else theme.border)
            yield Line(x, self._rows_top, x, bottom, stroke)
            if text:
                yield Text(x, y, text, INDEX, theme.text_tertiary, Anchor.MIDDLE)

    def _bar(self, row: LedgerRow, axis: Axis, top: float, height: float) -> Iterator[Mark]:
        if row.bar is None:
            return
        start, end = sorted((axis.at(row.bar[0]), axis.at(row.bar[1])))
        thick = max(6.0, round(height * 0.42))
        y = round(top + (height - thick) / 2)
        change = row.bar[1] - row.bar[0]
        color = self.theme.here if row.is_current else self._sign_color(change)
        yield Rect(start - (end - start < 2), y, max(2.0, end - start), thick, fill=color, radius=1)

    def _sign_color(self, change: float) -> str:
        if change == 0:
            return self.theme.text_tertiary
        return color_at(self.theme.diverging, math.copysign(1.0, change), (-1.0, 1.0))

    def _connectors(self, axis: Axis) -> Iterator[Mark]:
        """Where one bar ends, the next begins."""
        height = self._row_height
        half = max(6.0, round(height * 0.42)) / 2
        stroke = Stroke(self.theme.text_tertiary, 1.0, (2, 2))
        if height < 24 or self.derivation.rule is Rule.MAX:
            return
        for number, row in enumerate(self.content.rows[:-1]):
            if row.bar is None or not row.ran:
                continue
            x, middle = axis.at(row.bar[1]), self._row_y(number) + height / 2
            following = self.content.rows[number + 1]
            yield Line(x, middle + half, x, middle + height - half, stroke)
            if not following.ran:
                yield Ellipse(x, middle + height, 2, 2, self.theme.text_secondary)

    # Footer

    def _footer(self) -> Iterator[Mark]:
        theme, inner = self.theme, self.inner
        lines = self._footer_lines()
        top = self._row_y(len(self.content.rows)) + 4
        top = min(top, inner.bottom - len(lines) * _LINE)
        yield Line(inner.x, top - 1.5, inner.right, top - 1.5, Stroke(theme.border))
        for number, (label, value, is_total) in enumerate(lines):
            y = baseline(top + number * _LINE, _LINE, ROW)
            color = theme.here if is_total else theme.text_secondary
            font = MONO_STRONG if is_total else MONO
            room = inner.width - (text_width(value, font) + _GAP if value else 0.0)
            yield Text(inner.x, y, elide(label, ROW, room), ROW, color)
            if value:
                key = str(self.derivation.address) if is_total else ""
                yield Text(inner.right, y, value, font, color, Anchor.END, key)

    def _footer_lines(self) -> list[tuple[str, str, bool]]:
        folded = self.content.folded
        lines: list[tuple[str, str, bool]] = []
        if folded.rest is not None:
            lines.append((_rest_text(folded.rest), folded.rest.subtotal, False))
        if folded.residue:
            lines.append(("rounding residue", folded.residue, False))
        elif self.derivation.rule is Rule.SUM and folded.rest is None:
            lines.append(("Residue 0: the terms shown add up to the sum shown.", "", False))
        if self.content.hidden:
            lines.append((counted(self.content.hidden, "more operand"), "", False))
        lines.append((self._total_label(), folded.total, True))
        return lines

    def _total_label(self) -> str:
        address = self.derivation.address
        name = (
            "gradient" if address.is_gradient else Notation.of(self.derivation.tape).short(address)
        )
        if self.derivation.rule in {Rule.FUNCTION, Rule.COPY}:
            return f"= {name}"
        what = "largest" if self.derivation.rule is Rule.MAX else "sum"
        return f"{what} = {name}" if self.content.folded.is_complete else f"{what} so far"


_RIGHT = frozenset({Column.NUMBER, Column.PLACE, Column.VALUE, Column.TOTAL})


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
