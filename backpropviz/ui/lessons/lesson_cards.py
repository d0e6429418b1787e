"""The bundled lessons as a list shows them: title, minutes, and how far the learner has come."""

from __future__ import annotations

from backpropviz.debugger.lessons.lesson import Lesson
from backpropviz.debugger.lessons.lesson_progress import LessonProgress, is_finished
from backpropviz.debugger.lessons.reading import read_lesson
from backpropviz.frozen import frozen
from backpropviz.storage.lesson_file import bundled_lesson_names, lesson_text
from backpropviz.ui.lessons.progress_file import read_progress


@frozen
class LessonCard:
    """A lesson in a list; `share` of its steps is behind the learner, 0 where it is not begun."""

    name: str
    title: str
    summary: str
    minutes: int
    share: float = 0.0
    is_done: bool = False

    @property
    def is_started(self) -> bool:
        """Begun, and not yet at the end."""
        return self.share > 0 and not self.is_done

    @property
    def state_text(self) -> str:
        """The state in a word, for those who do not see the ring."""
        return "done" if self.is_done else "started" if self.is_started else "new"


def lesson_card(name: str, lesson: Lesson, progress: LessonProgress | None) -> LessonCard:
    """A lesson with the learner's progress; opening the first step is no progress yet."""
    if progress is None:
        return LessonCard(name, lesson.title, lesson.summary, lesson.minutes)
    at = next((k for k, step in enumerate(lesson.steps) if step.title == progress.step), 0)
    worked = sum(
        progress.is_complete(step) and (step.check is not None or step.question is not None)
        for step in lesson.steps
    )
    share = max(worked, at) / len(lesson.steps)
    is_done = is_finished(lesson, progress) and (worked > 0 or at == len(lesson.steps) - 1)
    return LessonCard(name, lesson.title, lesson.summary, lesson.minutes, share, is_done)


def read_cards() -> tuple[LessonCard, ...]:
    """All bundled lessons in their order; runs beside the window."""
    return tuple(_read_card(name) for name in bundled_lesson_names())


def _read_card(name: str) -> LessonCard:
    found = lesson_text(name)
    lesson = read_lesson(found.text, found.file)
    return lesson_card(name, lesson, read_progress(lesson.id))
