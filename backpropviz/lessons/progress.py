"""How far a learner has come in a lesson, and the score of each concept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from backpropviz.debugger.commands import GoToAddress, Pass
from backpropviz.debugger.session import SessionState, timeline_of
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.tape import Tape, operations
from backpropviz.engine.value import Address
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.lessons.check import Check, LessonExpression, ShowMe
from backpropviz.lessons.lesson import (
    Lesson,
    LessonPass,
    LessonStart,
    LessonStep,
    Prose,
    Question,
    expected_answer,
    expressions,
)

VERSION = 1


@frozen
class Answered:
    """A question that was answered: the last answer, how often it was tried, and how it ended.

    `is_revealed`: the learner asked to be told.
    """

    given: str
    tries: int
    is_right: bool
    is_revealed: bool = False

    @property
    def counts(self) -> bool:
        """Whether it was right at the first try: that is what is scored."""
        return self.is_right and self.tries == 1 and not self.is_revealed

    @property
    def is_settled(self) -> bool:
        """Whether the step may go on."""
        return self.is_right or self.is_revealed


@frozen
class Score:
    """Of the questions about a concept: right at the first try, answered, asked in the lesson."""

    right: int
    answered: int
    asked: int


@frozen
class LessonProgress:
    """Where a learner stands; steps are named by their titles, so that a lesson may grow.

    `done` are the steps whose check was met once: walking on does not undo it.
    """

    lesson: str
    step: str
    done: frozenset[str] = frozenset()
    answers: tuple[tuple[str, Answered], ...] = ()

    @property
    def by_step(self) -> Mapping[str, Answered]:
        """The answers by the title of their step."""
        return dict(self.answers)

    def answered(self, step: LessonStep, given: str, *, is_right: bool) -> LessonProgress:
        """After a try; once settled, further tries change nothing."""
        before = self.by_step.get(step.title)
        if before is not None and before.is_settled:
            return self
        tries = 1 if before is None else before.tries + 1
        return self._with(step, Answered(given, tries, is_right))

    def revealed(self, step: LessonStep) -> LessonProgress:
        """After the learner asked to be told."""
        before = self.by_step.get(step.title, Answered("", 0, is_right=False))
        if before.is_settled:
            return self
        return self._with(step, replace(before, is_revealed=True))

    def met(self, step: LessonStep) -> LessonProgress:
        """After the step's check was met."""
        return replace(self, done=self.done | {step.title})

    def at(self, step: LessonStep) -> LessonProgress:
        """With another step open; any may be looked at."""
        return replace(self, step=step.title)

    def _with(self, step: LessonStep, found: Answered) -> LessonProgress:
        answers = {**self.by_step, step.title: found}
        return replace(self, answers=tuple(answers.items()))

    def has_answer(self, step: LessonStep) -> bool:
        """Whether the step's question is settled, if it has one."""
        found = self.by_step.get(step.title)
        return step.question is None or (found is not None and found.is_settled)

    def is_complete(self, step: LessonStep) -> bool:
        """Whether question and check are both behind."""
        return self.has_answer(step) and (step.check is None or step.title in self.done)


def begin(lesson: Lesson) -> LessonProgress:
    """At the first step."""
    return LessonProgress(lesson.id, lesson.steps[0].title)


def current_step(lesson: Lesson, progress: LessonProgress) -> LessonStep:
    """The open step; the first one not complete where the lesson has no such step any more."""
    found = lesson.step(progress.step)
    if found is not None:
        return found
    left = (step for step in lesson.steps if not progress.is_complete(step))
    return next(left, lesson.steps[-1])


def neighbor(lesson: Lesson, progress: LessonProgress, offset: int) -> LessonStep | None:
    """The step after (1) or before (−1) the open one; None where there is none."""
    number = lesson.steps.index(current_step(lesson, progress)) + offset
    return lesson.steps[number] if 0 <= number < len(lesson.steps) else None


def is_finished(lesson: Lesson, progress: LessonProgress) -> bool:
    """Whether all steps are complete; a step with text alone counts once one is past it."""
    return all(progress.is_complete(step) for step in lesson.steps)


