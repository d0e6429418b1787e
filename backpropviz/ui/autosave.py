"""Unsaved work: kept against a crash, asked about at the end, and offered again to be resumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QSettings, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from backpropviz.files.atomic import remove_leftovers
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY_STRONG
from backpropviz.ui import recent
from backpropviz.ui.background import Background
from backpropviz.ui.controls import PlainLabel
from backpropviz.ui.dialog import FramedDialog
from backpropviz.ui.host import Host
from backpropviz.ui.kept_work import (
    KeptDraft,
    KeptRun,
    LoadedWork,
    Work,
    WorkFolder,
    WorkSummary,
    left_work,
    new_work_folder,
    place_to_json,
)
from backpropviz.ui.opened import Opened, target_text
from backpropviz.ui.recent import read_preferences, when_text

if TYPE_CHECKING:
    from backpropviz.engine.training.run import Course
    from backpropviz.files.run import SavedRun
    from backpropviz.ui.editor.desk import EditorDesk
    from backpropviz.ui.training.controller import RunState, TrainingController
    from backpropviz.ui.training.desk import TrainingDesk

EVERY_MS = 15_000
PAST_BYTES: Final = 8_000_000
"""Of a run's checkpoints: any state of the past follows from them, in more time from fewer."""


class Autosave(QObject):
    """Made once; `kept` when all is on the disk, `failed` when it is not.

    `own_pass` tells the pass that is the person's own, which may wait behind a lesson; `kept_pass`
    the one that a file holds, which may wait behind an update of a run.
    """

    kept = Signal()
    failed = Signal(object)

    def __init__(
        self,
        host: Host,
        own_pass: Callable[[], Opened | None],
        kept_pass: Callable[[], Opened | None],
        training: TrainingDesk,
        editor: EditorDesk,
    ) -> None:
        super().__init__(host.window)
        self._own_pass, self._kept_pass = own_pass, kept_pass
        self._desk, self._editor = training, editor
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
        training, draft = self._training, self._editor.unsaved
        runs = () if training is None else training.state.runs
        found = [_run_words(run) for run in runs if training and training.is_unsaved(run)]
        if draft is not None:
            found.append(f"network “{draft.title}” in the editor")
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
        return self._desk.room.controller if self._desk.has_run else None

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
        training, opened, draft = self._training, self._kept_pass(), self._editor.kept_draft
        runs = () if training is None else self._kept_runs(training, newest)
        return Work(
            opened=opened,
            runs=runs,
            current=0 if training is None else training.state.current,
            update=self._update(self._own_pass()),
            draft=draft,
            is_training_shown=self._desk.is_shown,
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
        from backpropviz.ui.training.past import UpdateSubject

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
            found.append(f"network “{title}” in the editor")
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


_MOST_TITLES = 3


class ResumeOffer(QFrame):
    """A card: what is kept, to be resumed or discarded."""

    resumed = Signal()
    discarded = Signal()

    def __init__(self, summary: WorkSummary) -> None:
        super().__init__()
        self.setObjectName("Card")
        heading = PlainLabel(self._heading(summary))
        heading.setFont(qfont(BODY_STRONG))
        heading.setObjectName("Plain")
        text = PlainLabel(self._text(summary))
        text.setObjectName("Secondary")
        for label in (heading, text):
            label.setWordWrap(True)
        self.discard = QPushButton("Discard")
        self.discard.clicked.connect(self._ask_twice)
        self.resume = QPushButton(f"Resume {summary.whole}")
        self.resume.setObjectName("Primary")
        self.resume.clicked.connect(self.resumed)
        for button in (self.discard, self.resume):
            button.setFixedHeight(32)
            button.setAccessibleDescription(text.text())
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(heading)
        words.addWidget(text)
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 14, 16, 14)
        row.setSpacing(12)
        row.addLayout(words, 1)
        row.addWidget(self.discard)
        row.addWidget(self.resume)

    def _heading(self, summary: WorkSummary) -> str:
        if summary.is_closed:
            return "Kept when you closed the window"
        return "BackpropViz ended unexpectedly; what was open is kept"

    def _text(self, summary: WorkSummary) -> str:
        titles = list(summary.titles[:_MOST_TITLES])
        more = len(summary.titles) - len(titles)
        if more:
            titles.append(f"and {more} more")
        when = when_text(summary.when[:16])
        return ";  ".join(titles) + (f"  ·  {when}" if when else "")

    def _ask_twice(self) -> None:
        """Discarding cannot be undone: the button asks once more."""
        sure = "Discard it for good"
        if self.discard.text() == sure:
            self.discarded.emit()
        else:
            self.discard.setText(sure)


