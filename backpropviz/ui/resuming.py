"""The offer to resume what a window has left: after a crash, or kept when it was closed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from backpropviz.files.atomic import remove_leftovers
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY_STRONG
from backpropviz.ui import recent
from backpropviz.ui.background import Background
from backpropviz.ui.kept_work import LoadedWork, WorkFolder, WorkSummary, left_work
from backpropviz.ui.plain_text import PlainLabel
from backpropviz.ui.recent import read_preferences, when_text

if TYPE_CHECKING:
    from backpropviz.ui.workbench import Workbench

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
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self.discard = QPushButton("Discard")
        self.discard.clicked.connect(self._ask_twice)
        self.resume = QPushButton("Resume")
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
    """Made once, beside the workbench: finds what was left, offers the newest, resumes it."""

    changed = Signal()
    resumed = Signal()

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        self._bench = bench
        self._left = list(left_work())
        self._taken: WorkFolder | None = None
        self._reader = Background(self)
        self._reader.answered.connect(self._take)
        self._reader.failed.connect(self._fail)
        bench.autosave.kept.connect(self._forget)
        self._tidier = Background(self)
        self._tidier.run(partial(_tidy, _written_to()))

    @property
    def has_offer(self) -> bool:
        """Whether there is something to resume."""
        return bool(self._left)

    def offer(self) -> ResumeOffer | None:
        """A card for the newest work that was left."""
        if not self._left:
            return None
        card = ResumeOffer(self._left[0].summary())
        card.resumed.connect(self.resume)
        card.discarded.connect(self.discard)
        return card

    def resume(self) -> None:
        """Open the newest work that was left, beside what is open."""
        if self._left and not self._reader.is_busy:
            self._bench.controller.busy_changed.emit("Opening…")
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
        self._bench.controller.busy_changed.emit("")
        self._taken = self._left.pop(0)
        self._bench.take_work(loaded)
        self.changed.emit()
        self.resumed.emit()
        self._bench.autosave.save()

    def _forget(self) -> None:
        """What was resumed is in this window's own folder now."""
        if self._taken is not None:
            self._taken.remove()
            self._taken = None

    def _fail(self, error: BaseException) -> None:
        self._bench.controller.busy_changed.emit("")
        self._bench.controller.failed.emit(error)


def _written_to() -> tuple[Path, ...]:
    """Where a window that was killed may have left temporary files."""
    chosen = str(QSettings().value("folder/save", ""))
    return Path(gettempdir()), recent.data_folder(), *([Path(chosen)] if chosen else ())


def _tidy(folders: tuple[Path, ...]) -> None:
    for folder in folders:
        remove_leftovers(folder)
