"""The lower lines of a ledger: what is not shown, what rounding left, the sum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from backpropviz.engine.derivation import Derivation
from backpropviz.engine.nest import Rule
from backpropviz.figures.equations.folding import Rest
from backpropviz.figures.explanation.stack import baseline
from backpropviz.figures.ledger.frame import LINE, LedgerFrame
from backpropviz.figures.ledger.rows import LedgerRows
from backpropviz.figures.number_groups import counted
from backpropviz.figures.symbols import Notation
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Anchor, Line, Mark, Stroke, Text
from backpropviz.scene.theme import MONO, MONO_STRONG, ROW

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
    elif derivation.rule is Rule.SUM and folded.rest is None:
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
    if derivation.rule in {Rule.FUNCTION, Rule.COPY}:
        return f"= {name}"
    what = "largest" if derivation.rule is Rule.MAX else "sum"
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
