"""A list of all kinds of layers under a line that searches it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QLabel, QLineEdit, QVBoxLayout, QWidget

from backpropviz.engine.architecture.catalog import Entry, catalog
from backpropviz.scene.theme import Theme
from backpropviz.ui.fuzzy import match
from backpropviz.ui.row_list import ROW_HEIGHT, Row, RowList

_WIDTH = 380
_MOST_ROWS = 20
"""So many fit on a screen of 768 pixels; the others are scrolled to."""


class KindChooser(QDialog):
    """Enter or a click takes a kind: `chosen` is its name, or nothing."""

    def __init__(self, parent: QWidget, colors: Theme, place: QPoint) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.chosen = ""
        self.line = QLineEdit()
        self.line.setFixedHeight(32)
        self.line.setPlaceholderText(self.tr("Which layer?"))
        self.line.setAccessibleName(self.tr("Kind of layer"))
        self.rows = RowList(self.tr("Kinds of layers"), self.tr("No kind is called so."))
        self.rows.use_theme(colors)
        self.rows.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.help = QLabel()
        self.help.setObjectName("Note")
        self.help.setWordWrap(True)
        self.help.setFixedHeight(34)
        self.help.setContentsMargins(8, 0, 8, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        for part in (self.line, self.rows, self.help):
            column.addWidget(part)
        self.line.textChanged.connect(self._search)
        self.line.returnPressed.connect(self._take)
        self.line.installEventFilter(self)
        self.rows.currentRowChanged.connect(self._tell)
        self.rows.itemClicked.connect(self._take)
        self.setFixedWidth(_WIDTH)
        self.rows.setFixedHeight(ROW_HEIGHT * min(len(catalog()), _MOST_ROWS) + 2)
        self._search("")
        self.move(place)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            by = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
            if by and self.rows.count():
                self.rows.setCurrentRow((self.rows.currentRow() + by) % self.rows.count())
                return True
        return super().eventFilter(watched, event)

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

    def _take(self) -> None:
        self.chosen = self.rows.current_key
        self.accept()


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


def choose_kind(parent: QWidget, colors: Theme, place: QPoint) -> str:
    """Let a person choose a kind; nothing where they did not."""
    chooser = KindChooser(parent, colors, place)
    chooser.exec()
    chosen = chooser.chosen
    chooser.deleteLater()
    return chosen
