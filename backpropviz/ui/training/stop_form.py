"""The fields of one stop; which there are follows from its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args, get_origin, get_type_hints

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QLineEdit, QVBoxLayout, QWidget

from backpropviz.diagnosis.facts import RunFacts
from backpropviz.diagnosis.stops import GradientAbove, Stop, check_place, stop_kinds
from backpropviz.engine.fields import KIND_FIELD, from_fields, to_fields
from backpropviz.errors import UserError
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO
from backpropviz.ui.controls import CONTROL_HEIGHT, Segmented, Suggestions
from backpropviz.ui.dialogs.frame import form
from backpropviz.ui.training.typed import field_text, typed_value

_FIELD_WIDTH: Final = 168
_IN_PERCENT: Final = frozenset({"share", "accuracy"})
_TITLES: Final[Mapping[str, str]] = {
    "times": "Times in a row",
    "of": "Of",
    "norm": "Norm above",
    "tensor": "Tensor",
    "low": "Not below",
    "high": "Not above",
    "share": "Share in %",
    "updates": "For updates",
    "layer": "ReLU",
    "accuracy": "Accuracy in %",
    "loss": "Below",
    "number": "Number",
    "unit": "Of",
}
_NOT_EDITED: Final = frozenset({KIND_FIELD, "enabled"})


class StopForm(QWidget):
    """Emits the stop while it is typed, or why it cannot be used."""

    changed = Signal(object)
    refused = Signal(str)

    def __init__(self, facts: RunFacts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._facts = facts
        self._stop: Stop | None = None
        self._fields: dict[str, QLineEdit | Segmented] = {}
        self._inside: QWidget | None = None
        self._enabled = QCheckBox()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    def show_stop(self, stop: Stop) -> None:
        """A row for each of its fields."""
        if self._inside is not None:
            self._column.removeWidget(self._inside)
            self._inside.hide()
            self._inside.deleteLater()
        self._stop, self._fields = stop, {}
        self._inside, rows = QWidget(), form()
        rows.setContentsMargins(0, 0, 0, 0)
        hints = get_type_hints(type(stop))
        for name, value in to_fields(stop).items():
            if name not in _NOT_EDITED:
                field = self._field(name, value, hints[name])
                self._fields[name] = field
                rows.addRow(self.tr(_TITLES[name]), field)
        self._enabled = QCheckBox(self.tr("Enabled"))
        self._enabled.setChecked(stop.enabled)
        self._enabled.toggled.connect(self._take)
        rows.addRow("", self._enabled)
        self._inside.setLayout(rows)
        self._column.addWidget(self._inside)
        self.setFocusProxy(next(iter(self._fields.values()), self._inside))

    def field(self, name: str) -> QLineEdit | Segmented:
        """The field of that name."""
        return self._fields[name]

    def _field(self, name: str, value: object, hint: object) -> QLineEdit | Segmented:
        title = self.tr(_TITLES[name])
        if get_origin(hint) is Literal:
            choice = Segmented(title)
            choice.set_choices([(self.tr(str(one)), one, "") for one in get_args(hint)])
            choice.set_value(value)
            choice.chosen.connect(self._take)
            return choice
        line = QLineEdit(_shown(name, value))
        line.setFont(qfont(MONO))
        line.setFixedSize(_FIELD_WIDTH, CONTROL_HEIGHT)
        line.setAccessibleName(title)
        if hint is str:
            self._offer(line, name)
        line.textChanged.connect(self._take)
        return line

    def _offer(self, line: QLineEdit, name: str) -> None:
        """The names that there are, where an empty field means any."""
        tensors = [tensor.name for tensor in self._facts.tensors]
        Suggestions(tensors if name == "tensor" else self._facts.rectifiers, line)
        is_sum = isinstance(self._stop, GradientAbove)
        line.setPlaceholderText(self.tr("all together") if is_sum else self.tr("any"))

    def _take(self) -> None:
        try:
            stop = self._typed()
            check_place(self._facts, stop)
        except UserError as error:
            self.refused.emit(str(error))
            return
        self._stop = stop
        self.changed.emit(stop)

    def _typed(self) -> Stop:
        """What the fields say.

        Raises:
            UserError: a field cannot be used.
        """
        if self._stop is None:
            raise UserError("There is no stop yet.")
        given = to_fields(self._stop)
        given["enabled"] = self._enabled.isChecked()
        for name, field in self._fields.items():
            if isinstance(field, Segmented):
                given[name] = field.value
            elif isinstance(given[name], str):
                given[name] = field.text().strip()
            else:
                value = typed_value(field.text(), field.accessibleName())
                is_share = name in _IN_PERCENT and isinstance(value, int | float)
                given[name] = float(value) / 100 if is_share else value  # type: ignore[arg-type]
        return from_fields(stop_kinds(), given, "stop", "This stop")


def _shown(name: str, value: object) -> str:
    if name in _IN_PERCENT and isinstance(value, float):
        return field_text(100 * value)
    return field_text(value)
