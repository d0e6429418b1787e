"""The command palette: any action, layer, address or step by a few letters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QLineEdit, QVBoxLayout

from backpropviz.frozen import frozen
from backpropviz.number_text import is_whole_number
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY
from backpropviz.ui.action_set import key_text, translated
from backpropviz.ui.actions import ACTIONS
from backpropviz.ui.fuzzy import match
from backpropviz.ui.row_list import Row, RowList

if TYPE_CHECKING:
    from backpropviz.ui.main_window import MainWindow

_MOST_ROWS = 14
_WIDTH = 620


@frozen
class Entry:
    """Something that can be done: its words, what stands at the right, and how to do it."""

    words: str
    note: str
    run: Callable[[], object]


class CommandPalette(QDialog):
    """A line over the best matches; Enter does the chosen one after the palette is gone."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self._window = window
        self._entries = _entries(window)
        self._found: list[Entry] = []
        self.chosen: Entry | None = None
        self.line = QLineEdit()
        self.line.setFont(qfont(BODY))
        self.line.setFixedHeight(36)
        self.line.setPlaceholderText(self.tr("Type a command, a layer, an address or a step"))
        self.line.setAccessibleName(self.tr("Command palette"))
        self.rows = RowList(self.tr("Matches"), self.tr("Nothing matches."))
        self.rows.use_theme(window.theme)
        self.rows.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.addWidget(self.line)
        column.addWidget(self.rows)
        self.line.textChanged.connect(self._search)
        self.line.returnPressed.connect(self._choose)
        self.line.installEventFilter(self)
        self.rows.opened.connect(self._choose_row)
        self.rows.itemClicked.connect(self._choose)
        self.setFixedWidth(min(_WIDTH, window.width() - 40))
        self.setFixedHeight(52 + 24 * _MOST_ROWS + 16)
        self._search("")
        corner = window.mapToGlobal(window.rect().topLeft())
        self.move(corner.x() + (window.width() - self.width()) // 2, corner.y() + 48)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            by = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
            if by and self.rows.count():
                self.rows.setCurrentRow((self.rows.currentRow() + by) % self.rows.count())
                return True
        return super().eventFilter(watched, event)

    def _search(self, text: str) -> None:
        scored = [(match(text, entry.words), entry) for entry in self._entries]
        hits = [(score, entry) for score, entry in scored if score is not None]
        hits.sort(key=lambda pair: pair[0])
        self._found = [*self._place(text), *(entry for _, entry in hits)][:_MOST_ROWS]
        self.rows.show_rows(
            tuple(
                Row(str(number), entry.words, entry.note, is_quiet=True)
                for number, entry in enumerate(self._found)
            )
        )
        self.rows.setCurrentRow(0)

    def _place(self, text: str) -> list[Entry]:
        """An address with indices or a step's number, as typed."""
        bench = self._window.workbench
        wanted = text.strip()
        is_step = is_whole_number(wanted)
        if bench is None or not (is_step or "[" in wanted):
            return []
        note = self.tr("step") if is_step else self.tr("address")
        return [Entry(wanted, note, lambda: bench.actions.go_to_text(wanted))]

    def _choose_row(self, _: str) -> None:
        self._choose()

    def _choose(self) -> None:
        number = self.rows.currentRow()
        if 0 <= number < len(self._found):
            self.chosen = self._found[number]
        self.accept()


def show_palette(window: MainWindow) -> None:
    """Let a person choose, then do it."""
    palette = CommandPalette(window)
    palette.exec()
    chosen = palette.chosen
    palette.deleteLater()
    if chosen is not None:
        chosen.run()


def _entries(window: MainWindow) -> list[Entry]:
    actions = window.actions_by_name
    found = [
        Entry(
            translated("Actions", spec.title).removesuffix("…"),
            "  ".join(key_text(key) for key in spec.keys),
            actions[spec.name].trigger,
        )
        for spec in ACTIONS
        if actions[spec.name].isEnabled() and spec.name != "palette"
    ]
    bench = window.workbench
    if bench is not None:
        note = window.tr("lesson")
        found += [Entry(a.text(), note, a.trigger) for a in bench.lessons.actions()]
    opened = bench.controller.opened if bench is not None else None
    if bench is None or opened is None:
        return found
    go = bench.actions.go_to_text
    layers = (_place(n.name, window.tr("layer"), go) for n in opened.view.tape.network.nodes)
    tensors = (_place(str(a), window.tr("tensor"), go) for a in opened.view.tape)
    return [*found, *layers, *tensors]


def _place(words: str, note: str, go: Callable[[str], None]) -> Entry:
    return Entry(words, note, lambda: go(words))
