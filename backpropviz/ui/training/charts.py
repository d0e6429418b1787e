"""The curves of training: charts with one lower axis, read and zoomed together.

pyqtgraph is imported when the first curve is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QSplitter, QWidget

from backpropviz.figures.training.curve_figure import CurveCache, CurveOptions, curve_page, subtitle
from backpropviz.figures.training.curve_figure import marks_of as figure_marks_of
from backpropviz.figures.training.curves import (
    FOUR_CHARTS,
    NO_SMOOTHING,
    Average,
    ChartKind,
    CurveMark,
    RunCurves,
    Smoothing,
    curve_rows,
    run_curves,
    series_of,
)
from backpropviz.figures.training.filter_values import TileRow, difference_rows, value_words
from backpropviz.figures.training.filters import FilterOptions, difference
from backpropviz.paint.families import qfont
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import BODY_STRONG, CARD_TITLE, LIGHT, ROW, Theme
from backpropviz.ui import boxes
from backpropviz.ui.controls import Chip, Menu, PlainLabel, Segmented, plain_tip, plain_title
from backpropviz.ui.training.controller import RunState, TrainingState
from backpropviz.ui.training.filters import FilterScene
from backpropviz.ui.windows import SideWindow

if TYPE_CHECKING:
    from backpropviz.ui.training.plot import Plot


SMOOTHINGS: Final = (
    NO_SMOOTHING,
    *(Smoothing(Average.EXPONENTIAL, span) for span in (5, 10, 50, 200)),
    *(Smoothing(Average.MOVING, span) for span in (10, 50, 200)),
)
_TWO_COLUMNS: Final = 640
_LEAST_HEIGHT: Final = 112
_LONE_HEIGHT: Final = 144
"""Pixels of a row of charts that is all that is shown of them."""
_GAP: Final = 12
_CHOICE_ROW: Final = 28
_CHOICE_GAP: Final = 6
_BESIDE_TOLD: Final = 42
"""Margins and spacing left and right of a chart's subtitle."""


