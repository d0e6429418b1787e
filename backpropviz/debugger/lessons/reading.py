"""A lesson file, read: TOML as docs/lesson-format.md describes it.

lesson = read_lesson(text, "my-lesson.toml")
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from backpropviz.debugger.lessons.fields import address, heading, line_of, prose
from backpropviz.debugger.lessons.lesson import Lesson, LessonPass, LessonStep, Show, Start
from backpropviz.debugger.lessons.prose import Prose
from backpropviz.debugger.lessons.reading_checks import (
    ORDERS,
    PLACE_FIELDS,
    read_check,
    read_depth,
)
from backpropviz.debugger.lessons.reading_questions import read_question
from backpropviz.debugger.steps import Depth, LoopOrder
from backpropviz.document import KIND_FIELD, Value, read_toml
from backpropviz.engine.address import Address
from backpropviz.engine.mode import MODES
from backpropviz.engine.optimizer import Optimizer, optimizer_from_fields
from backpropviz.engine.run import REDUCTIONS
from backpropviz.errors import UserError

FORMAT, VERSION = "backpropviz-lesson", 1
MOST_MINUTES, MOST_STEPS = 180, 60

_LESSON_FIELDS = (
    "format", "version", "id", "title", "summary", "minutes", "concepts", "pass", "start", "step",
)  # fmt: skip
_REQUIRED = ("format", "version", "id", "title", "minutes", "concepts", "pass", "step")
_PASS_FIELDS = ("network", "image", "target", "reduction", "optimizer", "mode")
_STEP_FIELDS = ("title", "text", "ask", "reveal", "do", "check", "show", "pass")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def read_lesson(text: str, file: str) -> Lesson:
    """Read a lesson; `file` is the name that errors begin with.

    Raises:
        UserError: something is missing, unknown or of the wrong kind: with the line and what to
            write. Whether addresses and answers fit the network is `trial.problems`' to say.
    """
    fields = read_toml(text, file).members(_LESSON_FIELDS, _REQUIRED, "a lesson")
    fields["format"].choice((FORMAT,))
    fields["version"].integer(VERSION, VERSION)
    concepts = _concepts(fields["concepts"])
    on = _pass(fields["pass"], None)
    return Lesson(
        _id(fields["id"]),
        heading(fields["title"]),
        heading(fields["summary"]) if "summary" in fields else "",
        fields["minutes"].integer(1, MOST_MINUTES),
        concepts,
        on,
        _start(fields["start"]) if "start" in fields else Start(),
        _steps(fields["step"], concepts, on),
        file,
    )


def _id(field: Value) -> str:
    text = field.words()
    if not _ID.fullmatch(text):
        raise field.error(f"“{text:.60}” cannot be an id: use small letters, digits and hyphens.")
    return text


def _concepts(field: Value) -> tuple[str, ...]:
    found = tuple(heading(item) for item in field.items())
    if not found or len(set(found)) < len(found):
        raise field.error("“concepts” must name at least one concept, and each one once.")
    return found


def _pass(field: Value, outer: LessonPass | None) -> LessonPass:
    """The pass of a lesson, or of a step: what a step leaves out is the lesson's.

    On another network the lesson's image and target would not fit: they are not taken over.
    """
    found = field.members(_PASS_FIELDS, () if outer else ("network",), "a pass")
    network = found["network"].words() if "network" in found else None
    if outer is not None and network in {None, outer.network}:
        base = outer
    else:
        base = LessonPass(network or "")
    return LessonPass(
        network or base.network,
        found["image"].words() if "image" in found else base.image,
        _target(found["target"]) if "target" in found else base.target,
        found["reduction"].choice(REDUCTIONS) if "reduction" in found else base.reduction,
        _optimizer(found["optimizer"]) if "optimizer" in found else base.optimizer,
        found["mode"].choice(MODES) if "mode" in found else base.mode,
    )


def _target(field: Value) -> str:
    """A class or a number as a person writes it; several numbers as a list."""
    if isinstance(field.value, list):
        return ",".join(_number_text(item) for item in field.items())
    return field.words() if isinstance(field.value, str) else _number_text(field)


def _number_text(field: Value) -> str:
    if isinstance(field.value, bool) or not isinstance(field.value, int | float):
        raise field.error("a target is a class in quotes, or a number or a list of numbers.")
    return repr(field.value)


def _optimizer(field: Value) -> Optimizer:
    if not isinstance(field.value, dict) or KIND_FIELD not in field.value:
        raise field.error(
            'an optimizer needs its kind: write { kind = "sgd", learning_rate = 0.01 }.'
        )
    try:
        return optimizer_from_fields(field.value)
    except UserError as error:
        raise field.error(str(error)) from None


def _start(field: Value) -> Start:
    found = field.members(("focus", "depth", "order"), what="a start")
    focus = address(found["focus"]) if "focus" in found else None
    standard = Depth.ELEMENT if focus is not None and focus.indices else Depth.TENSOR
    return Start(
        focus,
        read_depth(found["depth"]) if "depth" in found else standard,
        LoopOrder(found["order"].choice(ORDERS)) if "order" in found else LoopOrder.TARGET,
        line_of(field),
    )


def _steps(field: Value, concepts: tuple[str, ...], on: LessonPass) -> tuple[LessonStep, ...]:
    items = field.items()
    if not 1 <= len(items) <= MOST_STEPS:
        raise field.error(f"a lesson has 1 to {MOST_STEPS} steps: write each under [[step]].")
    steps = tuple(_step(item, concepts, on) for item in items)
    seen: dict[str, int] = {}
    for item, step in zip(items, steps, strict=True):
        if step.title in seen:
            raise item.error(
                f"the title “{step.title}” is used in line {seen[step.title]} already: "
                "give each step its own."
            )
        seen[step.title] = line_of(item)
    return steps


def _step(field: Value, concepts: tuple[str, ...], on: LessonPass) -> LessonStep:
    found = field.members(_STEP_FIELDS, ("title", "text"), "a step")
    if ("do" in found) != ("check" in found):
        there, gone = ("do", "check") if "do" in found else ("check", "do")
        raise found[there].error(
            f"“{there}” comes without “{gone}”: say what to do and how to tell that it is done."
        )
    if "reveal" in found and "ask" not in found:
        raise found["reveal"].error("“reveal” comes without “ask”: move it into the text.")
    return LessonStep(
        heading(found["title"]),
        prose(found["text"]),
        _pass(found["pass"], on) if "pass" in found else on,
        read_question(found["ask"], concepts) if "ask" in found else None,
        _prose(found, "reveal"),
        _prose(found, "do"),
        read_check(found["check"]) if "check" in found else None,
        _show(found["show"]) if "show" in found else Show(line=line_of(field)),
        line_of(field),
    )


def _prose(found: Mapping[str, Value], name: str) -> Prose:
    return prose(found[name]) if name in found else ()


def _show(field: Value) -> Show:
    found = field.members(("highlight", *PLACE_FIELDS), what="show")
    places = {name: member.value for name, member in found.items() if name != "highlight"}
    place = read_check(replace(field, value=places)) if places else None
    lit: tuple[Address, ...] = ()
    if "highlight" in found:
        lit = tuple(address(item) for item in found["highlight"].one_or_more())
    return Show(place, lit, line_of(field))
