"""A lesson file, read: TOML as docs/lesson-format.md describes it.

lesson = read_lesson(text, "my-lesson.toml")
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from backpropviz.assets import resource, resource_names
from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.session import StopReason, read_depth
from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.document import KIND_FIELD, Value, given, read_toml
from backpropviz.engine.model import MODES
from backpropviz.engine.optimizers import Optimizer, optimizer_from_fields, optimizer_kinds
from backpropviz.engine.record import REDUCTIONS
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import Address, parse
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.lessons.check import Check, LessonExpression, parse_expression
from backpropviz.lessons.lesson import (
    SIGN_LABELS,
    TOLERANCE,
    Lesson,
    LessonPass,
    LessonStart,
    LessonStep,
    Option,
    Prose,
    Question,
    QuestionKind,
    Show,
    parse_prose,
)
from backpropviz.named_file import is_there, kind_of_file, named_path, opened_file, refuse_other

LONGEST_TEXT = 6000


def heading(value: Value) -> str:
    """A text in one line."""
    return value.words(LONGEST_TEXT)


def address(value: Value) -> Address:
    """An address as it is written."""
    text = value.words(LONGEST_TEXT)
    try:
        return parse(text)
    except UserError as error:
        raise value.error(str(error)) from None


def expression(value: Value) -> LessonExpression:
    """Arithmetic on addresses; a bare number will do."""
    is_number = isinstance(value.value, int | float) and not isinstance(value.value, bool)
    text = repr(value.value) if is_number else value.words(LONGEST_TEXT, lines=True)
    try:
        return parse_expression(text, value.line)
    except UserError as error:
        raise value.error(str(error)) from None


def prose(value: Value) -> Prose:
    """Paragraphs with `code`, **bold** and {values}."""
    return parse_prose(value.words(LONGEST_TEXT, lines=True), value)


STOPS: Mapping[str, StopReason] = {
    "start": StopReason.START,
    "end": StopReason.END,
    "breakpoint": StopReason.BREAKPOINT,
}
_PLACE_FIELDS = (
    *("focus", "depth", "order", "phase", "layer"),
    *("reads", "computed", "pending", "stopped"),
)
_MARK_FIELDS = ("watching", "pinned", "breakpoint", "target", "optimizer", "holds")


def read_check(field: Value) -> Check:
    """The conditions of a check."""
    found = field.members((*_PLACE_FIELDS, *_MARK_FIELDS), what="a check")
    if not found:
        raise field.error("this check asks for nothing: add a field, such as focus.")
    if "reads" in found and "focus" not in found:
        raise found["reads"].error("“reads” needs “focus” beside it: add the array or value.")
    return Check(
        focus=given(found, "focus", address),
        depth=given(found, "depth", read_depth),
        order=given(found, "order", _order),
        phase=given(found, "phase", _phase),
        layer=given(found, "layer", Value.words),
        reads=given(found, "reads", address),
        computed=given(found, "computed", _addresses, ()),
        pending=given(found, "pending", _addresses, ()),
        watching=given(found, "watching", _addresses, ()),
        pinned=given(found, "pinned", _addresses, ()),
        breakpoint=given(found, "breakpoint", _breakpoint),
        stopped=given(found, "stopped", lambda stop: STOPS[stop.choice(tuple(STOPS))]),
        target=given(found, "target", _numbers, ()),
        optimizer=given(found, "optimizer", lambda kind: kind.choice(tuple(optimizer_kinds()))),
        holds=given(found, "holds", expression),
        line=field.line,
    )


def _order(field: Value) -> LoopOrder:
    return LoopOrder(field.fitted(LoopOrder))


def _phase(field: Value) -> Phase:
    return Phase(field.fitted(Phase))


def _addresses(field: Value) -> tuple[Address, ...]:
    return tuple(address(item) for item in field.one_or_more())


def _breakpoint(field: Value) -> Breakpoint:
    """An address, or a table with a phase, a layer, an address, a condition."""
    if isinstance(field.value, str):
        return Breakpoint(address=address(field))
    found = field.members(("phase", "layer", "address", "condition"), what="a breakpoint")
    try:
        return Breakpoint(
            given(found, "phase", _phase),
            given(found, "layer", Value.words),
            given(found, "address", address),
            given(found, "condition", lambda text: text.words(lines=True), ""),
        )
    except UserError as error:
        text = str(error)
        raise (
            error if text.startswith(field.place.begin.partition(",")[0]) else field.error(text)
        ) from None


def _numbers(field: Value) -> tuple[float, ...]:
    numbers = []
    for item in field.one_or_more():
        if isinstance(item.value, bool) or not isinstance(item.value, int | float):
            raise item.error("a target to check is a number or a list of numbers.")
        numbers.append(float(item.value))
    return tuple(numbers)


_COMMON = ("kind", "prompt", "concept", "right", "wrong")
_NEEDED: Mapping[QuestionKind, tuple[str, ...]] = {
    QuestionKind.SIGN: ("answer",),
    QuestionKind.WINNER: ("of",),
    QuestionKind.PARTNER: ("of", "beside"),
    QuestionKind.VALUE: ("answer",),
    QuestionKind.CHOICE: ("options",),
}
_OWN: Mapping[QuestionKind, tuple[str, ...]] = {
    **_NEEDED,
    QuestionKind.SIGN: ("answer", "labels"),
    QuestionKind.VALUE: ("answer", "tolerance"),
}


def read_question(field: Value, concepts: tuple[str, ...]) -> Question:
    """A question; its concept is one of the lesson's."""
    every = dict.fromkeys(name for own in _OWN.values() for name in own)
    asked = field.members((*_COMMON, *every), ("kind", "prompt"), "a question")
    kind = QuestionKind(asked["kind"].fitted(QuestionKind))
    what = f"a question of kind {kind.value}"
    found = field.members((*_COMMON, *_OWN[kind]), ("kind", "prompt", *_NEEDED[kind]), what)
    return Question(
        kind,
        prose(found["prompt"]),
        _concept(field, found, concepts),
        answer=given(found, "answer", expression),
        of=given(found, "of", address),
        beside=given(found, "beside", address),
        options=given(found, "options", _options, ()),
        labels=given(found, "labels", _labels, SIGN_LABELS),
        tolerance=given(found, "tolerance", lambda number: number.number(0), TOLERANCE),
        right=given(found, "right", prose, ()),
        wrong=given(found, "wrong", prose, ()),
        line=field.line,
    )


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
        given(found, "holds", expression),
        given(found, "correct", Value.flag, otherwise=False),
        given(found, "feedback", prose, ()),
    )


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
    field = fields["concepts"]
    concepts = tuple(heading(item) for item in field.items())
    if not concepts or len(set(concepts)) < len(concepts):
        raise field.error("“concepts” must name at least one concept, and each one once.")
    on = _pass(fields["pass"], None)
    return Lesson(
        _id(fields["id"]),
        heading(fields["title"]),
        given(fields, "summary", heading, ""),
        fields["minutes"].integer(1, MOST_MINUTES),
        concepts,
        on,
        given(fields, "start", _start, LessonStart()),
        _steps(fields["step"], concepts, on),
        file,
    )


