"""Who is taken for whom, which samples these are, and what a layer makes of one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QSplitter, QWidget

from backpropviz.engine.training.history import NO_ANSWER, answers
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.samples import Samples
from backpropviz.engine.training.trainer import confusion
from backpropviz.engine.training.update import Trained, predict
from backpropviz.engine.value import Address, Array
from backpropviz.figures.training.activations import activation_maps, value_words
from backpropviz.figures.training.answers import (
    AnsweredSample,
    answer_sheet,
    cell_words,
    confusion_figure,
    parse_confusion,
)
from backpropviz.scene.theme import CARD_TITLE, LIGHT, Theme
from backpropviz.ui import boxes
from backpropviz.ui.background import Background, sentence
from backpropviz.ui.controls import Chip
from backpropviz.ui.scene_view import SceneView
from backpropviz.ui.training.controller import RunState
from backpropviz.ui.training.past import activations
from backpropviz.ui.windows import SideWindow


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The answer to each held-out sample, counted in `table` by true class and answer."""

    run: Run
    trained: Trained
    samples: Samples
    answers: Array
    table: Array

    def numbers(self, true: int, answer: int) -> tuple[int, ...]:
        """The samples of one cell of the table."""
        found = (self.samples.targets == true) & (self.answers == answer)
        return tuple(int(number) for number in np.flatnonzero(found))

    @property
    def wrong(self) -> tuple[int, ...]:
        """All samples that are taken for something else."""
        return tuple(int(k) for k in np.flatnonzero(self.samples.targets != self.answers))


def answers_of(run: Run, trained: Trained) -> Answers | None:
    """The answers to all held-out samples; None for a regression or where there are none."""
    held_out = run.dataset.validation
    if held_out is None or held_out.targets.dtype.kind not in "iu" or held_out.targets.ndim != 1:
        return None
    images = held_out.images.astype(run.dtype, copy=False)
    with np.errstate(all="ignore"):  # what is not finite is seen in the activations
        outputs = predict(run.network, trained.parameters, images)
    given = answers(outputs)
    table = confusion(held_out.targets, given, outputs.shape[1])
    return Answers(run, trained, held_out, given, table)


_SIZE: Final = (1120, 700)
_MATRIX_WIDTH: Final = 520


