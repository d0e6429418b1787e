"""The page of the mode Train: numbers, filters and curves of a run, its settings, its past."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QSizePolicy, QSplitter, QWidget

from backpropviz.figures.training.activations import activity_figure
from backpropviz.figures.training.filters import lower_edges
from backpropviz.figures.training.numbers import RunCounter, counters, ratio_list, update_table
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui import boxes
from backpropviz.ui.actions import ActionSet
from backpropviz.ui.controls import Chip, PanelHead, hairline
from backpropviz.ui.docks import focus_next
from backpropviz.ui.scene_view import SceneView
from backpropviz.ui.training.alerts import AlertsPanel
from backpropviz.ui.training.charts import ChartsArea, TrainingCharts, curves_of
from backpropviz.ui.training.controller import RunState, TrainingState
from backpropviz.ui.training.controls import (
    CheckpointPanel,
    SettingsPanel,
    SliderView,
    TrainingControls,
)
from backpropviz.ui.training.pictures import (
    Activity,
    PicturesView,
    counters_of,
    layers_of,
    slider_of,
    worst_activity,
)

_HANDLE: Final = 9
_ENOUGH: Final = 0.45
"""The share of the height below which the pictures would be too low: then a row of charts goes."""
_FULL: Final = 0.6
"""The share of its room that a picture cut below a layer has to fill; else it is cut anywhere."""


class TrainingCenter(QSplitter):
    """A person's own division stays; else it follows the height and the run."""

    def __init__(
        self, pictures: PicturesView, charts: TrainingCharts, parent: QWidget | None = None
    ) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self._pictures, self._charts = pictures, charts
        self._fitted: tuple[int, int, int] = (0, 0, 0)
        self._is_own = False
        self.setChildrenCollapsible(False)
        self.setHandleWidth(_HANDLE)
        self.addWidget(pictures)
        area = ChartsArea(charts)
        charts.setObjectName("TrainingStage")
        charts.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.addWidget(area)
        self.splitterMoved.connect(self._keep)
        # The heights around are settled only once the event that changed them is over.
        self._soon = boxes.soon(self, self._fit_again)

    def fit(self, run_number: int) -> None:
        """Divide the height for a run's filters, once for each run and each size of the page."""
        scene, state = self._pictures.filters.scene, (run_number, self.width(), self.height())
        if scene is None or state == self._fitted:
            return
        self._is_own = self._is_own and run_number == self._fitted[0]
        self._fitted = state
        if not self._is_own:
            above = self._pictures.choice_height
            total = self.height() - _HANDLE
            edges = [round(edge) + above for edge in lower_edges(scene)]
            height = picture_height(total, edges, self._charts.least_heights)
            self.setSizes([height, total - height])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._soon.start()

    def _fit_again(self) -> None:
        if self._fitted[0]:
            self.fit(self._fitted[0])

    def _keep(self) -> None:
        self._is_own = True


def picture_height(total: int, edges: Sequence[int], charts: tuple[int, int]) -> int:
    """Pixels of the pictures, of a total that they share with charts.

    `edges` are the heights at which a picture may be cut, the last one its whole height; `charts`
    what one row of charts should have, and the least of all rows.
    """
    room = total - charts[1]
    if edges[-1] > room and room < _ENOUGH * total:
        room = total - charts[0]
    below = max((edge for edge in edges if edge <= room), default=0)
    is_full = below == edges[-1] or below >= _FULL * room
    return max(0, below if is_full else room)


class Staged(QObject):
    """Draws the parts that are wanted, one a turn of the event loop; `done` when none is left."""

    done = Signal()

    def __init__(self, parts: Mapping[str, Callable[[], None]], parent: QObject) -> None:
        super().__init__(parent)
        self._parts = parts
        self._wanted: set[str] = set()
        self._turn = boxes.soon(self, self._draw_next)
        self._painted = boxes.soon(self, self.done)

    def want(self, names: Iterable[str] | None = None) -> None:
        """Draw these parts soon, or all."""
        self._wanted.update(self._parts if names is None else names)
        self._turn.start()

    def draw_now(self) -> None:
        """Draw at once all that is still wanted."""
        while self._wanted:
            self._draw_next()

    def stop(self) -> None:
        self._wanted.clear()
        self._turn.stop()
        self._painted.stop()

    def _draw_next(self) -> None:
        name = next((name for name in self._parts if name in self._wanted), None)
        try:
            if name is not None:
                self._wanted.discard(name)
                self._parts[name]()
        finally:
            # A part that fails is told by Python; the others are drawn all the same.
            if self._wanted:
                self._turn.start()
            else:
                self._turn.stop()
                # After the painting, which Qt does before it comes to its timers.
                self._painted.start()


