"""A moment as a slide: title, matrices, product, formula, one sentence, address and step.

Everything is measured in the least size of text that a lecture hall can read. What does not fit at
that size is left out, the least important first, and named; nothing is shrunk below it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from backpropviz.debugger.session import moment_to_json
from backpropviz.debugger.timeline import Depth
from backpropviz.engine.nest import NestRule
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address
from backpropviz.figures.explain.formula import formula
from backpropviz.figures.explain.sentences import sentences
from backpropviz.figures.explain.written_sum import TermOrder
from backpropviz.figures.frames import steps_text
from backpropviz.figures.slides.grids import PlacedGrid, grid_parts, placed_grids
from backpropviz.figures.slides.look import PANELS, SlideLook
from backpropviz.figures.slides.masks import with_mask
from backpropviz.figures.slides.network import network_parts
from backpropviz.figures.slides.wires import HEIGHT, wire_parts
from backpropviz.figures.stage.planes import Focus
from backpropviz.figures.stage.result import target_slot
from backpropviz.figures.stage.slots import initial_slots, operand_slots
from backpropviz.figures.symbols import Notation, phase_colors
from backpropviz.figures.view import View
from backpropviz.scene.equation import (
    Indexed,
    Node,
    Operator,
    RowNode,
    Symbol,
    equation_text,
    indices,
)
from backpropviz.scene.equation_layout import LETTERS, SIGNS, Laid, layout_lines
from backpropviz.scene.marks import Anchor, Box, Group, Line, Mark, Rect, Stroke, Text
from backpropviz.scene.slide import (
    LOWERED,
    TITLE,
    Drawing,
    Equation,
    Slide,
    SlidePart,
    TextLine,
    TextRun,
)
from backpropviz.scene.text import centered_baseline, elide, text_width, wrap
from backpropviz.scene.theme import Font

_MARGIN, _TITLE_BASELINE, _TITLE_SIZE, _TOP = 3.1, 3.28, 1.56, 4.0
_FOOTER, _SENTENCE_LINE, _SENTENCE_SIZE, _MOST_LINES = 2.2, 1.5, 1.11, 2
_TERMS: Final = (6, 5, 4, 3)
_MOST_PIPS, _PIP = 12, (1.9, 0.55, 0.22)
_SECONDS: Final = {Depth.TERM: 0.9, Depth.ELEMENT: 1.2, Depth.CHANNEL: 1.6}
_LONG_LOOK: Final = 1.8


def compose(view: View, look: SlideLook) -> Slide:
    """The moment of a view as a slide."""
    return _Composer(view, look).slide()


class _Composer:
    """Fills the page from its edges inwards; what is left is the stage's."""

    def __init__(self, view: View, look: SlideLook) -> None:
        self._view, self._look, self._colors = view, look, look.colors
        self._left_out: list[str] = []
        page, margin = look.page, look.em(_MARGIN)
        if page.width < page.height * 1.2:
            margin = look.em(1.6)
        self._left, self._right = margin, page.width - margin
        self._top, self._bottom = look.em(_TOP), page.height - look.em(1.0)
        self._told = sentences(view.explained)

    def slide(self) -> Slide:
        """All parts, and what is said to them."""
        view, look, page = self._view, self._look, self._look.page
        title = self._title()
        below = [*self._footer(), *self._sentence(), *self._formula()]
        body = Box(self._left, self._top, self._right - self._left, self._bottom - self._top)
        parts = (title, *self._pips(), *self._stage(body), *below)
        address = self._address
        return Slide(
            page.width,
            page.height,
            look.background,
            self._colors,
            parts,
            title.content.text if isinstance(title.content, TextLine) else "",
            self._notes(),
            "" if address is None else str(address),
            steps_text(view),
            moment_to_json(view.timeline, view.state),
            page.points_per_pixel,
            self._seconds,
            tuple(PANELS[name] for name in self._left_out),
        )

    @property
    def _width(self) -> float:
        return self._right - self._left

    @property
    def _address(self) -> Address | None:
        focus, derivation = self._view.focus, self._view.explained.derivation
        if derivation is not None:
            return derivation.address
        return None if focus is None else focus.nest.target

    def _wants(self, panel: str) -> bool:
        return panel in self._look.panels

    @property
    def _seconds(self) -> float:
        """A term goes by; the first and the last of a value, and all that is larger, stay."""
        term, depth = self._view.term, self._view.depth
        if term is not None and term.number in {1, term.count}:
            return _LONG_LOOK
        return _SECONDS.get(depth, 2.0)

    def _title(self) -> SlidePart:
        look, size = self._look, self._look.em(_TITLE_SIZE)
        plain = look.font("Inter", _TITLE_SIZE, 600)
        runs: list[TextRun] = []
        address, words = self._address, self._title_words()
        if address is not None:
            runs += symbol_runs(address, self._view.notation, look, _TITLE_SIZE * 1.15)
            shape = self._view.tape[address.array].shape
            told = [i for i, n in zip(address.indices, shape, strict=False) if n > 1]
            if told:
                text = ",".join(map(str, told))
                small = look.font("JetBrains Mono", max(1.0 / LOWERED, _TITLE_SIZE))
                runs.append(TextRun(text, small, look.theme.text, is_lowered=True))
            words = f"\u2002{words}"
        room = self._width - sum(text_width(r.text, r.drawn_font) for r in runs)
        runs.append(TextRun(elide(words, plain, room - self._pips_width), plain, look.theme.text))
        baseline = look.em(_TITLE_BASELINE)
        line = TextLine(self._left, baseline, tuple(runs))
        box = Box(self._left, baseline - size, line.width, size * 1.35)
        return SlidePart(TITLE, box, line)

    def _title_words(self) -> str:
        view, focus = self._view, self._view.focus
        if view.is_done:
            return "The step is complete"
        if not view.has_begun:
            return "Before the first step"
        operation = view.explained.operation
        if focus is None:
            if operation is None or view.depth <= Depth.PASS:
                return "The training step"
            if view.depth is Depth.PHASE:
                return f"The {operation.phase.value} pass".replace("loss pass", "loss")
            return f"{operation.layer}, {operation.phase.value}"
        if view.term is not None and focus.depth is Depth.TERM:
            verb = "looks at" if focus.nest.rule is NestRule.MAX else "gathers term"
            word = "candidate " if focus.nest.rule is NestRule.MAX else ""
            if view.term.count > 1:
                return f"{verb} {word}{view.term.number:,} of {view.term.count:,}"
        if focus.is_element:
            return _made(view, focus)
        return f"the {view.notation.title(focus.nest.target, focus.operation.layer)}"

    @property
    def _pips_width(self) -> float:
        term = self._view.term
        if term is None or not 2 <= term.count <= _MOST_PIPS:
            return 0.0
        width, _, gap = _PIP
        return self._look.em((width + gap) * term.count + 1.0)

    def _pips(self) -> Iterator[SlidePart]:
        """A pip a term: those that have run, the current one, those to come."""
        term, look = self._view.term, self._look
        if term is None or not 2 <= term.count <= _MOST_PIPS:
            return
        width, height, gap = (look.em(share) for share in _PIP)
        x = self._right - term.count * (width + gap) + gap
        y = look.em(_TITLE_BASELINE) - height - look.em(0.3)
        operation = self._view.explained.operation
        phase = None if operation is None else operation.phase
        strong, tint = (
            (look.theme.text, look.theme.hover)
            if phase is None
            else phase_colors(phase, look.theme)
        )
        marks = []
        for number in range(1, term.count + 1):
            fill = strong if number < term.number else tint
            color = look.theme.here if number == term.number else fill
            marks.append(Rect(x, y, width, height, fill=color, radius=height / 4))
            x += width + gap
        box = Box(self._right - term.count * (width + gap), y, term.count * (width + gap), height)
        yield SlidePart("pips", box, Drawing(tuple(marks)), f"term {term.number} of {term.count}")

    def _footer(self) -> Iterator[SlidePart]:
        """A hairline; below it the address at the left, the step at the right."""
        look = self._look
        if not self._wants("footer"):
            return
        self._bottom = look.page.height - look.em(_FOOTER)
        baseline = look.page.height - look.em(0.85)
        rule = Line(
            self._left, self._bottom, self._right, self._bottom, Stroke(look.theme.border, 2)
        )
        yield SlidePart(
            "footer-rule", Box(self._left, self._bottom, self._width, 2), Drawing((rule,))
        )
        step, address, ink = steps_text(self._view), self._address, look.theme.text_secondary
        words, mono = look.font("Inter"), look.font("JetBrains Mono")
        room = self._width - text_width(step, words) - look.em(1.0)
        if address is not None and text_width(str(address), mono) <= room:
            run = TextRun(str(address), mono, ink)
            yield self._line("footer-address", TextLine(self._left, baseline, (run,)))
        line = TextLine(self._right, baseline, (TextRun(step, words, ink),), Anchor.END)
        yield self._line("footer-step", line)

    def _line(self, name: str, line: TextLine) -> SlidePart:
        size = max(run.font.size for run in line.runs)
        return SlidePart(name, Box(line.left, line.baseline - size, line.width, size * 1.35), line)

    def _sentence(self) -> Iterator[SlidePart]:
        """What happens, in a line or two."""
        look, text = self._look, self._told.bold
        if not self._wants("sentence") or not text:
            return
        font = look.font("Inter", _SENTENCE_SIZE, 600)
        lines = wrap(text, font, self._width)
        if len(lines) > _MOST_LINES:
            self._left_out.append("sentence")
            return
        height = look.em(_SENTENCE_LINE)
        top = self._bottom - look.em(0.45) - height * len(lines)
        for number, words in enumerate(lines):
            baseline = round(centered_baseline(top + height * (number + 0.5), font))
            run = TextRun(words, font, look.theme.text)
            name = "sentence" if not number else f"sentence-{number + 1}"
            yield self._line(name, TextLine(self._left, baseline, (run,)))
        self._bottom = top - look.em(0.2)

    def _formula(self) -> Iterator[SlidePart]:
        """The value with its numbers, as many terms as fit."""
        derivation = self._view.explained.derivation
        if not self._wants("formula") or derivation is None:
            return
        found = self._fitting_formula()
        if found is None:
            self._left_out.append("formula")
            return
        tree, laid = found
        height = laid.ascent + laid.descent
        top = self._bottom - height - self._look.em(0.2)
        box = Box(self._left, round(top), laid.width, height)
        marks = (Group(laid.marks, 0.0, laid.ascent),)
        content = Equation(tree, marks, self._look.equations.size)
        yield SlidePart("formula", box, content, equation_text(tree))
        self._bottom = top - self._look.em(0.3)

    def _fitting_formula(self) -> tuple[RowNode, Laid] | None:
        step, notation = self._view.explained, self._view.notation
        if step.derivation is None:
            return None
        # A finished long sum begins with its largest terms.
        is_long = step.derivation.term_values.size > _TERMS[0] and step.progress.current is None
        order = TermOrder.SIZE if is_long else TermOrder.POSITION
        value = linear_symbol(step.derivation.address, notation, self._view.tape)
        for most in _TERMS:
            found = formula(step.derivation, step.progress, most=most, order=order).numbers
            tree = RowNode((value, *found.items), found.role, found.key)
            laid = layout_lines(tree, self._look.equations, self._width)
            if laid.width <= self._width and laid.height <= self._look.em(4.5):
                return tree, laid
        return None

    def _stage(self, body: Box) -> Iterator[SlidePart]:
        if not self._wants("stage"):
            return
        view, focus = self._view, self._view.focus
        if focus is None:
            yield from network_parts(view, body, self._look)
            return
        theme = self._colors
        slots = (
            *operand_slots(view, focus, theme),
            *initial_slots(view, focus, theme),
            target_slot(view, focus, theme),
        )
        slots = with_mask(view, focus, slots, theme)
        is_leaf = focus.depth is Depth.TERM or focus.nest.rule is NestRule.FUNCTION
        wired = self._look.em(HEIGHT) if focus.is_element and is_leaf else 0.0
        grids = Box(body.x, body.y, body.width, body.height - wired)
        placed = placed_grids(slots, grids, self._look)
        if placed is None:
            placed = placed_grids(slots, body, self._look)
            wired = 0.0
        if placed is None:
            self._left_out.append("stage")
            return
        # Right above the highest, its column numbers between.
        highest = min(one.box.y for one in placed) - self._look.em(2.3)
        baseline = round(max(body.y + self._look.em(1.0), highest))
        for one in placed:
            yield from grid_parts(one, view.notation, self._look, theme, baseline)
        yield from self._signs(placed)
        if wired:
            band = Box(body.x, grids.bottom, body.width, wired)
            yield from wire_parts(view, focus, placed, band, self._look)

    def _signs(self, placed: tuple[PlacedGrid, ...]) -> Iterator[SlidePart]:
        """× and = between the matrices, at their common middle."""
        look, font = self._look, self._look.font("Inter", 2.0)
        for number, (before, one) in enumerate(pairwise(placed), start=1):
            sign = one.measured.slot.sign
            if not sign:
                continue
            x = (before.box.right + one.left) / 2
            y = centered_baseline(before.box.y + before.box.height / 2, font)
            mark: Mark = Text(x, y, sign, font, look.theme.text_secondary, Anchor.MIDDLE)
            width = text_width(sign, font)
            box = Box(x - width / 2, y - font.size, width, font.size * 1.3)
            yield SlidePart(f"sign-{number}", box, Drawing((mark,)), sign)

    def _notes(self) -> str:
        """For the speaker: what happens and why, the formula as text, the address, the step."""
        told, step = self._told, self._view.explained
        lines = [part for part in (told.bold, " ".join(told.plain)) if part]
        if step.derivation is not None:
            found = formula(step.derivation, step.progress)
            lines += [equation_text(found.symbols), equation_text(found.numbers)]
        address = self._address
        where = steps_text(self._view)
        lines.append(where if address is None else f"{address}, {where}")
        return "\n".join(lines)


