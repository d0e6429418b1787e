"""The rows of a ledger: what each term multiplies and makes, the sum after it, and why."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property

import numpy as np

from backpropviz.engine.derivation import Derivation, Term
from backpropviz.engine.kinds.protocol import Pattern
from backpropviz.engine.nest import Factor, NestRule, Operand, Presence
from backpropviz.engine.operands import Indicator
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address, Array
from backpropviz.figures.explain.expression import Cells, role_of_operand
from backpropviz.figures.explain.written_sum import Fold, TermOrder, fold
from backpropviz.figures.numbers import exact_text, group_texts, said
from backpropviz.figures.stage.pooled_plane import pooled_plane
from backpropviz.figures.symbols import Notation
from backpropviz.figures.view import ALL, TermProgress, term_key
from backpropviz.frozen import frozen
from backpropviz.scene.color import color_at
from backpropviz.scene.equation import Role
from backpropviz.scene.marks import Anchor, Box, Color, Line, Mark, Rect, Stroke, Text
from backpropviz.scene.text import decimal_of, text_width
from backpropviz.scene.theme import INDEX, Theme

_DIGITS = 4
NOT_RUN = "not computed yet"


@frozen
class LedgerPiece:
    """A stretch of a row's text in one color, with the address of the value that it names."""

    text: str
    role: Role
    key: str = ""


@frozen
class LedgerRow:
    """One term. A row that has not run has no value, sum or bar."""

    number: str
    place: str
    term: tuple[LedgerPiece, ...]
    numbers: tuple[LedgerPiece, ...]
    value: str
    total: str
    why: str
    bar: tuple[float, float] | None
    is_current: bool = False
    ran: bool = True
    key: str = ""


@frozen
class LedgerRows:
    """The rows, what is left out, and whether the bars follow the running sum."""

    rows: tuple[LedgerRow, ...]
    folded: Fold
    is_running: bool
    place_names: str
    is_maximum: bool = False
    hidden: int = 0
    """How many operands of a function are not shown."""
    what: str = "term"
    """What a row is; a sample where the terms are summed by sample."""


def ledger_rows(
    derivation: Derivation, progress: TermProgress, most: int, order: TermOrder
) -> LedgerRows:
    """At most `most` rows: all terms in the wanted order, or else the largest."""
    if derivation.rule in {NestRule.FUNCTION, NestRule.COPY}:
        return _operand_rows(derivation, most)
    start = 0 if derivation.initial is None else 1
    count = derivation.term_values.size
    fits = count + start <= most
    shown_order = order if fits else TermOrder.SIZE
    folded = fold(
        derivation, progress, most=max(1, most - start), order=shown_order, digits=_DIGITS
    )
    is_running = fits and order is TermOrder.POSITION
    writer = _Rows(derivation, progress, folded, is_running)
    is_maximum = derivation.rule is NestRule.MAX
    return LedgerRows(tuple(writer.rows()), folded, is_running, writer.place_names, is_maximum)


