"""The layers in order: choose, drag, move with Alt and the arrows, remove, open."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
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
    QFrame,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from backpropviz.engine.architecture import edits
from backpropviz.engine.architecture.draft import Draft, LayerSurvey, Survey
from backpropviz.engine.kinds.protocol import LOSS_NAME, Family, Layer
from backpropviz.engine.kinds.registry import Entry, catalog, entry_of
from backpropviz.engine.network import IMAGE_NAME, Node
from backpropviz.engine.value import shape_text
from backpropviz.figures.network_map import layer_summary, loss_summary
from backpropviz.frozen import frozen
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY_MEDIUM, INDEX, LIGHT, ROW, Theme
from backpropviz.ui import boxes
from backpropviz.ui.appearance import pixmap
from backpropviz.ui.controls import PanelHead, hairline, plain_tip
from backpropviz.ui.editor.draft import DraftController
from backpropviz.ui.palette import Floating, match
from backpropviz.ui.row_list import ROW_HEIGHT as LIST_ROW_HEIGHT
from backpropviz.ui.row_list import Row, RowList

ICONS: Final[Mapping[Family, str]] = MappingProxyType(
    {
        Family.LEARNED: "grid-3x3",
        Family.ACTIVATION: "activity",
        Family.POOLING: "crop",
        Family.SHAPE: "arrow-left-right",
        Family.NORMALIZATION: "gauge",
        Family.JOIN: "git-branch",
    }
)
UNKNOWN: Final = "not known yet"


@frozen
class DraftRow:
    """One row; `problem` is why it does not fit, or nothing."""

    name: str
    summary: str
    icon: str
    shape: str
    count: str
    problem: str
    is_movable: bool = True


def editor_rows(draft: Draft, found: Survey) -> tuple[DraftRow, ...]:
    """All rows, from the image to the loss."""
    pairs = zip(draft.nodes, found.layers, strict=True)
    layers = (_layer(node, facts, found) for node, facts in pairs)
    shape = shape_text(draft.input_shape)
    classes = f"{len(draft.class_names)} classes" if draft.class_names else ""
    loss = DraftRow(
        LOSS_NAME,
        loss_summary(draft.loss),
        "target",
        classes,
        "",
        found.problem_at(LOSS_NAME),
        is_movable=False,
    )
    return (DraftRow(IMAGE_NAME, "", "image", shape, "", "", is_movable=False), *layers, loss)


def _layer(node: Node, facts: LayerSurvey, found: Survey) -> DraftRow:
    problem = found.problem_at(node.name)
    shape = shape_text(facts.output) if facts.output else "does not fit" if problem else UNKNOWN
    count = f"{facts.parameters:,}" if facts.parameters else ""
    about = node.layer.about
    return DraftRow(node.name, layer_words(node), ICONS[about.family], shape, count, problem)


def layer_words(node: Node) -> str:
    """The layer's settings, or its kind; nothing where the name says it all."""
    about, words = node.layer.about, layer_summary(node)
    if words and words != node.layer.kind.replace("_", " "):
        return words
    is_told = node.name.rstrip("0123456789") == about.title.lower()
    return "" if is_told else about.title


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
        self.setAccessibleName("Layers")
        self.colors: Theme = LIGHT
        self._is_showing = False
        self.setItemDelegate(_LayerPainter(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.currentRowChanged.connect(self._tell_choice)

    def show_rows(self, rows: tuple[DraftRow, ...], chosen: str) -> None:
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
    def rows(self) -> tuple[DraftRow, ...]:
        return tuple(self.item(number).data(_ROLE) for number in range(self.count()))

    def use_theme(self, colors: Theme) -> None:
        self.colors = colors
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Insert:
            self.wanted.emit()
            return
        number = self.currentRow()
        row: DraftRow | None = self.item(number).data(_ROLE) if number >= 0 else None
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
        row: DraftRow = self.currentItem().data(_ROLE)
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

    def _fill(self, item: QListWidgetItem, row: DraftRow) -> None:
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
        row: DraftRow = index.data(_ROLE)
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

    def _paint_icon(self, painter: QPainter, area: QRect, row: DraftRow) -> None:
        colors, ratio = self._view.colors, self._view.devicePixelRatioF()
        name = "circle-alert" if row.problem else row.icon
        color = colors.breakpoint if row.problem else colors.text_secondary
        top = area.top() + (ROW_HEIGHT - 16) // 2
        painter.drawPixmap(area.left() + 16, top, pixmap(name, color, 16, ratio, 1.75))

    def _paint_name(self, painter: QPainter, area: QRect, row: DraftRow) -> None:
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

    def _paint_facts(self, painter: QPainter, area: QRect, row: DraftRow) -> None:
        colors = self._view.colors
        painter.setFont(qfont(INDEX))
        painter.setPen(QColor(colors.breakpoint if row.problem else colors.text_tertiary))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(area, int(middle), row.shape)
        painter.setPen(QColor(colors.text_tertiary))
        painter.drawText(area, int(middle | Qt.AlignmentFlag.AlignRight), row.count)


_WIDTH = 380
_MOST_ROWS = 20
"""So many fit on a screen of 768 pixels; the others are scrolled to."""


class KindChooser(Floating):
    """Enter or a click takes a kind: `chosen` is its name, or nothing."""

    def __init__(self, parent: QWidget, colors: Theme, corner: QPoint) -> None:
        rows = RowList("Kinds of layers", "No kind has this name.")
        super().__init__(parent, colors, rows, "Kind of layer")
        self.chosen = ""
        self._corner = parent.window().mapFromGlobal(corner)
        self.line.setFixedHeight(32)
        self.line.setPlaceholderText("Which layer?")
        self.help = boxes.words(style="Note", wraps=True)
        self.help.setFixedHeight(34)
        self.help.setContentsMargins(8, 0, 8, 0)
        self.column.addWidget(self.help)
        self.line.textChanged.connect(self._search)
        self.rows.currentRowChanged.connect(self._tell)
        self._search("")

    def place(self, area: QRect) -> QRect:
        """Below its button, as far as the window has room."""
        height = min(102 + LIST_ROW_HEIGHT * min(len(catalog()), _MOST_ROWS), area.height() - 16)
        left = min(self._corner.x(), area.width() - _WIDTH - 8)
        top = min(self._corner.y(), area.height() - height - 8)
        return QRect(max(8, left), max(8, top), _WIDTH, height)

    def _search(self, text: str) -> None:
        found = [(_cost(text, entry), entry) for entry in catalog().values()]
        hits = [(cost, entry) for cost, entry in found if cost is not None]
        hits.sort(key=lambda hit: hit[0])
        entries = [entry for _, entry in hits]
        before = (None, *entries)
        self.rows.show_rows(
            tuple(_row(entry, last) for entry, last in zip(entries, before, strict=False))
        )
        self.rows.setCurrentRow(0)
        self._tell()

    def _tell(self) -> None:
        key = self.rows.current_key
        self.help.setText(catalog()[key].about.help if key else "")

    def take(self) -> None:
        """Choose the marked kind, and leave."""
        self.chosen = self.rows.current_key
        super().take()


def _row(entry: Entry, last: Entry | None) -> Row:
    """A kind; the first one of its family names that."""
    is_first = last is None or last.about.family is not entry.about.family
    family = entry.about.family.value if is_first else ""
    return Row(entry.kind, entry.about.title, family, is_quiet=True, help=entry.about.help)


def _cost(text: str, entry: Entry) -> int | None:
    """Without letters all kinds keep their order; a family's name finds its members, last."""
    if not text.strip():
        return 0
    own = match(text, f"{entry.about.title} {entry.about.word} {entry.kind}")
    family = match(text, entry.about.family.value)
    costs = [cost for cost in (own, None if family is None else family + 1000) if cost is not None]
    return min(costs, default=None)


class LayerPanel(QFrame):
    """Shows the layers of a controller, and edits their order."""

    def __init__(self, controller: DraftController) -> None:
        super().__init__()
        self.setObjectName("Panel")
        self._controller = controller
        self.colors: Theme = LIGHT
        self.head = PanelHead("Layers")
        self.up = self.head.add_button("arrow-up", "Move up  Alt+Up")
        self.down = self.head.add_button("arrow-down", "Move down  Alt+Down")
        self.double = self.head.add_button("copy", "Duplicate  Ctrl+D")
        self.trash = self.head.add_button("trash-2", "Remove  Delete")
        self.plus = self.head.add_button("plus", "Add a layer after this one  Insert")
        self.list = LayerList()
        boxes.column(self.head, hairline(), (self.list, 1), gap=0, margins=boxes.BARE, owner=self)
        self.list.chosen.connect(controller.choose)
        self.list.moved.connect(self.move_layer)
        self.list.removed.connect(self.remove_layer)
        self.list.doubled.connect(self.double_layer)
        self.list.wanted.connect(self.ask_kind)
        self.plus.clicked.connect(self.ask_kind)
        self.up.clicked.connect(partial(self._move_chosen, -1))
        self.down.clicked.connect(partial(self._move_chosen, 1))
        self.double.clicked.connect(self._double_chosen)
        self.trash.clicked.connect(self._remove_chosen)

    def show_layers(self) -> None:
        controller = self._controller
        self.list.show_rows(editor_rows(controller.draft, controller.survey), controller.chosen)
        for button in (self.up, self.down, self.double, self.trash):
            button.setEnabled(not controller.is_end)

    def use_theme(self, colors: Theme) -> None:
        self.colors = colors
        self.head.use_theme(colors)
        self.list.use_theme(colors)

    def ask_kind(self) -> None:
        """Let a person choose a kind, and add such a layer after the chosen one."""
        place = self.plus.mapToGlobal(QPoint(-340, self.plus.height() + 4))
        place.setX(max(place.x(), self.mapToGlobal(QPoint(8, 0)).x()))
        chooser = KindChooser(self, self.colors, place)
        chooser.taken.connect(self._add_chosen)
        chooser.open()

    def _add_chosen(self) -> None:
        chooser = self.sender()
        if isinstance(chooser, KindChooser) and chooser.chosen:
            self.add_layer(chooser.chosen)

    def add_layer(self, kind: str) -> None:
        """Add a layer with the usual settings of its kind."""
        self._add(entry_of(kind).layer, f"add {entry_of(kind).about.title}")

    def double_layer(self, name: str) -> None:
        """Add a layer like another one behind it."""
        layer = self._controller.draft.node(name).layer
        self._add(layer, f"duplicate {name}")

    def remove_layer(self, name: str) -> None:
        label = f"remove {name}"
        self._controller.edit(label, partial(edits.remove, name=name))

    def move_layer(self, name: str, place: int) -> None:
        """Put a layer at another place, or say why it cannot stand there."""
        place = max(0, min(len(self._controller.draft.nodes) - 1, place))
        label = f"move {name}"
        self._controller.edit(label, partial(edits.move, name=name, place=place), name)

    def _add(self, layer: Layer, label: str) -> None:
        controller = self._controller
        after = controller.draft.output if controller.chosen == LOSS_NAME else controller.chosen
        before = controller.draft

        def make(draft: Draft) -> Draft:
            return edits.add(draft, layer, after or IMAGE_NAME)

        if not controller.edit(label, make):
            controller.choose(edits.added_name(before, controller.draft))

    def _move_chosen(self, by: int) -> None:
        controller = self._controller
        if not controller.is_end:
            self.move_layer(controller.chosen, controller.draft.place(controller.chosen) + by)

    def _double_chosen(self) -> None:
        if not self._controller.is_end:
            self.double_layer(self._controller.chosen)

    def _remove_chosen(self) -> None:
        if not self._controller.is_end:
            self.remove_layer(self._controller.chosen)
