"""The frame of all dialogs, the question for a line of text, and the form of a breakpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QCompleter,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QStyle,
    QVBoxLayout,
    QWidget,
)

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.commands import ToggleBreakpoint
from backpropviz.debugger.search import OFFERED
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from backpropviz.expression.language import word_start
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import CARD_TITLE, MONO
from backpropviz.ui.controls import PlainLabel, Suggestions
from backpropviz.ui.opened import Opened
from backpropviz.ui.palette import SearchLine
from backpropviz.ui.row_list import ROW_HEIGHT, Row, RowList
from backpropviz.ui.windows import BoundedDialog, keep_on_screen, room

_LEAST_BODY = QSize(160, 64)
_SPARE = 2
"""At a fractional scale a window may come out a pixel smaller than it was asked to be."""

_T = TypeVar("_T")


class FramedDialog(BoundedDialog):
    """A modal dialog with a heading; `body` takes the content and scrolls where it is too high."""

    def __init__(self, parent: QWidget, heading: str, remark: str = "") -> None:
        super().__init__(parent)
        self.setWindowTitle(heading)
        self.setModal(True)
        title = PlainLabel(heading)
        title.setFont(qfont(CARD_TITLE))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(24, 20, 24, 20)
        self._column.setSpacing(8)
        self._column.addWidget(title)
        self.remark = PlainLabel(remark)
        self.remark.setObjectName("Note")
        self.remark.setWordWrap(True)
        self.remark.setVisible(bool(remark))
        self._column.addWidget(self.remark)
        self._column.addSpacing(4)
        area = _Body(self)
        self.body = area.column
        self._column.addWidget(area, 1)
        self._column.addSpacing(8)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        self._buttons.addStretch(1)
        self._column.addLayout(self._buttons)

    def add_button(self, text: str, *, is_primary: bool = False) -> QPushButton:
        """A button at the lower right; the primary one answers Enter."""
        button = QPushButton(text)
        button.setFixedHeight(32)
        button.setAutoDefault(is_primary)
        button.setDefault(is_primary)
        if is_primary:
            button.setObjectName("Primary")
        self._buttons.addWidget(button)
        return button

    def ask_for(self, read: Callable[[], _T]) -> _T | None:
        """Ask, and let go of the dialog: what `read` finds, None where it was dismissed."""
        is_accepted = self.exec() == FramedDialog.DialogCode.Accepted
        found = read() if is_accepted else None
        self.deleteLater()
        return found

    def say(self, text: str) -> None:
        """A sentence under the heading: what is wrong, or what happens."""
        self.remark.setText(text)
        self.remark.setVisible(bool(text))
        self.grow()

    def showEvent(self, event: QShowEvent) -> None:
        if not self.testAttribute(Qt.WidgetAttribute.WA_Resized):
            self.fit()
        super().showEvent(event)

    def fit(self) -> None:
        """As large as the content wants, within the screen."""
        most = room(self)
        wanted = max(self.sizeHint().width(), self.minimumWidth()) + _SPARE
        if self._column.totalHeightForWidth(wanted) > most.height():
            wanted += self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent) + 4
        width = min(wanted, most.width())
        self.resize(width, self._height(width))

    def grow(self) -> None:
        """Higher, where the content no longer fits and the screen has room."""
        if self.isVisible() and self.height() < self._height(self.width()):
            self.resize(self.width(), self._height(self.width()))
            keep_on_screen(self)

    def _height(self, width: int) -> int:
        self._column.activate()
        return min(self._column.totalHeightForWidth(width) + _SPARE, room(self).height())


class _Body(QScrollArea):
    """The content of a dialog: as high as it is, less where the screen is less high."""

    def __init__(self, owner: FramedDialog) -> None:
        super().__init__()
        self._owner = owner
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._content = _Content(self)
        self.column = QVBoxLayout(self._content)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(10)
        self.setWidget(self._content)

    def follow(self) -> None:
        """The content wants another size."""
        self.updateGeometry()
        self._owner.grow()

    def sizeHint(self) -> QSize:
        return self._content.sizeHint()

    def minimumSizeHint(self) -> QSize:
        return self._content.minimumSizeHint().boundedTo(_LEAST_BODY)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        if self.column.hasHeightForWidth():
            return self.column.totalHeightForWidth(width)
        return self._content.sizeHint().height()


class _Content(QWidget):
    def __init__(self, area: _Body) -> None:
        super().__init__()
        self._area = area
        self.setObjectName("DialogBody")

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._area.follow()
        return super().event(event)


def form() -> QFormLayout:
    """Rows of a label and a control."""
    result = QFormLayout()
    result.setHorizontalSpacing(16)
    result.setVerticalSpacing(10)
    result.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    result.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
    return result


_MOST_ROWS = 8


class AskDialog(FramedDialog):
    """A line; the sentence above says why the answer cannot be used."""

    def __init__(
        self,
        parent: QWidget,
        heading: str,
        hint: str,
        text: str,
        refusal: Callable[[str], str],
        completions: Sequence[str] = (),
    ) -> None:
        super().__init__(parent, heading, hint)
        self._hint, self._refusal = hint, refusal
        self._completions = tuple(dict.fromkeys(completions))
        self.rows = RowList("Suggestions", "", self)
        self.line = SearchLine(self.rows, heading)
        self.line.setText(text)
        self.line.setFont(qfont(MONO))
        self.line.selectAll()
        self.body.addWidget(self.line)
        self.rows.setVisible(bool(completions))
        if completions:
            self.rows.setFixedHeight(ROW_HEIGHT * min(_MOST_ROWS, len(self._completions)))
            self.body.addWidget(self.rows)
            self.rows.picked.connect(self.line.setText)
            self.rows.opened.connect(self._try)
            self.line.returnPressed.connect(self._use_suggestion)
        cancel = self.add_button("Cancel")
        cancel.clicked.connect(self.reject)
        self._accept = self.add_button("OK", is_primary=True)
        self._accept.clicked.connect(self._try)
        self.line.textChanged.connect(self._check)
        self.setMinimumWidth(460)
        self._check(text)

    def _check(self, text: str) -> None:
        wanted = text.strip().casefold()
        found = [name for name in self._completions if wanted in name.casefold()]
        self.rows.show_rows(tuple(Row(name, name, is_quiet=True) for name in found))
        refusal = self._refusal(text.strip()) if text.strip() else ""
        self.say(refusal or self._hint)
        self._accept.setEnabled(bool(text.strip()) and not refusal)

    def _use_suggestion(self) -> None:
        """On Enter: the marked suggestion, or the only one where the text names nothing itself."""
        names = [row.key for row in self.rows.rows]
        if self.rows.current_key:
            self.line.setText(self.rows.current_key)
        elif not self._accept.isEnabled() and len(names) == 1:
            self.line.setText(names[0])

    def _try(self) -> None:
        if not self._refusal(self.line.text().strip()):
            self.accept()


def ask(
    parent: QWidget,
    heading: str,
    hint: str,
    text: str,
    refusal: Callable[[str], str],
    completions: Sequence[str] = (),
) -> str | None:
    """The answer, or None where the question was dismissed."""
    dialog = AskDialog(parent, heading, hint, text, refusal, completions)
    is_answered = dialog.exec() == AskDialog.DialogCode.Accepted
    answer = dialog.line.text().strip()
    dialog.deleteLater()
    return answer if is_answered else None


class SureDialog(FramedDialog):
    """Whether something may be lost; Enter and Esc keep it."""

    def __init__(self, parent: QWidget, heading: str, remark: str, verbs: tuple[str, str]) -> None:
        super().__init__(parent, heading, remark)
        self.setMinimumWidth(440)
        self.lose = self.add_button(verbs[0])
        self.keep = self.add_button(verbs[1], is_primary=True)
        self.lose.clicked.connect(self.accept)
        self.keep.clicked.connect(self.reject)
        self.keep.setFocus()


def ask_sure(parent: QWidget, heading: str, remark: str, verbs: tuple[str, str]) -> bool:
    """Whether something may be lost; `verbs` are what loses it, and what keeps it."""
    return SureDialog(parent, heading, remark, verbs).ask_for(lambda: True) or False


_PHASES = {phase.value: phase for phase in Phase}
_WIDTH = 340
_NOTHING = "\n"
"""What no word begins with."""


class BreakpointDialog(FramedDialog):
    """Edits one breakpoint; what cannot be used is said while it is typed."""

    def __init__(self, parent: QWidget, opened: Opened, mark: Breakpoint | None) -> None:
        super().__init__(parent, "Breakpoint")
        self._opened = opened
        self._before = mark
        self._place = QLineEdit(_place_text(mark))
        self._condition = QLineEdit(mark.condition if mark is not None else "")
        self._place.setPlaceholderText("anywhere")
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
        self._enabled = QCheckBox("Enabled")
        self._enabled.setChecked(mark.enabled if mark is not None else True)
        rows = form()
        rows.addRow("Stop at", self._place)
        rows.addRow("Only when", self._condition)
        rows.addRow("Pass hits", self._ignore)
        rows.addRow("", self._enabled)
        self.body.addLayout(rows)
        cancel = self.add_button("Cancel")
        cancel.clicked.connect(self.reject)
        self._accept = self.add_button("Set", is_primary=True)
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
        hint = "A phase, a layer, an array or one value; a condition on value or term."
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