class Resuming(QObject):
    """Made once: finds what was left, offers the newest, hands it over as `loaded`."""

    changed = Signal()
    loaded = Signal(object)
    resumed = Signal()

    def __init__(self, host: Host, autosave: Autosave) -> None:
        super().__init__(host.window)
        self._controller, self._autosave = host.controller, autosave
        self._left = list(left_work())
        self._taken: WorkFolder | None = None
        self._reader = Background(self)
        self._reader.answered.connect(self._take)
        self._reader.failed.connect(self._fail)
        autosave.kept.connect(self._forget)
        self._tidier = Background(self)
        self._tidier.run(partial(_tidy, _written_to()))

    @property
    def has_offer(self) -> bool:
        """Whether there is something to resume."""
        return bool(self._left)

    @property
    def offered(self) -> WorkSummary | None:
        """The newest work that was left."""
        return self._left[0].summary() if self._left else None

    def offer(self) -> ResumeOffer | None:
        """A card for the newest work that was left."""
        summary = self.offered
        if summary is None:
            return None
        card = ResumeOffer(summary)
        card.resumed.connect(self.resume)
        card.discarded.connect(self.discard)
        return card

    def resume(self) -> None:
        """Open the newest work that was left, beside what is open."""
        if self._left and not self._reader.is_busy:
            self._controller.busy_changed.emit("Opening…")
            diverging = read_preferences().diverging
            self._reader.run(partial(self._left[0].load, diverging))

    def discard(self) -> None:
        """Remove the newest work that was left."""
        if self._left and not self._reader.is_busy:
            self._left.pop(0).remove()
            self.changed.emit()

    def stop(self) -> None:
        """Wait for the thread; what was neither resumed nor discarded is offered again."""
        self._reader.stop()
        self._tidier.stop()
        for folder in (*self._left, *([self._taken] if self._taken else ())):
            folder.let_go()

    def _take(self, loaded: LoadedWork) -> None:
        self._controller.busy_changed.emit("")
        self._taken = self._left.pop(0)
        self.loaded.emit(loaded)
        self.changed.emit()
        self.resumed.emit()
        self._autosave.save()

    def _forget(self) -> None:
        """What was resumed is in this window's own folder now."""
        if self._taken is not None:
            self._taken.remove()
            self._taken = None

    def _fail(self, error: BaseException) -> None:
        self._controller.busy_changed.emit("")
        self._controller.failed.emit(error)


def _written_to() -> tuple[Path, ...]:
    """Where a window that was killed may have left temporary files."""
    chosen = str(QSettings().value("folder/save", ""))
    return Path(gettempdir()), recent.data_folder(), *([Path(chosen)] if chosen else ())


def _tidy(folders: tuple[Path, ...]) -> None:
    for folder in folders:
        remove_leftovers(folder)


class ClosingChoice(Enum):
    """What is to become of work that is in no file."""

    KEEP = "keep"
    DISCARD = "discard"
    CANCEL = "cancel"


class ClosingDialog(FramedDialog):
    """Enter keeps, Esc stays."""

    def __init__(self, parent: QWidget, unsaved: tuple[str, ...], *, is_training: bool) -> None:
        super().__init__(parent, "Close with unsaved work?")
        self.answer = ClosingChoice.CANCEL
        self.setMinimumWidth(480)
        goes_on = "The training goes on until you choose, and is kept as far as it is then. "
        kept = "What is in no file yet can be kept: it is offered when you start again."
        self.say(goes_on + kept if is_training else kept)
        for text in unsaved:
            line = PlainLabel(f"•  {text[:1].upper()}{text[1:]}")
            line.setWordWrap(True)
            self.body.addWidget(line)
        self.discard = self.add_button("Discard")
        self.cancel = self.add_button("Cancel")
        self.keep = self.add_button("Keep and close", is_primary=True)
        self.discard.clicked.connect(self._discard)
        self.cancel.clicked.connect(self.reject)
        self.keep.clicked.connect(self._keep)
        self.keep.setFocus()

    def _discard(self) -> None:
        self.answer = ClosingChoice.DISCARD
        self.accept()

    def _keep(self) -> None:
        self.answer = ClosingChoice.KEEP
        self.accept()


def ask_to_close(parent: QWidget, unsaved: tuple[str, ...], *, is_training: bool) -> ClosingChoice:
    """What to do with unsaved work."""
    dialog = ClosingDialog(parent, unsaved, is_training=is_training)
    dialog.exec()
    answer = dialog.answer
    dialog.deleteLater()
    return answer