class AnswersWindow(SideWindow):
    """Stays beside the page; `show_moment` tells it what is looked at, as often as one likes."""

    closed = Signal()

    def __init__(self, parent: QWidget, colors: Theme) -> None:
        super().__init__(parent)
        self.setWindowTitle("Answers")
        self._colors = _on_panel(colors)
        self._wanted: tuple[Run, Trained] | None = None
        self._answers: Answers | None = None
        self._cell: tuple[int, int] | None = None
        self._sample: int | None = None
        self._layer = ""
        self._outputs: Mapping[str, Array] = {}
        self._worker = Background(self)
        self._worker.answered.connect(self._take)
        self._worker.failed.connect(self._tell_error)
        self.matrix = _view("Confusion matrix")
        self.sheet = _view("Samples")
        self.maps = _view("Activations")
        self._note = boxes.words(style="Note")
        self._chip = Chip("Layer")
        self._lay_out()
        for view in (self.matrix, self.sheet, self.maps):
            view.resized.connect(self._draw)
            view.clicked.connect(self._click)
            view.describe = self._described
        self._chip.use_theme(colors)
        self.resize(*_SIZE)

    def _lay_out(self) -> None:
        heading = boxes.words("Answers to the samples that are held out", CARD_TITLE)
        head = boxes.row(heading, (self._note, 1), self._chip, gap=12, margins=(24, 16, 24, 8))
        right = QSplitter(Qt.Orientation.Vertical)
        right.addWidget(self.sheet)
        right.addWidget(self.maps)
        right.setSizes([320, 280])
        parts = QSplitter(Qt.Orientation.Horizontal)
        parts.addWidget(self.matrix)
        parts.addWidget(right)
        parts.setSizes([_MATRIX_WIDTH, _SIZE[0] - _MATRIX_WIDTH])
        for splitter in (right, parts):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(17)
        body = boxes.column(parts, margins=(24, 4, 24, 16))
        boxes.column(head, (body, 1), gap=0, margins=boxes.BARE, owner=self)

    def show_moment(self, run: Run, trained: Trained) -> None:
        """Ask the network after an update; what it answers comes when it is worked out."""
        self._wanted = (run, trained)
        if not self._worker.is_busy:
            self._ask()

    def show_cell(self, true: int, answer: int) -> None:
        """List the samples of a class that got an answer."""
        self._cell = (true, answer)
        self._draw()

    def use_theme(self, colors: Theme) -> None:
        self._colors = _on_panel(colors)
        self._chip.use_theme(colors)
        self._draw()

    def _ask(self) -> None:
        if self._wanted is not None:
            (run, trained), self._wanted = self._wanted, None
            self._worker.run(partial(_worked_out, run, trained, self._sample))

    def _take(self, found: object) -> None:
        if not isinstance(found, tuple):
            return
        self._answers, self._sample, self._outputs = found
        if self._answers is None:
            self._note.setText("This run holds out no samples with classes.")
        else:
            self._note.setText(f"after update {self._answers.trained.iteration:,}")
        self._fill_layers()
        self._draw()
        self._ask()

    def _tell_error(self, error: BaseException) -> None:
        self._note.setText(sentence(error))

    def _click(self, key: str) -> None:
        cell = parse_confusion(key)
        if cell is not None:
            self._cell = None if cell == self._cell else cell
            self._draw()
        elif key.startswith("sample:") and self._answers is not None:
            self._sample = int(key.removeprefix("sample:"))
            self._outputs = activations(self._answers.run, self._answers.trained, self._sample)
            self._fill_layers()
            self._draw()

    def _described(self, key: str) -> str:
        found = self._answers
        if found is None:
            return ""
        words = cell_words(key, found.table, found.run.dataset.class_names)
        return words or value_words(key, self._layer, self._outputs.get(self._layer))

    def _class_name(self, number: int) -> str:
        if number == NO_ANSWER:
            return "NaN"
        names = () if self._answers is None else self._answers.run.dataset.class_names
        return names[number] if number < len(names) else str(number)

    def _fill_layers(self) -> None:
        names = [name for name, output in self._outputs.items() if output.ndim]
        if self._layer not in names and names:
            self._layer = next((n for n in names if self._outputs[n].ndim == 3), names[0])
        menu = self._chip.menu()
        self._chip.fill([boxes.entry(name, menu, self._choose_layer, name) for name in names])
        self._chip.setVisible(bool(names))
        self._chip.show_value(self._layer)

    def _choose_layer(self, name: str) -> None:
        self._layer = name
        self._chip.show_value(name)
        self._draw()

    def _draw(self) -> None:
        found = self._answers
        if found is None:
            return
        names = found.run.dataset.class_names
        width, theme = float(self.matrix.viewport().width()), self._colors
        self.matrix.show_scene(confusion_figure(found.table, names, width, theme), theme)
        self.matrix.mark_keys((f"confusion:{self._cell[0]},{self._cell[1]}",) if self._cell else ())
        self._draw_sheet(found)
        output = self._outputs.get(self._layer)
        if output is not None:
            width = float(self.maps.viewport().width())
            address = Address(self._layer, "output")
            self.maps.show_scene(activation_maps(address, output, width, theme), theme)

    def _draw_sheet(self, found: Answers) -> None:
        if self._cell is None:
            title, numbers = "Wrong answers", found.wrong
        else:
            true, answer = (self._class_name(number) for number in self._cell)
            title = f"{true}, answered {answer}"
            numbers = found.numbers(*self._cell)
        samples = self._samples(found, numbers)
        preprocessing = found.run.dataset.preprocessing
        width = float(self.sheet.viewport().width())
        scene = answer_sheet(title, samples, self._sample, preprocessing, width, self._colors)
        self.sheet.show_scene(scene, self._colors)

    def _samples(self, found: Answers, numbers: Sequence[int]) -> list[AnsweredSample]:
        return [
            AnsweredSample(
                number,
                found.samples.images[number],
                found.samples.names[number],
                self._class_name(int(found.samples.targets[number])),
                self._class_name(int(found.answers[number])),
            )
            for number in numbers
        ]

    def done(self, result: int) -> None:
        """Tell that nobody looks any more."""
        self._worker.stop()
        self.closed.emit()
        super().done(result)


def _on_panel(colors: Theme) -> Theme:
    """The pictures lie on the window itself."""
    return replace(colors, stage=colors.panel)


def _view(name: str) -> SceneView:
    view = SceneView()
    view.setAccessibleName(name)
    view.setMinimumSize(240, 120)
    return view


def _worked_out(
    run: Run, trained: Trained, sample: int | None
) -> tuple[Answers | None, int | None, Mapping[str, Array]]:
    """The answers, and what the layers make of a sample: the first wrong one if none is chosen."""
    found = answers_of(run, trained)
    if found is None:
        return None, None, {}
    chosen = sample if sample is not None else next(iter(found.wrong), 0)
    return found, chosen, activations(run, trained, chosen)


class AnswersDesk(QObject):
    """While the window is open, the network is asked again at each validation and in the past."""

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self._owner = owner
        self._run: RunState | None = None
        self._colors: Theme = LIGHT
        self._asked: tuple[object, ...] = ()
        self.window: AnswersWindow | None = None

    def follow(self, run: RunState, colors: Theme) -> None:
        """Another moment of a run, or another theme."""
        is_dressed, self._colors = colors is self._colors, colors
        self._run = run
        if self.window is not None:
            if not is_dressed:
                self.window.use_theme(colors)
            self._ask(self.window)

    def click(self, key: str) -> None:
        """Show the samples of a cell."""
        cell = parse_confusion(key)
        if cell is None or self._run is None:
            return
        if self.window is None:
            self.window = AnswersWindow(self._owner.window(), self._colors)
            self.window.closed.connect(self._forget)
        self.window.show_cell(*cell)
        self.window.show()
        self.window.raise_()
        self._ask(self.window)

    def _ask(self, window: AnswersWindow) -> None:
        run = self._run
        if run is None or run.shown is None:
            return
        past = None if run.visited is None else run.shown_iteration
        moment = (run.number, len(run.history.validated), past)
        if moment != self._asked:
            self._asked = moment
            window.show_moment(run.run, run.shown)

    def _forget(self) -> None:
        self.window, self._asked = None, ()
