"""A lesson with the passes of all its steps, recorded beside the window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from backpropviz.debugger.lessons.lesson import Lesson, LessonPass, opening
from backpropviz.debugger.lessons.lesson_progress import LessonProgress, begin
from backpropviz.debugger.lessons.reading import read_lesson
from backpropviz.debugger.lessons.trial import problems
from backpropviz.debugger.state import SessionState, timeline_of
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.named_file import named_path
from backpropviz.storage.lesson_file import bundled_lesson_names, lesson_text
from backpropviz.ui.lessons.progress_file import read_progress
from backpropviz.ui.opened import Opened, record
from backpropviz.ui.preferences import read_preferences
from backpropviz.ui.requests import OpenRequest
from backpropviz.ui.subject import subject_for


@frozen(eq=False)
class LoadedLesson:
    """All that a lesson needs: each step finds its recorded pass under `step.on`."""

    lesson: Lesson
    passes: Mapping[LessonPass, Opened]
    progress: LessonProgress

    def at_start(self) -> Opened:
        """The lesson's own pass where the lesson begins."""
        opened, start = self.passes[self.lesson.on], self.lesson.start
        timeline = timeline_of(opened.timeline, SessionState(order=start.order))
        return opened.at(opening(start, timeline, opened.view.tape))


def load_lesson(name: str) -> LoadedLesson:
    """A bundled lesson by its name, or a file, which is tried first.

    Raises:
        UserError: it cannot be read or cannot work: the sentence names the line.
    """
    found = lesson_text(name)
    lesson = read_lesson(found.text, found.file)
    folder = Path() if name in bundled_lesson_names() else named_path(name).parent
    passes: dict[LessonPass, Opened] = {}

    def opened_for(on: LessonPass) -> Opened:
        if on not in passes:
            passes[on] = _recorded(on, folder)
        return passes[on]

    if name not in bundled_lesson_names():
        _try(lesson, opened_for)
    for on in (lesson.on, *(step.on for step in lesson.steps)):
        opened_for(on)
    return LoadedLesson(lesson, passes, read_progress(lesson.id) or begin(lesson))


def _try(lesson: Lesson, opened_for: Callable[[LessonPass], Opened]) -> None:
    wrong = problems(lesson, lambda on: opened_for(on).view.tape)
    if not wrong:
        return
    more = len(wrong) - 1
    rest = f" ({more} more like this: mend the first one and open the file again.)" if more else ""
    raise UserError(f"{wrong[0]}{rest}")


def _recorded(on: LessonPass, folder: Path) -> Opened:
    """As if a person had opened the network and set what the lesson sets.

    A network's or an image's file is looked for beside the lesson's file first.
    """
    network, image = _beside(on.network, folder), _beside(on.image or "", folder)
    request = OpenRequest(network, image, on.target or "", mode=on.mode or "")
    subject = subject_for(request, None)
    settings = replace(subject.settings, reduction=on.reduction, optimizer=on.optimizer)
    return record(replace(subject, settings=settings), read_preferences().diverging)


def _beside(name: str, folder: Path) -> str:
    beside = folder / name
    return str(beside) if name and Path(name).suffix and beside.is_file() else name
