"""The settings of one layer or loss as fields; what is refused is said below the field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import Field, fields
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from PySide6.QtCore import QEvent, QKeyCombination, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from backpropviz.engine.fields import Configuration
from backpropviz.engine.kinds.protocol import MODE_FIELDS, Moded
from backpropviz.frozen import Setting, setting_of
from backpropviz.number_text import LARGEST_WHOLE, real_number, whole_number
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import LABEL, MONO, ROW
from backpropviz.ui.controls import Chip, Segmented
from backpropviz.ui.plain_text import PlainLabel, plain_tip, plain_title


def setting_text(value: object) -> str:
    """A value as it stands in a line; nothing for what follows from other settings."""
    if value is None:
        return ""
    if isinstance(value, tuple | list):
        if any(isinstance(item, tuple | list) for item in value):
            return "; ".join(setting_text(item) for item in value)
        text = ", ".join("–" if item is None else setting_text(item) for item in value)
        return text if len(value) != 1 else f"{text},"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).replace("-", "−") if isinstance(value, int | float) else str(value)


def read_setting(text: str, hint: Any) -> object:
    """What a line says, as JSON would have it; whether it suits is for the layer to say."""
    plain = text.strip().replace("−", "-")
    if not plain:
        return None
    if ";" in plain:
        return [_row(part) for part in plain.split(";")]
    if "," in plain or "×" in plain:
        return _row(plain)
    value = _atom(plain)
    return [value] if _is_list(hint) and not isinstance(value, str) else value


def choices_of(hint: Any) -> tuple[object, ...]:
    """The options of a setting that has a few, else none."""
    if hint is bool:
        return (False, True)
    return get_args(hint) if get_origin(hint) is Literal else ()


def may_be_empty(hint: Any) -> bool:
    """Whether a setting may be left out, to follow from others."""
    return get_origin(hint) in {Union, UnionType} and NoneType in get_args(hint)


def takes_whole_numbers(hint: Any) -> bool:
    """Whether the arrow keys may count it up and down."""
    return hint is int or (get_origin(hint) in {Union, UnionType} and int in get_args(hint))


def _row(text: str) -> list[object]:
    parts = text.replace("×", ",").split(",")
    return [_atom(part.strip()) for part in parts if part.strip()]


def _atom(text: str) -> object:
    if text in {"–", "-"}:
        return None
    whole = whole_number(text, -LARGEST_WHOLE)
    return whole if whole is not None else text if (n := real_number(text)) is None else n


def _is_list(hint: Any) -> bool:
    """A tuple of any length, also where it may be left out."""
    options = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
    return any(
        get_origin(option) is tuple and get_args(option)[-1] is Ellipsis for option in options
    )


_CONTROL, _SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
_UNDO = (
    QKeyCombination(_CONTROL, Qt.Key.Key_Z),
    QKeyCombination(_CONTROL | _SHIFT, Qt.Key.Key_Z),
    QKeyCombination(_CONTROL, Qt.Key.Key_Y),
)


class EditorLine(QLineEdit):
    """Claims Ctrl+Z only while it holds what nobody has taken yet."""

    def event(self, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and not self.isModified()
            and event.keyCombination() in _UNDO
        ):
            event.ignore()
            return False
        return super().event(event)


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
            self.setPlaceholderText("as usual")
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


class ChoiceChip(Chip):
    """`chosen` carries the value; None among the choices separates."""

    chosen = Signal(str)

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.hide_label()
        self._choices: tuple[tuple[str, str, str] | None, ...] = ()

    def set_choices(self, choices: Sequence[tuple[str, str, str] | None]) -> None:
        """Offer these (value, text, help)."""
        if tuple(choices) == self._choices:
            return
        self._choices = tuple(choices)
        self.fill([self._action(choice) for choice in choices])

    def choose(self, value: str) -> None:
        """As if its entry of the menu had been chosen."""
        self.chosen.emit(value)

    def _action(self, choice: tuple[str, str, str] | None) -> QAction | None:
        if choice is None:
            return None
        value, text, help_text = choice
        action = QAction(plain_title(text), self.menu())
        action.setData(value)
        action.setToolTip(plain_tip(help_text))
        action.triggered.connect(self._choose)
        return action

    def _choose(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.chosen.emit(str(action.data()))
