"""The bars of a ledger's rows on their common axis."""

from __future__ import annotations

from collections.abc import Iterator

from backpropviz.engine.nest import Rule
from backpropviz.figures.explanation.stack import baseline
from backpropviz.figures.ledger.axis import Axis
from backpropviz.figures.ledger.frame import HEADING, LedgerFrame
from backpropviz.figures.ledger.rows import LedgerRow
from backpropviz.figures.ledger.sign_color import sign_color
from backpropviz.scene.marks import Anchor, Ellipse, Line, Mark, Rect, Stroke, Text
from backpropviz.scene.theme import INDEX

_LEAST_CONNECTED = 24.0


def ticks(frame: LedgerFrame, axis: Axis) -> Iterator[Mark]:
    """A line and a number at each round value."""
    theme, bottom = frame.theme, frame.row_y(len(frame.content.rows))
    y = baseline(frame.headings_top, HEADING, INDEX)
    for value, text in axis.ticks:
        x = axis.at(value)
        stroke = Stroke(theme.border_strong if value == 0 else theme.border)
        yield Line(x, frame.rows_top, x, bottom, stroke)
        if text:
            yield Text(x, y, text, INDEX, theme.text_tertiary, Anchor.MIDDLE)


def bar(frame: LedgerFrame, row: LedgerRow, axis: Axis, top: float) -> Iterator[Mark]:
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


def connectors(frame: LedgerFrame, axis: Axis) -> Iterator[Mark]:
    """Where one bar ends, the next begins."""
    height, half = frame.row_height, _thickness(frame) / 2
    stroke = Stroke(frame.theme.text_tertiary, 1.0, (2, 2))
    if height < _LEAST_CONNECTED or frame.derivation.rule is Rule.MAX:
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
