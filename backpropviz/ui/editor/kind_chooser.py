"""A list of all kinds of layers under a line that searches it."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QWidget

from backpropviz.engine.architecture.catalog import Entry, catalog
from backpropviz.scene.theme import Theme
from backpropviz.ui.floating import Floating
from backpropviz.ui.fuzzy import match
from backpropviz.ui.plain_text import PlainLabel
from backpropviz.ui.row_list import ROW_HEIGHT, Row, RowList

_WIDTH = 380
_MOST_ROWS = 20
"""So many fit on a screen of 768 pixels; the others are scrolled to."""


class KindChooser(Floating):
    """Enter or a click takes a kind: `chosen` is its name, or nothing."""

    def __init__(self, parent: QWidget, colors: Theme, corner: QPoint) -> None:
        rows = RowList(parent.tr("Kinds of layers"), parent.tr("No kind has this name."))
        super().__init__(parent, colors, rows, parent.tr("Kind of layer"))
        self.chosen = ""
        self._corner = parent.window().mapFromGlobal(corner)
        self.line.setFixedHeight(32)
        self.line.setPlaceholderText(self.tr("Which layer?"))
        self.help = PlainLabel()
        self.help.setObjectName("Note")
        self.help.setWordWrap(True)
        self.help.setFixedHeight(34)
        self.help.setContentsMargins(8, 0, 8, 0)
        self.column.addWidget(self.help)
        self.line.textChanged.connect(self._search)
        self.rows.currentRowChanged.connect(self._tell)
        self._search("")

    def place(self, area: QRect) -> QRect:
        """Below its button, as far as the window has room."""
        height = min(102 + ROW_HEIGHT * min(len(catalog()), _MOST_ROWS), area.height() - 16)
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
