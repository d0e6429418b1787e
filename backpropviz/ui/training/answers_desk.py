"""Opens the window of answers at a cell of the confusion matrix, and keeps it with the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from backpropviz.figures.training.confusion import parse_confusion
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui.training.state import RunState

if TYPE_CHECKING:
    from backpropviz.ui.training.answers_window import AnswersWindow


class AnswersDesk(QObject):
    """While the window is open, the network is asked again at each validation and in the past."""

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self._owner = owner
        self._run: RunState | None = None
        self._colors: Theme = LIGHT
        self._asked: tuple[object, ...] = ()
        self.window: AnswersWindow | None = None

    def follow(self, run: RunState, colors: Theme) -> None:
        """Another moment of a run, or another theme."""
        is_dressed, self._colors = colors is self._colors, colors
        self._run = run
        if self.window is not None:
            if not is_dressed:
                self.window.use_theme(colors)
            self._ask(self.window)

    def click(self, key: str) -> None:
        """Show the samples of a cell."""
        from backpropviz.ui.training.answers_window import AnswersWindow

        cell = parse_confusion(key)
        if cell is None or self._run is None:
            return
        if self.window is None:
            self.window = AnswersWindow(self._owner.window(), self._colors)
            self.window.closed.connect(self._forget)
        self.window.show_cell(*cell)
        self.window.show()
        self.window.raise_()
        self._ask(self.window)

    def _ask(self, window: AnswersWindow) -> None:
        run = self._run
        if run is None or run.shown is None:
            return
        past = None if run.visited is None else run.shown_iteration
        moment = (run.number, len(run.history.validated), past)
        if moment != self._asked:
            self._asked = moment
            window.show_moment(run.run, run.shown)

    def _forget(self) -> None:
        self.window, self._asked = None, ()
