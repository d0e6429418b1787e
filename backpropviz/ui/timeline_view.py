"""The timeline as a widget: click or drag moves the playhead, hover tells what lies there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QToolTip, QWidget

from backpropviz.debugger.going import GoToBlock
from backpropviz.figures.timeline.height import HEIGHT
from backpropviz.figures.view import View
from backpropviz.scene.theme import Theme
from backpropviz.ui.plain_text import plain_tip
from backpropviz.ui.scene_view import SceneView

if TYPE_CHECKING:
    from backpropviz.figures.timeline.timeline import TimelineFigure


class TimelineView(SceneView):
    """Emits positions; while dragged, each place at most once."""

    place_wanted = Signal(GoToBlock)
    """A pass may have more steps than Qt's ints hold."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name_position: Callable[[int], str] = str
        self._figure: TimelineFigure | None = None
        self._wanted: GoToBlock | None = None
        self.setFixedHeight(HEIGHT)
        self.setAccessibleName(self.tr("Timeline"))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    @property
    def is_drawn(self) -> bool:
        """Whether there has been anything to draw yet."""
        return self._figure is not None

    def show_view(self, view: View, colors: Theme) -> None:
        """Draw the timeline of a moment; its figure is imported when first drawn."""
        from backpropviz.figures.timeline.timeline import timeline

        self._figure = timeline(view, self.viewport().width(), colors)
        self.show_scene(self._figure.scene, colors)
        self.viewport().setAccessibleDescription(self._figure.scene.title)

    def _at(self, point: QPointF) -> int | None:
        return None if self._figure is None else self._figure.step_at(point.x(), point.y())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._wanted = None
            self._want(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = self._at(event.position())
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._want(event.position())
        if position is not None:
            self._tell(position, event.globalPosition().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._wanted = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # The arrows step on the stage; here Home and End go to the ends.
        if event.key() == Qt.Key.Key_Home:
            self.place_wanted.emit(GoToBlock(0))
        elif event.key() == Qt.Key.Key_End and self._figure is not None:
            self.place_wanted.emit(GoToBlock(self._figure.step_at(float(self.width()), 0.0)))
        else:
            super().keyPressEvent(event)

    def _want(self, point: QPointF) -> None:
        position = self._at(point)
        if self._figure is None or position is None:
            return
        wanted = GoToBlock(position, self._figure.depth_at(point.y()))
        if wanted != self._wanted:
            self._wanted = wanted
            self.place_wanted.emit(wanted)

    def _tell(self, position: int, at: QPoint) -> None:
        near = QRect(self.mapFromGlobal(at) - QPoint(2, 2), self.mapFromGlobal(at) + QPoint(2, 2))
        text = self.name_position(position)
        QToolTip.showText(at + QPoint(6, 12), plain_tip(text), self.viewport(), near)
