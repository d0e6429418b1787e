"""A window that works by itself until it is killed: steps, trains or edits, and logs what it did.

    python -m tests.hardening.busy_window FOLDER step|train|edit LOG

Every line of the log: the time, the amount done, and whether all up to it was told to be kept.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from backpropviz.debugger.commands import Over
from backpropviz.engine.architecture.draft import Draft
from backpropviz.ui import autosave, main_window, recent
from backpropviz.ui.application import run_window
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.workbench import Workbench
from tests.ui.training.conftest import small_run

EVERY_MS = 300
"""In place of 15 s, so that 50 windows can be killed in minutes."""


class Hand(QObject):
    """Does one thing again and again."""

    def __init__(self, window: MainWindow, mode: str, log: Path) -> None:
        super().__init__(window)
        self._window, self._mode, self._log = window, mode, log.open("w", encoding="ascii")
        self._count = self._asked = 0
        self._tick = QTimer(self)
        self._tick.setInterval(20)
        self._tick.timeout.connect(self._act)
        window.ready.connect(self._begin)

    @property
    def _bench(self) -> Workbench:
        assert self._window.workbench is not None
        return self._window.workbench

    def _begin(self) -> None:
        bench = self._bench
        bench.autosave.kept.connect(self._note_kept)
        if self._mode == "step":
            self._window.open_lenet()
        elif self._mode == "train":
            bench.training.room.begin(small_run(), starts=True)
        else:
            bench.editor.new_network()
        self._tick.start()

    def _act(self) -> None:
        bench = self._bench
        if self._mode == "step" and bench.controller.opened is not None:
            bench.controller.dispatch(Over())
            self._count = bench.controller.opened.state.k
        elif self._mode == "train":
            run = bench.training.room.controller.state.run
            self._count = 0 if run is None else run.now.iteration
        elif bench.editor.editor is not None:
            self._count += 1
            bench.editor.editor.controller.edit("retitle", self._retitled)
        self._write("did")

    def _retitled(self, draft: Draft) -> Draft:
        return replace(draft, title=f"draft {self._count}")

    def _note_kept(self) -> None:
        self._write("kept")

    def _write(self, what: str) -> None:
        self._log.write(f"{time.time()} {self._count} {what}\n")
        self._log.flush()


class BusyWindow(MainWindow):
    """The window of the program, with a hand on it."""

    def __init__(self, theme: str | None = None) -> None:
        super().__init__(theme)
        self._hand = Hand(self, sys.argv[2], Path(sys.argv[3]))


def main() -> int:
    """Work until somebody ends it."""
    recent.data_folder = lambda: Path(sys.argv[1])
    autosave.EVERY_MS = EVERY_MS
    main_window.MainWindow = BusyWindow  # type: ignore[misc]
    return run_window((), None, "light")


if __name__ == "__main__":
    sys.exit(main())
