"""The pictures of a run: its filters, what they make of a sample, and who is taken for whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from backpropviz.engine.arrays import Array
from backpropviz.engine.training.measure import Validated
from backpropviz.figures.training.activation_maps import activation_maps, value_words
from backpropviz.figures.training.confusion import cell_words, confusion_figure
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui.controls import Chip, Segmented
from backpropviz.ui.plain_text import PlainLabel, plain_title
from backpropviz.ui.preferences import read_preferences
from backpropviz.ui.scene_view import SceneView
from backpropviz.ui.training.answers_desk import AnswersDesk
from backpropviz.ui.training.filters_view import FiltersView
from backpropviz.ui.training.probe import activations, output_address, probe_samples, shown_layers
from backpropviz.ui.training.state import RunState

_FILTERS, _ACTIVATIONS, _ANSWERS = "filters", "activations", "answers"
_MOST_SAMPLES: Final = 24
_LEAST_TABLE: Final = 340.0


class PicturesView(QWidget):
    """A row to choose with, over the chosen picture."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.filters, self._other = FiltersView(), SceneView()
        self._run: RunState | None = None
        self._colors: Theme = LIGHT
        self._is_locked = True
        self._layer, self._sample, self._listed = "", 0, 0
        self._kind = Segmented(self.tr("Pictures"))
        self._kind.set_choices(
            [
                (self.tr("Filters"), _FILTERS, self.tr("Weights, gradients, change.")),
                (self.tr("Activations"), _ACTIVATIONS, self.tr("What a sample excites.")),
                (self.tr("Answers"), _ANSWERS, self.tr("Who is taken for whom.")),
            ]
        )
        self._kind.set_value(_FILTERS)
        self._kind.chosen.connect(self._choose_kind)
        self._layers, self._samples = Chip(self.tr("Layer")), Chip(self.tr("Sample"))
        self._moment = PlainLabel()
        self._moment.setObjectName("Note")
        self._pages = QStackedWidget()
        self._pages.addWidget(self.filters)
        self._pages.addWidget(self._other)
        self.setFocusProxy(self.filters)
        self._other.setAccessibleName(self.tr("Activations and answers"))
        self._other.resized.connect(self._draw_other)
        self._desk = AnswersDesk(self)
        self._other.clicked.connect(self._desk.click)
        self._other.describe = self._describe
        self._output: Array | None = None
        self._lay_out()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(0, 8, 0, 4)
        row.setSpacing(8)
        for widget in (self._kind, self._layers, self._samples):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self._moment)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(self._pages, 1)
        self._show_choices()

    @property
    def choice_height(self) -> int:
        """Pixels of the row over the picture."""
        return self._pages.y()

    def show_run(self, run: RunState, colors: Theme, *, is_locked: bool) -> None:
        """Draw the shown update of a run."""
        self._run, self._colors, self._is_locked = run, colors, is_locked
        self._desk.follow(run, colors)
        if self._listed != run.number:
            self._list_choices(run)
        shown = run.shown
        waiting = self.tr("update {wanted} is computed again…").format(
            wanted=f"{run.shown_iteration:,}"
        )
        is_there = shown is not None and shown.iteration == run.shown_iteration
        self._moment.setText("" if is_there else waiting)
        self.draw()

    def draw(self) -> None:
        """Draw the chosen picture."""
        if self._run is None:
            return
        if self._kind.value == _FILTERS:
            self.filters.show_run(
                self._run,
                self._colors,
                is_locked=self._is_locked,
                colormap=read_preferences().diverging,
            )
        else:
            self._draw_other()

    def figure(self, width: float) -> Scene | None:
        """The chosen picture in a width, as it is shown and as it is exported."""
        makers: dict[object, Callable[[float], Scene | None]] = {
            _ACTIVATIONS: self._activations,
            _ANSWERS: self._answers,
        }
        return makers.get(self._kind.value, self.filters.figure)(width)

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        for chip in (self._layers, self._samples):
            chip.use_theme(colors)

    def _draw_other(self) -> None:
        if self._kind.value == _FILTERS:
            return
        scene = self.figure(float(self._other.viewport().width()))
        if scene is not None:
            self._other.show_scene(scene, self._colors)

    def _activations(self, width: float) -> Scene | None:
        run = self._run
        if run is None or run.shown is None:
            return None
        values = activations(run.run, run.shown, self._sample)[self._layer]
        self._output = values
        return activation_maps(output_address(self._layer), values, width, self._colors)

    def _answers(self, width: float) -> Scene | None:
        run, found = self._run, self._validated
        if run is None or found is None or found.confusion is None:
            self._moment.setText(self.tr("Validated at the end of an epoch."))
            return Scene(width, 1, self._colors.stage, (), "answers")
        if run.visited is not None:
            text = self.tr("The newest answers; a click on a cell asks update {n}.")
            self._moment.setText(text.format(n=f"{run.shown_iteration:,}"))
        held_out = run.run.dataset.validation
        title = self.tr("{count} validation samples after update {number}").format(
            count=f"{0 if held_out is None else len(held_out):,}", number=f"{found.iteration:,}"
        )
        room = min(width, max(_LEAST_TABLE, 1.1 * self._other.viewport().height()))
        names = run.run.dataset.class_names
        return confusion_figure(found.confusion, names, room, self._colors, title)

    @property
    def _validated(self) -> Validated | None:
        """The newest: of earlier ones only numbers are kept."""
        found = () if self._run is None else self._run.history.validated
        return found[-1] if found else None

    def _describe(self, key: str) -> str:
        """A cell's count in words, or a value of the shown output."""
        run, found = self._run, self._validated
        if run is not None and found is not None and found.confusion is not None:
            words = cell_words(key, found.confusion, run.run.dataset.class_names)
            if words:
                return words
        return value_words(key, self._layer, self._output)

    def _choose_kind(self, kind: object) -> None:
        self._pages.setCurrentWidget(self.filters if kind == _FILTERS else self._other)
        self._show_choices()
        self.draw()

    def _show_choices(self) -> None:
        for chip in (self._layers, self._samples):
            chip.setVisible(self._kind.value == _ACTIVATIONS)

    def _list_choices(self, run: RunState) -> None:
        """The layers and the first samples of another run."""
        self._listed = run.number
        layers, names = shown_layers(run.run), probe_samples(run.run).names
        self._layer, self._sample = layers[0], 0
        self._layers.fill([self._entry(name, name, self._layers) for name in layers])
        self._samples.fill(
            [self._entry(name, k, self._samples) for k, name in enumerate(names[:_MOST_SAMPLES])]
        )
        self._layers.show_value(self._layer)
        self._samples.show_value(names[0])

    def _entry(self, text: str, value: object, chip: Chip) -> QAction:
        action = QAction(plain_title(text), chip.menu())
        action.setData(value)
        action.triggered.connect(self._choose)
        return action

    def _choose(self) -> None:
        action = self.sender()
        if not isinstance(action, QAction) or self._run is None:
            return
        value = action.data()
        if isinstance(value, str):
            self._layer = value
            self._layers.show_value(value)
        else:
            self._sample = int(value)
            self._samples.show_value(probe_samples(self._run.run).names[self._sample])
        self.draw()
