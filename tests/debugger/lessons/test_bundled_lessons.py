"""The lessons that ship: all load, every value exists, and a scripted learner completes each."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from backpropviz.debugger.commands import reduce
from backpropviz.debugger.session import SessionState, timeline_of
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address, parse
from backpropviz.figures.numbers import said
from backpropviz.lessons.check import ShowMe, is_met
from backpropviz.lessons.lesson import (
    Given,
    Lesson,
    LessonStep,
    Question,
    QuestionKind,
    answer,
    check,
    expected_answer,
    filled,
    opening,
    plain,
)
from backpropviz.lessons.progress import (
    LessonProgress,
    begin,
    is_finished,
    neighbor,
    problems,
    scores,
)
from backpropviz.lessons.reading import bundled_lesson_names, lesson_text, read_lesson
from tests.debugger.lessons.passes import bundled, pass_of, recorded

NAMES = bundled_lesson_names()
STEPS = [
    pytest.param(lesson, step, id=f"{name}/{step.title}")
    for name in NAMES
    for lesson in [bundled(name)]
    for step in lesson.steps
]
QUESTIONS = [param for param in STEPS if param.values[1].question is not None]  # type: ignore[union-attr]


def test_the_eight_lessons_ship() -> None:
    assert len(NAMES) >= 8
    for name in NAMES:
        lesson = bundled(name)
        assert lesson.id == name
        assert 5 <= len(lesson.steps) <= 9
        assert lesson.summary


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wrong_with_a_lesson(name: str) -> None:
    assert [str(problem) for problem in problems(bundled(name), recorded)] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_scripted_learner_completes_a_lesson(name: str) -> None:
    lesson = bundled(name)
    progress = begin(lesson)
    state = _opened(lesson)
    on = lesson.steps[0].on
    step: LessonStep | None = lesson.steps[0]
    while step is not None:
        if step.on != on:
            on, state = step.on, SessionState()
        progress, state = _completed(step, progress, state)
        assert progress.is_complete(step)
        step = neighbor(lesson, progress, 1)
        progress = progress if step is None else progress.at(step)
    assert is_finished(lesson, progress)
    for score in scores(lesson, progress).values():
        assert score.right == score.answered == score.asked > 0
    assert set(scores(lesson, progress)) == set(lesson.concepts)


def _opened(lesson: Lesson) -> SessionState:
    first = pass_of(lesson.on)
    return opening(lesson.start, first.timeline, first.tape)


def _completed(
    step: LessonStep, progress: LessonProgress, state: SessionState
) -> tuple[LessonProgress, SessionState]:
    """Answer rightly; do what “Show me” does; the check is false before and true after."""
    timeline, tape, _ = pass_of(step.on)
    if step.question is not None:
        given = _as_given(expected_answer(step.question, tape))
        outcome = answer(step.question, given, tape)
        progress = progress.answered(step, given, is_right=outcome.is_right)
    if step.check is None:
        return progress, state
    assert check(step, state, timeline_of(timeline, state), tape), "done before anything is done"
    after = reduce(timeline_of(timeline, state), tape, state, ShowMe(step.check))
    assert check(step, after, timeline_of(timeline, after), tape) == ()
    return progress.met(step), after


def _as_given(expected: float | Address) -> str:
    return str(expected)


@pytest.mark.parametrize(("lesson", "step"), QUESTIONS)
def test_wrong_answers_are_refused(lesson: Lesson, step: LessonStep) -> None:
    tape = recorded(step.on)
    question = step.question
    assert question is not None
    expected = expected_answer(question, tape)
    assert answer(question, expected, tape).is_right
    for wrong in _wrong_answers(question, expected, tape):
        outcome = answer(question, wrong, tape)
        assert not outcome.is_right
        assert outcome.expected == expected
        explains = outcome.feedback or step.reveal
        assert explains, "a wrong answer is explained"


def _wrong_answers(question: Question, expected: float | Address, tape: Tape) -> list[Given]:
    if isinstance(expected, Address):
        cells = tape[expected.array]
        return [
            expected.array.at(tuple(int(i) for i in found))
            for found in _all_indices(cells.shape)
            if found != expected.indices
        ]
    if question.kind is QuestionKind.SIGN:
        return [sign for sign in (-1.0, 0.0, 1.0) if sign != expected]
    if question.kind is QuestionKind.CHOICE:
        return [float(k) for k in range(len(question.options)) if k != expected]
    return [expected + 1, expected - 1, -expected - 1, str(expected + 0.01)]


def _all_indices(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = [()]
    for size in shape:
        found = [(*cell, i) for cell in found for i in range(size)]
    return found


@pytest.mark.parametrize(("lesson", "step"), QUESTIONS)
def test_right_answers_come_from_the_pass(lesson: Lesson, step: LessonStep) -> None:
    question = step.question
    assert question is not None
    assert all(option.holds is not None for option in question.options)
    names = question.answer or question.of or question.options
    assert names, "the answer is an expression, a place or a set of statements"


@pytest.mark.parametrize(("lesson", "step"), STEPS)
def test_texts_read_well(lesson: Lesson, step: LessonStep) -> None:
    tape = recorded(step.on)
    question = step.question
    texts = [step.text, step.reveal, step.task]
    if question is not None:
        texts += [question.prompt, question.right, question.wrong]
        texts += [text for option in question.options for text in (option.text, option.feedback)]
    for prose in texts:
        shown = plain(filled(prose, tape), lambda value, signed: said(value, signed=signed))
        assert not re.search(r"[{}*`]|  |\n[^\n]", shown.replace("\n\n", "¶"))
        assert not re.search(r"\d\.\d{6}", shown)
        for sentence in shown.split("\n\n"):
            assert not sentence or sentence[-1] in ".?!:”"
    assert len(plain(filled(step.text, tape), lambda value, signed: said(value))) < 900


@pytest.mark.parametrize(("lesson", "step"), STEPS)
def test_a_target_other_than_the_checked_place_does_not_meet_it(
    lesson: Lesson, step: LessonStep
) -> None:
    if step.check is None or step.check.focus is None:
        return
    timeline, tape, _ = pass_of(step.on)
    for k in (0, timeline.steps):
        assert not is_met(step.check, timeline, tape, SessionState(k=k))
    elsewhere = replace(step.check, focus=parse("loss"), reads=None)
    state = reduce(timeline, tape, SessionState(), ShowMe(step.check))
    assert not is_met(elsewhere, timeline_of(timeline, state), tape, state)


def test_the_documented_example_works() -> None:
    page = (Path(__file__).parents[3] / "docs" / "lesson-format.md").read_text(encoding="utf-8")
    found = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert found is not None
    lesson = read_lesson(found[1], "docs")
    assert problems(lesson, recorded) == ()
    assert len(lesson.steps) == 3


def test_no_number_of_a_pass_is_typed_by_hand() -> None:
    """In texts about a pass, digits are in braces, in code, or plain words of arithmetic."""
    allowed = re.compile(r"[½¼]|1/4|0\.[12]\b|180|2×2|5×5|F1\d|\(0, 1\)|6 ×|5 ×|\b[0126]\b")
    for name in NAMES:
        for line in lesson_text(name).text.splitlines():
            if re.match(r'(prompt|right|wrong|feedback|reveal)? ?=? ?"?[A-Z]', line):
                bare = re.sub(r"\{[^}]*\}|`[^`]*`", "", line)
                left = allowed.sub("", bare)
                assert not re.search(r"\d", left), f"{name}: {line}"