def scores(lesson: Lesson, progress: LessonProgress) -> Mapping[str, Score]:
    """The score of each concept of a lesson that it asks about."""
    found: dict[str, Score] = {}
    answers = progress.by_step
    for step in lesson.steps:
        if step.question is not None:
            concept, given = step.question.concept, answers.get(step.title)
            old = found.get(concept, Score(0, 0, 0))
            is_right = given is not None and given.counts
            is_answered = given is not None and given.is_settled
            found[concept] = Score(old.right + is_right, old.answered + is_answered, old.asked + 1)
    return found


def to_json(progress: LessonProgress) -> dict[str, Any]:
    """Plain dictionaries, lists, texts and numbers."""
    return {
        "version": VERSION,
        "lesson": progress.lesson,
        "step": progress.step,
        "done": sorted(progress.done),
        "answers": {
            title: {
                "given": answer.given,
                "tries": answer.tries,
                "right": answer.is_right,
                "revealed": answer.is_revealed,
            }
            for title, answer in progress.answers
        },
    }


def from_json(data: object) -> LessonProgress:
    """The progress that `to_json` wrote.

    Raises:
        UserError: it is damaged, or of another version.
    """
    try:
        return _from_json(data)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(
            f"the saved progress of a lesson cannot be used ({error}): begin the lesson anew."
        ) from None


def _from_json(data: Any) -> LessonProgress:
    if data["version"] != VERSION:
        raise ValueError(f"version {data['version']!r:.20} is not {VERSION}")
    answers = tuple(
        (
            _text(title),
            Answered(
                _text(found["given"]),
                _count(found["tries"]),
                bool(found["right"]),
                bool(found["revealed"]),
            ),
        )
        for title, found in data["answers"].items()
    )
    done = frozenset(_text(title) for title in data["done"])
    return LessonProgress(_text(data["lesson"]), _text(data["step"]), done, answers)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.30} is not a text")
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"{value!r:.30} is not a count")
    return value


@frozen
class LessonProblem:
    """A line of a lesson file and what is wrong with it."""

    file: str
    line: int
    sentence: str

    def __str__(self) -> str:
        """`max-pooling.toml, line 40: …`."""
        return f"{self.file}, line {self.line}: {self.sentence}"


Recorder = Callable[[LessonPass], Tape]
"""Records what a step looks at; raises UserError where it cannot."""


def problems(lesson: Lesson, record: Recorder) -> tuple[LessonProblem, ...]:
    """Everything that cannot work on the lesson's own passes; nothing where all is well."""
    found: list[LessonProblem] = []
    for number, step in enumerate(lesson.steps):
        try:
            tape = record(step.on)
        except UserError as error:
            sentence = f"the pass cannot be recorded: {error}"
            found.append(LessonProblem(lesson.file, step.line, sentence))
            continue
        every = operations(tape.network, tape.batch, tape.optimizer, tape.iteration)
        on = Pass(Timeline(every), tape)
        own = [
            *(_start_problems(lesson.start, on) if number == 0 else ()),
            *_step_problems(step, on),
        ]
        found += [LessonProblem(lesson.file, line, sentence) for line, sentence in own]
    return tuple(found)


_Found = Iterator[tuple[int, str]]


def _start_problems(start: LessonStart, on: Pass) -> _Found:
    if start.focus is not None:
        state = SessionState(order=start.order)
        ordered = Pass(timeline_of(on.timeline, state), on.tape)
        if refused := GoToAddress(start.focus, start.depth).refusal(ordered, state):
            yield start.line, refused


def _step_problems(step: LessonStep, on: Pass) -> _Found:
    yield from _prose_problems((step.text, step.reveal, step.task), on.tape)
    if step.question is not None:
        yield from _question_problems(step.question, on.tape)
    for address in step.show.highlight:
        yield from _address_problems(address, step.show.line, on.tape)
    for check in (step.check, step.show.place):
        if check is not None:
            yield from _check_problems(check, on)


def _prose_problems(texts: Iterable[Prose], tape: Tape) -> _Found:
    for prose in texts:
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
    yield from _prose_problems(texts, tape)
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
