"""The panels around the stage and their docks: where they stand, and the keyboard's way."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QSettings, Qt, Signal
from PySide6.QtGui import QAction, QFocusEvent, QGuiApplication
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QApplication,
    QDockWidget,
    QFrame,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from backpropviz.figures.view import View
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui.controls import PanelHead, Segmented
from backpropviz.ui.recent import saved_state
from backpropviz.ui.row_list import RowList
from backpropviz.ui.scene_view import SceneView

if TYPE_CHECKING:
    from backpropviz.engine.gradcheck import Checked
    from backpropviz.figures.explain.code import CodeVersion


WIDTHS: Final = (256, 375)
NARROW_WIDTHS: Final = (232, 330)
"""Of the left and the right docks; the narrow ones leave room for the stage in a small window."""
_NARROW: Final = 1440
_STACK_HEIGHT: Final = 276
_LISTS_HEIGHTS: Final = (124, 96)
_LOW: Final = 900
_LOW_LISTS_HEIGHTS: Final = (84, 76)
_BARS_HEIGHT: Final = 28 + 41 + 152 + 24
_VERSION: Final = 2
_KEY: Final = "window/docks"


class Docks:
    """The docks of a window by name: left and right own the upper area, the bottom its corners."""

    def __init__(
        self,
        window: QMainWindow,
        left: Mapping[str, tuple[str, QWidget]],
        right: Mapping[str, tuple[str, QWidget]],
        bottom: Mapping[str, tuple[str, QWidget]],
    ) -> None:
        self._window = window
        self.by_name: dict[str, QDockWidget] = {}
        area, corner = Qt.DockWidgetArea, Qt.Corner
        window.setCorner(corner.BottomLeftCorner, area.BottomDockWidgetArea)
        window.setCorner(corner.BottomRightCorner, area.BottomDockWidgetArea)
        self._add(left, area.LeftDockWidgetArea)
        self._add(right, area.RightDockWidgetArea)
        self._add(bottom, area.BottomDockWidgetArea)
        self._left, self._right = list(left), list(right)
        self._guest = ""
        self._is_shown = False

    def _add(self, panels: Mapping[str, tuple[str, QWidget]], area: Qt.DockWidgetArea) -> None:
        for name, (title, content) in panels.items():
            dock = bare_dock(name, title, content, self._window)
            self.by_name[name] = dock
            self._window.addDockWidget(area, dock)
            dock.toggleViewAction().setEnabled(False)
            dock.hide()

    def show(self) -> None:
        """Show the docks as they were the last time, else at their first sizes."""
        self._is_shown = True
        for dock in self.by_name.values():
            dock.toggleViewAction().setEnabled(True)
            dock.show()
        state = saved_state(_KEY)
        if state is None or not self._window.restoreState(state, _VERSION):
            self._resize()
        if self._guest:
            self._lend()

    def reset(self) -> None:
        """Show every dock at its first place and size."""
        QSettings().remove(_KEY)
        areas = Qt.DockWidgetArea
        for names, area in (
            (self._left, areas.LeftDockWidgetArea),
            (self._right, areas.RightDockWidgetArea),
        ):
            for name in names:
                self._window.removeDockWidget(self.by_name[name])
                self._window.addDockWidget(area, self.by_name[name])
        if self._is_shown:
            self.show()

    def hide(self) -> None:
        """Remember the docks and hide them."""
        self.remember()
        self._is_shown = False
        for dock in self.by_name.values():
            dock.toggleViewAction().setEnabled(False)
            dock.hide()

    def remember(self) -> None:
        """Keep sizes and visibility for the next time; a guest's stay is no layout."""
        if not self._guest and any(dock.isVisible() for dock in self.by_name.values()):
            QSettings().setValue(_KEY, self._window.saveState(_VERSION))

    def show_guest(self, name: str, dock: QDockWidget) -> None:
        """Lend a dock the whole left side, as wide as the right one."""
        self.remember()
        self._guest = name
        dock.setObjectName(name)
        if name not in self.by_name:
            self.by_name[name] = dock
            self._window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
        if self._is_shown:
            self._lend()

    def _lend(self) -> None:
        for own in self._left:
            self.by_name[own].hide()
        dock = self.by_name[self._guest]
        dock.show()
        widths = WIDTHS if self._window.width() >= _NARROW else NARROW_WIDTHS
        self._window.resizeDocks([dock], [widths[1]], Qt.Orientation.Horizontal)

    def dismiss_guest(self, name: str) -> None:
        """Give the left side back: the docks, where they are shown, are as they were.

        Without its name no layout that is restored brings the guest back.
        """
        self._guest = ""
        dock = self.by_name.pop(name)
        self._window.removeDockWidget(dock)
        dock.setObjectName("")
        dock.hide()
        if self._is_shown:
            self.show()

    def actions(self) -> Sequence[QAction]:
        """A checkable action for each dock."""
        return [dock.toggleViewAction() for dock in self.by_name.values()]

    def focus_next(self, stage: QWidget, by: int) -> None:
        """Move the keyboard to the next (previous) panel, the stage among them."""
        shown = (dock.widget() for dock in self.by_name.values() if dock.isVisible())
        focus_next([stage, *shown], by)

    def _resize(self) -> None:
        horizontal, vertical = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        left = [self.by_name[name] for name in self._left]
        right = [self.by_name[name] for name in self._right]
        size = self._window.size()
        widths = WIDTHS if size.width() >= _NARROW else NARROW_WIDTHS
        room = size.height() - _BARS_HEIGHT
        self._window.resizeDocks([left[0], right[0]], list(widths), horizontal)
        self._window.resizeDocks(left, [max(1, room - _STACK_HEIGHT), _STACK_HEIGHT], vertical)
        lists = list(_LISTS_HEIGHTS if size.height() >= _LOW else _LOW_LISTS_HEIGHTS)
        self._window.resizeDocks(right, [max(1, room - sum(lists)), *lists], vertical)


