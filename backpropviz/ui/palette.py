"""The command palette, and what floats over a window: a line to type into over what matches.

It is a part of the window and no window of its own: it has the focus as soon as it is shown,
whatever the window manager does, and its shadow needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QFrame, QLineEdit, QVBoxLayout, QWidget
from shiboken6 import isValid

from backpropviz.document import is_whole_number
from backpropviz.frozen import frozen
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY, Theme
from backpropviz.ui.action_table import ACTIONS
from backpropviz.ui.actions import key_text
from backpropviz.ui.controls import plain
from backpropviz.ui.row_list import ROW_HEIGHT, Row, RowList

if TYPE_CHECKING:
    from backpropviz.ui.actions import ActionSet
    from backpropviz.ui.opened import Opened


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
            plain(actions[spec.name].text()).partition("\t")[0].removesuffix("…"),
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
