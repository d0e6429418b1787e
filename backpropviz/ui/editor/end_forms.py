"""The forms of both ends: the image that the network takes, and the loss with its classes."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

from PySide6.QtCore import QSettings, Signal
from PySide6.QtGui import QRegularExpressionValidator
from PySide6.QtWidgets import QCheckBox, QFileDialog, QPushButton, QWidget

from backpropviz.document import real_number, whole_number
from backpropviz.engine.architecture import edits as ends
from backpropviz.engine.architecture.draft import WeightPlan, WeightStart
from backpropviz.engine.initialize import DEFAULT_SCHEME, SCHEMES
from backpropviz.engine.kinds.registry import loss_kinds
from backpropviz.engine.model import Model
from backpropviz.engine.value import Shape
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting, setting_of
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO, ROW, Theme
from backpropviz.ui import boxes
from backpropviz.ui.controls import CONTROL_HEIGHT, PlainLabel, plain_tip
from backpropviz.ui.dialog import FramedDialog
from backpropviz.ui.editor.draft import DraftController
from backpropviz.ui.editor.layer_form import (
    EditorForm,
    FactsView,
    SettingFields,
    bytes_text,
    count_text,
    show_refusal,
    text_line,
)
from backpropviz.ui.forms import ChoiceChip, EditorLine

_MOST_NUMBERED = 1000


@frozen
class ImageSettings:
    """The input's shape as fields."""

    kind: ClassVar[str] = "image"
    colors: Literal["gray", "RGB"] = setting(
        Setting("Colors", "One channel for gray, three for red, green and blue.")
    )
    height: int = setting(Setting("Height", "Rows of pixels.", 1, unit="pixels"))
    width: int = setting(Setting("Width", "Columns of pixels.", 1, unit="pixels"))

    @property
    def shape(self) -> Shape:
        """Channels × height × width."""
        return (1 if self.colors == "gray" else 3, self.height, self.width)


def image_settings(shape: Shape) -> ImageSettings:
    """A shape as fields."""
    channels, height, width = shape
    return ImageSettings("gray" if channels == 1 else "RGB", height, width)


class ImageForm(EditorForm):
    """Colors, height and width of the input."""

    def __init__(self, controller: DraftController) -> None:
        super().__init__()
        self._controller = controller
        note = boxes.words(
            "Pictures of any size are brought to these measures.", style="Note", wraps=True
        )
        self.column.addWidget(note)
        self.keep_place_for_fields()
        self.add_title("The whole network, for one image")
        self.totals = FactsView()
        self.column.addWidget(self.totals)
        self.column.addStretch(1)

    def show_image(self) -> None:
        settings = image_settings(self._controller.draft.input_shape)
        if self.fields is None:
            self.put_fields(SettingFields(settings, self._change))
        else:
            self.fields.show_values(settings)
        found = self._controller.survey
        self.totals.show_rows(
            {
                "Layers": count_text(len(found.layers)),
                "Parameters": count_text(found.parameters),
                "Multiply-adds": count_text(found.multiply_adds),
                "Outputs": bytes_text(found.activation_bytes),
            }
        )

    def _change(self, field: str, value: object) -> str:
        settings = image_settings(self._controller.draft.input_shape)
        if field != "colors" and not isinstance(value, int):
            return "Use a whole number of pixels."
        shape = replace(settings, **{field: value}).shape  # type: ignore[arg-type]
        label = f"{setting_of(settings, field).title} of the image"
        return self._controller.edit(label, partial(ends.change_input_shape, shape=shape))


class LossForm(EditorForm):
    """Kind and settings of the loss, and the names of the classes."""

    def __init__(self, controller: DraftController) -> None:
        super().__init__()
        self._controller = controller
        self.kind = ChoiceChip("Loss")
        self.kind.set_choices([(kind, cls.about.title, "") for kind, cls in loss_kinds().items()])
        self.kind.chosen.connect(self._change_kind)
        self.classes = text_line(
            "Classes", "Names separated by commas, or a number; empty where there are none."
        )
        self.classes.editingFinished.connect(self._change_classes)
        self.add_row("Loss", self.kind)
        self.keep_place_for_fields()
        self.classes_note = self.add_row("Classes", self.classes)
        note = boxes.words(
            "A number gives as many classes that are called 0, 1, 2, …; the last layer "
            "needs an output for each.",
            style="Note",
            wraps=True,
        )
        self.column.addWidget(note)
        self.column.addStretch(1)

    def show_loss(self) -> None:
        draft = self._controller.draft
        self.say_problem(self._controller.survey.problem_at("loss"))
        self.kind.show_value(draft.loss.about.title)
        self.classes.setText(", ".join(draft.class_names))
        show_refusal(self.classes_note, "")
        if self.fields is None or self.fields.kind != draft.loss.kind:
            self.put_fields(SettingFields(draft.loss, self._change))
        else:
            self.fields.show_values(draft.loss)

    def use_theme(self, colors: Theme) -> None:
        self.kind.use_theme(colors)

    def _change(self, field: str, value: object) -> str:
        loss = self._controller.draft.loss
        label = f"{setting_of(loss, field).title} of the loss"
        change = partial(ends.change_loss_setting, field=field, value=value)
        return self._controller.edit(label, change).removeprefix("loss: ")

    def _change_kind(self, kind: str) -> None:
        self._controller.edit("loss", partial(ends.change_loss, kind=kind))

    def _change_classes(self) -> None:
        if not self.classes.isModified():
            return
        self.classes.setModified(False)
        names = class_names(self.classes.text())
        refusal = self._controller.edit("classes", partial(ends.change_classes, names=names))
        show_refusal(self.classes_note, refusal)


