"""Optimizer, learning rate, schedule, batch size: the fields that a run's settings are typed into.

Which fields there are follows from the chosen optimizer and schedule themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFormLayout, QLabel, QLineEdit, QWidget

from backpropviz.engine.fields import KIND_FIELD, to_fields
from backpropviz.engine.optimizer import optimizer_from_fields, optimizer_kinds
from backpropviz.engine.schedule import curve_from_fields, curve_to_fields
from backpropviz.engine.training.course import Hyperparameters
from backpropviz.errors import UserError
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO, ROW, Theme
from backpropviz.ui.controls import CONTROL_HEIGHT, Chip
from backpropviz.ui.plain_text import plain_title
from backpropviz.ui.training.schedules import SCHEDULES, fresh_schedule, schedule_name
from backpropviz.ui.training.typed import LARGEST, field_text, told, typed_value

OPTIMIZERS: Final[Mapping[str, str]] = {
    kind: cls.about.title for kind, cls in optimizer_kinds().items()
}
_TITLES: Final[Mapping[str, str]] = {
    "learning_rate": "Learning rate",
    "weight_decay": "Weight decay",
    "nesterov": "Nesterov",
    "momentum": "Momentum",
    "betas": "β₁, β₂",
    "eps": "ε",
    "alpha": "α",
    "centered": "Centered",
    "updates": "over updates",
    "every": "every … updates",
    "factor": "by factor",
    "least": "down to factor",
    "start": "from factor",
}
_PAIRS: Final = ("betas",)
_FIELD_WIDTH: Final = 92


class HyperparameterForm(QWidget):
    """Emits settings once a field is left or a choice is made, and why others cannot be used."""

    chosen = Signal(object)
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Hyperparameters | None = None
        self._colors: Theme | None = None
        self._rows = QFormLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setHorizontalSpacing(12)
        self._rows.setVerticalSpacing(6)
        self._rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._rows.setFormAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self._fields: dict[tuple[str, str], QLineEdit] = {}
        self._optimizer = self._chip(self.tr("Optimizer"), OPTIMIZERS)
        self._schedule = self._chip(self.tr("Schedule"), SCHEDULES)
        self.setFocusProxy(self._optimizer)

    def show_settings(self, settings: Hyperparameters) -> None:
        """Show these; a field in which somebody types is left alone."""
        if settings == self._shown:
            return
        before, self._shown = self._shown, settings
        if before is None or _form_of(before) != _form_of(settings):
            self._build(settings)
        self._fill(settings)
        self._optimizer.show_value(OPTIMIZERS[settings.optimizer.kind])
        self._schedule.show_value(SCHEDULES[schedule_name(settings.curve)])

    def restore(self) -> None:
        """Show the settings again in place of what was typed and refused."""
        if self._shown is not None:
            self._fill(self._shown)

    def _fill(self, settings: Hyperparameters) -> None:
        for (part, name), field in self._fields.items():
            if not field.hasFocus() or not field.isModified():
                field.setText(field_text(_values(settings, part)[name]))

    @property
    def shown(self) -> Hyperparameters | None:
        """What it shows."""
        return self._shown

    def typed(self) -> Hyperparameters:
        """What the fields say now.

        Raises:
            UserError: a field cannot be used; the sentence names it.
        """
        if self._shown is None:
            raise UserError("There are no settings yet.")
        optimizer, curve = _values(self._shown, "optimizer"), _values(self._shown, "curve")
        size: object = self._shown.batch_size
        for (part, name), field in self._fields.items():
            value = typed_value(field.text(), field.accessibleName())
            if isinstance(value, list) and name not in _PAIRS:
                raise UserError(
                    f"{field.accessibleName()} = {told(field.text())} must be one number; its "
                    "decimals stand after a point, as in 0.5."
                )
            if part == "optimizer":
                optimizer[name] = value
            elif part == "curve":
                curve[name] = value
            else:
                size = value
        if not isinstance(size, int) or isinstance(size, bool) or size >= LARGEST:
            raise UserError(f"Batch size = {told(str(size))} must be a whole number of samples.")
        return Hyperparameters(
            optimizer_from_fields(optimizer, "Optimizer"), curve_from_fields(curve), size
        )

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self._colors = colors
        self._optimizer.use_theme(colors)
        self._schedule.use_theme(colors)

    def _build(self, settings: Hyperparameters) -> None:
        """A row for each field of this optimizer and this schedule."""
        self._fields = {}
        while self._rows.rowCount():
            taken = self._rows.takeRow(0)
            for item in (taken.labelItem, taken.fieldItem):
                widget = item.widget()
                if isinstance(widget, QLabel | QLineEdit):
                    widget.hide()
                    widget.deleteLater()
        self._rows.addRow(self.tr("Optimizer"), self._optimizer)
        self._add_fields("optimizer", to_fields(settings.optimizer))
        self._add_fields("", {"batch_size": settings.batch_size})
        self._rows.addRow(self.tr("Schedule"), self._schedule)
        self._add_fields("curve", curve_to_fields(settings.curve))

    def _add_fields(self, part: str, values: Mapping[str, object]) -> None:
        for name, value in values.items():
            if name == KIND_FIELD or isinstance(value, dict):
                continue
            if values.get(KIND_FIELD) == "constant":
                continue
            title = _TITLES.get(name, name.replace("_", " ").capitalize())
            field = QLineEdit(field_text(value))
            field.setFont(qfont(MONO))
            field.setFixedSize(_FIELD_WIDTH, CONTROL_HEIGHT)
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
            field.setAccessibleName(title)
            field.editingFinished.connect(self._take)
            self._fields[part, name] = field
            self._rows.addRow(title, field)

    def _take(self) -> None:
        field = self.sender()
        if not isinstance(field, QLineEdit) or not field.isModified():
            return
        field.setModified(False)
        try:
            self._choose(self.typed())
        except UserError as error:
            self.refused.emit(str(error))

    def _choose(self, settings: Hyperparameters) -> None:
        if settings != self._shown:
            self.show_settings(settings)
            self.chosen.emit(settings)

    def _choose_optimizer(self) -> None:
        kind = _chosen(self.sender())
        if self._shown is None or kind == self._shown.optimizer.kind:
            return
        fields = {KIND_FIELD: kind, **optimizer_kinds()[kind].about.usual}
        self._choose(replace(self._shown, optimizer=optimizer_from_fields(fields)))

    def _choose_schedule(self) -> None:
        name = _chosen(self.sender())
        if self._shown is not None and name != schedule_name(self._shown.curve):
            self._choose(replace(self._shown, curve=fresh_schedule(name)))

    def _chip(self, label: str, choices: Mapping[str, str]) -> Chip:
        chip = Chip(label, self)
        chip.hide_label()
        slot = self._choose_optimizer if choices is OPTIMIZERS else self._choose_schedule
        actions: list[QAction | None] = []
        for name, title in choices.items():
            action = QAction(plain_title(title), chip)
            action.setData(name)
            action.triggered.connect(slot)
            actions.append(action)
        chip.fill(actions)
        chip.setFont(qfont(ROW))
        return chip


def _form_of(settings: Hyperparameters) -> tuple[str, str]:
    return settings.optimizer.kind, schedule_name(settings.curve)


def _values(settings: Hyperparameters, part: str) -> dict[str, object]:
    if part == "optimizer":
        return to_fields(settings.optimizer)
    if part == "curve":
        return curve_to_fields(settings.curve)
    return {"batch_size": settings.batch_size}


def _chosen(sender: object) -> str:
    return str(sender.data()) if isinstance(sender, QAction) else ""
