"""Before a window with unsaved work closes: keep it for the next start, discard it, or stay."""

from __future__ import annotations

from enum import Enum

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QLabel, QWidget

from backpropviz.ui.dialogs.frame import FramedDialog


class ClosingChoice(Enum):
    """What is to become of work that is in no file."""

    KEEP = "keep"
    DISCARD = "discard"
    CANCEL = "cancel"


class ClosingDialog(FramedDialog):
    """Enter keeps, Esc stays."""

    def __init__(self, parent: QWidget, unsaved: tuple[str, ...], *, is_training: bool) -> None:
        super().__init__(
            parent, QCoreApplication.translate("ClosingDialog", "Close with unsaved work?")
        )
        self.answer = ClosingChoice.CANCEL
        self.setMinimumWidth(480)
        stops = self.tr("The training stops after this update. ") if is_training else ""
        self.say(
            stops
            + self.tr("What is in no file yet can be kept: it is offered when you start again.")
        )
        for text in unsaved:
            line = QLabel(f"•  {text[:1].upper()}{text[1:]}")
            line.setTextFormat(Qt.TextFormat.PlainText)
            line.setWordWrap(True)
            self.body.addWidget(line)
        self.discard = self.add_button(self.tr("Discard"))
        self.cancel = self.add_button(self.tr("Cancel"))
        self.keep = self.add_button(self.tr("Keep and close"), is_primary=True)
        self.discard.clicked.connect(self._discard)
        self.cancel.clicked.connect(self.reject)
        self.keep.clicked.connect(self._keep)
        self.keep.setFocus()

    def _discard(self) -> None:
        self.answer = ClosingChoice.DISCARD
        self.accept()

    def _keep(self) -> None:
        self.answer = ClosingChoice.KEEP
        self.accept()


def ask_to_close(parent: QWidget, unsaved: tuple[str, ...], *, is_training: bool) -> ClosingChoice:
    """What to do with unsaved work."""
    dialog = ClosingDialog(parent, unsaved, is_training=is_training)
    dialog.exec()
    answer = dialog.answer
    dialog.deleteLater()
    return answer
