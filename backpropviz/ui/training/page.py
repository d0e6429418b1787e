"""The page of the mode Train: numbers, filters and curves of a run, its settings, its past."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui.action_set import ActionSet
from backpropviz.ui.preferences import read_preferences
from backpropviz.ui.training.alerts import AlertsPanel
from backpropviz.ui.training.charts import TrainingCharts
from backpropviz.ui.training.checkpoint_panel import CheckpointPanel
from backpropviz.ui.training.controls import TrainingControls
from backpropviz.ui.training.curve_marks import curves_of
from backpropviz.ui.training.filters_view import FiltersView
from backpropviz.ui.training.settings_panel import SettingsPanel
from backpropviz.ui.training.staged import Staged
from backpropviz.ui.training.state import TrainingState

_WIDTHS: Final = (256, 375)
_NARROW_WIDTHS: Final = (232, 330)
_NARROW: Final = 1440


class TrainingPage(QWidget):
    """Draws a `TrainingState` part by part; `drawn` once all parts are."""

    drawn = Signal()

    def __init__(self, actions: ActionSet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("TrainingPage")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._colors: Theme = LIGHT
        self._state = TrainingState()
        self.settings, self.alerts, self.charts = SettingsPanel(), AlertsPanel(), TrainingCharts()
        self.filters = FiltersView()
        self.checkpoints = CheckpointPanel(actions)
        self.controls = TrainingControls(actions)
        self._lay_out()
        self._stages = Staged(
            {
                "controls": self._draw_controls,
                "filters": self._draw_filters,
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
        self._left.setWidget(_stacked("Panel", self.settings))
        right = QSplitter(Qt.Orientation.Vertical)
        right.setHandleWidth(1)
        right.setChildrenCollapsible(False)
        right.addWidget(self.alerts)
        right.addWidget(self.checkpoints)
        self._center = QSplitter(Qt.Orientation.Vertical)
        self._center.setChildrenCollapsible(False)
        self._center.setHandleWidth(9)
        self._center.addWidget(self.filters)
        self._center.addWidget(_scrolled(self.charts))
        upper = QHBoxLayout()
        upper.setSpacing(1)
        upper.addWidget(self._left)
        upper.addWidget(_stacked("TrainingStage", self._center, margin=32), 1)
        upper.addWidget(right)
        self._right = right
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addLayout(upper, 1)
        column.addWidget(_stacked("Panel", self.controls))

    def show_state(self, state: TrainingState) -> None:
        """Draw it soon."""
        self._state = state
        self._stages.want()

    def draw_now(self) -> None:
        """Draw at once what is still to be drawn."""
        self._stages.draw_now()

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self._colors = colors
        for panel in (self.settings, self.alerts, self.checkpoints, self.controls):
            panel.use_theme(colors)
        self._stages.want()

    def stop(self) -> None:
        """Draw nothing more."""
        self._stages.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        widths = _WIDTHS if self.width() >= _NARROW else _NARROW_WIDTHS
        self._left.setFixedWidth(widths[0])
        self._right.setFixedWidth(widths[1])

    def _draw_controls(self) -> None:
        self.controls.show_state(self._state)

    def _draw_filters(self) -> None:
        run, look = self._state.run, self._state.look
        if run is not None:
            colormap = read_preferences().diverging
            self.filters.show_run(run, self._colors, is_locked=look.is_locked, colormap=colormap)

    def _draw_settings(self) -> None:
        if self._state.run is not None:
            self.settings.show_run(self._state.run)

    def _draw_alerts(self) -> None:
        run = self._state.run
        if run is not None and run.guard is not None:
            self.alerts.show_diagnosis(run.guard.diagnosis, run.kept.iterations)

    def _draw_charts(self) -> None:
        run = self._state.run
        if run is not None:
            self.charts.show_runs((curves_of(run),), self._colors)

    def _draw_checkpoints(self) -> None:
        if self._state.run is not None:
            has_others = len(self._state.runs) > 1
            self.checkpoints.show_run(self._state.run, has_others=has_others)


def _stacked(name: str, *widgets: QWidget, margin: int = 0) -> QFrame:
    """Widgets one below the other; the first takes the room."""
    frame = QFrame()
    frame.setObjectName(name)
    column = QVBoxLayout(frame)
    column.setContentsMargins(margin, 0, margin, 0)
    column.setSpacing(0)
    for widget in widgets:
        column.addWidget(widget, int(widget is widgets[0]))
    return frame


def _scrolled(widget: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(widget)
    return area
