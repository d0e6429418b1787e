"""One question with one line of answer, checked while it is typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QWidget

from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO
from backpropviz.ui.dialogs.frame import FramedDialog
from backpropviz.ui.floating import SearchLine
from backpropviz.ui.row_list import ROW_HEIGHT, Row, RowList

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
        self.rows = RowList(self.tr("Suggestions"), "", self)
        self.line = SearchLine(self.rows, heading)
        self.line.setText(text)
        self.line.setFont(qfont(MONO))
        self.line.selectAll()
        self.body.addWidget(self.line)
        self.rows.setVisible(bool(completions))
        if completions:
            self.rows.setFixedHeight(ROW_HEIGHT * min(_MOST_ROWS, len(self._completions)))
            self.body.addWidget(self.rows)
            self.rows.itemClicked.connect(self._use_row)
            self.rows.itemDoubleClicked.connect(self._try)
            self.line.returnPressed.connect(self._use_suggestion)
        cancel = self.add_button(self.tr("Cancel"))
        cancel.clicked.connect(self.reject)
        self._accept = self.add_button(self.tr("OK"), is_primary=True)
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

    def _use_row(self) -> None:
        self.line.setText(self.rows.current_key)

    def _use_suggestion(self) -> None:
        """On Enter: the marked suggestion, or the only one where the text names nothing itself."""
        names = [row.key for row in self.rows.rows]
        if self.rows.current_key:
            self._use_row()
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
