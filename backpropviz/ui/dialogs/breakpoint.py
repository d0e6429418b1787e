"""Where to stop, under what condition, and how many hits to pass."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex
from PySide6.QtWidgets import QCheckBox, QCompleter, QLineEdit, QSpinBox, QWidget

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.conditions import OFFERED
from backpropviz.debugger.marks import ToggleBreakpoint
from backpropviz.engine.address import parse
from backpropviz.engine.program import Phase
from backpropviz.errors import UserError
from backpropviz.expression.language import word_start
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO
from backpropviz.ui.controls import Suggestions
from backpropviz.ui.dialogs.frame import FramedDialog, form
from backpropviz.ui.opened import Opened

_PHASES = {phase.value: phase for phase in Phase}
_WIDTH = 340
_NOTHING = "\n"
"""What no word begins with."""


class BreakpointDialog(FramedDialog):
    """Edits one breakpoint; what cannot be used is said while it is typed."""

    def __init__(self, parent: QWidget, opened: Opened, mark: Breakpoint | None) -> None:
        super().__init__(parent, parent.tr("Breakpoint"))
        self._opened = opened
        self._before = mark
        self._place = QLineEdit(_place_text(mark))
        self._condition = QLineEdit(mark.condition if mark is not None else "")
        self._place.setPlaceholderText(self.tr("anywhere"))
        self._condition.setPlaceholderText("abs(term) > 5,  value is nan")
        layers = [node.name for node in opened.view.tape.network.nodes]
        addresses = [str(address) for address in opened.view.tape]
        Suggestions([*_PHASES, *layers, *addresses], self._place)
        self._condition.setCompleter(_WordCompleter([*OFFERED, *addresses], self._condition))
        for line in (self._place, self._condition):
            line.setFont(qfont(MONO))
            line.setFixedWidth(_WIDTH)
            line.textChanged.connect(self._check)
        self._ignore = QSpinBox()
        self._ignore.setRange(0, 1_000_000)
        self._ignore.setFixedWidth(96)
        self._ignore.setValue(mark.ignore if mark is not None else 0)
        self._enabled = QCheckBox(self.tr("Enabled"))
        self._enabled.setChecked(mark.enabled if mark is not None else True)
        rows = form()
        rows.addRow(self.tr("Stop at"), self._place)
        rows.addRow(self.tr("Only when"), self._condition)
        rows.addRow(self.tr("Pass hits"), self._ignore)
        rows.addRow("", self._enabled)
        self.body.addLayout(rows)
        cancel = self.add_button(self.tr("Cancel"))
        cancel.clicked.connect(self.reject)
        self._accept = self.add_button(self.tr("Set"), is_primary=True)
        self._accept.clicked.connect(self.accept)
        self._check()

    def breakpoint(self) -> Breakpoint:
        """What the fields say.

        Raises:
            UserError: they name nothing, or the condition cannot be read.
        """
        place = self._place.text().strip()
        phase, before = _PHASES.get(place.lower()), self._before
        names = self._opened.view.tape.network.by_name
        layer = place if phase is None and place in names else None
        address = parse(place) if place and phase is None and layer is None else None
        if before is not None and layer is not None and before.layer == layer:
            phase = before.phase
        return Breakpoint(
            phase,
            layer,
            address,
            self._condition.text().strip(),
            self._enabled.isChecked(),
            self._ignore.value(),
            before.hits if before is not None else 0,
        )

    def _check(self) -> None:
        try:
            refusal = self._opened.refusal(ToggleBreakpoint(self.breakpoint()))
        except UserError as error:
            refusal = str(error)
        hint = self.tr("A phase, a layer, an array or one value; a condition on value or term.")
        self.say(refusal or hint)
        self._accept.setEnabled(not refusal)


class _WordCompleter(QCompleter):
    """Completes the word before the cursor, not the whole line."""

    def __init__(self, words: list[str], line: QLineEdit) -> None:
        super().__init__(words, line)
        self._line = line

    def splitPath(self, path: str) -> list[str]:
        at = self._line.cursorPosition()
        word = path[word_start(path, at) : at]
        return [word or _NOTHING]

    def pathFromIndex(self, index: QModelIndex | QPersistentModelIndex) -> str:
        text, at = self._line.text(), self._line.cursorPosition()
        return text[: word_start(text, at)] + super().pathFromIndex(index) + text[at:]


def ask_breakpoint(parent: QWidget, opened: Opened, mark: Breakpoint | None) -> Breakpoint | None:
    """The breakpoint that the person describes; None where they dismiss the dialog."""
    dialog = BreakpointDialog(parent, opened, mark)
    is_set = dialog.exec() == BreakpointDialog.DialogCode.Accepted
    found = dialog.breakpoint() if is_set else None
    dialog.deleteLater()
    return found


def _place_text(mark: Breakpoint | None) -> str:
    if mark is None:
        return ""
    if mark.address is not None:
        return str(mark.address)
    return mark.layer or (mark.phase.value if mark.phase is not None else "")
