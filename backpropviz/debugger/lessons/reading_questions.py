"""The `ask` of a step, read from its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from backpropviz.debugger.lessons.fields import address, expression, heading, line_of, prose
from backpropviz.debugger.lessons.prose import Prose
from backpropviz.debugger.lessons.question import TOLERANCE, Option, Question, QuestionKind
from backpropviz.document import Value

KINDS = tuple(kind.value for kind in QuestionKind)
_COMMON = ("kind", "prompt", "concept", "right", "wrong")
_OWN: Mapping[QuestionKind, tuple[str, ...]] = {
    QuestionKind.SIGN: ("answer", "labels"),
    QuestionKind.WINNER: ("of",),
    QuestionKind.PARTNER: ("of", "beside"),
    QuestionKind.VALUE: ("answer", "tolerance"),
    QuestionKind.CHOICE: ("options",),
}
_NEEDED: Mapping[QuestionKind, tuple[str, ...]] = {
    QuestionKind.SIGN: ("answer",),
    QuestionKind.WINNER: ("of",),
    QuestionKind.PARTNER: ("of", "beside"),
    QuestionKind.VALUE: ("answer",),
    QuestionKind.CHOICE: ("options",),
}


def read_question(field: Value, concepts: tuple[str, ...]) -> Question:
    """A question; its concept is one of the lesson's.

    Raises:
        UserError: a field is missing, unknown or cannot be read.
    """
    every = dict.fromkeys(name for own in _OWN.values() for name in own)
    kind = QuestionKind(
        field.members((*_COMMON, *every), ("kind", "prompt"), "a question")["kind"].choice(KINDS)
    )
    what = f"a question of kind {kind.value}"
    found = field.members((*_COMMON, *_OWN[kind]), ("kind", "prompt", *_NEEDED[kind]), what)
    question = Question(
        kind,
        prose(found["prompt"]),
        _concept(field, found, concepts),
        right=_prose(found, "right"),
        wrong=_prose(found, "wrong"),
        line=line_of(field),
    )
    return _with_answer(question, found)


def _with_answer(question: Question, found: Mapping[str, Value]) -> Question:
    """The question with what its kind alone has."""
    if question.kind is QuestionKind.WINNER:
        return replace(question, of=address(found["of"]))
    if question.kind is QuestionKind.PARTNER:
        of, beside = address(found["of"]), address(found["beside"])
        return replace(question, of=of, beside=beside)
    if question.kind is QuestionKind.CHOICE:
        return replace(question, options=_options(found["options"]))
    question = replace(question, answer=expression(found["answer"]))
    if "labels" in found:
        question = replace(question, labels=_labels(found["labels"]))
    tolerance = found["tolerance"].number(0) if "tolerance" in found else TOLERANCE
    return replace(question, tolerance=tolerance)


def _concept(field: Value, found: Mapping[str, Value], concepts: tuple[str, ...]) -> str:
    if "concept" in found:
        return found["concept"].choice(concepts)
    if len(concepts) > 1:
        listed = ", ".join(f'"{concept}"' for concept in concepts)
        raise field.error(f"a question must say which concept it is about: use one of {listed}.")
    return concepts[0]


def _labels(field: Value) -> tuple[str, str, str]:
    found = tuple(heading(item) for item in field.items())
    if len(found) != 3:
        raise field.error("“labels” are three texts: for a negative, no and a positive sign.")
    return found[0], found[1], found[2]


def _options(field: Value) -> tuple[Option, ...]:
    items = field.items()
    options = tuple(_option(item) for item in items)
    if len(options) < 2:
        raise field.error("a question of kind choice needs at least two options: add one.")
    fixed = [option.is_right for option in options if option.holds is None]
    if len(fixed) == len(options) and sum(fixed) != 1:
        raise field.error(
            f"{sum(fixed)} options are marked as right: give exactly one of them correct = true, "
            "or all of them “holds”."
        )
    return options


def _option(field: Value) -> Option:
    found = field.members(("text", "holds", "correct", "feedback"), ("text",), "an option")
    if "holds" in found and "correct" in found:
        raise found["correct"].error("an option has “holds” or “correct”, not both: remove one.")
    return Option(
        prose(found["text"]),
        expression(found["holds"]) if "holds" in found else None,
        found["correct"].flag() if "correct" in found else False,
        _prose(found, "feedback"),
    )


def _prose(found: Mapping[str, Value], name: str) -> Prose:
    return prose(found[name]) if name in found else ()
