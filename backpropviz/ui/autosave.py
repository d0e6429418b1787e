"""Keeps what is open while it changes, beside the window, so that nothing can take it away.

At most `EVERY_MS` and the time of writing lie between a change and the disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Signal

from backpropviz.ui.background import Background
from backpropviz.ui.kept_work import KeptDraft, KeptRun, Work, WorkFolder, new_work_folder
from backpropviz.ui.opened import Opened
from backpropviz.ui.session_file import place_to_json
from backpropviz.ui.subject import target_text

if TYPE_CHECKING:
    from backpropviz.engine.training.course import Course
    from backpropviz.storage.run_file import SavedRun
    from backpropviz.ui.training.controller import TrainingController
    from backpropviz.ui.training.state import RunState
    from backpropviz.ui.workbench import Workbench

EVERY_MS = 15_000
PAST_BYTES: Final = 8_000_000
"""Of a run's checkpoints: any state of the past follows from them, in more time from fewer."""


class Autosave(QObject):
    """Made once, beside the workbench; `kept` when all is on the disk, `failed` when it is not."""

    kept = Signal()
    failed = Signal(object)

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        self._bench = bench
        self.folder: WorkFolder | None = None
        self._runs: dict[int, tuple[int, Course]] = {}
        self._has_failed = self._is_finished = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(EVERY_MS)
        self._soon.timeout.connect(self.save)
        self._writer = Background(self)
        self._writer.answered.connect(self._take)
        self._writer.failed.connect(self._fail)

    def note(self, *_: object) -> None:
        """Something has changed."""
        if not self._soon.isActive():
            self._soon.start()

    def save(self) -> None:
        """Keep what is open now."""
        self._soon.stop()
        if self._writer.is_busy:
            self._soon.start()
            return
        training = self._training
        run = None if training is None else training.state.run
        if training is not None and run is not None and self._is_news(run):
            training.saved(self._write_with, PAST_BYTES)
        else:
            self._write(self._work(None))

    def unsaved(self) -> tuple[str, ...]:
        """What is in no file of the person's own, in words."""
        training, draft = self._training, self._bench.editor.unsaved
        runs = () if training is None else training.state.runs
        found = [_run_words(run) for run in runs if training and training.is_unsaved(run)]
        if draft is not None:
            found.append(self.tr("network “{title}” in the editor").format(title=draft.title))
        return tuple(found)

    def finish(self, *, keeps: bool) -> None:
        """At the end, when nothing works any more: keep what is in no file, for the next start.

        Raises:
            BackpropVizError, OSError: it cannot be kept; what was kept before is.
        """
        self._soon.stop()
        self._writer.stop()
        if self._is_finished:
            return
        self._is_finished = True
        if keeps and self.unsaved():
            work = self._work(None, is_closed=True)
            if self.folder is None:
                self.folder = new_work_folder()
            self.folder.write(work)
            self.folder.let_go()
        elif self.folder is not None:
            self.folder.remove()
        self.folder = None

    @property
    def _training(self) -> TrainingController | None:
        desk = self._bench.training
        return desk.room.controller if desk.has_run else None

    def _is_news(self, run: RunState) -> bool:
        return self._runs.get(run.number) != (run.now.iteration, run.run.course)

    def _write_with(self, saved: SavedRun) -> None:
        """With the run that is trained, as its thread has told it between two updates."""
        self._write(self._work(saved))

    def _write(self, work: Work) -> None:
        if not (work.opened or work.runs or work.draft):
            if self.folder is not None:
                self.folder.remove()
                self.folder = None
            self.kept.emit()
            return
        try:
            folder = self.folder = self.folder or new_work_folder()
        except OSError as error:
            self._fail(error)
            return
        self._writer.run(partial(_written, folder, work))

    def _work(self, newest: SavedRun | None, *, is_closed: bool = False) -> Work:
        """What is open; of the runs that stand still, those that have changed."""
        bench, training = self._bench, self._training
        opened, draft = bench.own_pass, bench.editor.kept_draft
        runs = () if training is None else self._kept_runs(training, newest)
        return Work(
            opened=opened,
            runs=runs,
            current=0 if training is None else training.state.current,
            update=self._update(opened),
            draft=draft,
            is_training_shown=bench.training.is_shown,
            is_closed=is_closed,
            titles=self._titles(opened, draft),
        )

    def _kept_runs(
        self, training: TrainingController, newest: SavedRun | None
    ) -> tuple[KeptRun, ...]:
        found: list[KeptRun] = []
        for run in training.state.runs:
            is_newest = newest is not None and newest.run.start is run.run.start
            saved = newest if is_newest else None
            if saved is None and self._is_news(run):
                saved = training.standing(run, PAST_BYTES)
            found.append(KeptRun(run.number, saved, is_in_file=not training.is_unsaved(run)))
        return tuple(found)

    def _update(self, opened: Opened | None) -> tuple[int, Mapping[str, object]] | None:
        """The update of the shown run that stands in the debugger."""
        training = self._training
        if opened is None or training is None or training.state.run is None:
            return None
        from backpropviz.ui.training.debugged import UpdateSubject

        subject = opened.subject
        if not isinstance(subject, UpdateSubject) or subject.moment is None:
            return None
        if subject.moment.run.start is not training.state.run.run.start:
            return None
        return subject.moment.iteration, place_to_json(opened)

    def _titles(self, opened: Opened | None, draft: KeptDraft | None) -> tuple[str, ...]:
        training, found = self._training, []
        if opened is not None and not opened.subject.save_refusal:
            found.append(_pass_words(opened))
        found += [_run_words(run) for run in (() if training is None else training.state.runs)]
        if draft is not None:
            title = draft.draft.title
            found.append(self.tr("network “{title}” in the editor").format(title=title))
        return tuple(found)

    def _take(self, work: Work) -> None:
        self._has_failed = False
        for run in work.runs:
            if run.saved is not None:
                self._runs[run.number] = run.saved.now.iteration, run.saved.run.course
        self.kept.emit()

    def _fail(self, error: BaseException) -> None:
        """Told once; the next change tries again."""
        self.note()
        if not self._has_failed:
            self._has_failed = True
            self.failed.emit(error)


def _written(folder: WorkFolder, work: Work) -> Work:
    folder.write(work)
    return work


def _pass_words(opened: Opened) -> str:
    subject = opened.subject
    name = subject.image_name.replace("\\", "/").rpartition("/")[2]
    place = opened.focus_address
    where = f", at {place}" if place is not None else ""
    return f"{subject.network_title}, {name}, target {target_text(subject)}{where}"


def _run_words(run: RunState) -> str:
    return f"run “{run.run.title}” at update {run.now.iteration:,}"
