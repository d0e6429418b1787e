"""The passes that lessons look at, recorded once."""

from __future__ import annotations

from functools import lru_cache

from backpropviz.debugger.commands import Pass
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.record import run
from backpropviz.engine.tape import Tape, operations
from backpropviz.files.networks import load_network
from backpropviz.lessons.lesson import Lesson, LessonPass
from backpropviz.lessons.reading import lesson_text, read_lesson


@lru_cache
def recorded(on: LessonPass) -> Tape:
    """The tape that a step looks at; lessons that ship use the networks' own examples."""
    model = load_network(on.network)
    assert on.image is None
    return run(model, None, on.settings(model))


@lru_cache
def pass_of(on: LessonPass) -> Pass:
    """The tape with its timeline."""
    tape = recorded(on)
    return Pass(Timeline(operations(tape.network, tape.batch, tape.optimizer)), tape)


def bundled(name: str) -> Lesson:
    """A lesson that ships."""
    found = lesson_text(name)
    return read_lesson(found.text, found.file)


def lesson_with(
    steps: str, head: str = "", network: str = "tiny-max", concepts: str = '["c"]'
) -> Lesson:
    """A lesson of some steps; the first of them stands on line 9."""
    return read_lesson(text_with(steps, head, network, concepts), "my.toml")


def text_with(
    steps: str, head: str = "", network: str = "tiny-max", concepts: str = '["c"]'
) -> str:
    """The text of such a lesson; `head` stands on line 8."""
    lines = [
        'format = "backpropviz-lesson"',
        "version = 1",
        'id = "my"',
        'title = "Mine"',
        "minutes = 3",
        f"concepts = {concepts}",
        f'pass = {{ network = "{network}" }}',
        head,
        steps,
    ]
    return "\n".join(lines)
