"""Windows within the screen: none is larger than what is there to show it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from PySide6.QtCore import QElapsedTimer, QMargins, QSize, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QMoveEvent, QShowEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QWidget

from backpropviz.ui.actions import ActionSet

_USUAL_FRAME = QMargins(4, 30, 4, 6)
"""Until the window manager has said what its frame takes."""
_PLACED_BY_MANAGER_MS, _MANAGER_PAUSE_MS, _FRAMED_BY_MANAGER_MS = 1000, 60, 5000
"""So long after it is shown a window may still be moved by the window manager, and may answer; and
so long its frame is waited for, which a busy machine draws late."""


def room(widget: QWidget) -> QSize:
    """The largest size of a window's inside, so that its frame lies within the screen too."""
    frame = _frame(widget)
    return widget.screen().availableGeometry().marginsRemoved(frame).size()


def bounded(widget: QWidget, wanted: QSize) -> QSize:
    """A size, as far as the screen has room for it."""
    return wanted.boundedTo(room(widget))


def keep_on_screen(widget: QWidget) -> None:
    """Shrink and move a window until its frame lies within the screen."""
    if widget.isMaximized() or widget.isFullScreen():
        return
    most = room(widget)
    widget.setMinimumSize(widget.minimumSize().boundedTo(most))
    if bounded(widget, widget.size()) != widget.size():
        widget.resize(bounded(widget, widget.size()))
    area, frame = widget.screen().availableGeometry(), _frame(widget)
    outer = widget.geometry().marginsAdded(frame)
    outer.moveRight(min(outer.right(), area.right()))
    outer.moveBottom(min(outer.bottom(), area.bottom()))
    outer.moveLeft(max(outer.left(), area.left()))
    outer.moveTop(max(outer.top(), area.top()))
    inner = outer.marginsRemoved(frame)
    if inner.topLeft() != widget.geometry().topLeft():
        widget.move(outer.topLeft())


def _center(widget: QWidget) -> None:
    """Put a window in the middle of the one that it belongs to."""
    parent = widget.parentWidget()
    screen = widget.screen().availableGeometry()
    # Without its frame as long as that is unknown: then the inside is what Qt moves.
    outer = widget.frameGeometry()
    outer.moveCenter((screen if parent is None else parent.window().frameGeometry()).center())
    widget.move(outer.topLeft())


def _frame(widget: QWidget) -> QMargins:
    """What the window manager's frame takes at each side."""
    inner, outer = widget.geometry(), widget.frameGeometry()
    if inner == outer:
        return _USUAL_FRAME
    return QMargins(
        inner.left() - outer.left(),
        inner.top() - outer.top(),
        outer.right() - inner.right(),
        outer.bottom() - inner.bottom(),
    )


@runtime_checkable
class ActionOwner(Protocol):
    """The main window, as a window beside it knows it."""

    actions_by_name: ActionSet


class BoundedDialog(QDialog):
    """A dialog in the middle of its window and within the screen.

    The button that has the focus answers Enter.
    """

    _since_shown: QElapsedTimer | None = None
    _settling: QTimer

    def showEvent(self, event: QShowEvent) -> None:
        if self._since_shown is None:
            # Placed before Qt does it, whose place goes by a frame that is not there yet.
            self._settling = QTimer(self, singleShot=True, interval=_MANAGER_PAUSE_MS)
            self._settling.timeout.connect(self._settle)
            self._since_shown = QElapsedTimer()
            self._since_shown.start()
            self._settling.start()
            _center(self)
        super().showEvent(event)
        keep_on_screen(self)

    def moveEvent(self, event: QMoveEvent) -> None:
        """The window manager makes the frame, which moves the inside, and has a place in mind."""
        super().moveEvent(event)
        since = self._since_shown
        is_new = since is not None and since.elapsed() < _PLACED_BY_MANAGER_MS
        if is_new and self.frameGeometry() != self.geometry():
            self._settling.start()

    def _settle(self) -> None:
        if not self.isVisible():
            return
        since = self._since_shown
        if self.frameGeometry() == self.geometry():
            if since is not None and since.elapsed() < _FRAMED_BY_MANAGER_MS:
                self._settling.start()
        else:
            _center(self)
            keep_on_screen(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not press_focused_button(self, event):
            super().keyPressEvent(event)


class SideWindow(BoundedDialog):
    """A window beside the main one: stepping, going somewhere and finding work here too."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(False)
        owner = parent.window()
        if isinstance(owner, ActionOwner):
            owner.actions_by_name.add_to_window(self)


def press_focused_button(window: QWidget, event: QKeyEvent) -> bool:
    """Press the button that has the focus, where Enter was pressed on it.

    One that was hidden while another window was active is still the one that the window names.
    """
    focused = window.focusWidget()
    is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat()
    if not is_enter or not isinstance(focused, QAbstractButton):
        return False
    if not focused.isVisible() or not focused.isEnabled():
        return False
    event.accept()
    focused.click()
    return True


def front(window: QWidget) -> QWidget:
    """The window that a person works in: this one, or one that stands beside it."""
    active = QApplication.activeWindow()
    # One that has just been closed may still count as active.
    return active if isinstance(active, SideWindow) and active.isVisible() else window
