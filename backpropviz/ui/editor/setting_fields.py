"""The settings of one layer or loss as fields; what is refused is said below the field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import Field, fields
from typing import Any, TypeAlias, get_type_hints

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from backpropviz.engine.fields import Configuration
from backpropviz.engine.kinds.protocol import MODE_FIELDS, Moded
from backpropviz.frozen import Setting, setting_of
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import LABEL, MONO, ROW
from backpropviz.ui.controls import Segmented
from backpropviz.ui.editor.editor_line import EditorLine
from backpropviz.ui.editor.setting_text import (
    choices_of,
    may_be_empty,
    read_setting,
    setting_text,
    takes_whole_numbers,
)
from backpropviz.ui.plain_text import PlainLabel

Setter: TypeAlias = Callable[[str, object], str]
"""Takes a field's name and value; returns why it is refused, or nothing."""
LABEL_WIDTH = 104


class SettingLine(EditorLine):
    """A line for a number, a pair or a word; Up and Down count."""

    given = Signal()

    def __init__(self, field: str, about: Setting, hint: Any) -> None:
        super().__init__()
        self.field, self.hint = field, hint
        self.setFont(qfont(MONO))
        self.setAccessibleName(about.title)
        self.setToolTip(about.help)
        if may_be_empty(hint):
            self.setPlaceholderText(self.tr("as usual"))
        self.editingFinished.connect(self._give)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()), 0)
        if by and takes_whole_numbers(self.hint) and not event.modifiers():
            value = read_setting(self.text(), self.hint)
            if isinstance(value, int):
                self.setText(setting_text(value + by))
                self.setModified(True)
                self._give()
                return
        super().keyPressEvent(event)

    def _give(self) -> None:
        if self.isModified():
            self.setModified(False)
            self.given.emit()


def settings_of(configuration: Configuration) -> Iterator[Field[Any]]:
    """What a person sets; the mode of a layer is that of the whole pass."""
    is_moded = isinstance(configuration, Moded)
    for field in fields(configuration):  # type: ignore[arg-type]
        if not (is_moded and field.name in MODE_FIELDS):
            yield field


class SettingFields(QWidget):
    """Made for one kind of configuration; `show_values` follows it afterwards."""

    def __init__(self, configuration: Configuration, give: Setter) -> None:
        super().__init__()
        self._give = give
        self.kind = configuration.kind
        self.controls: dict[str, SettingLine | QCheckBox | Segmented] = {}
        self._notes: dict[str, QLabel] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        self._grid.setColumnStretch(1, 1)
        hints = get_type_hints(type(configuration))
        for number, field in enumerate(settings_of(configuration)):
            about = setting_of(configuration, field.name)
            self._add(number, field.name, about, hints[field.name])
        self.show_values(configuration)

    def show_values(self, configuration: Configuration) -> None:
        """Show the present values; nothing is refused any more."""
        for name, control in self.controls.items():
            value = getattr(configuration, name)
            self._notes[name].hide()
            if isinstance(control, SettingLine):
                control.setText(setting_text(value))
            elif isinstance(control, QCheckBox):
                control.setChecked(bool(value))
            else:
                control.set_value(value)

    def refusal(self, name: str) -> str:
        """What is said below a field."""
        return self._notes[name].text() if not self._notes[name].isHidden() else ""

    def _add(self, number: int, name: str, about: Setting, hint: Any) -> None:
        label = PlainLabel(about.title)
        label.setFont(qfont(ROW))
        label.setToolTip(about.help)
        control = self._control(name, about, hint)
        label.setBuddy(control)
        note = PlainLabel()
        note.setObjectName("Refusal")
        note.setFont(qfont(LABEL))
        note.setWordWrap(True)
        note.hide()
        cell = QVBoxLayout()
        cell.setSpacing(3)
        cell.addWidget(control)
        cell.addWidget(note)
        self._grid.addWidget(label, number, 0, Qt.AlignmentFlag.AlignTop)
        label.setFixedHeight(28)
        self._grid.addLayout(cell, number, 1)
        self.controls[name], self._notes[name] = control, note

    def _control(self, name: str, about: Setting, hint: Any) -> SettingLine | QCheckBox | Segmented:
        options = choices_of(hint)
        if hint is bool:
            box = QCheckBox()
            box.setObjectName(name)
            box.setFixedHeight(28)
            box.setAccessibleName(about.title)
            box.setToolTip(about.help)
            box.clicked.connect(self._take_tick)
            return box
        if options:
            choice = Segmented(about.title)
            choice.setObjectName("Segmented")
            choice.setProperty("setting", name)
            choice.set_choices([(about.options.get(o, str(o)), o, about.help) for o in options])
            choice.chosen.connect(self._take_choice)
            return choice
        line = SettingLine(name, about, hint)
        line.given.connect(self._take_line)
        return line

    def _take_line(self) -> None:
        line = self.sender()
        if isinstance(line, SettingLine):
            self._set(line.field, read_setting(line.text(), line.hint))

    def _take_tick(self, is_on: bool) -> None:
        self._set(self.sender().objectName(), is_on)

    def _take_choice(self, value: object) -> None:
        self._set(str(self.sender().property("setting")), value)

    def _set(self, name: str, value: object) -> None:
        refusal = self._give(name, value)
        self._notes[name].setText(refusal)
        self._notes[name].setVisible(bool(refusal))
