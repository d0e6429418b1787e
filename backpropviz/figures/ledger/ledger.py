"""The ledger: every term of a value as a row, with its bar and the running sum.

Of a sum too long for that a waterfall shows all terms by position, the rows the largest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from backpropviz.engine.derivation import Derivation
from backpropviz.engine.nest import Rule
from backpropviz.figures.equations.folding import TermOrder
from backpropviz.figures.explanation.explained_step import Progress
from backpropviz.figures.explanation.stack import baseline
from backpropviz.figures.ledger.axis import axis_of
from backpropviz.figures.ledger.bars import connectors, ticks
from backpropviz.figures.ledger.columns import place_columns
from backpropviz.figures.ledger.entries import headings, row_marks
from backpropviz.figures.ledger.footer import footer, footer_lines
from backpropviz.figures.ledger.frame import (
    HEADING,
    LINE,
    LOWEST_ROW,
    MOST_FOOTER_LINES,
    TITLE,
    LedgerFrame,
)
from backpropviz.figures.ledger.order_switch import order_switch, switch_width
from backpropviz.figures.ledger.rows import LedgerRows, ledger_rows
from backpropviz.figures.ledger.waterfall import LEAST_HEIGHT, waterfall
from backpropviz.figures.symbols import Notation
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Anchor, Box, Mark, Rect, Stroke, Text
from backpropviz.scene.theme import BODY_STRONG, LABEL, ROW, Theme

ORDER_KEY: Final = "ledger:order"
"""The mark that says the order; a click on it asks for the other."""
_WATERFALL_SHARE, _HIGHEST_WATERFALL, _LEAST_ROWS = 0.34, 150.0, 3


def ledger(
    derivation: Derivation,
    progress: Progress,
    box: Box,
    theme: Theme,
    order: TermOrder = TermOrder.POSITION,
    *,
    is_of_batch: bool = False,
) -> tuple[Mark, ...]:
    """The ledger as a card in a box of at least 360×160; a batch's can be summed by sample."""
    return ledger_card(
        derivation,
        progress,
        box,
        theme,
        order,
        lambda most: ledger_rows(derivation, progress, most, order),
        order.value if is_of_batch else "",
    )


def ledger_card(
    derivation: Derivation,
    progress: Progress,
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
    if derivation.rule is not Rule.SUM or order is TermOrder.SIZE or not is_long:
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
    if derivation.rule in {Rule.FUNCTION, Rule.COPY}:
        return f"what {name} is made of"
    if content.what != "term":
        return f"what each {content.what} adds to {name}"
    if content.folded.rest is not None:
        return f"top {len(content.folded.numbers)} of {len(derivation.positions):,} by |term|"
    if derivation.rule is Rule.MAX:
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
