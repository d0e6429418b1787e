"""The settings of one layer or loss as fields; what is refused is said below the field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import TypeAlias

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QWidget

from backpropviz.engine.fields import Configuration
from backpropviz.engine.kinds.protocol import MODE_FIELDS, Moded
from backpropviz.scene.theme import LABEL, ROW
from backpropviz.ui import boxes
from backpropviz.ui.forms import Control, Fields
from backpropviz.ui.plain_text import plain_tip

Setter: TypeAlias = Callable[[str, object], str]
"""Takes a field's name and value; returns why it is refused, or nothing."""
LABEL_WIDTH = 104


def settings_of(configuration: Configuration) -> list[str]:
    """What a person sets; the mode of a layer is that of the whole pass."""
    hidden = MODE_FIELDS if isinstance(configuration, Moded) else ()
    names = (field.name for field in fields(configuration))  # type: ignore[arg-type]
    return [name for name in names if name not in hidden]


class SettingFields(QWidget):
    """Made for one kind of configuration; `show_values` follows it afterwards."""

    def __init__(self, configuration: Configuration, give: Setter) -> None:
        super().__init__()
        self._give = give
        self.kind = configuration.kind
        self._fields = Fields(configuration, settings_of(configuration))
        self._fields.setParent(self)
        self._fields.given.connect(self._set)
        self.controls = self._fields.controls
        self._notes: dict[str, QLabel] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        self._grid.setColumnStretch(1, 1)
        for number, (name, control) in enumerate(self.controls.items()):
            self._add(number, name, control)

    def show_values(self, configuration: Configuration) -> None:
        """Show the present values; nothing is refused any more."""
        self._fields.show_values(configuration)
        for note in self._notes.values():
            note.hide()

    def refusal(self, name: str) -> str:
        """What is said below a field."""
        return self._notes[name].text() if not self._notes[name].isHidden() else ""

    def _add(self, number: int, name: str, control: Control) -> None:
        about = self._fields.about[name]
        label = boxes.words(about.title, ROW)
        label.setToolTip(plain_tip(about.help))
        label.setBuddy(control)
        label.setFixedHeight(28)
        if isinstance(control, QCheckBox):
            control.setFixedHeight(28)
        self._notes[name] = note = refusal_label()
        cell = boxes.column(control, note, gap=3)
        self._grid.addWidget(label, number, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addLayout(cell, number, 1)

    def _set(self, name: str) -> None:
        show_refusal(self._notes[name], self._give(name, self._fields.value(name)))


def refusal_label() -> QLabel:
    """The line below a control that says why it was refused; hidden until then."""
    note = boxes.words("", LABEL, "Refusal", wraps=True)
    note.hide()
    return note


def show_refusal(note: QLabel, refusal: str) -> None:
    """Say below a control why it was refused, or nothing."""
    note.setText(refusal)
    note.setVisible(bool(refusal))
