"""Forms of settings: from the fields of a frozen class to controls, and from what is typed back.

Titles, help, units and the names of options come from the class's `setting`s. A setting whose unit
is % is a share of 1 and shown in percent. Which values are of use is for the class to say; here is
told what is not even of the right form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from PySide6.QtCore import QEvent, QKeyCombination, QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QCheckBox, QFormLayout, QLabel, QLineEdit, QWidget

from backpropviz.document import LARGEST_INTEGER, real_number, whole_number
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, setting_of
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO
from backpropviz.ui.controls import CONTROL_HEIGHT, Chip, Segmented, plain_tip, plain_title

_SWITCHES: Final = {
    "on": True,
    "yes": True,
    "true": True,
    "off": False,
    "no": False,
    "false": False,
}
_LONGEST: Final = 30


def text_of(value: object) -> str:
    """A value as it stands in a line; nothing for what follows from other settings."""
    if value is None or isinstance(value, bool):
        return "" if value is None else "on" if value else "off"
    if isinstance(value, tuple | list):
        if any(isinstance(item, tuple | list) for item in value):
            return "; ".join(map(text_of, value))
        text = ", ".join("–" if item is None else text_of(item) for item in value)
        return text if len(value) != 1 else f"{text},"
    # All that a person types, but not what binary fractions leave behind: 100 · 0.07 is 7.
    text = f"{value:.12g}" if isinstance(value, float) else str(value)
    if isinstance(value, int | float):
        mantissa, e, exponent = text.replace("inf", "∞").partition("e")
        text = f"{mantissa}e{int(exponent)}" if e else mantissa
        return text.replace("-", "−")
    return text


def value_of(text: str, hint: Any = Any) -> object:
    """What a line says, as JSON would have it; text stays where it is no number."""
    plain = text.strip().replace("−", "-")
    if hint is str or not plain:
        return text.strip() if hint is str else None
    if hint in {bool, Any} and plain.casefold() in _SWITCHES:
        return _SWITCHES[plain.casefold()]
    if ";" in plain:
        return [_row(part) for part in plain.split(";")]
    if "," in plain or "×" in plain:
        return _row(plain)
    value = _atom(plain)
    return [value] if _is_list(hint) and not isinstance(value, str) else value


def typed_value(text: str, title: str, hint: Any = Any) -> object:
    """What a person typed: on or off, a number, or numbers separated by commas.

    Raises:
        UserError: it is none of these; the sentence begins with the field's title.
    """
    value = value_of(text, hint)
    for item in value if isinstance(value, list) else [value]:
        if item is None or isinstance(item, str):
            raise UserError(f"{title} = “{told(text)}” is no number: type one.")
    return value


def told(text: str) -> str:
    """What a person typed, as a sentence repeats it: not in full where it is long."""
    plain = text.strip()
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"


def options_of(hint: Any) -> tuple[Any, ...]:
    """The types that a setting may have."""
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)


def choices_of(hint: Any) -> tuple[object, ...]:
    """The options of a setting that has a few, else none."""
    if hint is bool:
        return (False, True)
    return get_args(hint) if get_origin(hint) is Literal else ()


def may_be_empty(hint: Any) -> bool:
    """Whether a setting may be left out, to follow from others."""
    return NoneType in options_of(hint)


def takes_whole_numbers(hint: Any) -> bool:
    """Whether the arrow keys may count it up and down."""
    return int in options_of(hint)


def _row(text: str) -> list[object]:
    parts = text.replace("×", ",").split(",")
    return [_atom(part.strip()) for part in parts if part.strip()]


def _atom(text: str) -> object:
    if text in {"–", "-"}:
        return None
    whole = whole_number(text, -LARGEST_INTEGER)
    number = real_number(text, infinite=True) if whole is None else whole
    return text if number is None else number


def _is_list(hint: Any) -> bool:
    """A tuple of any length, also where it may be left out."""
    return any(get_origin(o) is tuple and get_args(o)[-1] is Ellipsis for o in options_of(hint))


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


class SettingLine(EditorLine):
    """A line for a number, a pair, a list or a word; Up and Down count."""

    given = Signal()

    def __init__(self, about: Setting, hint: Any) -> None:
        super().__init__()
        self.about, self.hint = about, hint
        self._text, self._value = "", None
        self.setFont(qfont(MONO))
        self.setAccessibleName(about.title)
        self.setToolTip(plain_tip(about.help))
        if may_be_empty(hint) or None in about.options:
            self.setPlaceholderText(about.options.get(None, "as usual"))
        self.editingFinished.connect(self._give)

    def show_value(self, value: Any) -> None:
        """Show a value; it is kept to its last digit until another text stands here."""
        is_share = self.about.unit == "%"
        self._text, self._value = text_of(100 * value if is_share else value), value
        self.setText(self._text)

    @property
    def is_typed_in(self) -> bool:
        """Whether somebody types in it just now."""
        return self.hasFocus() and self.isModified()

    @property
    def value(self) -> Any:
        """What it says, as JSON would have it, of use or not."""
        text = self.text()
        if text == self._text:
            return self._value
        if may_be_empty(self.hint) and text.strip() == self.about.options.get(None):
            return None
        value = value_of(text.removesuffix("%"), self.hint)
        is_share = self.about.unit == "%" and isinstance(value, int | float)
        return float(value) / 100 if is_share else value  # type: ignore[arg-type]

    def checked_value(self) -> Any:
        """What it says, in the form that the setting has.

        Raises:
            UserError: it has another form; the sentence begins with the title.
        """
        value, kinds = self.value, options_of(self.hint)
        is_empty = value is None and NoneType in kinds
        if self.text() == self._text or str in kinds or is_empty:
            return value
        typed_value(self.text().removesuffix("%"), self.about.title, self.hint)
        shown = f"{self.about.title} = {told(self.text())}"
        is_list = isinstance(value, list)
        if is_list and tuple not in [get_origin(kind) for kind in kinds]:
            raise UserError(
                f"{shown} must be one number; its decimals stand after a point, as in 0.5."
            )
        if is_list or float in kinds:
            return value if is_list or int in kinds else float(value)
        least = -LARGEST_INTEGER if self.about.least is None else self.about.least
        if not isinstance(value, int) or not least <= value < LARGEST_INTEGER:
            unit = f" of {self.about.unit}" if self.about.unit else ""
            bound = "" if self.about.least is None else f" from {least:g} on"
            raise UserError(f"{shown} must be a whole number{unit}{bound}.")
        return value

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()), 0)
        if by and takes_whole_numbers(self.hint) and not event.modifiers():
            value = self.value
            if isinstance(value, int):
                self.setText(text_of(value + by))
                self.setModified(True)
                self._give()
                return
        super().keyPressEvent(event)

    def _give(self) -> None:
        if self.isModified():
            self.setModified(False)
            self.given.emit()


Control: TypeAlias = "SettingLine | QCheckBox | Segmented"
About: TypeAlias = Callable[[Any, str], Setting]


class Fields(QObject):
    """The controls of a configuration's settings; a layout takes them as rows.

    What has fields of its own, or is not among `names`, has no control here.
    """

    given = Signal(str)
    """A field was left with another text, ticked or chosen."""
    edited = Signal(str)
    """The same, and while it is typed."""

    def __init__(
        self,
        configuration: Any,
        names: Sequence[str] | None = None,
        *,
        about: About = setting_of,
        width: int = 0,
    ) -> None:
        super().__init__()
        self.controls: dict[str, Control] = {}
        self.about: dict[str, Setting] = {}
        hints = get_type_hints(type(configuration))
        for name in names or [field.name for field in fields(configuration)]:
            if not hasattr(getattr(configuration, name), "kind"):
                self.about[name] = about(configuration, name)
                self.controls[name] = self._control(name, hints[name], width)
        self.show_values(configuration)

    def show_values(self, configuration: Any, *, over_typing: bool = True) -> None:
        """Show the present values; a line in which somebody types only `over_typing`."""
        for name, control in self.controls.items():
            is_typing = isinstance(control, SettingLine) and control.is_typed_in
            if over_typing or not is_typing:
                self.show_value(name, getattr(configuration, name))

    def show_value(self, name: str, value: object) -> None:
        """Show one value."""
        control = self.controls[name]
        if isinstance(control, QCheckBox):
            control.setChecked(bool(value))
        elif isinstance(control, Segmented):
            control.set_value(value)
        else:
            control.show_value(value)

    def line(self, name: str) -> SettingLine:
        """The line of that name."""
        return cast("SettingLine", self.controls[name])

    def choice(self, name: str) -> Segmented:
        """The choice of that name."""
        return cast("Segmented", self.controls[name])

    def value(self, name: str) -> object:
        """What a control says, as JSON would have it, of use or not."""
        control = self.controls[name]
        return control.isChecked() if isinstance(control, QCheckBox) else control.value

    def values(self) -> dict[str, Any]:
        """What all of them say.

        Raises:
            UserError: a line has another form than its setting; the sentence names it.
        """
        return {
            name: line.checked_value() if isinstance(line, SettingLine) else self.value(name)
            for name, line in self.controls.items()
        }

    def add_to(self, rows: QFormLayout, place: int = -1) -> None:
        """A row for each, from a row on; −1 is the end, −2 before the last row."""
        place = rows.rowCount() + 1 + place if place < 0 else place
        for number, (name, control) in enumerate(self.controls.items(), start=place):
            if isinstance(control, QCheckBox):
                control.setText(self.about[name].title)
                rows.insertRow(number, control)
            else:
                rows.insertRow(number, self.about[name].title, control)

    def remove_from(self, rows: QFormLayout) -> None:
        """Take the rows away, also from within a signal of theirs."""
        for control in self.controls.values():
            label = rows.labelForField(control)
            rows.takeRow(control)
            for widget in filter(None, (label, control)):
                widget.hide()
                widget.deleteLater()
        self.deleteLater()

    def _control(self, name: str, hint: Any, width: int) -> Control:
        about = self.about[name]
        choices = [one for one in about.options if one is not None] or choices_of(hint)
        control: Control
        if choices and (hint is not bool or about.options):
            control = Segmented(about.title)
            control.set_choices([(about.options.get(o, str(o)), o, about.help) for o in choices])
            control.chosen.connect(self._give)
        elif hint is bool:
            control = QCheckBox()
            control.setAccessibleName(about.title)
            control.setToolTip(plain_tip(about.help))
            control.clicked.connect(self._give)
        else:
            control = SettingLine(about, hint)
            control.given.connect(self._give)
            control.textChanged.connect(self._edit)
            if width:
                control.setFixedSize(width, CONTROL_HEIGHT)
                control.setAlignment(Qt.AlignmentFlag.AlignRight)
        control.setProperty("setting", name)
        return control

    def _give(self) -> None:
        name = str(self.sender().property("setting"))
        self.given.emit(name)
        if not isinstance(self.controls[name], SettingLine):
            self.edited.emit(name)

    def _edit(self) -> None:
        self.edited.emit(str(self.sender().property("setting")))


class ChoiceChip(Chip):
    """`chosen` carries the value; None among the choices separates."""

    chosen = Signal(str)

    def __init__(self, label: str, choices: Mapping[str, str] | None = None) -> None:
        super().__init__(label)
        self.hide_label()
        self._choices: tuple[tuple[str, str, str] | None, ...] = ()
        self.set_choices([(value, text, "") for value, text in (choices or {}).items()])

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


def follow_rows(rows: QFormLayout) -> None:
    """Tab goes through the rows from top to bottom, whenever each was made."""
    items = map(rows.itemAt, range(rows.count()))
    widgets = [item.widget() for item in items if item is not None]
    controls = [widget for widget in widgets if widget and not isinstance(widget, QLabel)]
    controls.sort(key=lambda control: rows.getWidgetPosition(control)[0])  # type: ignore[index]
    for before, after in pairwise(controls):
        QWidget.setTabOrder(before, after)
