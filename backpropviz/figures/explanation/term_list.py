"""All terms of a long sum, unfolded: a line a term, or a line a bin where there are too many."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.derivation import Derivation
from backpropviz.engine.nest import Rule
from backpropviz.engine.operands import Cell
from backpropviz.figures.equations.folding import TermOrder, fold
from backpropviz.figures.explanation.explained_step import Progress
from backpropviz.figures.explanation.stack import Part, baseline, stacked
from backpropviz.figures.explanation.term_keys import term_key
from backpropviz.figures.ledger.term_bins import TermBins, bin_terms
from backpropviz.figures.number_groups import exact_text, group_texts
from backpropviz.figures.roles import role_color
from backpropviz.figures.symbols import role_of
from backpropviz.frozen import frozen
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Anchor, Color, Mark, Rect, Text
from backpropviz.scene.numbers import decimal_of, residue
from backpropviz.scene.theme import LABEL, MONO, MONO_STRONG, ROW, Theme

MOST_TERMS = 200
_MOST_BINS, _LEAST_TERMS = 100, 6
_LINE, _GAP = 18.0, 12.0


@frozen
class ListLine:
    """Where a term (or bin) lies, what it multiplies, what it adds; its key."""

    place: str
    factors: tuple[tuple[str, Color], ...]
    value: str
    key: str = ""
    is_current: bool = False


def term_list(
    derivation: Derivation,
    progress: Progress,
    order: TermOrder,
    width: float,
    x: float,
    theme: Theme,
) -> Part:
    """The lines, then what rounding left and the sum: they add up, digit by digit."""
    if derivation.rule is Rule.SUM and _is_binned(derivation, order):
        lines = tuple(_bin_lines(derivation, progress, theme))
    else:
        lines = tuple(_term_lines(derivation, progress, order, theme))
    labels = max((text_width(line.place, MONO) for line in lines if line.factors), default=0.0)
    return stacked(
        _line(line, labels, width, x, theme, is_total=line is lines[-1]) for line in lines
    )


def _is_binned(derivation: Derivation, order: TermOrder) -> bool:
    """A list by size may end with the largest; one by position may leave nothing out."""
    return derivation.term_values.size > MOST_TERMS and order is TermOrder.POSITION


def _term_lines(
    derivation: Derivation, progress: Progress, order: TermOrder, theme: Theme
) -> Iterator[ListLine]:
    most = MOST_TERMS
    if order is TermOrder.SIZE:
        # A list by size ends where only zeros would follow.
        most = min(most, max(_LEAST_TERMS, int(np.count_nonzero(derivation.term_values))))
    folded = fold(derivation, progress, most=most, order=order, digits=4)
    numbers = np.asarray(folded.numbers, dtype=np.int64)
    places, columns = _places(derivation, numbers), _columns(derivation, numbers, theme)
    if folded.initial:
        yield ListLine("start", (), folded.initial)
    for row, number in enumerate(folded.numbers):
        text = folded.texts[row]
        factors = tuple((column[row], color) for column, color in columns) if text else ()
        current = number == progress.current
        yield ListLine(places[row], factors, text or "•", term_key(derivation, number), current)
    if folded.rest is not None:
        count = folded.rest.count
        text = f"{count:,} more" if folded.rest.not_zero else f"{count:,} that are 0"
        yield ListLine(text, (), folded.rest.subtotal)
    if folded.residue:
        yield ListLine("rounding residue", (), folded.residue)
    yield _total(derivation, folded.total)


def _total(derivation: Derivation, text: str) -> ListLine:
    return ListLine("largest" if derivation.rule is Rule.MAX else "sum", (), text, _own(derivation))


def _own(derivation: Derivation) -> str:
    return str(derivation.address)


def _places(derivation: Derivation, numbers: Array) -> list[str]:
    """`3,1`: the loop variables of each term."""
    loops = derivation.nest.by_target
    first = loops.channel_axes + loops.element_axes
    sizes = tuple(len(r) for r in derivation.region)
    found = np.unravel_index(derivation.positions[numbers], sizes)[first:]
    shown = [c for c, size in zip(found, sizes[first:], strict=True) if size > 1]
    return [",".join(map(str, row)) for row in np.stack(shown, axis=1)] if shown else []


def _columns(derivation: Derivation, numbers: Array, theme: Theme) -> list[tuple[list[str], Color]]:
    """The operands' numbers, a column each; nothing where a term is one number."""
    operands = derivation.nest.by_target.operands
    if len(operands) < 2:
        return []
    sizes = tuple(len(r) for r in derivation.region)
    columns = []
    for operand in operands:
        block = np.broadcast_to(operand.block(derivation.tape, derivation.region), sizes)
        values = block.reshape(-1)[derivation.positions[numbers]]
        is_cell = isinstance(operand, Cell)
        color = role_color(role_of(operand.address), theme) if is_cell and operand.address else ""
        columns.append((group_texts(map(float, values), 3), color or theme.text))
    return columns


