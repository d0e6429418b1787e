"""Where the docks stand, which are shown, and how the keyboard goes from one to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QDockWidget, QMainWindow, QWidget

from backpropviz.ui.preferences import saved_state

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
        """Give the left side back: the docks, where they are shown, are as they were."""
        self._guest = ""
        dock = self.by_name.pop(name)
        self._window.removeDockWidget(dock)
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
        self._window.resizeDocks(left, [room - _STACK_HEIGHT, _STACK_HEIGHT], vertical)
        lists = list(_LISTS_HEIGHTS if size.height() >= _LOW else _LOW_LISTS_HEIGHTS)
        self._window.resizeDocks(right, [room - sum(lists), *lists], vertical)


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