def _id(field: Value) -> str:
    text = field.words()
    if not _ID.fullmatch(text):
        raise field.error(f"“{text:.60}” cannot be an id: use small letters, digits and hyphens.")
    return text


def _pass(field: Value, outer: LessonPass | None) -> LessonPass:
    """The pass of a lesson, or of a step: what a step leaves out is the lesson's.

    On another network the lesson's image and target would not fit: they are not taken over.
    """
    found = field.members(_PASS_FIELDS, () if outer else ("network",), "a pass")
    network = given(found, "network", Value.words)
    if outer is not None and network in {None, outer.network}:
        base = outer
    else:
        base = LessonPass(network or "")
    return LessonPass(
        network or base.network,
        given(found, "image", Value.words, base.image),
        given(found, "target", _target, base.target),
        given(found, "reduction", lambda name: name.choice(REDUCTIONS), base.reduction),
        given(found, "optimizer", _optimizer, base.optimizer),
        given(found, "mode", lambda name: name.choice(MODES), base.mode),
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


def _start(field: Value) -> LessonStart:
    found = field.members(("focus", "depth", "order"), what="a start")
    focus = given(found, "focus", address)
    standard = Depth.ELEMENT if focus is not None and focus.indices else Depth.TENSOR
    return LessonStart(
        focus,
        given(found, "depth", read_depth, standard),
        given(found, "order", _order, LoopOrder.TARGET),
        field.line,
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
        seen[step.title] = item.line
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
        given(found, "pass", lambda own: _pass(own, on), on),
        given(found, "ask", lambda asked: read_question(asked, concepts)),
        given(found, "reveal", prose, ()),
        given(found, "do", prose, ()),
        given(found, "check", read_check),
        given(found, "show", _show, Show(line=field.line)),
        field.line,
    )


def _show(field: Value) -> Show:
    found = field.members(("highlight", *_PLACE_FIELDS), what="show")
    places = {name: member.value for name, member in found.items() if name != "highlight"}
    place = read_check(replace(field, value=places)) if places else None
    return Show(place, given(found, "highlight", _addresses, ()), field.line)


FOLDER, SUFFIX = "lessons", ".toml"
LARGEST_BYTES = 1_000_000
LARGEST_FILE = 10**12
_FIRST = (
    "one-filter-many-positions",
    "which-way-to-go",
    "dense-and-filter-weights",
    "derivative-of-max-pooling",
    "average-pooling",
    "why-not-nudge-everything",
    "turned-by-180-degrees",
    "from-gradient-to-update",
)


@frozen
class LessonText:
    """A lesson as it is written; `file` is what its errors begin with."""

    file: str
    text: str


def bundled_lesson_names() -> tuple[str, ...]:
    """Those that ship, in the order in which they build on one another."""
    found = [Path(name).stem for name in resource_names(FOLDER, SUFFIX)]
    return (*(n for n in _FIRST if n in found), *(n for n in found if n not in _FIRST))


def lesson_text(name_or_path: str | Path) -> LessonText:
    """The text of a bundled lesson, or of a file.

    Raises:
        UserError: there is no such lesson, or the file cannot be read.
    """
    name = str(name_or_path)
    if name in bundled_lesson_names():
        path = resource(FOLDER, f"{name}{SUFFIX}")
        return LessonText(path.name, _read(path, path.name))
    path = named_path(name_or_path)
    if not is_there(path):
        raise UserError(
            f"{name}: there is no such lesson or file; the bundled lessons are "
            f"{', '.join(bundled_lesson_names())}; or give the path of a {SUFFIX} file."
        )
    return LessonText(name, _read(path, name))


def _read(path: Path, name: str) -> str:
    try:
        with opened_file(path, LARGEST_FILE) as file:
            refuse_other(kind_of_file(file, path.name), "lesson")
            data = file.read(LARGEST_BYTES + 1)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"{name} cannot be read: {reason}; choose another file.") from None
    if len(data) > LARGEST_BYTES:
        raise UserError(f"{name} is larger than a lesson may be (1 MB): choose another file.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{name}, line {line}: this is not UTF-8 text: save it as UTF-8.") from None
