"""The explanation of a step: sentence, reasons, three equations, counters, code."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import numpy as np

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.derivation import Derivation
from backpropviz.engine.nest import NestRule
from backpropviz.engine.operands import ArrayCell
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.tape import Tape, operation_of
from backpropviz.engine.value import Address, Array
from backpropviz.figures.explain.code import CodeVersion, code_block, code_lines, version_switch
from backpropviz.figures.explain.formula import formula, in_symbols
from backpropviz.figures.explain.sentences import sentences
from backpropviz.figures.explain.written_sum import TermOrder, fold
from backpropviz.figures.ledger_rows import TermBins, bin_terms
from backpropviz.figures.numbers import exact_text, group_texts, said, said_exactly
from backpropviz.figures.symbols import PARAMETERS, equation_style, role_color, role_of
from backpropviz.figures.view import ALL, ExplainedStep, TermProgress, term_key
from backpropviz.frozen import frozen
from backpropviz.scene import flow
from backpropviz.scene.marks import Anchor, Box, Color, Font, Group, Mark, Rect, Scene, Text
from backpropviz.scene.text import decimal_of, elide, residue, text_width
from backpropviz.scene.theme import (
    BODY,
    LABEL,
    MONO,
    MONO_STRONG,
    NUMBER_MEDIUM,
    NUMBER_SMALL,
    ROW,
    SENTENCE,
    Theme,
)

_GAP = 16.0
_LABEL_HEIGHT, _VALUE_HEIGHT = 16.0, 24.0


@frozen
class StepCounter:
    """A label above a number."""

    label: str
    text: str
    color: Color
    key: str = ""


def counters(step: ExplainedStep, theme: Theme) -> tuple[StepCounter, ...]:
    """Those of a parameter's gradient and update; none elsewhere."""
    derivation = step.derivation
    if derivation is None or derivation.address.quantity not in PARAMETERS:
        return ()
    address = derivation.address
    parameter = address.of("")
    is_complete = step.progress.mask(derivation.term_values.size) is None
    if address.is_gradient:
        gradient = step.progress.running(derivation)
    else:
        gradient = step.tape.value(parameter.grad)
    is_partial = address.is_gradient and not is_complete
    rate = step.tape.optimizer.learning_rate
    found = [
        StepCounter(
            "Gradient so far" if is_partial else "Gradient",
            said(gradient, signed=True),
            theme.here if address.is_gradient else theme.backward,
            str(parameter.grad),
        ),
        StepCounter("Learning rate", said_exactly(rate), theme.text),
    ]
    after = _after(step, parameter, gradient, is_partial=is_partial)
    if after is not None:
        before = step.tape.value(parameter)
        texts = group_texts([before, after], 4)
        label = "Update if it stays" if is_partial else "Update"
        found.append(StepCounter(label, " → ".join(texts), theme.update, str(parameter.of("next"))))
    return tuple(found)


def _after(
    step: ExplainedStep, parameter: Address, gradient: float, *, is_partial: bool
) -> float | None:
    """The new value; from a gradient that is not complete, only where the rule is −η·g alone."""
    following = parameter.of("next")
    if not is_partial:
        return step.tape.value(following) if following in step.tape else None
    optimizer = step.tape.optimizer
    is_plain = isinstance(optimizer, Sgd) and not optimizer.momentum and not optimizer.weight_decay
    return step.tape.value(parameter) - optimizer.learning_rate * gradient if is_plain else None


def counter_row(
    found: tuple[StepCounter, ...], width: float, x: float, theme: Theme
) -> flow.PanelPart:
    """The counters in a row, with smaller numbers where there is little room; else in a column."""
    marks: list[Mark] = []
    height = _LABEL_HEIGHT + _VALUE_HEIGHT
    for font in (NUMBER_MEDIUM, NUMBER_SMALL):
        widths = [max(text_width(one.label, LABEL), text_width(one.text, font)) for one in found]
        if sum(widths) + _GAP * (len(found) - 1) <= width:
            gap = min((width - sum(widths)) / max(len(found) - 1, 1), 4 * _GAP)
            for counter, own in zip(found, widths, strict=True):
                marks.extend(_marks(counter, round(x), 0.0, font, theme))
                x += own + gap
            return flow.PanelPart(tuple(marks), height)
    for number, counter in enumerate(found):
        marks.extend(_marks(counter, x, number * height, NUMBER_SMALL, theme))
    return flow.PanelPart(tuple(marks), len(found) * height)


def _marks(counter: StepCounter, x: float, y: float, font: Font, theme: Theme) -> tuple[Mark, ...]:
    value_y = flow.baseline(y + _LABEL_HEIGHT, _VALUE_HEIGHT, font)
    return (
        Text(x, flow.baseline(y, _LABEL_HEIGHT, LABEL), counter.label, LABEL, theme.text_secondary),
        Text(x, value_y, counter.text, font, counter.color, key=counter.key),
    )


__all__ = ["ExplainedStep", "derivation_scene", "explanation"]

