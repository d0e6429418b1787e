"""Two runs side by side: their curves in the same charts, and what their filters differ by."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QHBoxLayout,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from backpropviz.figures.training.filter_page import FilterOptions, difference
from backpropviz.figures.training.filter_rows import TileRow, difference_rows
from backpropviz.figures.training.filter_words import value_words
from backpropviz.paint.families import qfont
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import CARD_TITLE, Theme
from backpropviz.ui.controls import Chip, Segmented
from backpropviz.ui.plain_text import PlainLabel, plain_title
from backpropviz.ui.side_window import SideWindow
from backpropviz.ui.training.charts import TrainingCharts
from backpropviz.ui.training.charts_area import ChartsArea
from backpropviz.ui.training.curve_marks import curves_of
from backpropviz.ui.training.filter_scene import FilterScene
from backpropviz.ui.training.state import RunState, TrainingState


class ComparisonWindow(SideWindow):
    """Stays beside the page and follows the runs while they train."""

    closed = Signal()

    def __init__(self, parent: QWidget, state: TrainingState, colors: Theme) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Compare runs"))
        self._state, self._colors = state, colors
        self._numbers = _two_of(state)
        self._is_common = False
        self._chips = (Chip(self.tr("First")), Chip(self.tr("Second")))
        self._scale = Segmented(self.tr("Scale of the difference"))
        self._note = PlainLabel()
        self._note.setObjectName("Note")
        self._charts, self._filters = TrainingCharts(), FilterScene()
        self._filters.setAccessibleName(self.tr("Filters and their difference"))
        self._filters.describe = self._describe
        self._rows: tuple[TileRow, ...] = ()
        self._filters.resized.connect(self._draw_filters)
        self._lay_out()
        self.resize(1120, 820)
        self.use_theme(colors)
        self.show_state(state)

    def _lay_out(self) -> None:
        heading = PlainLabel(self.tr("Compare runs"))
        heading.setFont(qfont(CARD_TITLE))
        self._scale.set_choices(
            [
                (self.tr("own scale"), False, self.tr("The difference has limits of its own.")),
                (self.tr("common scale"), True, self.tr("The difference has the filters' limits.")),
            ]
        )
        self._scale.set_value(False)
        self._scale.chosen.connect(self._choose_scale)
        head = QHBoxLayout()
        head.setContentsMargins(24, 16, 24, 8)
        head.setSpacing(10)
        head.addWidget(heading)
        head.addSpacing(12)
        for chip in self._chips:
            head.addWidget(chip)
        head.addStretch(1)
        head.addWidget(self._note)
        head.addWidget(self._scale)
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.setChildrenCollapsible(False)
        parts.addWidget(self._filters)
        parts.addWidget(ChartsArea(self._charts))
        parts.setSizes([420, 380])
        body = QVBoxLayout()
        body.setContentsMargins(24, 0, 24, 16)
        body.addWidget(parts)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addLayout(body, 1)

    def show_state(self, state: TrainingState) -> None:
        """Follow the runs."""
        self._state = state
        self._fill()
        pair = self._pair
        if pair is None:
            return
        for chip, run in zip(self._chips, pair, strict=True):
            chip.show_value(f"{run.run.title}, update {run.shown_iteration:,}")
        self._charts.show_runs([curves_of(run) for run in pair], self._colors)
        self._draw_filters()

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self._colors = colors
        for chip in self._chips:
            chip.use_theme(colors)
        self.show_state(self._state)

    def figure(self, width: float) -> Scene | None:
        """The filters of both runs and their difference; None where the networks differ."""
        pair = self._pair
        if pair is None:
            return None
        first, second = pair
        one, other = first.shown, second.shown
        if one is None or other is None or first.run.network.nodes != second.run.network.nodes:
            return None
        self._rows = difference_rows(
            first.run.network,
            (first.run.title, one.parameters),
            (second.run.title, other.parameters),
            is_common=self._is_common,
        )
        self._filters.use_network(first.run.network)
        return difference(first.run.network, self._rows, width, self._colors, FilterOptions())

    def _describe(self, key: str) -> str:
        return value_words(self._rows, key)

    @property
    def _pair(self) -> tuple[RunState, RunState] | None:
        first, second = (self._state.by_number(number) for number in self._numbers)
        return None if first is None or second is None else (first, second)

    def _draw_filters(self) -> None:
        scene = self.figure(float(self._filters.viewport().width()))
        self._note.setText("" if scene else self.tr("The networks differ: only curves compare."))
        self._filters.setVisible(scene is not None)
        if scene is not None:
            self._filters.show_scene(scene, self._colors)

    def _fill(self) -> None:
        for place, chip in enumerate(self._chips):
            entries: list[QAction | None] = []
            for run in self._state.runs:
                action = QAction(plain_title(run.run.title), chip.menu())
                action.setData((place, run.number))
                action.triggered.connect(self._choose)
                entries.append(action)
            chip.fill(entries)

    def _choose(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            place, number = action.data()
            numbers = list(self._numbers)
            numbers[place] = number
            self._numbers = (numbers[0], numbers[1])
            self.show_state(self._state)

    def _choose_scale(self, is_common: object) -> None:
        self._is_common = bool(is_common)
        self._draw_filters()

    def done(self, result: int) -> None:
        """Tell that nobody looks any more."""
        self.closed.emit()
        super().done(result)


def _two_of(state: TrainingState) -> tuple[int, int]:
    """The shown run and the one that it came from, else the newest other one."""
    run = state.run
    others = [other.number for other in state.runs if other.number != state.current]
    if run is None or not others:
        return state.current, state.current
    other = run.parent if run.parent in others else others[-1]
    return (other or others[-1]), state.current
