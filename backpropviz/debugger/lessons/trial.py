"""A lesson tried on its own passes: does every value exist, and can every check be met?

A teacher learns all that is wrong at once, each with its line, before a learner meets it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from backpropviz.debugger.commands import Pass
from backpropviz.debugger.going import GoToAddress
from backpropviz.debugger.lessons.check import Check
from backpropviz.debugger.lessons.expression import LessonExpression
from backpropviz.debugger.lessons.lesson import Lesson, LessonPass, LessonStep
from backpropviz.debugger.lessons.prose import Prose, expressions
from backpropviz.debugger.lessons.question import Question, expected_answer
from backpropviz.debugger.lessons.show_me import ShowMe
from backpropviz.debugger.state import SessionState, timeline_of
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.address import Address
from backpropviz.engine.program import operations
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class Problem:
    """A line of a lesson file and what is wrong with it."""

    file: str
    line: int
    sentence: str

    def __str__(self) -> str:
        """`max-pooling.toml, line 40: …`."""
        return f"{self.file}, line {self.line}: {self.sentence}"


Recorder = Callable[[LessonPass], Tape]
"""Records what a step looks at; raises UserError where it cannot."""


def problems(lesson: Lesson, record: Recorder) -> tuple[Problem, ...]:
    """Everything that cannot work on the lesson's own passes; nothing where all is well."""
    found: list[Problem] = []
    for number, step in enumerate(lesson.steps):
        try:
            tape = record(step.on)
        except UserError as error:
            found.append(Problem(lesson.file, step.line, f"the pass cannot be recorded: {error}"))
            continue
        on = Pass(
            Timeline(operations(tape.network, tape.batch, tape.optimizer, tape.iteration)), tape
        )
        own = [*(_start_problems(lesson, on) if number == 0 else ()), *_step_problems(step, on)]
        found += [Problem(lesson.file, line, sentence) for line, sentence in own]
    return tuple(found)


_Found = Iterator[tuple[int, str]]


def _start_problems(lesson: Lesson, on: Pass) -> _Found:
    start = lesson.start
    if start.focus is not None:
        state = SessionState(order=start.order)
        timeline = timeline_of(on.timeline, state)
        ordered = Pass(timeline, on.tape)
        if refused := GoToAddress(start.focus, start.depth).refusal(ordered, state):
            yield start.line, refused


def _step_problems(step: LessonStep, on: Pass) -> _Found:
    for prose in (step.text, step.reveal, step.task):
        yield from _prose_problems(prose, on.tape)
    if step.question is not None:
        yield from _question_problems(step.question, on.tape)
    for address in step.show.highlight:
        yield from _address_problems(address, step.show.line, on.tape)
    for check in (step.check, step.show.place):
        if check is not None:
            yield from _check_problems(check, on)


def _prose_problems(prose: Prose, tape: Tape) -> _Found:
    for expression in expressions(prose):
        yield from _expression_problems(expression, tape)


def _expression_problems(expression: LessonExpression, tape: Tape) -> _Found:
    try:
        expression.value(tape)
    except UserError as error:
        yield expression.line, str(error)


def _address_problems(address: Address, line: int, tape: Tape) -> _Found:
    try:
        _ = tape[address]
    except UserError as error:
        yield line, str(error)


def _question_problems(question: Question, tape: Tape) -> _Found:
    texts = [question.prompt, question.right, question.wrong]
    for option in question.options:
        texts += [option.text, option.feedback]
        if option.holds is not None:
            yield from _expression_problems(option.holds, tape)
    for prose in texts:
        yield from _prose_problems(prose, tape)
    try:
        expected_answer(question, tape)
    except UserError as error:
        yield question.line, str(error)


def _check_problems(check: Check, on: Pass) -> _Found:
    """Its addresses, and whether “Show me” can meet what is asked of the place."""
    addresses = [check.focus, check.reads, *check.computed, *check.pending, *check.watching]
    named = [a for a in (*addresses, *check.pinned) if a is not None]
    wrong = [(line, s) for a in named for line, s in _address_problems(a, check.line, on.tape)]
    yield from wrong
    if check.holds is not None:
        yield from _expression_problems(check.holds, on.tape)
    if not wrong and (refused := ShowMe(check).refusal(on, SessionState())):
        yield check.line, f"this check can never be met: {refused}"
