"""Windows within the screen: none is larger than what is there to show it."""

from __future__ import annotations

from PySide6.QtCore import QMargins, QSize
from PySide6.QtWidgets import QWidget

_USUAL_FRAME = QMargins(4, 30, 4, 6)
"""Until the window manager has said what its frame takes."""


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