def symbol_runs(
    address: Address, notation: Notation, look: SlideLook, share: float
) -> list[TextRun]:
    """∂L/∂W as pieces of a line: letters lean, signs stand."""
    letter = notation.letter(address)
    ink, size = look.theme.text, look.em(share)
    lean, sign = Font(LETTERS, size, italic=True), Font(SIGNS, size)
    name = TextRun(letter.text, Font(LETTERS, size) if letter.is_word else lean, ink)
    before = (
        [TextRun(f"{letter.superscript} ", Font(LETTERS, size), ink)] if letter.superscript else []
    )
    if not address.is_gradient:
        return [*before, name]
    slash = TextRun("/", Font(LETTERS, size), ink)
    return [
        TextRun("∂", sign, ink),
        TextRun("L", lean, ink),
        slash,
        TextRun("∂", sign, ink),
        *before,
        name,
    ]


def linear_symbol(address: Address, notation: Notation, tape: Tape) -> Node:
    """∂L/∂W with its indices, on one line."""
    letter, shape = notation.letter(address), tape[address.array].shape
    base = Symbol(letter.text, italic=not letter.is_word)
    told = [i for i, n in zip(address.indices, shape, strict=False) if n > 1]
    sub = indices(",".join(map(str, told))) if told else None
    sup = Symbol(letter.superscript, italic=False) if letter.superscript else None
    cell = base if sub is None and sup is None else Indexed(base, sub, sup)
    if not address.is_gradient:
        return cell
    return RowNode((Symbol("∂"), Symbol("L"), Operator("/"), Symbol("∂"), cell))


def _made(view: View, focus: Focus) -> str:
    """How a value comes about."""
    derivation = view.explained.derivation
    count = 0 if derivation is None else derivation.term_values.size
    match focus.nest.rule:
        case NestRule.SUM if count > 1:
            return f"is the sum of {count:,} products"
        case NestRule.MAX:
            return f"keeps the largest of {count:,}"
        case NestRule.COPY:
            return "is handed on"
        case _:
            return "is computed"