class FigureView(SceneView):
    """Draws what `figure` makes of a width; nothing where that is None."""

    def __init__(self, name: str, margin: int = 16) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._make: Callable[[float], Scene | None] = _nothing
        self._theme: Theme | None = None
        self.setViewportMargins(margin, 0, margin, 0)
        self.setFixedHeight(1)
        self.resized.connect(self.draw)

    def show_figure(self, make: Callable[[float], Scene | None], colors: Theme) -> None:
        self._make, self._theme = make, colors
        self.draw()

    def draw(self) -> None:
        """Draw in the width that there is."""
        width = self.viewport().width()
        scene = self._make(float(width)) if self._theme is not None and width > 40 else None
        if scene is None or self._theme is None:
            return
        if self.height() != round(scene.height):
            self.setFixedHeight(round(scene.height))
        self.show_scene(scene, self._theme)


def _nothing(_width: float) -> Scene | None:
    return None


_WIDTHS: Final = (256, 375)
_NARROW_WIDTHS: Final = (232, 330)
_NARROW: Final = 1440
_LIVELY: Final = ("controls", "numbers", "pictures")
_LOW: Final = 760
_BAR_WIDTH: Final = 10
_ALERTS_HEIGHT: Final = 300
_FEW_COUNTERS: Final = 800


