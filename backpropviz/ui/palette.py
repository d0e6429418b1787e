"""The command palette: any action, layer, address or step by a few letters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect
from PySide6.QtWidgets import QWidget

from backpropviz.frozen import frozen
from backpropviz.number_text import is_whole_number
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY
from backpropviz.ui.action_set import key_text, translated
from backpropviz.ui.actions import ACTIONS
from backpropviz.ui.floating import Floating
from backpropviz.ui.fuzzy import match
from backpropviz.ui.menus import plain
from backpropviz.ui.row_list import ROW_HEIGHT, Row, RowList
from backpropviz.ui.side_window import front

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


class CommandPalette(Floating):
    """A line over the best matches; Enter does the chosen one after the palette is gone."""

    def __init__(self, window: MainWindow, front: QWidget | None = None) -> None:
        rows = RowList(window.tr("Matches"), window.tr("Nothing matches."))
        super().__init__(front or window, window.theme, rows, window.tr("Command palette"))
        self._window = window
        self._entries = _entries(window)
        self._found: list[Entry] = []
        self.chosen: Entry | None = None
        self.line.setFont(qfont(BODY))
        self.line.setFixedHeight(36)
        self.line.setPlaceholderText(self.tr("Type a command, a layer, an address or a step"))
        self.line.textChanged.connect(self._search)
        self._search("")

    def place(self, area: QRect) -> QRect:
        """In the middle, below the menus."""
        width = min(_WIDTH, area.width() - 40)
        height = min(68 + ROW_HEIGHT * _MOST_ROWS, area.height() - 80)
        return QRect((area.width() - width) // 2, 48, width, height)

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
        if bench is None or bench.training.is_shown or not (is_step or "[" in wanted):
            return []
        note = self.tr("step") if is_step else self.tr("address")
        return [Entry(wanted, note, lambda: bench.actions.go_to_text(wanted))]

    def take(self) -> None:
        """Choose the marked entry, and leave."""
        number = self.rows.currentRow()
        if 0 <= number < len(self._found):
            self.chosen = self._found[number]
        super().take()

    def run(self) -> None:
        """Do what was chosen."""
        if self.chosen is not None:
            self.chosen.run()


def show_palette(window: MainWindow) -> None:
    """Let a person choose in the window that they work in, then do it."""
    palette = CommandPalette(window, front(window))
    palette.taken.connect(palette.run)
    palette.open()


def _entries(window: MainWindow) -> list[Entry]:
    actions = window.actions_by_name
    found = [
        Entry(
            translated("Actions", spec.title).removesuffix("…"),
            "  ".join(key_text(key) for key in spec.keys),
            actions[spec.name].trigger,
        )
        for spec in ACTIONS
        if actions[spec.name].isEnabled() and spec.name not in {"palette", *actions.detours}
    ]
    bench = window.workbench
    if bench is not None:
        note = window.tr("lesson")
        found += [Entry(plain(a.text()), note, a.trigger) for a in bench.lessons.actions()]
    opened = bench.controller.opened if bench is not None else None
    if bench is None or opened is None or bench.training.is_shown:
        return found
    go = bench.actions.go_to_text
    layers = (_place(n.name, window.tr("layer"), go) for n in opened.view.tape.network.nodes)
    tensors = (_place(str(a), window.tr("tensor"), go) for a in opened.view.tape)
    return [*found, *layers, *tensors]


def _place(words: str, note: str, go: Callable[[str], None]) -> Entry:
    return Entry(words, note, lambda: go(words))