@frozen(slots=False)
class _Rows:
    derivation: Derivation
    progress: TermProgress
    folded: Fold
    is_running: bool

    @cached_property
    def cells(self) -> Cells:
        return Cells(self.derivation.nest, self.derivation.tape)

    @cached_property
    def terms(self) -> list[Term]:
        return [self.derivation.terms[k] for k in self.folded.numbers]

    @property
    def operands(self) -> tuple[Operand, ...]:
        return self.derivation.nest.by_target.operands

    @property
    def first_term_axis(self) -> int:
        loops = self.derivation.nest.by_target
        return loops.channel_axes + loops.element_axes

    @property
    def place_names(self) -> str:
        axes = self.derivation.nest.by_target.axes[self.first_term_axis :]
        return ", ".join(axis.name for axis in axes if axis.size > 1)

    def rows(self) -> Iterator[LedgerRow]:
        columns = []
        for k in range(len(self.operands)):
            column = group_texts([term.operands[k].value for term in self.terms], _DIGITS)
            # Right-aligned in a font whose characters are equally wide.
            width = max(map(len, column), default=0)
            columns.append([text.rjust(width) for text in column])
        texts = list(zip(*columns, strict=True))
        running = _Running(self.derivation.rule is NestRule.MAX)
        operand, initial = self.derivation.nest.by_target.initial, self.derivation.initial
        if operand is not None and initial is not None:
            yield self._start(operand, initial, running)
        for place, term in enumerate(self.terms):
            yield self._row(place, term, texts[place], running)

    def _start(self, operand: Operand, initial: Factor, running: _Running) -> LedgerRow:
        text = self.folded.initial
        bar = running.add(text)
        piece = _piece(self.derivation, self.cells, operand, initial, initial.label or "start")
        total = running.text if self.is_running else ""
        return LedgerRow(
            "", "start", (piece,), (), text, total, "the start", bar, is_current=False, ran=True
        )

    def _row(self, place: int, term: Term, texts: tuple[str, ...], running: _Running) -> LedgerRow:
        text = self.folded.texts[place]
        ran = bool(text)
        bar = running.add(text) if ran and self.is_running else None
        if ran and not self.is_running:
            bar = _from_zero(float(decimal_of(text)))
        number = self.folded.numbers[place]
        return LedgerRow(
            f"{number + 1:,}",
            self._place(term),
            tuple(self._names(term)),
            tuple(self._numbers(term, texts)) if ran else (),
            text,
            running.text if ran and self.is_running else "",
            reason(self.derivation, term) if ran else NOT_RUN,
            bar,
            number == self.progress.current,
            ran,
            term_key(self.derivation, number),
        )

    def _place(self, term: Term) -> str:
        axes = self.derivation.nest.by_target.axes
        pairs = list(zip(axes, term.coordinates, strict=True))[self.first_term_axis :]
        return ",".join(str(index) for axis, index in pairs if axis.size > 1)

    def _names(self, term: Term) -> Iterator[LedgerPiece]:
        for k, (operand, factor) in enumerate(zip(self.operands, term.operands, strict=True)):
            if k:
                yield LedgerPiece(" · ", Role.MUTED)
            yield _piece(self.derivation, self.cells, operand, factor)

    def _numbers(self, term: Term, texts: tuple[str, ...]) -> Iterator[LedgerPiece]:
        if len(self.operands) == 1:
            return
        for k, (operand, factor) in enumerate(zip(self.operands, term.operands, strict=True)):
            if k:
                yield LedgerPiece(" × ", Role.MUTED)
            key = str(factor.address) if factor.address else ""
            text = factor.label.rjust(len(texts[k])) if "/" in factor.label else texts[k]
            yield LedgerPiece(text, role_of_operand(operand, factor), key)


class _Running:
    """The sum (or the maximum) of the shown numbers, in decimal: it can be checked by hand."""

    def __init__(self, is_maximum: bool) -> None:
        self._is_maximum = is_maximum
        self._value: Decimal | None = None
        self.text = ""

    def add(self, text: str) -> tuple[float, float] | None:
        """The next number; its bar reaches from the sum before it to the sum after it."""
        number = decimal_of(text)
        if self._is_maximum:
            before = self._value
            if before is None or number.is_nan() or (not before.is_nan() and number > before):
                self._value, self.text = number, exact_text(number)
            return _from_zero(float(number))
        before = self._value or Decimal(0)
        if not (number.is_finite() and before.is_finite()):
            self._value, self.text = Decimal("NaN"), "NaN"
            return None
        self._value = before + number
        self.text = exact_text(self._value)
        return float(before), float(self._value)


def _from_zero(value: float) -> tuple[float, float] | None:
    return (0.0, value) if math.isfinite(value) else None


def _piece(
    derivation: Derivation, cells: Cells, operand: Operand, factor: Factor, other: str = ""
) -> LedgerPiece:
    role = role_of_operand(operand, factor)
    if factor.address is None:
        return LedgerPiece(other or factor.label, role)
    name = Notation.of(derivation.tape).short(factor.address.array)
    indices = cells.of_address(factor.address)
    return LedgerPiece(f"{name}[{indices}]" if indices else name, role, str(factor.address))


def reason(derivation: Derivation, term: Term) -> str:
    """Why a term is what it is: padding, a loser, the winner, a factor of 0."""
    if term.presence is Presence.PADDING:
        return "padding never wins" if derivation.rule is NestRule.MAX else "padding"
    operands = derivation.nest.by_target.operands
    for operand, factor in zip(operands, term.operands, strict=True):
        if isinstance(operand, Indicator):
            return _winning(term, factor)
    if derivation.rule is NestRule.MAX:
        return _standing(derivation, term)
    upstream = term.operands[0]
    if upstream.address is not None and upstream.address.is_gradient:
        pooled = _pooled(derivation, upstream.address)
        if pooled is not None:
            return pooled
    notation = Notation.of(derivation.tape)
    if len(term.operands) < 2:
        return ""
    for factor in term.operands:
        if factor.value == 0 and factor.address is not None:
            return f"{notation.short(factor.address.array)} is 0"
    return ""


