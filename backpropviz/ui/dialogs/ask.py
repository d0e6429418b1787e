"""One question with one line of answer, checked while it is typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCompleter, QLineEdit, QWidget

from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO
from backpropviz.ui.dialogs.frame import FramedDialog


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
        self.line = QLineEdit(text)
        self.line.setFont(qfont(MONO))
        self.line.setAccessibleName(heading)
        self.line.selectAll()
        if completions:
            completer = QCompleter(list(completions), self.line)
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
            self.line.setCompleter(completer)
        self.body.addWidget(self.line)
        cancel = self.add_button(self.tr("Cancel"))
        cancel.clicked.connect(self.reject)
        self._accept = self.add_button(self.tr("OK"), is_primary=True)
        self._accept.clicked.connect(self._try)
        self.line.textChanged.connect(self._check)
        self.setMinimumWidth(460)
        self._check(text)

    def _check(self, text: str) -> None:
        refusal = self._refusal(text.strip()) if text.strip() else ""
        self.say(refusal or self._hint)
        self._accept.setEnabled(bool(text.strip()) and not refusal)

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
