"""What the forms of the editor share: a column that scrolls, titled parts, an alert, a line."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from backpropviz.paint.families import qfont
from backpropviz.scene.theme import LABEL, PANEL_TITLE, ROW
from backpropviz.ui.editor.choosing import ChoiceChip
from backpropviz.ui.editor.editor_line import EditorLine
from backpropviz.ui.editor.setting_fields import LABEL_WIDTH, SettingFields
from backpropviz.ui.plain_text import PlainLabel, plain_tip


class EditorForm(QScrollArea):
    """A form of the right side."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget()
        inner.setObjectName("Panel")
        self.column = QVBoxLayout(inner)
        self.column.setContentsMargins(16, 10, 16, 16)
        self.column.setSpacing(10)
        self.alert = PlainLabel()
        self.alert.setObjectName("Alert")
        self.alert.setWordWrap(True)
        self.alert.hide()
        self.column.addWidget(self.alert)
        self.setWidget(inner)
        self._fields: SettingFields | None = None
        self._place = 0

    def say_problem(self, text: str) -> None:
        """What does not fit here, or nothing."""
        self.alert.setText(text[:1].upper() + text[1:])
        self.alert.setVisible(bool(text))

    def add_row(self, label: str, control: QWidget) -> QLabel:
        """A control with its label; returns the line below for what is refused."""
        title, note = PlainLabel(label), PlainLabel()
        title.setFont(qfont(ROW))
        title.setFixedSize(LABEL_WIDTH, 28)
        title.setBuddy(control)
        note.setObjectName("Refusal")
        note.setFont(qfont(LABEL))
        note.setWordWrap(True)
        note.hide()
        row, cell = QHBoxLayout(), QVBoxLayout()
        row.setSpacing(12)
        cell.setSpacing(3)
        if isinstance(control, ChoiceChip):
            cell.addWidget(control, 0, Qt.AlignmentFlag.AlignLeft)
        else:
            cell.addWidget(control)
        cell.addWidget(note)
        row.addWidget(title, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(cell, 1)
        self.column.addLayout(row)
        return note

    def add_title(self, text: str) -> None:
        """The heading of a part."""
        title = PlainLabel(text)
        title.setFont(qfont(PANEL_TITLE))
        self.column.addSpacing(4)
        self.column.addWidget(title)

    def keep_place_for_fields(self) -> None:
        """Settings will stand here."""
        self._place = self.column.count()

    @property
    def fields(self) -> SettingFields | None:
        """The settings that stand in their place."""
        return self._fields

    def put_fields(self, fields: SettingFields) -> None:
        """Other settings in the place of those before."""
        if self._fields is not None:
            self.column.removeWidget(self._fields)
            self._fields.hide()
            self._fields.deleteLater()
        self._fields = fields
        self.column.insertWidget(self._place, fields)
        fields.setVisible(bool(fields.controls))


def show_refusal(note: QLabel, refusal: str) -> None:
    """Say below a control why it was refused, or nothing."""
    note.setText(refusal)
    note.setVisible(bool(refusal))


def text_line(name: str, help_text: str = "") -> EditorLine:
    """A line for a name."""
    line = EditorLine()
    line.setAccessibleName(name)
    line.setToolTip(plain_tip(help_text))
    return line
