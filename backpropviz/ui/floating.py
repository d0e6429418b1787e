"""A panel that floats in a window: a line to type into over the list of what matches.

It is a part of the window and no window of its own: it has the focus as soon as it is shown,
whatever the window manager does, and its shadow needs none.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QFrame, QLineEdit, QVBoxLayout, QWidget
from shiboken6 import isValid

from backpropviz.scene.theme import Theme
from backpropviz.ui.row_list import RowList

_SHADOW: Final = 18
_RADIUS: Final = 10.0


class SearchLine(QLineEdit):
    """A line whose Up and Down choose among the rows below, and which keeps all other keys."""

    def __init__(self, rows: RowList, name: str) -> None:
        super().__init__()
        self._rows = rows
        self.setAccessibleName(name)
        rows.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
        count = self._rows.count()
        if by and count:
            self._rows.setCurrentRow((self._rows.currentRow() + by) % count)
            event.accept()
        else:
            super().keyPressEvent(event)


class Floating(QWidget):
    """Covers a window and shows a panel in it; Esc and a click beside the panel leave it.

    `taken` tells that something was chosen, once the focus is where it was before.
    """

    taken = Signal()

    def __init__(self, owner: QWidget, colors: Theme, rows: RowList, name: str) -> None:
        super().__init__(owner.window())
        self._colors = colors
        self._before: QWidget | None = None
        self.rows = rows
        self.rows.use_theme(colors)
        self.line = SearchLine(rows, name)
        self.panel = QFrame(self)
        self.panel.setObjectName("Floating")
        self.column = QVBoxLayout(self.panel)
        self.column.setContentsMargins(8, 8, 8, 8)
        self.column.setSpacing(6)
        self.column.addWidget(self.line)
        self.column.addWidget(rows, 1)
        self.line.returnPressed.connect(self.take)
        rows.picked.connect(self.take)
        owner.window().installEventFilter(self)
        self.hide()

    def place(self, size: QRect) -> QRect:
        """Where the panel stands in a window."""
        return size

    def open(self) -> None:
        """Show it and give it the focus; one that was open in the window leaves."""
        for other in self.window().findChildren(Floating):
            if other.isVisible():
                other.leave()
        self._before = QApplication.focusWidget()
        self._cover()
        self.show()
        self.raise_()
        self.line.setFocus(Qt.FocusReason.PopupFocusReason)

    def leave(self) -> None:
        """Hide it, and give the focus back where what had it is still there."""
        before = self._before
        if before is not None and isValid(before) and before.isVisible():
            before.setFocus(Qt.FocusReason.PopupFocusReason)
        self.hide()
        self.deleteLater()

    def take(self) -> None:
        """Choose what is marked, and leave."""
        self.leave()
        self.taken.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.parent() and event.type() == QEvent.Type.Resize:
            self._cover()
        return super().eventFilter(watched, event)

    def _cover(self) -> None:
        area = self.window().rect()
        self.setGeometry(area)
        self.panel.setGeometry(self.place(area).intersected(area.adjusted(8, 8, -8, -8)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        event.accept()
        if event.key() == Qt.Key.Key_Escape:
            self.leave()

    def focusNextPrevChild(self, _is_next: bool) -> bool:
        return True

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.panel.geometry().contains(event.position().toPoint()):
            self.leave()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        box = QRectF(self.panel.geometry()).translated(QPointF(0, 4))
        for far in range(_SHADOW):
            shade = QColor(0, 0, 0, round(26 * (1 - far / _SHADOW) ** 2))
            painter.setPen(QPen(shade, 1.5))
            grown = box.adjusted(-far, -far, far, far)
            painter.drawRoundedRect(grown, _RADIUS + far, _RADIUS + far)


_BOUNDARIES = " .,-_[←"


def match(letters: str, name: str) -> int | None:
    """A cost, 0 for a perfect match; None where the letters do not appear in order."""
    wanted = letters.lower().replace(" ", "")
    text = name.lower()
    if not wanted:
        return 0
    if letters.lower().strip() in text:
        start = text.index(letters.lower().strip())
        return start if start == 0 or text[start - 1] in _BOUNDARIES else 20 + start
    cost, place = 100 + len(text) // 4, -1
    for letter in wanted:
        found = _next(text, letter, place + 1)
        if found < 0:
            return None
        is_start = found == 0 or text[found - 1] in _BOUNDARIES
        cost += 0 if is_start else 2 * (found - place - 1) + 1
        place = found
    return cost


def _next(text: str, letter: str, start: int) -> int:
    """The next place of a letter, at a word's start if there is one ahead."""
    first = text.find(letter, start)
    place = first
    while place >= 0:
        if place == 0 or text[place - 1] in _BOUNDARIES or place == start:
            return place
        place = text.find(letter, place + 1)
    return first
