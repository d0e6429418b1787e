"""What all dialogs share: a heading, a body, and buttons at the lower right."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from backpropviz.paint.families import qfont
from backpropviz.scene.theme import CARD_TITLE
from backpropviz.ui.plain_text import PlainLabel


class FramedDialog(QDialog):
    """A modal dialog with a heading; `body` takes the content."""

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
        self.body = QVBoxLayout()
        self.body.setSpacing(10)
        self._column.addLayout(self.body, 1)
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

    def say(self, text: str) -> None:
        """A sentence under the heading: what is wrong, or what happens."""
        self.remark.setText(text)
        self.remark.setVisible(bool(text))


def form() -> QFormLayout:
    """Rows of a label and a control."""
    result = QFormLayout()
    result.setHorizontalSpacing(16)
    result.setVerticalSpacing(10)
    result.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    result.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
    return result
