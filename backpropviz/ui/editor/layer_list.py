"""The layers in order: choose, drag, move with Alt and the arrows, remove, open."""

from __future__ import annotations

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QPainter,
    QPen,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY_MEDIUM, INDEX, LIGHT, ROW, Theme
from backpropviz.ui.editor.layer_rows import LayerRow
from backpropviz.ui.icons import pixmap
from backpropviz.ui.plain_text import plain_tip

ROW_HEIGHT = 42
_ROLE = Qt.ItemDataRole.UserRole


class LayerList(QListWidget):
    """Rows of two lines; what it wants is told by name, and places count layers only."""

    chosen = Signal(str)
    moved = Signal(str, int)
    removed = Signal(str)
    doubled = Signal(str)
    wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Layers"))
        self.colors: Theme = LIGHT
        self._is_showing = False
        self.setItemDelegate(_LayerPainter(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.currentRowChanged.connect(self._tell_choice)

    def show_rows(self, rows: tuple[LayerRow, ...], chosen: str) -> None:
        """Show these, one of them chosen."""
        self._is_showing = True
        while self.count() > len(rows):
            self.takeItem(self.count() - 1)
        while self.count() < len(rows):
            self.addItem(QListWidgetItem())
        for number, row in enumerate(rows):
            self._fill(self.item(number), row)
            if row.name == chosen:
                self.setCurrentRow(number)
        self._is_showing = False
        self.viewport().update()

    @property
    def rows(self) -> tuple[LayerRow, ...]:
        """What it shows."""
        return tuple(self.item(number).data(_ROLE) for number in range(self.count()))

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self.colors = colors
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Insert:
            self.wanted.emit()
            return
        number = self.currentRow()
        row: LayerRow | None = self.item(number).data(_ROLE) if number >= 0 else None
        if row is None or not row.is_movable:
            super().keyPressEvent(event)
            return
        by = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()), 0)
        if by and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.moved.emit(row.name, self.currentRow() - 1 + by)
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit(row.name)
        elif (
            event.key() == Qt.Key.Key_D and event.modifiers() == Qt.KeyboardModifier.ControlModifier
        ):
            self.doubled.emit(row.name)
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.source() is self:
            super().dragEnterEvent(event)
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if event.source() is self:
            super().dragMoveEvent(event)
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        """Tell where the row shall go; the list itself follows the draft."""
        row: LayerRow = self.currentItem().data(_ROLE)
        target = self._drop_row(event)
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()
        place = target - 1 - (1 if target > self.currentRow() else 0)
        self.moved.emit(row.name, max(0, min(self.count() - 3, place)))

    def _drop_row(self, event: QDropEvent) -> int:
        """The number of the row above which it is dropped."""
        point = event.position().toPoint()
        item = self.itemAt(point)
        if item is None:
            return self.count()
        middle = self.visualItemRect(item).center().y()
        return self.row(item) + (1 if point.y() > middle else 0)

    def _fill(self, item: QListWidgetItem, row: LayerRow) -> None:
        if item.data(_ROLE) == row:
            return
        item.setData(_ROLE, row)
        said = f"{row.name}, {row.summary}, {row.shape}"
        item.setText(f"{said}. {row.problem}" if row.problem else said)
        item.setToolTip(plain_tip(row.problem))
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        item.setFlags(flags | Qt.ItemFlag.ItemIsDragEnabled if row.is_movable else flags)

    def _tell_choice(self, number: int) -> None:
        if not self._is_showing and 0 <= number < self.count():
            self.chosen.emit(self.item(number).data(_ROLE).name)


class _LayerPainter(QStyledItemDelegate):
    """Icon, name and settings; below them the shape, at the right the parameters."""

    def __init__(self, view: LayerList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(200, ROW_HEIGHT)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        row: LayerRow = index.data(_ROLE)
        area: QRect = option.rect
        painter.save()
        self._paint_ground(painter, area, option.state)
        self._paint_icon(painter, area, row)
        upper = QRect(area.left() + 44, area.top() + 4, area.width() - 60, 18)
        lower = QRect(upper.left(), area.top() + 21, upper.width(), 16)
        self._paint_name(painter, upper, row)
        self._paint_facts(painter, lower, row)
        painter.restore()

    def _paint_ground(self, painter: QPainter, area: QRect, state: QStyle.StateFlag) -> None:
        colors = self._view.colors
        fill = colors.panel
        if state & QStyle.StateFlag.State_Selected:
            fill = colors.update_tint
        elif state & QStyle.StateFlag.State_MouseOver:
            fill = colors.hover
        painter.fillRect(area, QColor(fill))
        if state & QStyle.StateFlag.State_Selected and self._view.hasFocus():
            painter.setPen(QPen(QColor(colors.update), 2))
            painter.drawRect(area.adjusted(1, 1, -1, -1))

    def _paint_icon(self, painter: QPainter, area: QRect, row: LayerRow) -> None:
        colors, ratio = self._view.colors, self._view.devicePixelRatioF()
        name = "circle-alert" if row.problem else row.icon
        color = colors.breakpoint if row.problem else colors.text_secondary
        top = area.top() + (ROW_HEIGHT - 16) // 2
        painter.drawPixmap(area.left() + 16, top, pixmap(name, color, 16, ratio, 1.75))

    def _paint_name(self, painter: QPainter, area: QRect, row: LayerRow) -> None:
        colors, middle = self._view.colors, int(Qt.AlignmentFlag.AlignVCenter)
        painter.setFont(qfont(BODY_MEDIUM))
        painter.setPen(QColor(colors.text))
        metrics = painter.fontMetrics()
        name = metrics.elidedText(row.name, Qt.TextElideMode.ElideMiddle, area.width())
        painter.drawText(area, middle, name)
        rest = area.adjusted(metrics.horizontalAdvance(name) + 8, 0, 0, 0)
        painter.setFont(qfont(ROW))
        painter.setPen(QColor(colors.text_secondary))
        elide = Qt.TextElideMode.ElideRight
        painter.drawText(
            rest, middle, painter.fontMetrics().elidedText(row.summary, elide, rest.width())
        )

    def _paint_facts(self, painter: QPainter, area: QRect, row: LayerRow) -> None:
        colors = self._view.colors
        painter.setFont(qfont(INDEX))
        painter.setPen(QColor(colors.breakpoint if row.problem else colors.text_tertiary))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(area, int(middle), row.shape)
        painter.setPen(QColor(colors.text_tertiary))
        painter.drawText(area, int(middle | Qt.AlignmentFlag.AlignRight), row.count)
