"""Dialogs as this program has them: within the screen, and with the keys of the main window."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeyEvent, QMoveEvent, QShowEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QWidget

from backpropviz.ui.action_set import ActionSet
from backpropviz.ui.screen import keep_on_screen


@runtime_checkable
class ActionOwner(Protocol):
    """The main window, as a window beside it knows it."""

    actions_by_name: ActionSet


class BoundedDialog(QDialog):
    """A dialog that fits the screen, whose focused button answers Enter."""

    _is_framed = False

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        keep_on_screen(self)

    def moveEvent(self, event: QMoveEvent) -> None:
        super().moveEvent(event)
        # The frame is known once the window manager has made it, which moves the inside.
        if not self._is_framed and self.frameGeometry() != self.geometry():
            self._is_framed = True
            QTimer.singleShot(0, self, self._settle)

    def _settle(self) -> None:
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
    """Press the button that has the focus, where Enter was pressed on it."""
    focused = window.focusWidget()
    is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat()
    if not is_enter or not isinstance(focused, QAbstractButton) or not focused.isEnabled():
        return False
    event.accept()
    focused.click()
    return True


def front(window: QWidget) -> QWidget:
    """The window that a person works in: this one, or one that stands beside it."""
    active = QApplication.activeWindow()
    return active if isinstance(active, SideWindow) else window
