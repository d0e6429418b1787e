"""A list of rows with a name at the left and a value at the right, in a scene's fonts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
    SignalInstance,
)
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from backpropviz.frozen import frozen
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import LABEL, LIGHT, MONO, MONO_STRONG, Theme
from backpropviz.ui.controls import plain_tip

if TYPE_CHECKING:
    from PySide6.QtWidgets import QStyle

ROW_HEIGHT = 24
_ROLE = Qt.ItemDataRole.UserRole


@frozen
class Row:
    """One row; `dot` is None for none, else whether the dot is filled (on)."""

    key: str
    left: str
    right: str = ""
    is_here: bool = False
    is_quiet: bool = False
    dot: bool | None = None
    has_condition: bool = False
    help: str = ""


class RowList(QListWidget):
    """Rows that can be clicked, opened (Enter, double click), removed (Delete) and switched.

    What is told of a row may open a dialog, or take the row or the whole list away, to which Qt's
    own handlers would return: it is told once Qt is done with the event, if the row is still there.
    """

    picked = Signal(str)
    opened = Signal(str)
    removed = Signal(str)
    switched = Signal(str)

    def __init__(self, name: str, empty_text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.colors: Theme = LIGHT
        self._empty_text = empty_text
        self._rows: tuple[Row, ...] = ()
        self.setItemDelegate(_RowPainter(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.itemClicked.connect(self._pick)
        self.itemActivated.connect(self._open)

    def show_rows(self, rows: tuple[Row, ...]) -> None:
        """Show these; the selection stays on its key."""
        if rows == self._rows:
            return
        chosen, self._rows = self.current_key, rows
        while self.count() > len(rows):
            self.takeItem(self.count() - 1)
        while self.count() < len(rows):
            self.addItem(QListWidgetItem())
        for number, row in enumerate(rows):
            item = self.item(number)
            item.setData(_ROLE, row)
            item.setText(f"{row.left} {row.right}")
            item.setToolTip(plain_tip(row.help))
            if row.key == chosen:
                self.setCurrentItem(item)
        self.viewport().update()

    @property
    def rows(self) -> tuple[Row, ...]:
        """What it shows."""
        return self._rows

    @property
    def current_key(self) -> str:
        """The key of the chosen row, or nothing."""
        number = self.currentRow()
        return self._rows[number].key if 0 <= number < len(self._rows) else ""

    def sizeHint(self) -> QSize:
        return QSize(200, max(1, len(self._rows)) * ROW_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(100, ROW_HEIGHT)

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self.colors = colors
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = self.current_key
        if key and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._tell(self.removed, key)
        elif key and event.key() == Qt.Key.Key_Space:
            self._tell(self.switched, key)
        elif key and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._tell(self.opened, key)
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        item = self.itemAt(event.position().toPoint())
        row: Row | None = None if item is None else item.data(_ROLE)
        super().mouseReleaseEvent(event)
        is_on_dot = event.position().x() < _RowPainter.DOT_END
        if row is not None and row.dot is not None and is_on_dot:
            self._tell(self.switched, row.key)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._rows:
            painter = QPainter(self.viewport())
            painter.setFont(qfont(LABEL))
            painter.setPen(QColor(self.colors.text_tertiary))
            area = self.viewport().rect().adjusted(16, 4, -16, 0)
            flags = Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
            painter.drawText(area, int(flags), self._empty_text)

    def _pick(self, item: QListWidgetItem) -> None:
        row: Row = item.data(_ROLE)
        self._tell(self.picked, row.key)

    def _open(self, item: QListWidgetItem) -> None:
        row: Row = item.data(_ROLE)
        self._tell(self.opened, row.key)

    def _tell(self, signal: SignalInstance, key: str) -> None:
        """Bound to the list: where it is gone by then, nothing is told."""
        QTimer.singleShot(0, self, partial(self._tell_now, signal, key))

    def _tell_now(self, signal: SignalInstance, key: str) -> None:
        if any(row.key == key for row in self._rows):
            signal.emit(key)


class _RowPainter(QStyledItemDelegate):
    """Paints a row: dot, name, value."""

    DOT_END = 34

    def __init__(self, view: RowList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(100, ROW_HEIGHT)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        row: Row = index.data(_ROLE)
        colors = self._view.colors
        area: QRect = option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        self._paint_ground(painter, area, row, state)
        left = area.left() + 16
        if row.dot is not None:
            self._paint_dot(painter, area, row)
            left = area.left() + self.DOT_END
        right_edge = area.right() - 16
        right_color = colors.here if row.is_here else colors.text_tertiary
        if not row.is_quiet and not row.is_here:
            right_color = colors.text
        painter.setFont(qfont(LABEL if row.is_quiet or row.dot is not None else MONO))
        width = painter.fontMetrics().horizontalAdvance(row.right)
        painter.setPen(QColor(right_color))
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        place = QRect(right_edge - width, area.top(), width + 1, area.height())
        painter.drawText(place, middle, row.right)
        painter.setFont(qfont(MONO_STRONG if row.is_here and row.dot is None else MONO))
        painter.setPen(QColor(colors.text))
        room = right_edge - width - 10 - left
        text = painter.fontMetrics().elidedText(row.left, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(QRect(left, area.top(), room, area.height()), middle, text)
        painter.restore()

    def _paint_ground(
        self, painter: QPainter, area: QRect, row: Row, state: QStyle.StateFlag
    ) -> None:
        # Its many enumerations are made when rows are painted: after the stage.
        from PySide6.QtWidgets import QStyle

        colors = self._view.colors
        fill = colors.here_tint if row.is_here else colors.panel
        is_chosen = state & QStyle.StateFlag.State_Selected and not row.is_here
        if is_chosen and self._view.focusPolicy() == Qt.FocusPolicy.NoFocus:
            # The keys reach it through a line above, which keeps the focus.
            fill = colors.update_tint
        elif state & QStyle.StateFlag.State_MouseOver and not row.is_here:
            fill = colors.hover
        painter.fillRect(area, QColor(fill))
        if state & QStyle.StateFlag.State_Selected and self._view.hasFocus():
            painter.setPen(QPen(QColor(colors.update), 2))
            painter.drawRect(area.adjusted(1, 1, -1, -1))

    def _paint_dot(self, painter: QPainter, area: QRect, row: Row) -> None:
        colors = self._view.colors
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_on = bool(row.dot)
        color = colors.breakpoint if is_on else colors.text_tertiary
        painter.setPen(QPen(QColor(color), 1.5))
        painter.setBrush(QColor(colors.breakpoint) if is_on else Qt.BrushStyle.NoBrush)
        x, y = area.left() + 21, area.center().y() + 1
        painter.drawEllipse(x - 4, y - 4, 8, 8)
        if row.has_condition:
            painter.setPen(QPen(QColor(colors.panel if is_on else color), 1.2))
            for offset in (-1, 1):
                painter.drawLine(x - 2, y + offset, x + 2, y + offset)