def panels_of(window: QWidget) -> list[QWidget]:
    """The parts of a window beside the main one that the keyboard goes to: pictures and lists."""
    areas = [area for area in window.findChildren(QAbstractScrollArea) if area.isVisible()]
    outer = [area for area in areas if not any(own.isAncestorOf(area) for own in areas)]
    return [_first_taker(area) for area in outer] or [window]


def _first_taker(area: QWidget) -> QWidget:
    """The area, or the first thing in it that takes the keyboard."""
    takers = [area, *area.findChildren(QWidget)]
    strong = Qt.FocusPolicy.StrongFocus
    found = (w for w in takers if w.focusPolicy() & strong == strong and w.isVisible())
    return next((w for w in found if w.isEnabled()), area)


def focus_next(panels: Sequence[QWidget], by: int) -> None:
    """Move the keyboard from the panel that has it to the next one (or another in this order)."""
    focused = QApplication.focusWidget()
    here = next(
        (
            number
            for number, panel in enumerate(panels)
            if focused is not None and (panel is focused or panel.isAncestorOf(focused))
        ),
        -1,
    )
    panels[(here + by) % len(panels)].setFocus(Qt.FocusReason.TabFocusReason)


def bare_dock(name: str, title: str, content: QWidget, window: QWidget) -> QDockWidget:
    """A dock without a frame of its own: the panel's head is its title."""
    result = QDockWidget(title, window)
    result.setObjectName(name)
    result.setFeatures(QDockWidget.DockWidgetFeature.DockWidgetClosable)
    bare = QWidget()
    bare.setFixedHeight(0)
    result.setTitleBarWidget(bare)
    result.setWidget(content)
    return result


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


_FLOAT32: Final = 1e-3
"""How far a pass in float32 may lie from the same in float64."""


class ExplanationPanel(ScenePanel):
    """Remembers how the person wants a step written; the figure is imported when first drawn."""

    def __init__(self, title: str) -> None:
        super().__init__(title, self._figure_of)
        self._version: CodeVersion | None = None
        self._is_unfolded = False
        self._checked: Checked | None = None
        self._also = ""
        self.canvas.clicked.connect(self._click)

    def show_check(self, checked: Checked, also: str) -> None:
        """Show the verdict on a gradient wherever that gradient is explained."""
        self._checked, self._also = checked, also
        self.draw()

    def _figure_of(self, view: View, width: float, colors: Theme) -> Scene:
        from backpropviz.figures.explain.code import CodeVersion
        from backpropviz.figures.explain.explanation import explanation

        self._version = self._version or CodeVersion.LOOPS
        found = explanation(
            view.explained, width, colors, code_version=self._version, unfolded=self._is_unfolded
        )
        if self._checked is None or not _is_of(self._checked, view):
            return found
        from backpropviz.figures.analysis.check import under_badge

        return under_badge(self._checked, self._also, found, colors)

    def _click(self, key: str) -> None:
        from backpropviz.figures.explain.code import COPY_KEY, CodeVersion, version_key
        from backpropviz.figures.explain.explanation import UNFOLD_KEY

        if key == COPY_KEY:
            self._copy()
            return
        chosen = next((v for v in CodeVersion if version_key(v) == key), None)
        if chosen is None and key != UNFOLD_KEY:
            return
        self._version = chosen or self._version
        self._is_unfolded ^= key == UNFOLD_KEY
        self.draw()

    def _copy(self) -> None:
        from backpropviz.figures.explain.code import CodeVersion, code_source

        if self.shown is not None:
            source = code_source(self.shown.explained, self._version or CodeVersion.LOOPS)
            QGuiApplication.clipboard().setText(source)


def _is_of(checked: Checked, view: View) -> bool:
    """Whether a verdict is on the value that is explained, in this very pass."""
    derivation, gradient = view.explained.derivation, checked.address.grad
    if derivation is None or gradient.array not in view.tape:
        return False
    is_there = view.tape.resolve(gradient) == view.tape.resolve(derivation.address)
    return is_there and math.isclose(
        view.tape.value(gradient), checked.analytic, rel_tol=_FLOAT32, abs_tol=_FLOAT32
    )