class TrainingPage(QWidget):
    """Draws a `TrainingState` part by part; `drawn` once all parts are."""

    drawn = Signal()

    def __init__(self, actions: ActionSet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("TrainingPage")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        # A hidden page must not keep the pages beside it wide, and the docks narrow.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self._colors: Theme = LIGHT
        self._state = TrainingState()
        self._turns = 0
        self.settings, self.alerts, self.charts = SettingsPanel(), AlertsPanel(), TrainingCharts()
        self.pictures = PicturesView()
        self.checkpoints = CheckpointPanel(actions)
        self.controls, self.slider = TrainingControls(actions), SliderView()
        self.counters = FigureView("Counters", 0)
        self.layers = FigureView("Layers")
        self.activity = FigureView("Active maps")
        self.last_update = FigureView("Last update")
        for panel, kind in ((self.charts, Chip), (self.alerts, QPushButton)):
            panel.setFocusProxy(panel.findChildren(kind)[0])
        self._lay_out()
        self._stages = Staged(
            {
                "controls": self._draw_controls,
                "numbers": self._draw_numbers,
                "pictures": self._draw_pictures,
                "activity": self._draw_activity,
                "settings": self._draw_settings,
                "checkpoints": self._draw_checkpoints,
                "alerts": self._draw_alerts,
                "charts": self._draw_charts,
            },
            self,
        )
        self._stages.done.connect(self.drawn)

    def _lay_out(self) -> None:
        self._left = QScrollArea()
        self._left.setWidgetResizable(True)
        self._left.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layers = self._headed("Layers", self.layers, "update / weight")
        below = (hairline(), self.activity, hairline(), self.settings)
        self._inner = _stacked("Panel", *layers, *below)
        self._left.setWidget(self._inner)
        self._left.verticalScrollBar().rangeChanged.connect(self._fit_left)
        right = QSplitter(Qt.Orientation.Vertical)
        right.setHandleWidth(1)
        right.setChildrenCollapsible(False)
        right.addWidget(self.alerts)
        self._last = _stacked("Panel", *self._headed("Last update", self.last_update))
        right.addWidget(self._last)
        right.addWidget(self.checkpoints)
        self._center = TrainingCenter(self.pictures, self.charts)
        upper = boxes.row(self._left, gap=1)
        stage = _stacked(
            "TrainingStage", self.counters, hairline(), self._center, margin=32, top=14
        )
        upper.addWidget(stage, 1)
        upper.addWidget(right)
        right.setSizes([_ALERTS_HEIGHT, 1, _ALERTS_HEIGHT])
        self._right = right
        boxes.column(
            (upper, 1),
            _stacked("Panel", self.controls, self.slider),
            gap=1,
            margins=boxes.BARE,
            owner=self,
        )

    def _headed(self, title: str, view: FigureView, remark: str = "") -> tuple[QWidget, ...]:
        head = PanelHead(title)
        if remark:
            label = boxes.words(remark, style="Note")
            label.setContentsMargins(0, 0, 6, 0)
            head.add_control(label)
        return head, view

    def show_state(self, state: TrainingState) -> None:
        """Draw it soon."""
        before, self._state = self._state, state
        is_live = state.is_running and before.is_running and state.current == before.current
        self._turns = self._turns + 1 if is_live else 0
        # While a run goes, the filters are drawn twice as often as all that changes slowly.
        self._stages.want(_LIVELY if is_live and self._turns % 2 == 0 else None)

    def draw_now(self) -> None:
        """Draw at once what is still to be drawn."""
        self._stages.draw_now()

    def use_theme(self, colors: Theme) -> None:
        self._colors = colors
        for panel in (self.pictures, self.settings, self.alerts, self.checkpoints, self.controls):
            panel.use_theme(colors)
        self._stages.want()

    def focus_next(self, by: int) -> None:
        """Move the keyboard from panel to panel."""
        panels = (self.controls, self.pictures, self.charts, self.alerts, self.checkpoints)
        focus_next([*panels, self.slider, self.settings], by)

    def stop(self) -> None:
        self._stages.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        widths = _WIDTHS if self.width() >= _NARROW else _NARROW_WIDTHS
        self._left.setFixedWidth(widths[0])
        self._fit_left()
        self._last.setVisible(self.height() >= _LOW)
        self._right.setFixedWidth(widths[1])

    def _fit_left(self) -> None:
        """The scroll bar takes room of its own, where there is one."""
        taken = _BAR_WIDTH if self._left.verticalScrollBar().maximum() > 0 else 0
        self._inner.setFixedWidth(self._left.width() - taken)

    def _draw_controls(self) -> None:
        self.controls.show_state(self._state)

    def _draw_numbers(self) -> None:
        run, colors = self._state.run, self._colors
        if run is None:
            return
        entries, layers = counters_of(run), layers_of(run)
        self.counters.show_figure(partial(_counter_scene, entries, colors), colors)
        self.layers.show_figure(lambda width: ratio_list(layers, width, colors), colors)
        self.last_update.show_figure(lambda width: update_table(layers, width, colors), colors)
        self.slider.show_state(slider_of(run), colors)

    def _draw_activity(self) -> None:
        run, colors = self._state.run, self._colors
        if run is None:
            return
        shown = worst_activity(run)
        self.activity.setVisible(shown is not None)
        if shown is not None:
            make = partial(_activity_scene, shown, colors)
            self.activity.show_figure(make, colors)

    def _draw_pictures(self) -> None:
        run, look = self._state.run, self._state.look
        if run is not None:
            self.pictures.show_run(run, self._colors, is_locked=look.is_locked)
            self._center.fit(run.number)

    def _draw_settings(self) -> None:
        if self._state.run is not None:
            self.settings.show_run(self._state.run)

    def _draw_alerts(self) -> None:
        run = self._state.run
        if run is not None and run.guard is not None:
            remark = self._alerts_remark(run)
            self.alerts.show_diagnosis(run.guard.diagnosis, run.kept.iterations, remark)

    def _alerts_remark(self, run: RunState) -> str:
        """Alerts are of the newest update, also while another is shown."""
        if run.visited is None:
            return ""
        now, shown = run.now.iteration, run.shown_iteration
        return f"As of update {now:,}, the newest; update {shown:,} is shown."

    def _draw_charts(self) -> None:
        run = self._state.run
        if run is not None:
            self.charts.show_runs((curves_of(run),), self._colors)

    def _draw_checkpoints(self) -> None:
        if self._state.run is not None:
            has_others = len(self._state.runs) > 1
            self.checkpoints.show_run(self._state.run, has_others=has_others)


def _counter_scene(entries: tuple[RunCounter, ...], colors: Theme, width: float) -> Scene:
    """Without the speed, which the status bar says too, where there is little room."""
    shown = entries if width >= _FEW_COUNTERS else (*entries[:2], *entries[3:])
    return counters(shown, width, colors)


def _activity_scene(shown: Activity, colors: Theme, width: float) -> Scene:
    return activity_figure(shown.layer, shown.shares, shown.inactive, width, colors)


def _stacked(name: str, *widgets: QWidget, margin: int = 0, top: int = 0) -> QFrame:
    """Widgets one below the other; the last takes the room."""
    frame = QFrame()
    frame.setObjectName(name)
    column = boxes.column(gap=0, margins=(margin, top, margin, 0), owner=frame)
    for widget in widgets:
        column.addWidget(widget, int(widget is widgets[-1]))
    return frame
