"""The settings of one layer or loss as fields; what is refused is said below the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Final, TypeAlias

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from backpropviz.engine.fields import Configuration
from backpropviz.engine.layers.protocol import MODE_FIELDS, Moded
from backpropviz.frozen import Setting
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import LABEL, ROW
from backpropviz.ui.forms import Control, Fields
from backpropviz.ui.plain_text import PlainLabel

_WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "out_channels": ("Filters", "How many filters; each makes one map of the output."),
        "kernel_size": ("Window", "Its side in pixels; height, width where they differ: 3, 5."),
        "stride": ("Stride", "Pixels from window to window; height, width where they differ."),
        "padding": (
            "Padding",
            "Pixels at each side; “same” keeps the size; top, bottom; left, right: 0, 1; 0, 1.",
        ),
        "dilation": ("Dilation", "Distance between the pixels that a window reads; 1 is none."),
        "groups": ("Groups", "The channels are split into so many parts that do not mix."),
        "bias": ("Bias", "One number for each output that is added to the sum."),
        "flip": ("Turn kernels", "Turn the kernels by 180°: a convolution in the strict sense."),
        "out_features": ("Outputs", "How many numbers the layer gives."),
        "negative_slope": ("Slope below 0", "What a negative value is multiplied with."),
        "at_zero": ("Slope at 0", "0 as in PyTorch; ½ and 1 are possible, too."),
        "shared": ("One slope", "One slope for all channels, or one for each."),
        "approximate": ("Approximation", "Exact, or the usual approximation by tanh."),
        "ceil_mode": ("Partial windows", "Count a last window that reaches over the border."),
        "ties": ("At a tie", "Which of equal largest values takes the gradient."),
        "count_include_pad": ("Count padding", "Whether the mean counts padded pixels as 0."),
        "output_size": ("Windows", "How many, down and across; “–” keeps the input's: 4, –."),
        "shape": ("Shape", "Sizes without the batch; one may be −1 for what is left: 16, −1."),
        "value": ("Value", "What the frame is filled with."),
        "eps": ("Epsilon", "Added to the variance, so that nothing is divided by 0."),
        "momentum": ("Momentum", "How far the running statistics follow each batch."),
        "affine": ("Scale and shift", "Learn a scale and a shift for each channel."),
        "p": ("Probability", "Which part of the values becomes 0 in training."),
        "colors": ("Colors", "One channel for gray, three for red, green and blue."),
        "height": ("Height", "Rows of pixels."),
        "width": ("Width", "Columns of pixels."),
        "reduction": ("Batch", "The losses of a batch are averaged or summed."),
        "label_smoothing": ("Smoothing", "The share of the target given to all classes alike."),
        "class_weights": ("Class weights", "How much each class counts; empty: all the same."),
        "half": ("Half", "½ of the squared error, whose gradient is x − t."),
    }
)

_NAMES: Final[Mapping[str, Mapping[object, str]]] = MappingProxyType(
    {"approximate": {"none": "exact", "tanh": "tanh"}}
)


def setting_title(field: str) -> str:
    """A short name for a person."""
    return _WORDS[field][0] if field in _WORDS else field.replace("_", " ").capitalize()


def setting_words(_: object, field: str) -> Setting:
    """Its title, help and the names of its options."""
    return Setting(
        setting_title(field), _WORDS.get(field, ("", ""))[1], options=_NAMES.get(field, {})
    )


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
        self._fields = Fields(configuration, settings_of(configuration), about=setting_words)
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
        label = PlainLabel(about.title)
        label.setFont(qfont(ROW))
        label.setToolTip(about.help)
        label.setBuddy(control)
        label.setFixedHeight(28)
        if isinstance(control, QCheckBox):
            control.setFixedHeight(28)
        self._notes[name] = note = refusal_label()
        cell = QVBoxLayout()
        cell.setSpacing(3)
        cell.addWidget(control)
        cell.addWidget(note)
        self._grid.addWidget(label, number, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addLayout(cell, number, 1)

    def _set(self, name: str) -> None:
        show_refusal(self._notes[name], self._give(name, self._fields.value(name)))


def refusal_label() -> QLabel:
    """The line below a control that says why it was refused; hidden until then."""
    note = PlainLabel()
    note.setObjectName("Refusal")
    note.setFont(qfont(LABEL))
    note.setWordWrap(True)
    note.hide()
    return note


def show_refusal(note: QLabel, refusal: str) -> None:
    """Say below a control why it was refused, or nothing."""
    note.setText(refusal)
    note.setVisible(bool(refusal))