_PADDING = 16.0
_SENTENCE_LINE, _BODY_LINE, _LABEL_LINE = 22.0, 20.0, 16.0
UNFOLD_KEY: Final = "terms:unfold"
"""The mark that asks for all terms of a long sum, or for fewer again."""
_SCENE_WIDTH, _LEDGER_HEIGHT = 680.0, 340.0
_MOST_TERMS = 6
_TERMS, _SMALLEST_SCALE = (_MOST_TERMS, 4, 3), 0.9
"""Fewer terms are written out where they would have to be made smaller."""


@frozen
class Shown:
    """What a person chose to see: the version of the code, all terms, and their order."""

    code_version: CodeVersion = CodeVersion.LOOPS
    unfolded: bool = False
    order: TermOrder | None = None


def explanation(
    step: ExplainedStep,
    width: float,
    theme: Theme,
    *,
    code_version: CodeVersion = CodeVersion.LOOPS,
    unfolded: bool = False,
    order: TermOrder | None = None,
) -> Scene:
    """A step explained in a column of that width; as high as it needs to be.

    Without an `order` a finished long sum begins with its largest terms, any other as its loops do.
    Keys: values are addresses, terms `term:<n>`, symbols `array:<name>`; `UNFOLD_KEY` and the keys
    of `version_key` are asked for by a click.
    """
    shown = Shown(code_version, unfolded, order)
    column = flow.stacked(_parts(step, width, theme, shown), _PADDING)
    height = column.height + _PADDING
    title = str(step.derivation.address) if step.derivation else "explanation"
    return Scene(width, height, theme.panel, column.marks, title)


def derivation_scene(derivation: Derivation, theme: Theme) -> Scene:
    """One finished value explained, with its ledger, for a notebook."""
    from backpropviz.figures.ledger import ledger

    width = _SCENE_WIDTH
    marks: tuple[Group, ...] = ()
    top = _PADDING
    if isinstance(derivation.tape, Tape):
        tape, target = derivation.tape, derivation.nest.target
        operation = operation_of(tape.network, tape.batch, tape.optimizer, tape.iteration, target)
        step = ExplainedStep(derivation, operation, Depth.ELEMENT, tape)
        column = flow.stacked(_parts(step, width, theme, Shown()), _PADDING)
        marks = (Group(column.marks),)
        top = column.height
    box = Box(_PADDING, top + _PADDING, width - 2 * _PADDING, _LEDGER_HEIGHT)
    card = ledger(derivation, ALL, box, theme, _order(derivation))
    height = box.bottom + _PADDING
    return Scene(width, height, theme.panel, (*marks, *card), str(derivation.address))


def _order(derivation: Derivation) -> TermOrder:
    """A finished long sum begins with its largest terms."""
    is_long = derivation.rule is NestRule.SUM and derivation.term_values.size > _MOST_TERMS
    return TermOrder.SIZE if is_long else TermOrder.POSITION


def _parts(
    step: ExplainedStep, width: float, theme: Theme, shown: Shown
) -> Iterator[flow.PanelPart]:
    inner = width - 2 * _PADDING
    told = sentences(step)
    key = str(step.derivation.address) if step.derivation else ""
    yield flow.paragraph(told.bold, SENTENCE, _SENTENCE_LINE, theme.text, inner, _PADDING, key)
    if told.plain:
        yield flow.space(8)
        text = " ".join(told.plain)
        yield flow.paragraph(text, BODY, _BODY_LINE, theme.text_secondary, inner, _PADDING)
    yield from _equations(step, inner, theme, shown)
    yield from _terms(step, inner, theme, shown)
    found = counters(step, theme)
    if found:
        yield flow.space(12)
        yield flow.hairline(inner, theme.border, _PADDING)
        yield flow.space(12)
        yield counter_row(found, inner, _PADDING, theme)
    lines = code_lines(step, shown.code_version)
    if lines:
        yield flow.space(12)
        yield version_switch(shown.code_version, inner, _PADDING, theme)
        yield flow.space(2)
        yield code_block(lines, inner, _PADDING, width, theme)


def _terms(
    step: ExplainedStep, width: float, theme: Theme, shown: Shown
) -> Iterator[flow.PanelPart]:
    """The way to all terms of a long sum, and where it was taken the terms."""
    derivation = step.derivation
    if derivation is None or derivation.rule not in {NestRule.SUM, NestRule.MAX}:
        return
    count = derivation.term_values.size
    if count <= _MOST_TERMS:
        return
    text = f"Fold the {count:,} terms" if shown.unfolded else f"Show all {count:,} terms"
    yield flow.space(8)
    yield flow.paragraph(text, LABEL, _LABEL_LINE, theme.update, width, _PADDING, UNFOLD_KEY)
    if shown.unfolded:
        order = shown.order or TermOrder.POSITION
        yield flow.space(4)
        yield term_list(derivation, step.progress, order, width, _PADDING, theme)


