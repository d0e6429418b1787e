"""The slider through a run's updates as a widget: dragging it shows the past."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QToolTip, QWidget

from backpropviz.figures.training.time_slider import (
    HEIGHT,
    SliderFigure,
    SliderState,
    time_slider,
)
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui.plain_text import plain_tip
from backpropviz.ui.scene_view import SceneView


class SliderView(SceneView):
    """Emits updates; while dragged, each at most once."""

    iteration_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = SliderState(0, 0, 1)
        self._colors: Theme = LIGHT
        self._figure: SliderFigure | None = None
        self._wanted: int | None = None
        self.setFixedHeight(HEIGHT)
        self.setAccessibleName(self.tr("Updates of the run"))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.resized.connect(self._draw)

    def show_state(self, state: SliderState, colors: Theme) -> None:
        """Show where the run stands and which update is seen."""
        self._state, self._colors = state, colors
        self._draw()

    def _draw(self) -> None:
        width = float(self.viewport().width())
        self._figure = time_slider(self._state, width, self._colors)
        self.show_scene(self._figure.scene, self._colors)
        self.viewport().setAccessibleDescription(self._figure.scene.title)

    def _at(self, point: QPointF) -> int | None:
        return None if self._figure is None else self._figure.iteration_at(point.x())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._wanted = None
            self._want(self._at(event.position()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        iteration = self._at(event.position())
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._want(iteration)
        if iteration is not None:
            self._tell(iteration, event.globalPosition().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._wanted = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        state, key = self._state, event.key()
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        pages = {Qt.Key.Key_PageUp: -10, Qt.Key.Key_PageDown: 10}
        ends = {Qt.Key.Key_Home: -state.last, Qt.Key.Key_End: state.last}
        by = {**steps, **pages, **ends}.get(Qt.Key(key))
        if by is None:
            super().keyPressEvent(event)
            return
        self.iteration_wanted.emit(min(state.last, max(0, state.shown + by)))

    def _want(self, iteration: int | None) -> None:
        if iteration is not None and iteration != self._wanted:
            self._wanted = iteration
            self.iteration_wanted.emit(iteration)

    def _tell(self, iteration: int, at: QPoint) -> None:
        near = QRect(self.mapFromGlobal(at) - QPoint(2, 2), self.mapFromGlobal(at) + QPoint(2, 2))
        text = self.tr("update {number}").format(number=f"{iteration:,}")
        marks = [mark.words for mark in self._state.marks if mark.iteration == iteration]
        QToolTip.showText(
            at + QPoint(6, 12), plain_tip("\n".join((text, *marks))), self.viewport(), near
        )