class ChartCard(QFrame):
    """A chart with its title; the plot is made when there is something to draw."""

    def __init__(self, kind: ChartKind, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = kind
        self.plot: Plot | None = None
        self.setObjectName("ListCard")
        self.setAccessibleName(kind.title)
        self.setMinimumHeight(_LEAST_HEIGHT)
        self._title, self._told = PlainLabel(kind.title), PlainLabel()
        self._title.setFont(qfont(BODY_STRONG))
        self._told.setFont(qfont(ROW))
        self._told.setObjectName("Secondary")
        self._told.setMinimumWidth(1)
        self._promise = boxes.words(kind.promise, ROW, "Tertiary", wraps=True)
        self._promise.setAlignment(Qt.AlignmentFlag.AlignCenter)
        head = boxes.row(self._title, (self._told, 1), gap=10)
        self._column = boxes.column(
            head, (self._promise, 1), gap=2, margins=(16, 7, 12, 5), owner=self
        )

    def show_told(self, text: str) -> None:
        """What is measured, and how it is smoothed; all of it in the tool tip."""
        if text != self._told.toolTip():
            self._told.setToolTip(plain_tip(text))
            self._elide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        room = self.width() - self._title.sizeHint().width() - _BESIDE_TOLD
        metrics = self._told.fontMetrics()
        text, end = self._told.toolTip(), Qt.TextElideMode.ElideRight
        self._told.setText(metrics.elidedText(text, end, max(0, room)))

    def use_theme(self, colors: Theme) -> None:
        """Quiet words in the theme's colors."""
        self._told.setStyleSheet(f"color: {colors.text_secondary};")
        self._promise.setStyleSheet(f"color: {colors.text_tertiary};")

    def put_plot(self, plot: Plot) -> None:
        """Show a plot in place of the promise."""
        self.plot = plot
        self._promise.hide()
        self._column.addWidget(plot, 1)


class TrainingCharts(QWidget):
    """Loss, accuracy, ratio, gradient norm and, on demand, the learning rate of one or more runs.

    Its owner hands in runs (`show_runs`) and writes the files that are wanted.
    """

    picture_wanted = Signal(object)
    """The kinds of charts to make a picture of; `scene` makes it."""
    table_wanted = Signal()
    """The curves as CSV are wanted; `rows` has them."""
    iteration_wanted = Signal(int)
    """An update was chosen to be shown."""
    pointed = Signal(object)
    """The update under the crosshair, or None."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Curves of training")
        self._runs: tuple[RunCurves, ...] = ()
        self._colors: Theme = LIGHT
        self._smoothing = Smoothing()
        self._scales: dict[ChartKind, bool] = {}
        self._reach: tuple[float, float] | None = None
        self.crosshair: float | None = None
        self._cache = CurveCache()
        self.cards = {kind: ChartCard(kind, self) for kind in ChartKind}
        self.kinds: tuple[ChartKind, ...] = FOUR_CHARTS
        self._across = 0
        self._room = 0
        self._smoothing_chip = Chip("Smoothing", self)
        self._charts_chip = Chip("Charts", self)
        self._menu_of_smoothing = self._smoothing_actions()
        self._smoothing_chip.fill(self._menu_of_smoothing)
        self._charts_chip.fill(self._chart_actions())
        row = boxes.row(None, self._charts_chip, self._smoothing_chip, gap=8)
        self._grid = QGridLayout()
        self._grid.setSpacing(_GAP)
        boxes.column(row, (self._grid, 1), gap=_CHOICE_GAP, margins=boxes.BARE, owner=self)
        self._arrange()
        self._tell()

    @property
    def least_heights(self) -> tuple[int, int]:
        """Pixels that one row of charts should have, and that all rows together need."""
        above, row = self._above, _LEAST_HEIGHT + _GAP
        return above + _LONE_HEIGHT, above + self._lines * row - _GAP

    def share(self, height: int) -> None:
        """Make rows so high that a whole number of them fills a height."""
        self._room = height
        room = height - self._above + _GAP
        shown = min(self._lines, max(1, room // (_LEAST_HEIGHT + _GAP)))
        row = max(_LEAST_HEIGHT, room // shown - _GAP)
        for card in self.cards.values():
            card.setMinimumHeight(row)

    @property
    def options(self) -> CurveOptions:
        """Smoothing, interval and scales, as the figure for export takes them."""
        return CurveOptions(self._smoothing, self._reach, dict(self._scales))

    def show_runs(self, runs: Sequence[RunCurves], colors: Theme) -> None:
        """Draw runs; the first is the one that trains. Called for every snapshot."""
        self._runs, is_new = tuple(runs), colors is not self._colors
        self._colors = colors
        if is_new or not self._smoothing_chip.property("dressed"):
            self._dress()
        for kind in self.kinds:
            self._show(kind)

    def set_smoothing(self, smoothing: Smoothing) -> None:
        if smoothing != self._smoothing:
            self._smoothing = smoothing
            self._tell()
            self.show_runs(self._runs, self._colors)

    def set_log(self, kind: ChartKind, *, is_log: bool) -> None:
        """Use a logarithmic or a linear scale."""
        self._scales[kind] = is_log
        plot = self.cards[kind].plot
        if plot is not None:
            plot.set_log(is_log)
        self._show(kind)

    def set_kinds(self, kinds: Iterable[ChartKind]) -> None:
        """Show these charts; at least one stays."""
        wanted = set(kinds)
        found = tuple(kind for kind in ChartKind if kind in wanted)
        if found and found != self.kinds:
            self.kinds, self._across = found, 0
            self._arrange()
            self._charts_chip.fill(self._chart_actions())
            self._tell()
            self.show_runs(self._runs, self._colors)

    def set_reach(self, reach: tuple[float, float] | None) -> None:
        """Show the updates of an interval in all charts; None follows the run."""
        self._reach = reach
        for plot in self._plots():
            plot.show_reach(reach)

    def point_at(self, iteration: float | None, read_in: ChartKind | None = None) -> None:
        """Put the crosshair of all charts on an update, with the values in one of them."""
        self.crosshair = iteration
        for plot in self._plots():
            plot.show_crosshair(iteration, with_readout=plot.kind is read_in)
        self.pointed.emit(iteration)

    def _point_in(self, kind: ChartKind, iteration: float | None) -> None:
        self.point_at(iteration, kind)

    def scene(self, width: float, colors: Theme, kinds: Sequence[ChartKind] | None = None) -> Scene:
        """The charts as a picture, as they are shown now."""
        return curve_page(self._runs, self.options, width, colors, kinds or self.kinds)

    def rows(self) -> Iterable[tuple[str, ...]]:
        """The curves as a table, header first."""
        return curve_rows(self._runs)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    @property
    def _lines(self) -> int:
        return -(-len(self.kinds) // max(1, self._across))

    @property
    def _above(self) -> int:
        """Pixels over the charts."""
        return max(_CHOICE_ROW, self._charts_chip.sizeHint().height()) + _CHOICE_GAP

    def _plots(self) -> list[Plot]:
        return [card.plot for card in self.cards.values() if card.plot is not None]

    def _dress(self) -> None:
        self._smoothing_chip.setProperty("dressed", True)
        for chip in (self._smoothing_chip, self._charts_chip):
            chip.use_theme(self._colors)
        for card in self.cards.values():
            card.use_theme(self._colors)

    def _show(self, kind: ChartKind) -> None:
        card = self.cards[kind]
        series = series_of(self._runs, kind, self._colors)
        drawn = self._cache.drawn(kind, series, self._smoothing)
        card.show_told(subtitle(kind, drawn, self.options))
        if card.plot is None:
            if not drawn:
                return
            card.put_plot(self._made(kind))
        if card.plot is not None:
            card.plot.show_curves(drawn, figure_marks_of(self._runs), self._reach, self._colors)

    def _made(self, kind: ChartKind) -> Plot:
        from backpropviz.ui.training.plot import Plot

        plot = Plot(kind, self.cards[kind])
        plot.is_log = self.options.is_log(kind)
        plot.reach_wanted.connect(self.set_reach)
        plot.pointed.connect(partial(self._point_in, kind))
        plot.menu_wanted.connect(partial(self._open_menu, kind))
        return plot

    def _arrange(self) -> None:
        across = 2 if self.width() >= _TWO_COLUMNS and len(self.kinds) > 1 else 1
        if across == self._across:
            return
        self._across = across
        for card in self.cards.values():
            self._grid.removeWidget(card)
            card.setVisible(card.kind in self.kinds)
        for number, kind in enumerate(self.kinds):
            self._grid.addWidget(self.cards[kind], *divmod(number, across))
        for column in range(2):
            self._grid.setColumnStretch(column, 1 if column < across else 0)
        if self._room:
            self.share(self._room)

    def _tell(self) -> None:
        smoothing = self._smoothing
        name = "none" if smoothing.is_none else smoothing.words
        self._smoothing_chip.show_value(name.removeprefix("smoothed "))
        self._charts_chip.show_value(str(len(self.kinds)))
        for action in self._menu_of_smoothing:
            action.setChecked(action.data() == smoothing)

    def _smoothing_actions(self) -> list[QAction]:
        group = QActionGroup(self)
        return [
            boxes.entry(
                one.words[0].upper() + one.words[1:],
                group,
                self.set_smoothing,
                one,
                is_checked=False,
            )
            for one in SMOOTHINGS
        ]

    def _chart_actions(self) -> list[QAction]:
        found = []
        for kind in ChartKind:
            action = QAction(plain_title(kind.title), self._charts_chip.menu())
            action.setCheckable(True)
            action.setChecked(kind in self.kinds)
            action.setEnabled(self.kinds != (kind,))
            action.toggled.connect(partial(self._toggle, kind))
            found.append(action)
        return found

    def _toggle(self, kind: ChartKind, is_shown: bool) -> None:
        others = [own for own in self.kinds if own is not kind]
        self.set_kinds([*others, kind] if is_shown else others)

    def _open_menu(self, kind: ChartKind, at: QPoint) -> None:
        menu = self.menu_of(kind)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)

    def menu_of(self, kind: ChartKind) -> Menu:
        """What a chart offers, in our words."""
        menu = Menu(parent=self)
        if self.crosshair is not None:
            iteration = round(self.crosshair)
            go = partial(self.iteration_wanted.emit, iteration)
            menu.addAction(f"Go to Update {iteration:,}", go)
            menu.addSeparator()
        show_all = menu.addAction("Show All Updates", partial(self.set_reach, None))
        show_all.setEnabled(self._reach is not None)
        log = menu.addAction("Logarithmic Scale")
        log.setCheckable(True)
        log.setChecked(self.options.is_log(kind))
        log.toggled.connect(lambda is_log: self.set_log(kind, is_log=is_log))
        smoothing = Menu("Smoothing", menu)
        menu.addMenu(smoothing)
        smoothing.addActions(self._menu_of_smoothing)
        menu.addSeparator()
        one, every = (partial(self.picture_wanted.emit, k) for k in ((kind,), self.kinds))
        menu.addAction("Save This Chart…", one)
        menu.addAction("Save All Charts…", every)
        menu.addAction("Save Values as CSV…", self.table_wanted.emit)
        return menu


class ChartsArea(QScrollArea):
    """Gives the charts the height that they have to share."""

    def __init__(self, charts: TrainingCharts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._charts = charts
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(charts)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._charts.share(self.viewport().height())
        super().resizeEvent(event)


def curves_of(run: RunState) -> RunCurves:
    """The curves up to the snapshot that was told last."""
    return run_curves(run.run.title, run.history, marks_of(run))


def marks_of(run: RunState) -> tuple[CurveMark, ...]:
    """What happened in the run, by update."""
    changes = [CurveMark(change.iteration, change.words) for change in run.run.course.changes]
    if run.guard is None:
        return tuple(changes)
    diagnosis = run.guard.diagnosis
    alerts = [
        CurveMark(alert.raised, alert.title, is_alert=True, until=alert.until)
        for alert in (*diagnosis.active, *diagnosis.over)
        if alert.raised
    ]
    return tuple(sorted((*changes, *alerts), key=lambda mark: mark.iteration))


class ComparisonWindow(SideWindow):
    """Stays beside the page and follows the runs while they train."""

    closed = Signal()

    def __init__(self, parent: QWidget, state: TrainingState, colors: Theme) -> None:
        super().__init__(parent)
        self.setWindowTitle("Compare runs")
        self._state, self._colors = state, colors
        self._numbers = _two_of(state)
        self._is_common = False
        self._chips = (Chip("First"), Chip("Second"))
        self._scale = Segmented("Scale of the difference")
        self._note = boxes.words(style="Note")
        self._charts, self._filters = TrainingCharts(), FilterScene()
        self._filters.setAccessibleName("Filters and their difference")
        self._filters.describe = self._describe
        self._rows: tuple[TileRow, ...] = ()
        self._filters.resized.connect(self._draw_filters)
        self._lay_out()
        self.resize(1120, 820)
        self.use_theme(colors)
        self.show_state(state)

    def _lay_out(self) -> None:
        heading = boxes.words("Compare runs", CARD_TITLE)
        self._scale.set_choices(
            [
                ("own scale", False, "The difference has limits of its own."),
                ("common scale", True, "The difference has the filters' limits."),
            ]
        )
        self._scale.set_value(False)
        self._scale.chosen.connect(self._choose_scale)
        head = boxes.row(heading, 12, gap=10, margins=(24, 16, 24, 8))
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
        body = boxes.column(parts, margins=(24, 0, 24, 16))
        boxes.column(head, (body, 1), gap=0, margins=boxes.BARE, owner=self)

    def show_state(self, state: TrainingState) -> None:
        self._state = state
        if len(state.runs) < 2:
            self.close()
            return
        if self._pair is None:
            self._numbers = _two_of(state)
        self._fill()
        pair = self._pair
        if pair is None:
            return
        for chip, run in zip(self._chips, pair, strict=True):
            chip.show_value(f"{run.run.title}, update {run.shown_iteration:,}")
        self._charts.show_runs([curves_of(run) for run in pair], self._colors)
        self._draw_filters()

    def use_theme(self, colors: Theme) -> None:
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
        self._note.setText("" if scene else "The networks differ: only curves compare.")
        self._filters.setVisible(scene is not None)
        if scene is not None:
            self._filters.show_scene(scene, self._colors)

    def _fill(self) -> None:
        runs = self._state.runs
        for place, chip in enumerate(self._chips):
            menu, chosen = chip.menu(), partial(self._choose, place)
            chip.fill([boxes.entry(one.run.title, menu, chosen, one.number) for one in runs])

    def _choose(self, place: int, number: int) -> None:
        first, second = self._numbers
        self._numbers = (first, number) if place else (number, second)
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
