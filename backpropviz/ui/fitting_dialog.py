"""How a picture is brought to a network's input: original, result, and each change in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from backpropviz.engine.model import Fit, Invert, Preprocessing, Resample
from backpropviz.errors import UserError
from backpropviz.figures.thumbnails import photograph
from backpropviz.files.fit import Prepared, displayable, prepare
from backpropviz.paint.families import qfont
from backpropviz.scene.marks import Rect, Scene, Stroke
from backpropviz.scene.theme import LABEL, PANEL_TITLE, Theme
from backpropviz.ui.controls import PlainLabel, Segmented
from backpropviz.ui.dialog import FramedDialog, form
from backpropviz.ui.opened import Subject
from backpropviz.ui.scene_view import SceneView

_SIDE = 260


class FittingDialog(FramedDialog):
    """Each choice is shown at once; nothing is recorded before Use."""

    def __init__(self, parent: QWidget, subject: Subject, colors: Theme) -> None:
        super().__init__(parent, "Fit the image", subject.image_name)
        if subject.picture is None:
            raise UserError(f"{subject.image_name} is no picture: open one to fit it.")
        self._picture, self._colors = subject.picture, colors
        self.preprocessing: Preprocessing = subject.model.preprocessing
        self._original, self._result = _picture_view(), _picture_view()
        self._original.setAccessibleName("The picture, its used part framed")
        self._result.setAccessibleName("What the network gets")
        pictures = QHBoxLayout()
        pictures.setSpacing(24)
        size = self.preprocessing
        for title, view in (
            ("Picture", self._original),
            (f"Input {size.width}×{size.height}", self._result),
        ):
            pictures.addLayout(_titled(title, view))
        self.body.addLayout(pictures)
        self._add_choices()
        self._steps = PlainLabel()
        self._steps.setFont(qfont(LABEL))
        self._steps.setWordWrap(True)
        self.body.addWidget(self._steps)
        cancel = self.add_button("Cancel")
        cancel.clicked.connect(self.reject)
        use = self.add_button("Use", is_primary=True)
        use.clicked.connect(self.accept)
        self._show()

    def _add_choices(self) -> None:
        rows = form()
        self._controls: dict[str, Segmented] = {}
        for field, title, choices in (
            ("fit", "Shape", get_args(Fit)),
            ("resample", "Resampling", get_args(Resample)),
            ("invert", "Invert", get_args(Invert)),
            ("pad_value", "Padding", (0.0, 0.5, 1.0)),
        ):
            control = Segmented(title)
            control.set_choices([(_choice_text(choice), choice, "") for choice in choices])
            control.set_value(getattr(self.preprocessing, field))
            self._controls[field] = control
            rows.addRow(title, control)
        self._controls["fit"].chosen.connect(self._set_fit)
        self._controls["resample"].chosen.connect(self._set_resample)
        self._controls["invert"].chosen.connect(self._set_invert)
        self._controls["pad_value"].chosen.connect(self._set_padding)
        self.body.addLayout(rows)

    def _set_fit(self, value: Fit) -> None:
        self._change(fit=value)

    def _set_resample(self, value: Resample) -> None:
        self._change(resample=value)

    def _set_invert(self, value: Invert) -> None:
        self._change(invert=value)

    def _set_padding(self, value: float) -> None:
        self._change(pad_value=value)

    def _change(self, **choice: Any) -> None:
        self.preprocessing = replace(self.preprocessing, **choice)
        for field, control in self._controls.items():
            control.set_value(getattr(self.preprocessing, field))
        self._show()

    def _show(self) -> None:
        prepared = prepare(self._picture, self.preprocessing)
        self._original.show_scene(self._original_scene(prepared), self._colors)
        shown = displayable(prepared.array, self.preprocessing)
        marks = photograph(shown, _SIDE, self._colors)
        self._result.show_scene(Scene(_SIDE, _SIDE, self._colors.panel, marks), self._colors)
        words = prepared.steps or ("The picture fits as it is: nothing is changed.",)
        self._steps.setText("\n".join(f"{n}. {step}" for n, step in enumerate(words, start=1)))

    def _original_scene(self, prepared: Prepared) -> Scene:
        picture = self._picture
        values = np.asarray(picture.pixels, dtype=np.float64) / picture.white
        if picture.channels == 1:
            values = values[:, :, 0]
        marks = photograph(values, _SIDE, self._colors)
        scale = _SIDE / max(picture.width, picture.height)
        left = (_SIDE - round(picture.width * scale)) // 2
        top = (_SIDE - round(picture.height * scale)) // 2
        region = prepared.region
        frame = Rect(
            left + region.left * scale,
            top + region.top * scale,
            region.width * scale,
            region.height * scale,
            stroke=Stroke(self._colors.forward, 2.0),
        )
        return Scene(_SIDE, _SIDE, self._colors.panel, (*marks, frame))


def ask_fitting(parent: QWidget, subject: Subject, colors: Theme) -> Preprocessing | None:
    """How the person wants it; None where they dismiss the dialog."""
    dialog = FittingDialog(parent, subject, colors)
    is_used = dialog.exec() == FittingDialog.DialogCode.Accepted
    chosen = dialog.preprocessing
    dialog.deleteLater()
    return chosen if is_used else None


def _picture_view() -> SceneView:
    view = SceneView()
    view.setFixedSize(QSize(_SIDE, _SIDE))
    return view


def _titled(title: str, view: SceneView) -> QVBoxLayout:
    label = PlainLabel(title)
    label.setFont(qfont(PANEL_TITLE))
    column = QVBoxLayout()
    column.setSpacing(6)
    column.addWidget(label)
    column.addWidget(view)
    return column


def _choice_text(choice: object) -> str:
    return {"0.0": "black", "0.5": "gray", "1.0": "white"}.get(str(choice), str(choice))
