"""The files of a data set that were passed over, each with its reason, to be read and copied."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from backpropviz.engine.training.samples import Skipped
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO, PANEL_TITLE
from backpropviz.ui.controls import CONTROL_HEIGHT
from backpropviz.ui.plain_text import PlainLabel

_HEIGHT = 92


class SkippedList(QWidget):
    """Hidden while nothing was passed over."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = PlainLabel()
        self._title.setFont(qfont(PANEL_TITLE))
        self.copy = QPushButton(self.tr("Copy the list"))
        self.copy.setFixedHeight(CONTROL_HEIGHT)
        self.copy.setAutoDefault(False)
        self.copy.clicked.connect(self._copy_all)
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setTabChangesFocus(True)
        self._text.setFont(qfont(MONO))
        self._text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._text.setFixedHeight(_HEIGHT)
        self._text.setAccessibleName(self.tr("Passed over"))
        row = QHBoxLayout()
        row.addWidget(self._title)
        row.addStretch(1)
        row.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(row)
        column.addWidget(self._text)
        self.hide()

    @property
    def text(self) -> str:
        """A line a file."""
        return self._text.toPlainText()

    def show_skipped(self, skipped: tuple[Skipped, ...]) -> None:
        """Show these."""
        count = len(skipped)
        self.setVisible(count > 0)
        words = self.tr("1 file passed over") if count == 1 else self.tr("{n} files passed over")
        self._title.setText(words.format(n=f"{count:,}"))
        self._text.setPlainText("\n".join(f"{s.name}  {s.reason}" for s in skipped))

    def _copy_all(self) -> None:
        QGuiApplication.clipboard().setText(self.text)