def _winning(term: Term, factor: Factor) -> str:
    """What a cell takes of a window that it won, tied for, or lost."""
    if not factor.value:
        return "loser: takes 0"
    if factor.label != "tied":
        return "the winner"
    share = next((f.label for f in term.operands if f.label.startswith("1/")), "the whole")
    return f"tied: takes {share}"


def _standing(derivation: Derivation, term: Term) -> str:
    """What a candidate is in its window: the winner, as large as it, or nothing worth a word."""
    values = derivation.term_values
    best = int(values.argmax())
    if derivation.coordinates(best) == term.coordinates:
        return "the winner"
    if term.value != float(values[best]):
        return ""
    # Whether every cell that holds a window's largest value counts as its winner.
    tape, tied = derivation.tape, Address(derivation.nest.target.layer, "tied")
    return "a winner too" if isinstance(tape, Tape) and tied in tape else "as large, but not first"


def _pooled(derivation: Derivation, upstream: Address) -> str | None:
    """`the winner: o = 8`, with the value that competed in a max-pooling that follows at once."""
    tape = derivation.tape
    if not isinstance(tape, Tape) or upstream.quantity != "output":
        return None
    readers = tape.network.consumers.get(upstream.layer, ())
    reader = readers[0][0] if len(readers) == 1 else None
    if reader is None or reader.layer.about.pattern is not Pattern.LARGEST:
        return None
    forward = upstream.of("")
    sample, channel, *pixel = upstream.indices
    plane, cell = pooled_plane(tape, reader.name, sample, channel), (pixel[0], pixel[1])
    has_won = any(cell in plane.winners(*window) for window in plane.windows_of(*cell))
    value = f"{Notation.of(tape).short(forward.array)} = {said(tape.value(forward))}"
    return f"the winner: {value}" if has_won else f"loser: {value}, takes 0"


def _operand_rows(derivation: Derivation, most: int) -> LedgerRows:
    term = derivation.terms[0]
    cells = Cells(derivation.nest, derivation.tape)
    operands = derivation.nest.by_target.operands
    texts = group_texts([*(f.value for f in term.operands), derivation.value], _DIGITS)
    rows = []
    for operand, factor, text in zip(operands, term.operands, texts, strict=False):
        piece = _piece(derivation, cells, operand, factor)
        bar = _from_zero(factor.value)
        rows.append(LedgerRow("", factor.label or "", (piece,), (), text, "", "", bar))
    folded = Fold((), (), "", None, "", texts[-1], is_complete=True)
    # A function has two lines at the foot at most, where a sum has three.
    hidden = max(0, len(rows) - most)
    return LedgerRows(tuple(rows[:most]), folded, is_running=False, place_names="", hidden=hidden)


def sign_color(change: float, theme: Theme) -> Color:
    """The end of the diverging map on the change's side; gray for none."""
    if change == 0:
        return theme.text_tertiary
    return color_at(theme.diverging, math.copysign(1.0, change), (-1.0, 1.0))


@frozen(eq=False)
class TermBins:
    """Bins of `size` terms each (the last may hold fewer), of the terms that have run.

    `before` and `after` are the running sums at a bin's ends; `largest` numbers the term of the
    largest absolute value, `peaks` are these terms; `ran` counts the terms that have run.
    """

    size: int
    count: int
    before: Array
    after: Array
    largest: Array
    peaks: Array
    ran: Array

    @property
    def subtotals(self) -> Array:
        return self.after - self.before

    def span(self, place: int) -> tuple[int, int]:
        """The first and the last number of a bin's terms."""
        return place * self.size, min((place + 1) * self.size, self.count) - 1

    def place_of(self, number: int) -> int:
        return number // self.size