def class_names(text: str) -> tuple[str, ...]:
    """Names from a line: those between commas, or as many numbers as it says."""
    plain = text.strip()
    count = whole_number(plain, 0, _MOST_NUMBERED)
    if count is not None:
        return tuple(str(number) for number in range(count))
    return tuple(part.strip() for part in plain.split(",") if part.strip())


_SEED = "[0-9]{0,9}"
"""An integer validator lets the separators of thousands pass, which Python does not read."""


class WeightRow(QWidget):
    """`changed` tells that the start is another one."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._scheme = DEFAULT_SCHEME
        row = boxes.row(gap=8, margins=boxes.BARE, owner=self)
        label = boxes.words("Fresh weights", ROW, "Secondary")
        self.scheme = ChoiceChip("Initialization")
        self.scheme.set_choices([(name, name.replace("_", " "), "") for name in SCHEMES])
        self.scheme.chosen.connect(self._choose)
        self.scheme.show_value(self._scheme.replace("_", " "))
        self.seed = EditorLine("0")
        self.seed.setValidator(QRegularExpressionValidator(_SEED, self.seed))
        self.seed.setFont(qfont(MONO))
        self.seed.setFixedSize(84, CONTROL_HEIGHT)
        self.seed.setAccessibleName("Seed")
        self.seed.setToolTip("The same seed draws the same weights.")
        self.seed.textChanged.connect(self._tell)
        seed_label = boxes.words("seed", ROW, "Secondary")
        self.keeps = QCheckBox("Keep weights that fit")
        self.keeps.setFont(qfont(ROW))
        self.keeps.toggled.connect(self._tell)
        for part in (label, self.scheme, seed_label, self.seed, self.keeps):
            row.addWidget(part)

    @property
    def start(self) -> WeightStart:
        """What is chosen."""
        keeps = self.keeps.isChecked() and not self.keeps.isHidden()
        return WeightStart(whole_number(self.seed.text()) or 0, self._scheme, keeps)

    def show_plan(self, plan: WeightPlan, *, has_base: bool) -> None:
        """Offer to keep weights where there are some to keep."""
        self.keeps.setVisible(has_base)
        self.keeps.setEnabled(bool(plan.kept))
        kept = ", ".join(plan.kept) or "none"
        fresh = ", ".join(plan.fresh) or "none"
        told = f"Kept: {kept}; new: {fresh}"
        self.keeps.setToolTip(plain_tip(told))

    def use_theme(self, colors: Theme) -> None:
        self.scheme.use_theme(colors)

    def _choose(self, scheme: str) -> None:
        self._scheme = scheme
        self.scheme.show_value(scheme.replace("_", " "))
        self._tell()

    def _tell(self) -> None:
        self.changed.emit()


_BUNDLED = (("mnist:0", "A handwritten digit"), ("photo:chelsea", "A photo"))


@frozen
class AskedPicture:
    """A picture by name or path, and numbers for a target, or nothing."""

    image: str
    target: str


class PictureDialog(FramedDialog):
    """`asked` is the answer, or None."""

    def __init__(self, parent: QWidget, model: Model) -> None:
        super().__init__(parent, "Which picture?")
        self._model = model
        self.asked: AskedPicture | None = None
        self._needs_target = not model.network.loss.about.is_of_classes
        self._hint = f"{model.title} has no example yet: show it a picture."
        self.say(self._hint)
        self.target = text_line("Target")
        self.target.setParent(self)
        self.target.setVisible(self._needs_target)
        if self._needs_target:
            self._ask_target()
        is_gray = model.network.input_shape[0] == 1
        for name, title in _BUNDLED if is_gray else reversed(_BUNDLED):
            button = self._choice(title)
            button.setProperty("picture", name)
            button.clicked.connect(self._take_bundled)
        self._choice("A file…").clicked.connect(self._take_file)
        self.add_button("Cancel").clicked.connect(self.reject)
        self.setMinimumWidth(420)

    def _ask_target(self) -> None:
        network = self._model.network
        count = math.prod(network.shapes[network.output])
        text = f"Target: {count} numbers, separated by commas"
        self.body.addWidget(PlainLabel(text))
        self.body.addWidget(self.target)

    def _choice(self, text: str) -> QPushButton:
        button = boxes.button(text, height=32)
        self.body.addWidget(button)
        return button

    def _take_bundled(self) -> None:
        self.take(str(self.sender().property("picture")))

    def _take_file(self) -> None:
        folder = str(QSettings().value("folder/open", ""))
        name, _ = QFileDialog.getOpenFileName(self, "Open a picture", folder)
        if name:
            self.take(name)

    def take(self, image: str) -> None:
        """Answer with a picture, if the target can be used."""
        refusal = self._refusal()
        self.say(refusal or self._hint)
        if not refusal:
            self.asked = AskedPicture(image, self.target.text().strip())
            self.accept()

    def _refusal(self) -> str:
        if not self._needs_target:
            return ""
        network = self._model.network
        try:
            numbers = [real_number(piece) for piece in self.target.text().split(",")]
            if None in numbers:
                return "Give the target as numbers, separated by commas."
            network.loss.target(numbers, (1, *network.shapes[network.output]))
        except UserError as error:
            return str(error)
        return ""


def ask_picture(parent: QWidget, model: Model) -> AskedPicture | None:
    """Ask; None where the question was dismissed."""
    dialog = PictureDialog(parent, model)
    return dialog.ask_for(lambda: dialog.asked)
