"""The command palette: any action, layer, address or step by a few letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect
from PySide6.QtWidgets import QWidget

from backpropviz.frozen import frozen
from backpropviz.number_text import is_whole_number
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY, Theme
from backpropviz.ui.action_table import ACTIONS
from backpropviz.ui.actions import key_text
from backpropviz.ui.floating import Floating, match
from backpropviz.ui.row_list import ROW_HEIGHT, Row, RowList

if TYPE_CHECKING:
    from backpropviz.ui.actions import ActionSet
    from backpropviz.ui.opened import Opened

_MOST_ROWS = 14
_WIDTH = 620


@frozen
class PaletteEntry:
    """Something that can be done: its words, what stands at the right, and how to do it."""

    words: str
    note: str
    run: Callable[[], object]


class CommandPalette(Floating):
    """A line over the best matches; Enter does the chosen one after the palette is gone."""

    def __init__(
        self,
        window: QWidget,
        theme: Theme,
        entries: Sequence[PaletteEntry],
        go: Callable[[str], None] | None,
    ) -> None:
        """`go` goes to an address or a step that is typed, where there is a pass to go in."""
        rows = RowList("Matches", "Nothing matches.")
        super().__init__(window, theme, rows, "Command palette")
        self._entries, self._go = entries, go
        self._found: list[PaletteEntry] = []
        self.chosen: PaletteEntry | None = None
        self.line.setFont(qfont(BODY))
        self.line.setFixedHeight(36)
        self.line.setPlaceholderText("Type a command, a layer, an address or a step")
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

    def _place(self, text: str) -> list[PaletteEntry]:
        """An address with indices or a step's number, as typed."""
        wanted = text.strip()
        is_step = is_whole_number(wanted)
        if self._go is None or not (is_step or "[" in wanted):
            return []
        return [_place(wanted, "step" if is_step else "address", self._go)]

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


def action_entries(actions: ActionSet) -> list[PaletteEntry]:
    """What the actions can do now, with their keys."""
    return [
        PaletteEntry(
            spec.title.removesuffix("…"),
            "  ".join(key_text(key) for key in spec.keys),
            actions[spec.name].trigger,
        )
        for spec in ACTIONS
        if actions[spec.name].isEnabled() and spec.name not in {"palette", *actions.detours}
    ]


def place_entries(opened: Opened, go: Callable[[str], None]) -> list[PaletteEntry]:
    """The layers and tensors of a pass."""
    layers = (_place(n.name, "layer", go) for n in opened.view.tape.network.nodes)
    tensors = (_place(str(a), "tensor", go) for a in opened.view.tape)
    return [*layers, *tensors]


def _place(words: str, note: str, go: Callable[[str], None]) -> PaletteEntry:
    return PaletteEntry(words, note, lambda: go(words))