def bin_terms(derivation: Derivation, progress: TermProgress = ALL, *, most: int) -> TermBins:
    """At most `most` bins of equal size."""
    values = derivation.term_values
    size = max(1, math.ceil(values.size / most))
    places = math.ceil(values.size / size)
    mask = progress.mask(values.size)
    padded = np.zeros(places * size)
    padded[: values.size] = values if mask is None else np.where(mask, values, 0.0)
    there = np.zeros(places * size, dtype=bool)
    there[: values.size] = True if mask is None else mask
    table = padded.reshape(places, size)
    start = 0.0 if derivation.initial is None else derivation.initial.value
    after = start + np.cumsum(table.sum(axis=1))
    before = np.concatenate([[start], after[:-1]])
    within = np.argmax(np.nan_to_num(np.abs(table), nan=np.inf), axis=1)
    peaks = table[np.arange(places), within]
    largest = within + size * np.arange(places)
    ran = there.reshape(places, size).sum(axis=1)
    return TermBins(size, values.size, before, after, largest, peaks, ran)


LEAST_HEIGHT = 72.0
_PITCH, _BELOW, _LABEL_GAP = 6.0, 16.0, 8.0


def waterfall(
    derivation: Derivation, progress: TermProgress, box: Box, theme: Theme, what: str = "term"
) -> tuple[Mark, ...]:
    """All terms in loop order; a bar's key is that of the largest term in it."""
    most = int((box.width - 72) // _PITCH)
    bins = bin_terms(derivation, progress, most=max(8, most))
    ends = np.concatenate([bins.before, bins.after, bins.before + bins.peaks, [0.0]])
    if not np.isfinite(ends).all():
        return ()
    low, high = float(ends.min()), float(ends.max())
    drawing = _Drawing(
        derivation, progress, bins, low, high if high > low else low + 1.0, box, theme, what
    )
    return tuple(drawing.marks())


@frozen(slots=False)
class _Drawing:
    derivation: Derivation
    progress: TermProgress
    bins: TermBins
    low: float
    high: float
    box: Box
    theme: Theme
    what: str

    @cached_property
    def texts(self) -> list[str]:
        return group_texts([self.low, self.high], 3)

    @cached_property
    def left(self) -> float:
        widest = max(text_width(text, INDEX) for text in (*self.texts, "0"))
        return float(round(self.box.x + widest + _LABEL_GAP))

    @cached_property
    def pitch(self) -> float:
        return (self.box.right - self.left) / len(self.bins.peaks)

    def y(self, value: float) -> float:
        top, height = self.box.y + 4, self.box.height - _BELOW - 8
        return float(round(top + height * (self.high - value) / (self.high - self.low)))

    def marks(self) -> Iterator[Mark]:
        theme, zero = self.theme, self.y(0.0)
        yield Line(self.left, zero, self.box.right, zero, Stroke(theme.border_strong))
        taken: list[float] = []
        labels = [(0.0, "0"), (self.high, self.texts[1]), (self.low, self.texts[0])]
        for value, text in labels:
            y = self.y(value)
            if all(abs(y - other) >= 14.0 for other in taken):
                taken.append(y)
                x = self.left - _LABEL_GAP + 2
                yield Text(x, y + 4, text, INDEX, theme.text_tertiary, Anchor.END)
        current = self.progress.current
        here = None if current is None else self.bins.place_of(current)
        for place in range(len(self.bins.peaks)):
            if self.bins.ran[place]:
                yield from self._bar(place, is_current=place == here)
        y, color = self.box.bottom - 4, self.theme.text_tertiary
        size = self.bins.size
        many, first = f"{self.what}s", 1 if self.what == "term" else 0
        text = f"{many} {first} to {self.bins.count - 1 + first:,} in loop order"
        if size > 1:
            text += f", {size:,} a bar; a line: the largest of them"
        if text_width(text, INDEX) > self.box.right - self.left:
            text = f"{self.bins.count:,} {many}, {size:,} a bar"
        yield Text(self.left, y, text, INDEX, color)

    def _bar(self, place: int, *, is_current: bool) -> Iterator[Mark]:
        bins, theme = self.bins, self.theme
        before, after = float(bins.before[place]), float(bins.after[place])
        peak = float(bins.peaks[place])
        x, width = self.left + place * self.pitch, max(1.0, self.pitch - 1)
        top, bottom = sorted((self.y(before), self.y(after)))
        color = theme.here if is_current else sign_color(after - before, theme)
        key = term_key(self.derivation, int(bins.largest[place]))
        yield Rect(x, self.box.y, self.pitch, self.box.height - _BELOW, key=key)
        yield Rect(x, top, width, max(1.0, bottom - top), fill=color, key=key)
        if bins.size > 1 and abs(peak) > abs(after - before):
            middle = x + width / 2
            stroke = Stroke(theme.here if is_current else theme.text_secondary)
            yield Line(middle, self.y(before), middle, self.y(before + peak), stroke, key)
