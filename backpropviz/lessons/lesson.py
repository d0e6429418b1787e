"""What a lesson is: a pass to look at, and steps that ask, tell and check."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum
from typing import TypeAlias

import numpy as np

from backpropviz.debugger.commands import GoToAddress, reduce
from backpropviz.debugger.session import SavedSubject, SessionState, timeline_of
from backpropviz.debugger.timeline import Depth, LoopOrder, Timeline
from backpropviz.document import Value
from backpropviz.engine.model import Model
from backpropviz.engine.nest import NestRule
from backpropviz.engine.optimizers import Optimizer
from backpropviz.engine.record import Settings, read_target
from backpropviz.engine.tape import Tape, explain_value, nest_of
from backpropviz.engine.value import Address, parse
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.lessons.check import Check, LessonExpression, missing, parse_expression


@frozen
class ProsePiece:
    """A run of text, or a value to fill in."""

    text: str
    is_strong: bool = False
    is_code: bool = False
    expression: LessonExpression | None = None
    is_signed: bool = False


Prose: TypeAlias = tuple[tuple[ProsePiece, ...], ...]
"""Paragraphs of pieces."""


@frozen
class Span:
    """A run of shown text; a number is left to who shows it (`text` is then empty).

    `address` is where the number comes from, where that is one value.
    """

    text: str
    is_strong: bool = False
    is_code: bool = False
    value: float | None = None
    is_signed: bool = False
    address: Address | None = None


Spans: TypeAlias = tuple[tuple[Span, ...], ...]
"""Paragraphs of spans."""
NumberText: TypeAlias = Callable[[float, bool], str]
"""A number as text; the flag asks for a plus sign."""

_MARK = re.compile(r"\{\{|\}\}|\*\*|`(?P<code>[^`]*)`|\{(?P<value>[^{}]*)\}|[`{}]")


def parse_prose(text: str, source: Value) -> Prose:
    """Read the text of a value."""
    paragraphs = (p for p in re.split(r"\n\s*\n", text.strip()) if p.strip())
    return tuple(tuple(_pieces(paragraph, source)) for paragraph in paragraphs)


def _pieces(paragraph: str, source: Value) -> Iterator[ProsePiece]:
    position, is_strong = 0, False
    for found in _MARK.finditer(paragraph):
        if words := _words(paragraph[position : found.start()]):
            yield ProsePiece(words, is_strong)
        position = found.end()
        mark = found[0]
        if mark == "**":
            is_strong = not is_strong
        elif mark in {"{{", "}}"}:
            yield ProsePiece(mark[0], is_strong)
        elif found["code"] is not None:
            yield ProsePiece(found["code"], is_strong, is_code=True)
        elif found["value"] is not None:
            yield replace(_value(found["value"], mark, source), is_strong=is_strong)
        else:
            rest = paragraph[found.start() :].splitlines()[0]
            raise source.error(
                f"“{rest[:30]}”: the {mark} has no partner: close it or remove it.", rest
            )
    if words := _words(paragraph[position:]):
        yield ProsePiece(words, is_strong)
    if is_strong:
        last = paragraph[paragraph.rindex("**") :].splitlines()[0]
        raise source.error(f"“{last[:30]}”: the ** has no partner: close it or remove it.", last)


def _value(inside: str, mark: str, source: Value) -> ProsePiece:
    try:
        expression = parse_expression(inside.removeprefix("+").strip(), source.line_within(mark))
    except UserError as refused:
        raise source.error(str(refused), mark) from None
    return ProsePiece("", expression=expression, is_signed=inside.startswith("+"))


def _words(text: str) -> str:
    """Line ends are spaces."""
    first, *rest = text.split("\n")
    if not rest:
        return first
    inner = (line.strip() for line in rest[:-1])
    return " ".join((first.rstrip(), *(line for line in inner if line), rest[-1].lstrip()))


def expressions(prose: Prose) -> Iterator[LessonExpression]:
    """All values of a text."""
    return (p.expression for paragraph in prose for p in paragraph if p.expression is not None)


def filled(prose: Prose, tape: Tape) -> Spans:
    """The text with the numbers of a pass."""

    def span(piece: ProsePiece) -> Span:
        told = piece.expression
        value = None if told is None else told.value(tape)
        address = None if told is None else told.expression.address
        return Span(piece.text, piece.is_strong, piece.is_code, value, piece.is_signed, address)

    return tuple(tuple(map(span, paragraph)) for paragraph in prose)


def plain(spans: Spans, number_text: NumberText) -> str:
    """Without styles; a blank line between paragraphs."""

    def text(span: Span) -> str:
        return span.text if span.value is None else number_text(span.value, span.is_signed)

    return "\n\n".join("".join(map(text, paragraph)) for paragraph in spans)


Given: TypeAlias = float | str | Address
"""An answer: a number or its text, the number of a choice (from 0), or the address of a cell."""
TOLERANCE = 5e-4
"""Half of the last digit that the screen shows."""
SIGN_LABELS = ("negative", "zero", "positive")


class QuestionKind(Enum):
    """What is asked for."""

    SIGN = "sign"
    WINNER = "winner"
    PARTNER = "partner"
    VALUE = "value"
    CHOICE = "choice"


@frozen
class Option:
    """One of the answers to choose from: right where `holds` is true of the pass."""

    text: Prose
    holds: LessonExpression | None
    is_right: bool = False
    feedback: Prose = ()


@frozen
class Question:
    """A prompt with its right answer.

    `answer` is an expression for a sign or a value. `of` names the array or the window's maximum
    that a winner is asked of, or the sum in which the partner of `beside` is looked for. `labels`
    are the words for a negative, no and a positive sign.
    """

    kind: QuestionKind
    prompt: Prose
    concept: str
    answer: LessonExpression | None = None
    of: Address | None = None
    beside: Address | None = None
    options: tuple[Option, ...] = ()
    labels: tuple[str, str, str] = SIGN_LABELS
    tolerance: float = TOLERANCE
    right: Prose = ()
    wrong: Prose = ()
    line: int = 0


@frozen
class AnswerOutcome:
    """What became of an answer; `expected` is the right one."""

    is_right: bool
    expected: float | Address
    feedback: Spans


def expected_answer(question: Question, tape: Tape) -> float | Address:
    """The right answer in a pass: a number, −1, 0 or 1, an option's number, or a cell.

    Raises:
        UserError: the pass has no such value, or not exactly one option is right.
    """
    match question.kind:
        case QuestionKind.WINNER:
            return tape.resolve(_winner(question, tape))
        case QuestionKind.PARTNER:
            return tape.resolve(_partner(question, tape))
        case QuestionKind.CHOICE:
            return _right_option(question, tape)
    if question.answer is None:
        raise UserError(f"a question of kind {question.kind.value} needs an “answer”: add it.")
    value = question.answer.value(tape)
    return _sign(value) if question.kind is QuestionKind.SIGN else value


def answer(question: Question, given: Given, tape: Tape) -> AnswerOutcome:
    """Hold an answer to the pass.

    Raises:
        UserError: the answer is not of the kind that is asked for.
    """
    expected = expected_answer(question, tape)
    own: Prose = ()
    if isinstance(expected, Address):
        is_right = tape.resolve(_address(given)) == tape.resolve(expected)
    else:
        number = read_number(given)
        if question.kind is QuestionKind.VALUE:
            # Nothing where nothing is to be tolerated; else at least what float32 has rounded.
            tolerated = max(question.tolerance, 1e-6 * abs(expected)) if question.tolerance else 0.0
            is_right = abs(number - expected) <= tolerated
        elif question.kind is QuestionKind.SIGN:
            is_right = _sign(number) == expected
        else:
            is_right = number == expected
            if 0 <= int(number) < len(question.options):
                own = question.options[int(number)].feedback
    feedback = filled(own + (question.right if is_right else question.wrong), tape)
    return AnswerOutcome(is_right, expected, feedback)


def _sign(number: float) -> float:
    return float((number > 0) - (number < 0))


def read_number(given: Given) -> float:
    """A number as a person writes it: −4, 0.25, 1/4, 1,200."""
    if isinstance(given, Address):
        raise UserError(f"“{given}” is not a number: write one, such as −4 or 0.25.")
    if not isinstance(given, str):
        return float(given)
    text = given.strip().replace("−", "-").replace(",", "").replace(" ", "")
    try:
        above, slash, below = text.partition("/")
        number = float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"“{given}” is not a number: write one, such as −4, 0.25 or 1/4.")
    return number


def _address(given: Given) -> Address:
    if isinstance(given, Address):
        return given
    if not isinstance(given, str):
        raise UserError(f"“{given}” is not a cell: click one, or write its address.")
    return parse(given)


def _right_option(question: Question, tape: Tape) -> float:
    right = [
        number
        for number, option in enumerate(question.options)
        if (option.is_right if option.holds is None else option.holds.holds(tape))
    ]
    if len(right) != 1:
        raise UserError(
            f"{len(right)} of the {len(question.options)} options are right in this pass: "
            "exactly one must be."
        )
    return float(right[0])


def _winner(question: Question, tape: Tape) -> Address:
    """Of a maximum the first operand that has its value, of an array its first largest cell."""
    if question.of is None:
        raise UserError("a question of kind winner needs “of”: name a maximum or an array.")
    array = tape[question.of]
    if array.ndim:
        cell = np.unravel_index(int(np.argmax(array)), array.shape)
        return question.of.at(tuple(int(index) for index in cell))
    nest = nest_of(tape, question.of.array)
    if nest is None or nest.rule is not NestRule.MAX:
        raise UserError(f"“{question.of}” is no maximum: name an output of a max-pooling.")
    derivation = explain_value(tape, question.of)
    found = derivation.terms[int(np.argmax(derivation.term_values))].operands[0].address
    if found is None:
        raise UserError(f"“{question.of}” has no winner: its window holds padding only.")
    return found


def _partner(question: Question, tape: Tape) -> Address:
    """What is multiplied with a value, in the one term of a sum that reads it."""
    if question.of is None or question.beside is None:
        raise UserError("a question of kind partner needs “of” and “beside”: add them.")
    beside = tape.resolve(question.beside)
    found = []
    for term in explain_value(tape, question.of).terms:
        addresses = [operand.address for operand in term.operands]
        names = [None if a is None else tape.resolve(a) for a in addresses]
        if beside in names:
            found += [a for a, name in zip(addresses, names, strict=True) if name != beside]
    if len(found) != 1 or found[0] is None:
        raise UserError(
            f"“{question.beside}” has {len(found)} partners in “{question.of}”: "
            "name a value that is multiplied there exactly once."
        )
    return found[0]


@frozen
class LessonPass:
    """What is recorded for a lesson or a step; None: as the network brings it."""

    network: str
    image: str | None = None
    target: str | None = None
    reduction: str | None = None
    optimizer: Optimizer | None = None
    mode: str | None = None

    def settings(self, model: Model) -> Settings:
        """The settings with which the pass is recorded."""
        target = None if self.target is None else read_target(self.target, model)
        return Settings(target, reduction=self.reduction, optimizer=self.optimizer, mode=self.mode)


@frozen
class LessonStart:
    """Where a lesson begins: at a value, or at the start of the pass."""

    focus: Address | None = None
    depth: Depth = Depth.TENSOR
    order: LoopOrder = LoopOrder.TARGET
    line: int = 0


@frozen
class Show:
    """What “Show me” shows: a place (the check's own if none is given) and cells to light up."""

    place: Check | None = None
    highlight: tuple[Address, ...] = ()
    line: int = 0


@frozen
class LessonStep:
    """Some text, a question to answer first, and a thing to do with its check.

    The title is the step's identity in the lesson; `reveal` is told once the question is answered.
    """

    title: str
    text: Prose
    on: LessonPass
    question: Question | None = None
    reveal: Prose = ()
    task: Prose = ()
    check: Check | None = None
    show: Show = Show()
    line: int = 0


@frozen
class Lesson:
    """A lesson as its file says it; `file` is what errors call it."""

    id: str
    title: str
    summary: str
    minutes: int
    concepts: tuple[str, ...]
    on: LessonPass
    start: LessonStart
    steps: tuple[LessonStep, ...]
    file: str

    def step(self, title: str) -> LessonStep | None:
        """A step by its title."""
        return next((step for step in self.steps if step.title == title), None)


def check(step: LessonStep, state: SessionState, timeline: Timeline, tape: Tape) -> tuple[str, ...]:
    """What a step still asks to do, a sentence each; nothing where it is done."""
    return () if step.check is None else missing(step.check, timeline, tape, state)


def opening(start: LessonStart, timeline: Timeline, tape: Tape) -> SessionState:
    """The state in which a lesson opens; `timeline` is in any loop orders."""
    state = SessionState(depth=start.depth, order=start.order)
    if start.focus is None:
        return state
    go_to = GoToAddress(start.focus, start.depth)
    return reduce(timeline_of(timeline, state), tape, state, go_to)


def switch_needed(wanted: LessonPass, opened: SavedSubject | None) -> str:
    """What to open before a step can go on, as a sentence; empty where the network is open."""
    if opened is not None and opened.network == wanted.network:
        return ""
    here = "no network is open" if opened is None else f"{opened.network} is open"
    return f"This step is about {wanted.network}, but {here}: switch to {wanted.network} to go on."
