"""Samples of a data set: which part, drawn anew, as they are or as augmented."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from backpropviz.engine.training.augmentation import Augmentation
from backpropviz.engine.training.samples import Dataset
from backpropviz.figures.training.sample_sheet import sample_sheet, sheet_capacity
from backpropviz.paint.families import qfont
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import PANEL_TITLE, Theme
from backpropviz.ui.controls import CONTROL_HEIGHT, Segmented
from backpropviz.ui.plain_text import PlainLabel
from backpropviz.ui.scene_view import SceneView
from backpropviz.ui.training.data_loading import sample_views

_TRAINING: Final = "training"
_HELD_OUT: Final = "held out"
_VERSIONS: Final = 7


class SamplePane(QWidget):
    """Pictures as the network gets them; augmentation changes those to train on alone."""

    def __init__(self, colors: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colors = colors
        self._dataset: Dataset | None = None
        self._augmentation = Augmentation()
        self._seed = 0
        title = PlainLabel(self.tr("Samples, as the network gets them"))
        title.setFont(qfont(PANEL_TITLE))
        self._part = Segmented(self.tr("Part of the data"))
        self._part.set_choices(
            [(self.tr("To train on"), _TRAINING, ""), (self.tr("Held out"), _HELD_OUT, "")]
        )
        self._part.set_value(_TRAINING, (_TRAINING,))
        self._part.chosen.connect(self.draw)
        self.again = QPushButton(self.tr("Shuffle again"))
        self.again.setFixedHeight(CONTROL_HEIGHT)
        self.again.setAutoDefault(False)
        self.again.setToolTip(self.tr("Show other samples, or other changes of them."))
        self.again.clicked.connect(self._shuffle)
        self.canvas = SceneView()
        self.canvas.setAccessibleName(self.tr("Samples"))
        self.canvas.resized.connect(self.draw)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(self._part)
        head.addWidget(self.again)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(self.canvas, 1)

    def show_dataset(self, dataset: Dataset) -> None:
        """Show samples of another data set."""
        self._dataset = dataset
        possible = (_TRAINING,) if dataset.validation is None else (_TRAINING, _HELD_OUT)
        value = self._part.value if self._part.value in possible else _TRAINING
        self._part.set_value(value, possible)
        self.draw()

    def clear(self) -> None:
        """Show nothing."""
        self._dataset = None
        self._part.set_value(_TRAINING, (_TRAINING,))
        self.canvas.show_scene(Scene(1, 1, self._colors.stage), self._colors)

    def show_augmentation(self, augmentation: Augmentation) -> None:
        """Change the samples to train on in another way."""
        if augmentation != self._augmentation:
            self._augmentation = augmentation
            self.draw()

    def _shuffle(self) -> None:
        self._seed += 1
        self.draw()

    def draw(self) -> None:
        """Draw what the room takes."""
        data = self._dataset
        if data is None:
            return
        is_held_out = self._part.value == _HELD_OUT and data.validation is not None
        samples = data.validation if is_held_out and data.validation else data.training
        changes = Augmentation() if is_held_out else self._augmentation
        size = self.canvas.viewport().size()
        room = float(size.width()), float(size.height())
        versions = 0 if changes.is_none else _VERSIONS
        capacity = sheet_capacity(*room, versions=versions)
        views = sample_views(data, samples, changes, capacity, self._seed)
        self.canvas.show_scene(
            sample_sheet(views, data.preprocessing, room, self._colors), self._colors
        )
