"""Questions of a lesson: ask first, then reveal; the right answer is read from the pass."""

from __future__ import annotations

import math
from enum import Enum
from typing import TypeAlias

import numpy as np

from backpropviz.debugger.lessons.expression import LessonExpression
from backpropviz.debugger.lessons.prose import Prose, Spans, filled
from backpropviz.engine.address import Address, parse
from backpropviz.engine.explain import explain_value, nest_of
from backpropviz.engine.nest import Rule
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

Given: TypeAlias = float | str | Address
"""An answer: a number or its text, the number of a choice (from 0), or the address of a cell."""
TOLERANCE = 5e-4
"""Half of the last digit that the screen shows."""


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
    labels: tuple[str, str, str] = ("negative", "zero", "positive")
    tolerance: float = TOLERANCE
    right: Prose = ()
    wrong: Prose = ()
    line: int = 0


@frozen
class Outcome:
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
        case QuestionKind.SIGN:
            value = _value(question, tape)
            return float((value > 0) - (value < 0))
        case _:
            return _value(question, tape)


def answer(question: Question, given: Given, tape: Tape) -> Outcome:
    """Hold an answer to the pass.

    Raises:
        UserError: the answer is not of the kind that is asked for.
    """
    expected = expected_answer(question, tape)
    if isinstance(expected, Address):
        wanted = _address(given)
        is_right = tape.resolve(wanted) == tape.resolve(expected)
        return Outcome(is_right, expected, _feedback(question, given, tape, is_right=is_right))
    number = read_number(given)
    if question.kind is QuestionKind.VALUE:
        is_right = abs(number - expected) <= _tolerated(question, expected)
    else:
        is_right = _sign_or_number(question, number) == expected
    return Outcome(is_right, expected, _feedback(question, number, tape, is_right=is_right))


def _tolerated(question: Question, expected: float) -> float:
    """Nothing where nothing is to be tolerated; else at least what float32 has rounded."""
    return max(question.tolerance, 1e-6 * abs(expected)) if question.tolerance else 0.0


def read_number(given: Given) -> float:
    """A number as a person writes it: −4, 0.25, 1/4, 1,200.

    Raises:
        UserError: it is none.
    """
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


def _sign_or_number(question: Question, number: float) -> float:
    """A sign stays a sign whatever its size."""
    if question.kind is QuestionKind.SIGN:
        return float((number > 0) - (number < 0))
    return number


def _address(given: Given) -> Address:
    if isinstance(given, Address):
        return given
    if not isinstance(given, str):
        raise UserError(f"“{given}” is not a cell: click one, or write its address.")
    return parse(given)


def _feedback(question: Question, given: Given, tape: Tape, *, is_right: bool) -> Spans:
    own: Prose = ()
    if question.kind is QuestionKind.CHOICE and isinstance(given, float):
        number = int(given)
        own = question.options[number].feedback if 0 <= number < len(question.options) else ()
    return filled(own + (question.right if is_right else question.wrong), tape)


def _value(question: Question, tape: Tape) -> float:
    if question.answer is None:
        raise UserError(f"a question of kind {question.kind.value} needs an “answer”: add it.")
    return question.answer.value(tape)


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
    if nest is None or nest.rule is not Rule.MAX:
        raise UserError(f"“{question.of}” is no maximum: name an output of a max-pooling.")
    return _largest_operand(tape, question.of)


def _largest_operand(tape: Tape, maximum: Address) -> Address:
    derivation = explain_value(tape, maximum)
    found = derivation.terms[int(np.argmax(derivation.term_values))].operands[0].address
    if found is None:
        raise UserError(f"“{maximum}” has no winner: its window holds padding only.")
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
