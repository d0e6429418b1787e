"""The forms of both ends: the image that the network takes, and the loss with its classes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

from backpropviz.engine.architecture import ends
from backpropviz.engine.arrays import Shape
from backpropviz.engine.kinds.registry import loss_kinds
from backpropviz.frozen import Setting, frozen, setting, setting_of
from backpropviz.number_text import whole_number
from backpropviz.scene.theme import Theme
from backpropviz.ui.editor.choosing import ChoiceChip
from backpropviz.ui.editor.draft_controller import DraftController
from backpropviz.ui.editor.facts_view import FactsView, bytes_text, count_text
from backpropviz.ui.editor.form import EditorForm, show_refusal, text_line
from backpropviz.ui.editor.setting_fields import SettingFields
from backpropviz.ui.plain_text import PlainLabel

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
        note = PlainLabel(self.tr("Pictures of any size are brought to these measures."))
        note.setObjectName("Note")
        note.setWordWrap(True)
        self.column.addWidget(note)
        self.keep_place_for_fields()
        self.add_title(self.tr("The whole network, for one image"))
        self.totals = FactsView()
        self.column.addWidget(self.totals)
        self.column.addStretch(1)

    def show_image(self) -> None:
        """Follow the controller."""
        settings = image_settings(self._controller.draft.input_shape)
        if self.fields is None:
            self.put_fields(SettingFields(settings, self._change))
        else:
            self.fields.show_values(settings)
        found = self._controller.survey
        self.totals.show_rows(
            {
                self.tr("Layers"): count_text(len(found.layers)),
                self.tr("Parameters"): count_text(found.parameters),
                self.tr("Multiply-adds"): count_text(found.multiply_adds),
                self.tr("Outputs"): bytes_text(found.activation_bytes),
            }
        )

    def _change(self, field: str, value: object) -> str:
        settings = image_settings(self._controller.draft.input_shape)
        if field != "colors" and not isinstance(value, int):
            return self.tr("Use a whole number of pixels.")
        shape = replace(settings, **{field: value}).shape  # type: ignore[arg-type]
        label = self.tr("{field} of the image").format(field=setting_of(settings, field).title)
        return self._controller.edit(label, partial(ends.change_input_shape, shape=shape))


class LossForm(EditorForm):
    """Kind and settings of the loss, and the names of the classes."""

    def __init__(self, controller: DraftController) -> None:
        super().__init__()
        self._controller = controller
        self.kind = ChoiceChip(self.tr("Loss"))
        self.kind.set_choices([(kind, cls.about.title, "") for kind, cls in loss_kinds().items()])
        self.kind.chosen.connect(self._change_kind)
        self.classes = text_line(
            self.tr("Classes"),
            self.tr("Names separated by commas, or a number; empty where there are none."),
        )
        self.classes.editingFinished.connect(self._change_classes)
        self.add_row(self.tr("Loss"), self.kind)
        self.keep_place_for_fields()
        self.classes_note = self.add_row(self.tr("Classes"), self.classes)
        note = PlainLabel(
            self.tr(
                "A number gives as many classes that are called 0, 1, 2, …; the last layer "
                "needs an output for each."
            )
        )
        note.setObjectName("Note")
        note.setWordWrap(True)
        self.column.addWidget(note)
        self.column.addStretch(1)

    def show_loss(self) -> None:
        """Follow the controller."""
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
        """Take the colors of a theme."""
        self.kind.use_theme(colors)

    def _change(self, field: str, value: object) -> str:
        loss = self._controller.draft.loss
        label = self.tr("{field} of the loss").format(field=setting_of(loss, field).title)
        change = partial(ends.change_loss_setting, field=field, value=value)
        return self._controller.edit(label, change).removeprefix("loss: ")

    def _change_kind(self, kind: str) -> None:
        self._controller.edit(self.tr("loss"), partial(ends.change_loss, kind=kind))

    def _change_classes(self) -> None:
        if not self.classes.isModified():
            return
        self.classes.setModified(False)
        names = class_names(self.classes.text())
        refusal = self._controller.edit(
            self.tr("classes"), partial(ends.change_classes, names=names)
        )
        show_refusal(self.classes_note, refusal)


def class_names(text: str) -> tuple[str, ...]:
    """Names from a line: those between commas, or as many numbers as it says."""
    plain = text.strip()
    count = whole_number(plain, 0, _MOST_NUMBERED)
    if count is not None:
        return tuple(str(number) for number in range(count))
    return tuple(part.strip() for part in plain.split(",") if part.strip())
