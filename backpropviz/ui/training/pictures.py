"""The pictures of a run: its filters, what they make of a sample, and who is taken for whom."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Final

from PySide6.QtWidgets import QStackedWidget, QWidget

from backpropviz.engine.training.history import Columns, Validated
from backpropviz.engine.value import Array, shape_text
from backpropviz.figures.training.activations import activation_maps, value_words
from backpropviz.figures.training.answers import cell_words, confusion_figure
from backpropviz.figures.training.numbers import LayerFacts, RunCounter, percent, short
from backpropviz.figures.training.time_slider import SliderState
from backpropviz.frozen import frozen
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui import boxes
from backpropviz.ui.controls import Chip, Segmented
from backpropviz.ui.recent import read_preferences
from backpropviz.ui.scene_view import SceneView
from backpropviz.ui.training.answers import AnswersDesk
from backpropviz.ui.training.charts import marks_of
from backpropviz.ui.training.controller import RunState
from backpropviz.ui.training.filters import FiltersView
from backpropviz.ui.training.past import activations, output_address, probe_samples, shown_layers
from backpropviz.ui.training.worker import updates_in

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
        self._kind = Segmented("Pictures")
        self._kind.set_choices(
            [
                ("Filters", _FILTERS, "Weights, gradients, change."),
                ("Activations", _ACTIVATIONS, "What a sample excites."),
                ("Answers", _ANSWERS, "Who is taken for whom."),
            ]
        )
        self._kind.set_value(_FILTERS)
        self._kind.chosen.connect(self._choose_kind)
        self._layers, self._samples = Chip("Layer"), Chip("Sample")
        self._moment = boxes.words(style="Note")
        self._pages = QStackedWidget()
        self._pages.addWidget(self.filters)
        self._pages.addWidget(self._other)
        self.setFocusProxy(self.filters)
        self._other.setAccessibleName("Activations and answers")
        self._other.resized.connect(self._draw_other)
        self._desk = AnswersDesk(self)
        self._other.clicked.connect(self._desk.click)
        self._other.describe = self._describe
        self._output: Array | None = None
        self._lay_out()

    def _lay_out(self) -> None:
        row = boxes.row(gap=8, margins=(0, 8, 0, 4))
        for widget in (self._kind, self._layers, self._samples):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self._moment)
        boxes.column(row, (self._pages, 1), gap=0, margins=boxes.BARE, owner=self)
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
        waiting = f"update {run.shown_iteration:,} is computed again…"
        is_there = shown is not None and shown.iteration == run.shown_iteration
        self._moment.setText("" if is_there else waiting)
        self.draw()

    def draw(self) -> None:
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
            self._moment.setText("Validated at the end of an epoch.")
            return Scene(width, 1, self._colors.stage, (), "answers")
        if run.visited is not None:
            asked = f"a click on a cell asks update {run.shown_iteration:,}."
            self._moment.setText(f"The newest answers; {asked}")
        held_out = run.run.dataset.validation
        count = 0 if held_out is None else len(held_out)
        title = f"{count:,} validation samples after update {found.iteration:,}"
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
        menu = self._layers.menu()
        self._layers.fill([boxes.entry(name, menu, self._choose_layer, name) for name in layers])
        menu = self._samples.menu()
        self._samples.fill(
            [
                boxes.entry(name, menu, self._choose_sample, number)
                for number, name in enumerate(names[:_MOST_SAMPLES])
            ]
        )
        self._layers.show_value(self._layer)
        self._samples.show_value(names[0])

    def _choose_layer(self, name: str) -> None:
        self._layer = name
        self._layers.show_value(name)
        self.draw()

    def _choose_sample(self, number: int) -> None:
        if self._run is not None:
            self._sample = number
            self._samples.show_value(probe_samples(self._run.run).names[number])
            self.draw()


_MOST_EPOCHS = 12
_MANY_UNITS = 64
_TENTHS = (10, 15, 20, 30, 40, 50, 60, 80, 100, 120)


@frozen(eq=False)
class Activity:
    """A layer's maps: their active share when last measured, and for how long they were not."""

    layer: str
    shares: Array
    inactive: Array


