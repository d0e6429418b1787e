"""Leads through a lesson: opens its passes, watches the debugger's state, keeps the progress."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal

from backpropviz.debugger.commands import Command, GoToAddress, TogglePin
from backpropviz.debugger.session import SessionState, timeline_of
from backpropviz.document import parse_json
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address
from backpropviz.errors import BackpropVizError, UserError
from backpropviz.files.atomic import write_text
from backpropviz.frozen import frozen
from backpropviz.lessons.check import ShowMe
from backpropviz.lessons.lesson import (
    AnswerOutcome,
    Given,
    Lesson,
    LessonPass,
    LessonStep,
    answer,
    check,
    opening,
    switch_needed,
)
from backpropviz.lessons.progress import (
    LessonProgress,
    begin,
    current_step,
    from_json,
    neighbor,
    problems,
    to_json,
)
from backpropviz.lessons.reading import bundled_lesson_names, lesson_text, read_lesson
from backpropviz.named_file import file_content, named_path
from backpropviz.ui import recent
from backpropviz.ui.background import Background
from backpropviz.ui.controller import Controller
from backpropviz.ui.lessons.question import fits
from backpropviz.ui.opened import Opened, keeping_place, record, session_subject, subject_for
from backpropviz.ui.pointing import Together
from backpropviz.ui.recent import read_preferences
from backpropviz.ui.requests import OpenRequest

_FOLDER: Final = "lessons"
_LARGEST_BYTES: Final = 10_000_000


def progress_file(lesson_id: str) -> Path:
    """Where the progress of a lesson is kept."""
    return recent.data_folder() / _FOLDER / f"{lesson_id}.json"


def read_progress(lesson_id: str) -> LessonProgress | None:
    """What was kept; None where there is nothing, or nothing that can be used."""
    path = progress_file(lesson_id)
    try:
        found = from_json(parse_json(file_content(path, _LARGEST_BYTES)).value)
    except (OSError, UserError):
        return None
    return found if found.lesson == lesson_id else None


def write_progress(progress: LessonProgress) -> None:
    """Keep it, whole or not at all.

    Raises:
        UserError: the disk refuses.
    """
    path = progress_file(progress.lesson)
    write_text(path, json.dumps(to_json(progress), ensure_ascii=False, indent=1))


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


class Coach(QObject):
    """`changed` tells that step, progress or what is missing may be new."""

    began = Signal()
    changed = Signal()
    ended = Signal()
    cell_pointed = Signal(object)

    def __init__(self, controller: Controller, parent: QObject) -> None:
        super().__init__(parent)
        self._controller = controller
        self._loaded: LoadedLesson | None = None
        self._progress: LessonProgress | None = None
        self.own_session: Opened | None = None
        self.shows_score = False
        self.missing: tuple[str, ...] = ()
        self._lit: tuple[Address, ...] = ()
        self._tape: Tape | None = None
        self._loader = Background(self)
        self._loader.answered.connect(self._begin)
        self._loader.failed.connect(self._fail)
        controller.state_changed.connect(self._follow)

    @property
    def is_on(self) -> bool:
        return self._loaded is not None

    @property
    def loaded(self) -> LoadedLesson:
        if self._loaded is None:
            raise BackpropVizError("no lesson is open")
        return self._loaded

    @property
    def progress(self) -> LessonProgress:
        """Where the learner stands in it."""
        return self._progress or begin(self.loaded.lesson)

    @property
    def step(self) -> LessonStep:
        return current_step(self.loaded.lesson, self.progress)

    @property
    def tape(self) -> Tape:
        """The pass on the screen; the step's own where that has not what the step speaks of."""
        opened, own = self._controller.opened, self.loaded.passes[self.step.on].view.tape
        if opened is None or opened.view.tape is own or self.switch_text:
            return own
        if self._tape is not opened.view.tape and fits(self.step, opened.view.tape):
            self._tape = opened.view.tape
        return opened.view.tape if self._tape is opened.view.tape else own

    @property
    def switch_text(self) -> str:
        """Why another network must be opened for the step; empty where its own is open."""
        opened, wanted = self._controller.opened, self.loaded.passes[self.step.on]
        if opened is not None and opened.subject.network == wanted.subject.network:
            return ""
        here = None if opened is None else session_subject(opened.subject)
        return switch_needed(self.step.on, here)

    def open(self, name: str) -> None:
        """Open a bundled lesson or a file where it was left; what is open waits."""
        self._controller.busy_changed.emit("Opening the lesson…")
        self._loader.run(lambda: load_lesson(name))

    def stop(self) -> None:
        """Wait until no thread works for the coach."""
        self._loader.stop()

    def _begin(self, loaded: LoadedLesson) -> None:
        self._controller.busy_changed.emit("")
        if not self.is_on:
            self.own_session = self._controller.opened
            self._controller.is_lent = True
        self._loaded, self._progress = loaded, loaded.progress
        self.shows_score = False
        self._open_first()
        self.began.emit()
        self.changed.emit()

    def _open_first(self) -> None:
        self._tape, self._lit = None, ()
        start = self.loaded.passes[self.step.on]
        is_own = start is self.loaded.passes[self.loaded.lesson.on]
        self._controller.show(self.loaded.at_start() if is_own else start)
        self._look()

    def restart(self) -> None:
        """Begin anew; the score too."""
        self._save(begin(self.loaded.lesson))
        self.shows_score = False
        self._open_first()
        self.changed.emit()

    def leave(self) -> None:
        """Keep the progress and put back what was open before."""
        if not self.is_on:
            return
        kept = self.own_session
        if kept is None:
            self._controller.close_pass()
        self.end()
        if kept is not None:
            self._controller.show(kept)

    def end(self) -> Opened | None:
        """Without putting anything back; returns what was open before."""
        kept, self.own_session = self.own_session, None
        if self.is_on:
            self._controller.is_lent = False
            self._loaded = self._progress = self._tape = None
            self._lit = ()
            self.shows_score = False
            self.ended.emit()
        return kept

    def move(self, by: int) -> None:
        """To the next step (1) or the one before (−1); after the last one comes the score."""
        if self.shows_score:
            self.shows_score = by > 0
            self.changed.emit()
            return
        self._put_out()
        step = neighbor(self.loaded.lesson, self.progress, by)
        if step is None:
            self.shows_score = by > 0
        else:
            self._tape = None
            self._save(self.progress.at(step))
            self.switch()
        self._look()
        self.changed.emit()

    def switch(self) -> None:
        """Open the step's own pass, at the same place where it is the same network."""
        wanted, current = self.loaded.passes[self.step.on], self._controller.opened
        if current is None or self.switch_text:
            self._controller.show(wanted)
        elif current.view.tape is not wanted.view.tape:
            self._controller.show(keeping_place(wanted, current))

    def answer(self, given: Given) -> AnswerOutcome | None:
        """Hold an answer to the pass and keep it; None where the step asks nothing.

        Raises:
            UserError: it is not of the kind that is asked for; it does not count.
        """
        if self.step.question is None:
            return None
        outcome = answer(self.step.question, given, self.tape)
        self._save(self.progress.answered(self.step, str(given), is_right=outcome.is_right))
        self._look()
        self.changed.emit()
        return outcome

    def reveal(self) -> None:
        """Tell the answer; the question does not count as right."""
        self._save(self.progress.revealed(self.step))
        self._look()
        self.changed.emit()

    def show_me(self) -> None:
        """Go where the step's check is met and light up what it names."""
        self.switch()
        opened, place = self._controller.opened, self.step.show.place or self.step.check
        if opened is None or place is None:
            return
        commands: list[Command] = [ShowMe(place)]
        lit = tuple(a for a in self.step.show.highlight if a not in opened.state.pins)
        self._lit += lit
        commands += [TogglePin(address) for address in lit]
        self._controller.jump(Together(tuple(commands)))

    def _put_out(self) -> None:
        """What “Show me” has lit is for one step only."""
        lit, self._lit = self._lit, ()
        opened = self._controller.opened
        pinned = [a for a in lit if opened is not None and a in opened.state.pins]
        if pinned:
            self._controller.dispatch(Together(tuple(TogglePin(a) for a in pinned)))

    def go_to(self, address: Address) -> None:
        """Where a value of the text comes about."""
        self._controller.jump(GoToAddress(address))

    def _follow(self, old: Opened | None, new: Opened | None) -> None:
        if new is None:
            self._loader.drop()
        if not self.is_on or new is None:
            return
        self._look()
        if old is not None and old.view.tape is new.view.tape:
            for pin in new.state.pins[-1:]:
                if pin not in old.state.pins:
                    self.cell_pointed.emit(pin)
        self.changed.emit()

    def _look(self) -> None:
        """Hold the step's check to the state; once met, it stays met."""
        opened, step = self._controller.opened, self.step
        if opened is None or self.switch_text:
            self.missing = ()
            return
        self.missing = check(step, opened.state, opened.timeline, opened.view.tape)
        is_new = step.check is not None and step.title not in self.progress.done
        if is_new and not self.missing and self.progress.has_answer(step):
            self._save(self.progress.met(step))

    def _save(self, progress: LessonProgress) -> None:
        self._progress = progress
        try:
            write_progress(progress)
        except (BackpropVizError, OSError):
            # A full or read-only disk must not end the lesson.
            return

    def _fail(self, error: BaseException) -> None:
        self._controller.busy_changed.emit("")
        self._controller.failed.emit(error)
