"""Optimizer, learning rate, schedule, batch size: the fields that a run's settings are typed into.

Which fields there are follows from the chosen optimizer and schedule themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Final, Generic, TypeVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QLabel, QWidget

from backpropviz.document import KIND_FIELD, to_fields
from backpropviz.engine.model import Model
from backpropviz.engine.optimizers import Adam, Sgd, optimizer_from_fields, optimizer_kinds
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
from backpropviz.frozen import Setting, frozen, setting_of
from backpropviz.scene.theme import PANEL_TITLE, Theme
from backpropviz.ui import boxes
from backpropviz.ui.dialog import form
from backpropviz.ui.forms import ChoiceChip, Fields, follow_rows
from backpropviz.ui.opened import Subject

SCHEDULES: Final[Mapping[str, str]] = {
    "constant": "constant",
    "step": "steps",
    "cosine": "cosine",
    "warm_up": "warm-up",
    "then": "warm-up, cosine",
    "product": "product",
}
_WARM_UP, _FALL = 50, 500


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


OPTIMIZERS: Final[Mapping[str, str]] = {
    kind: cls.about.title for kind, cls in optimizer_kinds().items()
}
_SYMBOLS: Final[Mapping[str, str]] = {"betas": "β₁, β₂", "eps": "ε", "alpha": "α"}
_FIELD_WIDTH: Final = 92


def _about(configuration: object, name: str) -> Setting:
    return Setting(_SYMBOLS[name]) if name in _SYMBOLS else setting_of(configuration, name)


class HyperparameterForm(QWidget):
    """Emits settings once a field is left or a choice is made, and why others cannot be used."""

    chosen = Signal(object)
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown: Hyperparameters | None = None
        self._rows = form_rows()
        self._rows.setFormAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setLayout(self._rows)
        self._fields: dict[str, Fields] = {}
        self._optimizer = ChoiceChip("Optimizer", OPTIMIZERS)
        self._optimizer.chosen.connect(self._choose_optimizer)
        self._schedule = ChoiceChip("Schedule", SCHEDULES)
        self._schedule.chosen.connect(self._choose_schedule)
        self._rows.addRow("Optimizer", self._optimizer)
        self._rows.addRow("Schedule", self._schedule)
        self.setFocusProxy(self._optimizer)

    def show_settings(self, settings: Hyperparameters) -> None:
        """Show these; a field in which somebody types is left alone."""
        if settings == self.shown:
            return
        before, self.shown = self.shown, settings
        if before is None or _form_of(before) != _form_of(settings):
            self._build(settings)
        self._fill(settings)
        self._optimizer.show_value(OPTIMIZERS[settings.optimizer.kind])
        self._schedule.show_value(SCHEDULES[settings.curve.kind])

    def restore(self) -> None:
        """Show the settings again in place of what was typed and refused."""
        if self.shown is not None:
            self._fill(self.shown)

    def _fill(self, settings: Hyperparameters) -> None:
        for part, fields in self._fields.items():
            fields.show_values(_part(settings, part), over_typing=False)

    def typed(self) -> Hyperparameters:
        """What the fields say now.

        Raises:
            UserError: a field cannot be used; the sentence names it.
        """
        if self.shown is None:
            raise UserError("There are no settings yet.")
        given = {part: fields.values() for part, fields in self._fields.items()}
        optimizer = to_fields(self.shown.optimizer) | given["optimizer"]
        curve = curve_to_fields(self.shown.curve) | given.get("curve", {})
        return Hyperparameters(
            optimizer_from_fields(optimizer, "Optimizer"), curve_from_fields(curve), **given[""]
        )

    def use_theme(self, colors: Theme) -> None:
        self._optimizer.use_theme(colors)
        self._schedule.use_theme(colors)

    def _build(self, settings: Hyperparameters) -> None:
        """A row for each field of this optimizer and this schedule."""
        before, self._fields = self._fields, {}
        for fields in before.values():
            fields.remove_from(self._rows)
        self._add("optimizer", Fields(settings.optimizer, about=_about, width=_FIELD_WIDTH), 1)
        self._add("", Fields(settings, ["batch_size"], width=_FIELD_WIDTH), -2)
        if not isinstance(settings.curve, ConstantRate):
            self._add("curve", Fields(settings.curve, width=_FIELD_WIDTH), -1)
        follow_rows(self._rows)

    def _add(self, part: str, fields: Fields, place: int) -> None:
        fields.setParent(self)
        fields.given.connect(self._take)
        self._fields[part] = fields
        fields.add_to(self._rows, place)

    def _take(self) -> None:
        try:
            self._choose(self.typed())
        except UserError as error:
            self.refused.emit(str(error))

    def _choose(self, settings: Hyperparameters) -> None:
        if settings != self.shown:
            self.show_settings(settings)
            self.chosen.emit(settings)

    def _choose_optimizer(self, kind: str) -> None:
        if self.shown is None or kind == self.shown.optimizer.kind:
            return
        fields = {KIND_FIELD: kind, **optimizer_kinds()[kind].about.usual}
        self._choose(replace(self.shown, optimizer=optimizer_from_fields(fields)))

    def _choose_schedule(self, name: str) -> None:
        if self.shown is not None and name != self.shown.curve.kind:
            self._choose(replace(self.shown, curve=fresh_schedule(name)))


def _form_of(settings: Hyperparameters) -> tuple[str, str]:
    return settings.optimizer.kind, settings.curve.kind


def _part(settings: Hyperparameters, part: str) -> object:
    return getattr(settings, part) if part else settings


def form_rows() -> QFormLayout:
    """Rows of a label and a control, close to each other."""
    rows = form()
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setHorizontalSpacing(12)
    rows.setVerticalSpacing(6)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return rows


_S = TypeVar("_S", Augmentation, Choices)


class SettingsForm(QWidget, Generic[_S]):
    """What is typed becomes settings; `changed` comes when a field is left."""

    changed = Signal()

    def __init__(self, settings: _S, width: int) -> None:
        super().__init__()
        self._kind: type[_S] = type(settings)
        rows = form_rows()
        self.setLayout(rows)
        self._fields = Fields(settings, width=width)
        self._fields.given.connect(self.changed)
        self._fields.add_to(rows)

    def show_settings(self, settings: _S) -> None:
        self._fields.show_values(settings)

    def typed(self) -> _S:
        """What the fields say now.

        Raises:
            UserError: a field cannot be used; the sentence names it.
        """
        return self._kind(**self._fields.values())


def form_title(text: str) -> QLabel:
    """What a part of a form is about."""
    return boxes.words(text, PANEL_TITLE)


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