def _bin_lines(derivation: Derivation, progress: Progress, theme: Theme) -> Iterator[ListLine]:
    """Stretches of terms with their subtotals, and the largest term of each."""
    bins = bin_terms(derivation, progress, most=_MOST_BINS)
    total = progress.running(derivation)
    start = [] if derivation.initial is None else [derivation.initial.value]
    texts = group_texts([*start, *map(float, bins.subtotals), *map(float, bins.peaks), total], 4)
    count = len(bins.peaks)
    subtotals, peaks = texts[len(start) : len(start) + count], texts[len(start) + count : -1]
    if start:
        yield ListLine("start", (), texts[0])
    for first, last in _stretches(bins):
        if first == last:
            pair = (subtotals[first], peaks[first])
            yield _bin_line(derivation, progress, bins, first, pair, theme)
        else:
            numbers = f"{bins.span(first)[0] + 1:,}–{bins.span(last)[1] + 1:,}"
            yield ListLine(numbers, (("all 0", theme.text_tertiary),), "0")
    addends = [*texts[: len(start)], *subtotals]
    if all(decimal_of(text).is_finite() for text in (texts[-1], *addends)):
        left = residue(texts[-1], addends)
        if left != Decimal(0):
            yield ListLine("rounding residue", (), exact_text(left))
    yield _total(derivation, texts[-1])


def _stretches(bins: TermBins) -> Iterator[tuple[int, int]]:
    """Each bin alone, but bins in a row whose terms have all run and are all 0 together."""
    sizes = np.array([b - a + 1 for a, b in map(bins.span, range(len(bins.peaks)))])
    nothing = (bins.peaks == 0) & (bins.ran == sizes)
    first = 0
    for place in range(len(nothing)):
        goes_on = place + 1 < len(nothing) and nothing[place] and nothing[place + 1]
        if not goes_on:
            yield first, place
            first = place + 1


def _bin_line(
    derivation: Derivation,
    progress: Progress,
    bins: TermBins,
    place: int,
    texts: tuple[str, str],
    theme: Theme,
) -> ListLine:
    first, last = bins.span(place)
    largest = int(bins.largest[place])
    remark = f"largest {texts[1]} at {largest + 1:,}"
    has_run = bool(bins.ran[place])
    current = progress.current is not None and bins.place_of(progress.current) == place
    return ListLine(
        f"{first + 1:,}–{last + 1:,}",
        ((remark, theme.text_secondary),) if has_run else (),
        texts[0] if has_run else "•",
        term_key(derivation, largest),
        current,
    )


def _line(
    line: ListLine, labels: float, width: float, x: float, theme: Theme, *, is_total: bool
) -> Part:
    y = baseline(0, _LINE, MONO)
    marks: list[Mark] = []
    if line.key:
        tint = theme.here_tint if line.is_current else None
        marks.append(Rect(x - 4, 0, width + 8, _LINE, fill=tint, radius=3, key=line.key))
    value_font = MONO_STRONG if is_total or line.is_current else MONO
    color = theme.here if is_total or line.is_current else theme.text
    marks.append(Text(x + width, y, line.value, value_font, color, Anchor.END, line.key))
    left = x + labels
    marks.append(Text(x, y, line.place, MONO if line.factors else ROW, theme.text_secondary))
    room = width - (left - x) - text_width(line.value, value_font) - 2 * _GAP
    marks.extend(_factors(line, left + _GAP, y, room, theme))
    return Part(tuple(marks), _LINE)


def _factors(line: ListLine, x: float, y: float, room: float, theme: Theme) -> Iterator[Mark]:
    """`0.12 × −1.3`, as far as it fits."""
    is_remark = len(line.factors) == 1
    font = LABEL if is_remark else MONO
    whole = sum(text_width(text, font) for text, _ in line.factors)
    whole += text_width(" × ", font) * max(0, len(line.factors) - 1)
    if whole > room and not is_remark:
        return
    for number, (text, color) in enumerate(line.factors):
        if number:
            yield Text(x, y, " × ".strip(), font, theme.text_tertiary)
            x += text_width("× ", font)
        shown = elide(text, font, room) if is_remark else text
        if shown:
            yield Text(x, y, shown, font, color, key=line.key)
        x += text_width(f"{text} ", font)
