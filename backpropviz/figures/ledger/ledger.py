"""The ledger: every term of a value as a row, with its bar and the running sum.

Of a sum too long for that a waterfall shows all terms by position, the rows the largest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from backpropviz.engine.derivation import Derivation, Shares
from backpropviz.engine.nest import NestRule
from backpropviz.figures.explain.written_sum import Rest, TermOrder
from backpropviz.figures.ledger.marks import (
    HEADING,
    LINE,
    LOWEST_ROW,
    MOST_FOOTER_LINES,
    TITLE,
    LedgerFrame,
    axis_of,
    connectors,
    headings,
    order_switch,
    place_columns,
    row_marks,
    switch_width,
    ticks,
)
from backpropviz.figures.ledger.rows import (
    LEAST_HEIGHT,
    LedgerPiece,
    LedgerRow,
    LedgerRows,
    ledger_rows,
    waterfall,
)
from backpropviz.figures.numbers import counted
from backpropviz.figures.symbols import Notation
from backpropviz.figures.view import ALL, TermProgress, View, arrow_words
from backpropviz.scene.equation import Role
from backpropviz.scene.flow import baseline
from backpropviz.scene.marks import Anchor, Box, Line, Mark, Rect, Stroke, Text
from backpropviz.scene.text import elide, text_width
from backpropviz.scene.theme import BODY_STRONG, LABEL, MONO, MONO_STRONG, ROW, Theme

_GAP = 12.0


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
        room = inner.width - (text_width(value, font) + _GAP if value else 0.0)
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
        return _named(view, ledger_rows(summed, ran, most, TermOrder.POSITION), is_complete)

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


def _named(view: View, content: LedgerRows, is_complete: bool) -> LedgerRows:
    rows = tuple(
        _row(view, row, sample)
        for row, sample in zip(content.rows, content.folded.numbers, strict=True)
    )
    folded = replace(content.folded, is_complete=is_complete)
    return replace(content, rows=rows, folded=folded, place_names="sample", what="sample")


def _row(view: View, row: LedgerRow, sample: int) -> LedgerRow:
    """Which sample it is, its target and the answer."""
    words = LedgerPiece(arrow_words(view, sample), Role.MUTED)
    name = LedgerPiece(f"sample {sample}", Role.MUTED)
    return replace(row, number="", place=str(sample), term=(name,), numbers=(words,), why="")
