"""The page of the mode Train: numbers, filters and curves of a run, its settings, its past."""

from __future__ import annotations

from functools import partial
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from backpropviz.figures.training.activity import activity_figure
from backpropviz.figures.training.counters import Counter, counters
from backpropviz.figures.training.layer_list import ratio_list, update_table
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui.action_set import ActionSet
from backpropviz.ui.controls import Chip, PanelHead, hairline
from backpropviz.ui.layout import focus_next
from backpropviz.ui.plain_text import PlainLabel
from backpropviz.ui.training.alerts import AlertsPanel
from backpropviz.ui.training.center import TrainingCenter
from backpropviz.ui.training.charts import TrainingCharts
from backpropviz.ui.training.checkpoint_panel import CheckpointPanel
from backpropviz.ui.training.controls import TrainingControls
from backpropviz.ui.training.curve_marks import curves_of
from backpropviz.ui.training.figure_view import FigureView
from backpropviz.ui.training.numbers import (
    Activity,
    counters_of,
    layers_of,
    slider_of,
    worst_activity,
)
from backpropviz.ui.training.pictures import PicturesView
from backpropviz.ui.training.settings_panel import SettingsPanel
from backpropviz.ui.training.slider import SliderView
from backpropviz.ui.training.staged import Staged
from backpropviz.ui.training.state import RunState, TrainingState

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
        self.counters = FigureView(self.tr("Counters"), 0)
        self.layers = FigureView(self.tr("Layers"))
        self.activity = FigureView(self.tr("Active maps"))
        self.last_update = FigureView(self.tr("Last update"))
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
        self._inner = _stacked("Panel", *self._left_parts())
        self._left.setWidget(self._inner)
        self._left.verticalScrollBar().rangeChanged.connect(self._fit_left)
        right = QSplitter(Qt.Orientation.Vertical)
        right.setHandleWidth(1)
        right.setChildrenCollapsible(False)
        right.addWidget(self.alerts)
        self._last = _stacked("Panel", *self._headed(self.tr("Last update"), self.last_update))
        right.addWidget(self._last)
        right.addWidget(self.checkpoints)
        self._center = TrainingCenter(self.pictures, self.charts)
        upper = QHBoxLayout()
        upper.setSpacing(1)
        upper.addWidget(self._left)
        stage = _stacked(
            "TrainingStage", self.counters, hairline(), self._center, margin=32, top=14
        )
        upper.addWidget(stage, 1)
        upper.addWidget(right)
        right.setSizes([_ALERTS_HEIGHT, 1, _ALERTS_HEIGHT])
        self._right = right
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addLayout(upper, 1)
        column.addWidget(_stacked("Panel", self.controls, self.slider))

    def _left_parts(self) -> tuple[QWidget, ...]:
        layers = self._headed(self.tr("Layers"), self.layers, self.tr("update / weight"))
        return (*layers, hairline(), self.activity, hairline(), self.settings)

    def _headed(self, title: str, view: FigureView, remark: str = "") -> tuple[QWidget, ...]:
        head = PanelHead(title)
        if remark:
            label = PlainLabel(remark)
            label.setObjectName("Note")
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
        """Take the colors of a theme."""
        self._colors = colors
        for panel in (self.pictures, self.settings, self.alerts, self.checkpoints, self.controls):
            panel.use_theme(colors)
        self._stages.want()

    def focus_next(self, by: int) -> None:
        """Move the keyboard from panel to panel."""
        panels = (self.controls, self.pictures, self.charts, self.alerts, self.checkpoints)
        focus_next([*panels, self.slider, self.settings], by)

    def stop(self) -> None:
        """Draw nothing more."""
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
        text = self.tr("As of update {now}, the newest; update {shown} is shown.")
        return text.format(now=f"{run.now.iteration:,}", shown=f"{run.shown_iteration:,}")

    def _draw_charts(self) -> None:
        run = self._state.run
        if run is not None:
            self.charts.show_runs((curves_of(run),), self._colors)

    def _draw_checkpoints(self) -> None:
        if self._state.run is not None:
            has_others = len(self._state.runs) > 1
            self.checkpoints.show_run(self._state.run, has_others=has_others)


def _counter_scene(entries: tuple[Counter, ...], colors: Theme, width: float) -> Scene:
    """Without the speed, which the status bar says too, where there is little room."""
    shown = entries if width >= _FEW_COUNTERS else (*entries[:2], *entries[3:])
    return counters(shown, width, colors)


def _activity_scene(shown: Activity, colors: Theme, width: float) -> Scene:
    return activity_figure(shown.layer, shown.shares, shown.inactive, width, colors)


def _stacked(name: str, *widgets: QWidget, margin: int = 0, top: int = 0) -> QFrame:
    """Widgets one below the other; the last takes the room."""
    frame = QFrame()
    frame.setObjectName(name)
    column = QVBoxLayout(frame)
    column.setContentsMargins(margin, top, margin, 0)
    column.setSpacing(0)
    for widget in widgets:
        column.addWidget(widget, int(widget is widgets[-1]))
    return frame
