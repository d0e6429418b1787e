"""The entries of a ledger's rows, column by column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backpropviz.figures.explanation.stack import baseline
from backpropviz.figures.ledger.axis import Axis
from backpropviz.figures.ledger.bars import bar
from backpropviz.figures.ledger.columns import Column, Placed, heading
from backpropviz.figures.ledger.frame import HEADING, LedgerFrame
from backpropviz.figures.ledger.rows import LedgerRow, Piece
from backpropviz.figures.roles import role_colors
from backpropviz.scene.fonts import text_width
from backpropviz.scene.marks import Anchor, Ellipse, Mark, Path, Rect, Text
from backpropviz.scene.theme import LABEL, MONO, MONO_STRONG, ROW, Theme

_RIGHT = frozenset({Column.NUMBER, Column.PLACE, Column.VALUE, Column.TOTAL})


def headings(frame: LedgerFrame, columns: Sequence[Placed]) -> Iterator[Mark]:
    """What the columns tell."""
    y, color = baseline(frame.headings_top, HEADING, LABEL), frame.theme.text_secondary
    for placed in columns:
        text = heading(placed.column, frame.content)
        if text and placed.column in _RIGHT:
            yield Text(placed.right, y, text, LABEL, color, Anchor.END)
        elif text:
            yield Text(placed.x, y, text, LABEL, color)


def row_marks(
    frame: LedgerFrame, number: int, columns: Sequence[Placed], axis: Axis | None
) -> Iterator[Mark]:
    """One row; all of it answers with its term's key, its numbers with their addresses."""
    row, top, height = frame.content.rows[number], frame.row_y(number), frame.row_height
    tint = frame.theme.here_tint if row.is_current else None
    if row.key or tint:
        box = frame.box
        yield Rect(box.x + 1, top, box.width - 2, height, fill=tint, key=row.key)
    if row.is_current:
        yield _pointer(frame.box.x + 2, top + height / 2, frame.theme)
    y = baseline(top, height, MONO)
    for placed in columns:
        if placed.column is not Column.BAR:
            yield from _entry(row, placed, y, top + height / 2, frame.theme)
        elif axis is not None:
            yield from bar(frame, row, axis, top)


def _pointer(x: float, middle: float, theme: Theme) -> Path:
    points = (
        (x, middle - 4),
        (x + 4, middle - 4),
        (x + 8, middle),
        (x + 4, middle + 4),
        (x, middle + 4),
    )
    return Path(points, fill=theme.here, closed=True)


def _entry(row: LedgerRow, placed: Placed, y: float, middle: float, theme: Theme) -> Iterator[Mark]:
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
            yield from _number(row, placed, y, middle, theme)


def _number(
    row: LedgerRow, placed: Placed, y: float, middle: float, theme: Theme
) -> Iterator[Mark]:
    """The term or the sum after it; a dot where it has not run."""
    text = row.value if placed.column is Column.VALUE else row.total
    if text:
        font = MONO_STRONG if row.is_current else MONO
        color = theme.here if row.is_current else theme.text
        yield Text(placed.right, y, text, font, color, Anchor.END, row.key)
    elif not row.ran:
        yield Ellipse(placed.right - 3.5, middle, 2, 2, theme.text_secondary)


def _pieces(
    pieces: Sequence[Piece], x: float, y: float, theme: Theme, *, faded: bool
) -> Iterator[Mark]:
    colors = role_colors(theme)
    for piece in pieces:
        color = f"{colors[piece.role]}99" if faded else colors[piece.role]
        text = piece.text.strip(" ")
        lead = len(piece.text) - len(piece.text.lstrip(" "))
        dx = text_width(" " * lead, MONO)
        yield Text(x + dx, y, text, MONO, color, key=piece.key)
        x += text_width(piece.text, MONO)