def _equations(
    step: ExplainedStep, width: float, theme: Theme, shown: Shown
) -> Iterator[flow.PanelPart]:
    style = equation_style(theme)
    derivation, operation = step.derivation, step.operation
    if derivation is None:
        if operation is None or step.depth <= Depth.PHASE:
            return
        yield flow.space(12)
        yield _label("In symbols", width, theme)
        yield from flow.equations([in_symbols(operation.nest, step.tape)], style, width, _PADDING)
        return
    is_finished = step.progress.current is None
    order = shown.order or (_order(derivation) if is_finished else TermOrder.POSITION)
    for most in _TERMS:
        found = formula(derivation, step.progress, most=most, order=order)
        trees = (found.symbols, found.indices, found.numbers)
        laid = flow.equations(trees, style, width, _PADDING)
        if all(part.scale >= _SMALLEST_SCALE for part in laid):
            break
    where = f", where {found.where}" if found.where else ""
    largest = ", largest first" if order is TermOrder.SIZE else ""
    labels = ("In symbols", f"With indices{where}", f"With numbers{largest}")
    for label, part in zip(labels, laid, strict=True):
        yield flow.space(12)
        yield _label(label, width, theme)
        yield flow.space(2)
        yield part


def _label(text: str, width: float, theme: Theme) -> flow.PanelPart:
    return flow.paragraph(text, LABEL, _LABEL_LINE, theme.text_secondary, width, _PADDING)


MOST_TERMS = 200
_MOST_BINS, _LEAST_TERMS = 100, 6
_LINE, _TERM_LIST_GAP = 18.0, 12.0


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
    progress: TermProgress,
    order: TermOrder,
    width: float,
    x: float,
    theme: Theme,
) -> flow.PanelPart:
    """The lines, then what rounding left and the sum: they add up, digit by digit."""
    # A list by size may end with the largest; one by position may leave nothing out.
    is_long = derivation.rule is NestRule.SUM and derivation.term_values.size > MOST_TERMS
    if is_long and order is TermOrder.POSITION:
        lines = tuple(_bin_lines(derivation, progress, theme))
    else:
        lines = tuple(_term_lines(derivation, progress, order, theme))
    labels = max((text_width(line.place, MONO) for line in lines if line.factors), default=0.0)
    return flow.stacked(
        _line(line, labels, width, x, theme, is_total=line is lines[-1]) for line in lines
    )


def _term_lines(
    derivation: Derivation, progress: TermProgress, order: TermOrder, theme: Theme
) -> Iterator[ListLine]:
    most = MOST_TERMS
    if order is TermOrder.SIZE:
        # A list by size ends where only zeros would follow.
        most = min(most, max(_LEAST_TERMS, int(np.count_nonzero(derivation.term_values))))
    folded = fold(derivation, progress, most=most, order=order, digits=4)
    numbers = np.asarray(folded.numbers, dtype=np.int64)
    # `3,1`: the loop variables of each term.
    loops = derivation.nest.by_target
    first = loops.channel_axes + loops.element_axes
    sizes = tuple(len(r) for r in derivation.region)
    found = np.unravel_index(derivation.positions[numbers], sizes)[first:]
    shown = [c for c, size in zip(found, sizes[first:], strict=True) if size > 1]
    places = [",".join(map(str, row)) for row in np.stack(shown, axis=1)] if shown else []
    columns = _columns(derivation, numbers, theme)
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
    return ListLine(
        "largest" if derivation.rule is NestRule.MAX else "sum", (), text, str(derivation.address)
    )


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
        is_cell = isinstance(operand, ArrayCell)
        color = role_color(role_of(operand.address), theme) if is_cell and operand.address else ""
        columns.append((group_texts(map(float, values), 3), color or theme.text))
    return columns


def _bin_lines(derivation: Derivation, progress: TermProgress, theme: Theme) -> Iterator[ListLine]:
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
        numbers = f"{bins.span(first)[0] + 1:,}–{bins.span(last)[1] + 1:,}"
        if first < last:
            yield ListLine(numbers, (("all 0", theme.text_tertiary),), "0")
            continue
        largest = int(bins.largest[first])
        remark = (f"largest {peaks[first]} at {largest + 1:,}", theme.text_secondary)
        has_run = bool(bins.ran[first])
        factors, text = ((remark,), subtotals[first]) if has_run else ((), "•")
        is_current = progress.current is not None and bins.place_of(progress.current) == first
        yield ListLine(numbers, factors, text, term_key(derivation, largest), is_current)
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


def _line(
    line: ListLine, labels: float, width: float, x: float, theme: Theme, *, is_total: bool
) -> flow.PanelPart:
    y = flow.baseline(0, _LINE, MONO)
    marks: list[Mark] = []
    if line.key:
        tint = theme.here_tint if line.is_current else None
        marks.append(Rect(x - 4, 0, width + 8, _LINE, fill=tint, radius=3, key=line.key))
    value_font = MONO_STRONG if is_total or line.is_current else MONO
    color = theme.here if is_total or line.is_current else theme.text
    marks.append(Text(x + width, y, line.value, value_font, color, Anchor.END, line.key))
    left = x + labels
    marks.append(Text(x, y, line.place, MONO if line.factors else ROW, theme.text_secondary))
    room = width - (left - x) - text_width(line.value, value_font) - 2 * _TERM_LIST_GAP
    marks.extend(_factors(line, left + _TERM_LIST_GAP, y, room, theme))
    return flow.PanelPart(tuple(marks), _LINE)


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