def worst_activity(run: RunState) -> Activity | None:
    """The rectifier with the largest share of inactive maps; None where that is not known: before
    the first update, and of the past.

    Layers of many units are left out where there are others: they have no room beside the rest.
    """
    measured = next((m for m in reversed(run.history.recent) if m.activities), None)
    if measured is None or run.guard is None or run.visited is not None:
        return None
    inactive = run.guard.diagnosis.inactive_for
    found = [
        Activity(layer, shares, inactive[layer])
        for layer, shares in measured.activities.items()
        if layer in inactive and len(inactive[layer]) == len(shares)
    ]
    few = [one for one in found if len(one.shares) <= _MANY_UNITS]
    return max(few or found, key=lambda one: float((one.inactive > 0).mean()), default=None)


def counters_of(run: RunState) -> tuple[RunCounter, ...]:
    """What is read from afar, of the shown update."""
    shown = run.shown_iteration
    row = run.history.columns(shown, shown)
    course = run.run.course
    done, total = updates_in(course, max(1, shown))
    epoch = course.place(max(1, shown)).epoch
    speed = run.samples_per_second
    within = f"{done if shown else 0} of {total}{_left(run, total - done)}"
    return (
        RunCounter("Update", f"{shown:,}"),
        RunCounter("Epoch", f"{epoch:,}", within),
        RunCounter("Samples per second", "not yet" if speed is None else f"{speed:,.0f}"),
        _loss(run, float(row.loss[0]) if len(row) else math.nan),
        *_accuracy(run),
    )


def _left(run: RunState, updates: int) -> str:
    speed = run.samples_per_second
    if not speed or run.visited is not None:
        return ""
    seconds = updates * run.run.course.at(run.now.iteration + 1).batch_size / speed
    return f", {seconds:,.0f} s left" if seconds >= 1 else ""


def _loss(run: RunState, loss: float) -> RunCounter:
    validated = _validated(run)
    remark = f"validation {short(validated[-1].loss)}" if validated else ""
    return RunCounter("Loss, last batch", "not yet" if math.isnan(loss) else short(loss), remark)


def _accuracy(run: RunState) -> Iterator[RunCounter]:
    if run.run.dataset.validation is None or not run.run.dataset.class_names:
        return
    found = [v.accuracy for v in _validated(run) if v.accuracy is not None]
    if found:
        best = f"best {percent(max(found))}"
        yield RunCounter("Validation accuracy", percent(found[-1]), best)
    else:
        yield RunCounter("Validation accuracy", "not yet", "at the epoch's end")


def _validated(run: RunState) -> tuple[Validated, ...]:
    """Up to the shown update."""
    return tuple(v for v in run.history.validated if v.iteration <= run.shown_iteration)


def layers_of(run: RunState) -> tuple[LayerFacts, ...]:
    """The layers with weights, and what the shown update did to them."""
    shown = run.shown_iteration
    row = run.history.columns(shown, shown)
    network = run.run.network
    return tuple(
        LayerFacts(
            tensor.layer,
            shape_text(network.parameter_shapes(network.by_name[tensor.layer])[tensor.quantity]),
            *_measured(row, place),
        )
        for place, tensor in enumerate(run.history.tensors)
        if tensor.quantity == "weight"
    )


def _measured(row: Columns, place: int) -> tuple[float, float]:
    if not len(row):
        return math.nan, math.nan
    return float(row.ratios[0, place]), float(row.gradient_norms[0, place])


def slider_of(run: RunState) -> SliderState:
    """The way through a run, up to a round number ahead of where it stands."""
    last = run.now.iteration
    return SliderState(
        shown=run.shown_iteration,
        last=last,
        end=_round_end(last),
        epochs=_epochs(run, last),
        checkpoints=run.kept.iterations,
        marks=marks_of(run),
    )


def _round_end(last: int) -> int:
    """So far the line goes, so that it need not grow with every update."""
    power: int = 10 ** max(1, len(str(last)) - 1)
    tenths = next(tenths for tenths in _TENTHS if tenths * power > 10.2 * last)
    return max(power, tenths * power // 10)


def _epochs(run: RunState, last: int) -> tuple[tuple[int, int], ...]:
    """(number, first update) of as many epochs as can be told apart, evenly spread."""
    course = run.run.course
    most = course.place(max(1, last)).epoch
    wanted = range(1, most + 1, -(-most // _MOST_EPOCHS))
    updates = range(1, last + 1)
    return tuple(
        (epoch, 1 + bisect_left(updates, epoch, key=lambda k: course.place(k).epoch))
        for epoch in wanted
    )
