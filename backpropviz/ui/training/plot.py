"""One interactive chart under the pointer and the keyboard."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QPoint, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QKeyEvent,
    QMouseEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from backpropviz.figures.training.curve_plane import (
    whole_reach,
)
from backpropviz.figures.training.curves import ChartKind
from backpropviz.figures.training.readout import (
    nearest,
)
from backpropviz.ui.training.curve_canvas import CurveCanvas

ZOOM: Final = 1.25
_LEAST_SPAN: Final = 4.0
_PAN: Final = 0.1


class Plot(CurveCanvas):
    """A chart that is panned by dragging, zoomed by Ctrl and the wheel, read by the crosshair.

    With Shift a drag zooms to what it covers; double-click shows all. On the keyboard the arrows
    move the crosshair, with Shift the picture; + and − zoom, Home shows all.
    """

    reach_wanted = Signal(object)
    """(first, last) update, or None for all of the run."""
    pointed = Signal(object)
    """The update under the crosshair, or None."""
    menu_wanted = Signal(QPoint)

    def __init__(self, kind: ChartKind, parent: QWidget | None = None) -> None:
        self._pressed: QPoint | None = None
        super().__init__(kind, parent)

    def _update_at(self, x: float) -> float | None:
        """The update under a pixel, where a curve has one near."""
        plane = self._plane
        if plane is None or not self._drawn:
            return None
        if not plane.box.x - 4 <= x <= plane.box.right + 4:
            return None
        return self._snapped(plane.value_at(x))

    def _snapped(self, iteration: float) -> float | None:
        longest = max(self._drawn, key=lambda one: len(one.series.iterations), default=None)
        place = None if longest is None else nearest(longest, iteration)
        if longest is None or place is None:
            return None
        return float(longest.series.iterations[place])

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint()
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._band = (self._pressed.x(), self._pressed.x())
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point = event.position().toPoint()
        if self._pressed is None:
            self.pointed.emit(self._update_at(point.x()))
        elif self._band is not None:
            self._band = (self._band[0], point.x())
            self.viewport().update()
        elif self._drawn:
            self._pan_px(self._pressed.x() - point.x())
            self._pressed = point
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        band, self._pressed, self._band = self._band, None, None
        if band is not None and self._plane is not None:
            self.viewport().update()
            if abs(band[1] - band[0]) >= QApplication.startDragDistance():
                low, high = sorted(map(self._plane.value_at, band))
                self._want(low, high)
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reach_wanted.emit(None)
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._plane is None or not self._drawn:
            event.ignore()
            return
        turns = event.angleDelta().y() / 120
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()  # a page of charts scrolls
            return
        self._zoom(ZOOM**-turns, self._plane.value_at(event.position().x()))
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, shift = Qt.Key(event.key()), event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        sign = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(key, 0)
        if sign and shift and self._plane is not None:
            self._pan_px(sign * _PAN * self._plane.box.width)
        elif sign:
            self._step_crosshair(sign)
        elif key in {Qt.Key.Key_Plus, Qt.Key.Key_Equal}:
            self._zoom(1 / ZOOM, sum(self.reach) / 2)
        elif key == Qt.Key.Key_Minus:
            self._zoom(ZOOM, sum(self.reach) / 2)
        elif key == Qt.Key.Key_Home:
            self.reach_wanted.emit(None)
        elif key == Qt.Key.Key_Escape and self._crosshair is not None:
            self.pointed.emit(None)
        else:
            event.ignore()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu_wanted.emit(event.globalPos())

    def leaveEvent(self, event: QEvent) -> None:
        self.pointed.emit(None)
        super().leaveEvent(event)

    def _step_crosshair(self, sign: int) -> None:
        low, high = self.reach
        at = self._crosshair
        step = max(1.0, (high - low) / 200)
        wanted = (high if sign < 0 else low) if at is None else at + sign * step
        snapped = self._snapped(min(max(wanted, low), high))
        if snapped is not None:
            self.pointed.emit(snapped)

    def _pan_px(self, pixels: float) -> None:
        if self._plane is None:
            return
        low, high = self.reach
        moved = pixels * (high - low) / self._plane.box.width
        first, last = whole_reach(self._drawn)
        moved = min(max(moved, first - low), last - high) if last - first > high - low else 0.0
        if moved:
            self._want(low + moved, high + moved)

    def _zoom(self, factor: float, around: float) -> None:
        low, high = self.reach
        self._want(around - (around - low) * factor, around + (high - around) * factor)

    def _want(self, low: float, high: float) -> None:
        """Ask for an interval inside the run, at least a few updates long."""
        first, last = whole_reach(self._drawn)
        if high - low < _LEAST_SPAN:
            middle = (low + high) / 2
            low, high = middle - _LEAST_SPAN / 2, middle + _LEAST_SPAN / 2
        low, high = max(low, first), min(high, last)
        is_all = low <= first and high >= last
        if high > low:
            self.reach_wanted.emit(None if is_all else (low, high))
