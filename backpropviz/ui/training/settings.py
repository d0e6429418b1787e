"""Optimizer, learning rate, schedule, batch size: the fields that a run's settings are typed into.

Which fields there are follows from the chosen optimizer and schedule themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFormLayout, QLabel, QLineEdit, QWidget

from backpropviz.engine.fields import KIND_FIELD, to_fields
from backpropviz.engine.model import Model
from backpropviz.engine.optimizer import Adam, Sgd, optimizer_from_fields, optimizer_kinds
from backpropviz.engine.training.run import INITIAL, Hyperparameters, Initial, Run, new_run
from backpropviz.engine.training.samples import Augmentation, Dataset
from backpropviz.engine.training.trainer import check_last_batch
from backpropviz.engine.training.update import (
    ConstantRate,
    Cosine,
    Curve,
    StepDecay,
    Then,
    WarmUp,
    curve_from_fields,
    curve_to_fields,
)
from backpropviz.errors import UserError
from backpropviz.files.data.load import ONE_IMAGE, Choices, one_image, read_dataset
from backpropviz.frozen import frozen
from backpropviz.number_text import real_number, whole_number
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO, PANEL_TITLE, ROW, Theme
from backpropviz.ui.controls import CONTROL_HEIGHT, Chip
from backpropviz.ui.dialog import form
from backpropviz.ui.opened import Subject
from backpropviz.ui.plain_text import PlainLabel, plain_title

SCHEDULES: Final[Mapping[str, str]] = {
    "constant": "constant",
    "step": "steps",
    "cosine": "cosine",
    "warm_up": "warm-up",
    "then": "warm-up, cosine",
    "product": "product",
}
_WARM_UP, _FALL = 50, 500


def schedule_name(curve: Curve) -> str:
    """Its entry in `SCHEDULES`."""
    return curve.kind


def fresh_schedule(name: str) -> Curve:
    """A schedule of that name, to be adapted."""
    match name:
        case "step":
            return StepDecay(_FALL)
        case "cosine":
            return Cosine(_FALL)
        case "warm_up":
            return WarmUp(_WARM_UP)
        case "then":
            return Then(WarmUp(_WARM_UP), _WARM_UP, Cosine(_FALL))
    return ConstantRate()


LARGEST = 10**15
"""Whole numbers stay below it: files hold no larger ones."""
_LONGEST = 30
_SWITCHES = {"on": True, "yes": True, "true": True, "off": False, "no": False, "false": False}


def field_text(value: object) -> str:
    """A setting as it stands in its field."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(field_text(item) for item in value)
    # All that a person types, but not what binary fractions leave behind: 100 · 0.07 is 7.
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def told(text: str) -> str:
    """What a person typed, as a sentence repeats it: not in full where it is long."""
    plain = text.strip()
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"


def typed_value(text: str, title: str) -> object:
    """What a person typed: on or off, a number, or numbers separated by commas.

    Raises:
        UserError: it is none of these; the sentence begins with the field's title.
    """
    wanted = text.strip().replace("\u2212", "-")
    if wanted.casefold() in _SWITCHES:
        return _SWITCHES[wanted.casefold()]
    pieces = [_number(piece, title) for piece in wanted.split(",")]
    return pieces[0] if len(pieces) == 1 else pieces


def _number(text: str, title: str) -> int | float:
    whole = whole_number(text, -(10**30), 10**30)
    number = real_number(text, infinite=True) if whole is None else whole
    if number is None:
        raise UserError(f"{title} = “{told(text)}” is no number: type one.")
    return number


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
        self._optimizer = self._chip("Optimizer", OPTIMIZERS)
        self._schedule = self._chip("Schedule", SCHEDULES)
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
        for (part, name), line in self._fields.items():
            if not line.hasFocus() or not line.isModified():
                line.setText(field_text(_values(settings, part)[name]))

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
        for (part, name), line in self._fields.items():
            value = typed_value(line.text(), line.accessibleName())
            if isinstance(value, list) and name not in _PAIRS:
                raise UserError(
                    f"{line.accessibleName()} = {told(line.text())} must be one number; its "
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
        self._rows.addRow("Optimizer", self._optimizer)
        self._add_fields("optimizer", to_fields(settings.optimizer))
        self._add_fields("", {"batch_size": settings.batch_size})
        self._rows.addRow("Schedule", self._schedule)
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


def form_rows() -> QFormLayout:
    """Rows of a label and a control, close to each other."""
    rows = form()
    rows.setVerticalSpacing(6)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return rows


def form_title(text: str) -> QLabel:
    """What a part of a form is about."""
    label = PlainLabel(text)
    label.setFont(qfont(PANEL_TITLE))
    return label


UNCHANGED: Final = Augmentation()
_MNIST: Final = Hyperparameters(Sgd(0.02, 0.9), batch_size=32)
_PHOTOS: Final = Hyperparameters(Adam(0.002), batch_size=32)
_ONE: Final = Hyperparameters(Sgd(0.01), batch_size=1)


@frozen(eq=False)
class RunChoices:
    """Everything that the dialog asks for; `subject` is what is open in the debugger."""

    network: str
    model: Model
    source: str
    settings: Hyperparameters
    initial: Initial = INITIAL
    augmentation: Augmentation = UNCHANGED
    data: Choices = field(default_factory=Choices)
    subject: Subject | None = None


def suggested_source(model: Model) -> str:
    """The data that a network was made for, by its example; else the example alone."""
    if model.example is None:
        return "mnist"
    bundled = {"mnist": "mnist", "digits": "digits", "photo": "photos"}
    return bundled.get(model.example.source.partition(":")[0], ONE_IMAGE)


def suggested_settings(source: str) -> Hyperparameters:
    """Settings with which the bundled networks learn the data well."""
    if source == ONE_IMAGE:
        return _ONE
    return _PHOTOS if source == "photos" else _MNIST


def made_run(choices: RunChoices) -> Run:
    """Read the data and make the run; meant for a worker's thread.

    Raises:
        UserError: the data cannot be read, or do not fit the network.
    """
    augmentation = None if choices.augmentation.is_none else choices.augmentation
    run = new_run(
        choices.model,
        _dataset(choices),
        choices.settings,
        choices.initial,
        augmentation=augmentation,
        title=Path(choices.network).stem,
    )
    check_last_batch(run, run.start)
    return run


def _dataset(choices: RunChoices) -> Dataset:
    model, subject = choices.model, choices.subject
    if choices.source != ONE_IMAGE:
        found = read_dataset(
            choices.source,
            model.network,
            model.preprocessing,
            choices.data,
            class_names=model.class_names,
        )
        return found.dataset
    if subject is not None and subject.network == choices.network:
        return one_image(model, subject.image, subject.target, subject.image_name)
    if model.example is None:
        raise UserError(f"{model.title} brings no example image: open one first, or choose data.")
    return one_image(model, model.example.image, model.example.target, model.example.source)
