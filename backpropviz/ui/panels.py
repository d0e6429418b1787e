"""The panels of the docks: a head over a scene, over rows, or over several lists."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QFrame, QStackedWidget, QVBoxLayout, QWidget

from backpropviz.figures.view import View
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui.controls import PanelHead, Segmented
from backpropviz.ui.row_list import RowList
from backpropviz.ui.scene_view import SceneView

Figure = Callable[[View, float, Theme], Scene]
KeyOfInterest = Callable[[View], str]
"""The mark that must not be scrolled out of sight."""


def no_key(_: View) -> str:
    """A figure that is read from its top."""
    return ""


class ScenePanel(QFrame):
    """A head over a figure that fills the width and scrolls where it is higher."""

    def __init__(self, title: str, figure: Figure, key_of_interest: KeyOfInterest = no_key) -> None:
        super().__init__()
        self.setObjectName("Panel")
        self._figure, self._key_of_interest = figure, key_of_interest
        self._view: View | None = None
        self._colors: Theme = LIGHT
        self.head = PanelHead(title)
        self.canvas = SceneView()
        self.canvas.setAccessibleName(title)
        self.canvas.resized.connect(self.draw)
        column = _column(self)
        column.addWidget(self.head)
        column.addWidget(self.canvas, 1)
        self.setFocusProxy(self.canvas)

    def show_view(self, view: View, colors: Theme) -> None:
        """Draw the figure of a moment."""
        self._view, self._colors = view, colors
        self.draw()

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self._colors = colors
        self.head.use_theme(colors)
        self.draw()

    @property
    def shown(self) -> View | None:
        """The moment that it shows."""
        return self._view

    def draw(self) -> None:
        """Draw the figure where the panel is seen."""
        if self._view is None or not self.isVisible():
            return
        width = self.canvas.viewport().width()
        self.canvas.show_scene(self._figure(self._view, width, self._colors), self._colors)
        self.canvas.keep_in_sight(self._key_of_interest(self._view))

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show:
            self.draw()
        return super().event(event)


class ListPanel(QFrame):
    """A head over rows."""

    def __init__(self, title: str, rows: RowList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Panel")
        self.head = PanelHead(title)
        self.rows = rows
        column = _column(self)
        column.addWidget(self.head)
        column.addWidget(rows, 1)
        self.setFocusProxy(rows)

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self.head.use_theme(colors)
        self.rows.use_theme(colors)


class SwitchedPanel(QFrame):
    """A head that chooses between lists, over the chosen one."""

    switched = Signal(int)

    def __init__(self, name: str, lists: tuple[tuple[str, RowList], ...]) -> None:
        super().__init__()
        self.setObjectName("Panel")
        self.head = PanelHead("")
        self._choice = Segmented(name)
        self._choice.set_choices([(title, number, "") for number, (title, _) in enumerate(lists)])
        self._choice.set_value(0)
        self._choice.chosen.connect(self.choose)
        self.head.put_first(self._choice)
        self._pages = QStackedWidget()
        self._lists = tuple(rows for _, rows in lists)
        for rows in self._lists:
            self._pages.addWidget(rows)
        column = _column(self)
        column.addWidget(self.head)
        column.addWidget(self._pages, 1)

    def choose(self, number: int) -> None:
        """Show one of the lists."""
        self._choice.set_value(number)
        self._pages.setCurrentIndex(number)
        self.switched.emit(number)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._lists[self._pages.currentIndex()].setFocus(event.reason())

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self.head.use_theme(colors)
        for rows in self._lists:
            rows.use_theme(colors)


def _column(owner: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(owner)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    return column
