"""One interactive chart under the pointer and the keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPoint, QRectF, Qt, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QContextMenuEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QFrame, QGraphicsView, QWidget

from backpropviz.engine.value import Array
from backpropviz.figures.analysis.chart import CURVE_WIDTH, Chart
from backpropviz.figures.training.curve_figure import (
    DOT_RADIUS,
    Drawn,
    crosshair_marks,
    heights,
    names_width,
    nearest,
    over_marks,
    plane_box,
    plane_of,
    points_of,
    reading_at,
    readout_marks,
    spoken,
    under_marks,
    whole_reach,
)
from backpropviz.figures.training.curves import ChartKind, CurveMark
from backpropviz.paint.draw import draw_marks
from backpropviz.paint.families import qfont
from backpropviz.scene.marks import Box
from backpropviz.scene.theme import ROW, Theme

_RAW_ALPHA: Final = 64


class _Curve:
    """A series' items in the scene: raw values behind, the line, dots on it."""

    def __init__(self, box: Any) -> None:
        self.raw, self.line = pg.PlotCurveItem(), pg.PlotCurveItem()
        self.dots = pg.ScatterPlotItem(pxMode=True)
        self._box = box
        self.raw.setZValue(-2)
        self.dots.setZValue(1)
        for item in (self.raw, self.line, self.dots):
            box.addItem(item, ignoreBounds=True)

    def remove(self) -> None:
        for item in (self.raw, self.line, self.dots):
            self._box.removeItem(item)

    def dress(self, one: Drawn, colors: Theme) -> None:
        color = QColor(one.series.color)
        pen = QPen(color, CURVE_WIDTH)
        pen.setCosmetic(True)
        if one.series.dash:
            pen.setDashPattern([part / CURVE_WIDTH for part in one.series.dash])
        self.line.setPen(pen)
        pale = QColor(color)
        pale.setAlpha(_RAW_ALPHA)
        self.raw.setPen(QPen(pale, 0))
        self.dots.setPen(pen)
        self.dots.setBrush(QBrush(QColor(colors.panel)))
        self.dots.setSize(2 * DOT_RADIUS)

    def place(self, one: Drawn, width: float, reach: tuple[float, float], *, is_log: bool) -> None:
        x, y = _points(one, one.line, width, reach, is_log=is_log)
        self.line.setData(x, y, connect="finite")
        self.raw.setVisible(one.has_raw)
        if one.has_raw:
            raw = _points(one, one.series.values, width, reach, is_log=is_log)
            self.raw.setData(*raw, connect="finite")
        self.dots.setVisible(one.series.has_dots)
        if one.series.has_dots:
            known = np.isfinite(y)
            self.dots.setData(x[known], y[known])


def _points(
    one: Drawn, values: Array, width: float, reach: tuple[float, float], *, is_log: bool
) -> tuple[Array, Array]:
    """Points in the view's own coordinates: powers of ten where the scale is logarithmic."""
    x, y = points_of(one, values, width, reach, is_log=is_log)
    return x.astype(np.float64), np.log10(y) if is_log else y


class CurveCanvas(pg.GraphicsView):  # type: ignore[misc]
    """Shows curves, the crosshair, and the interval that is being drawn with Shift."""

    def __init__(self, kind: ChartKind, parent: QWidget | None = None) -> None:
        super().__init__(parent, useOpenGL=False, background=None)
        self.kind = kind
        self.is_log = kind.begins_log
        self._drawn: tuple[Drawn, ...] = ()
        self._marks: tuple[CurveMark, ...] = ()
        self._colors: Theme | None = None
        self._curves: dict[str, _Curve] = {}
        self._reach: tuple[float, float] | None = None
        self.plane: Chart | None = None
        self._beside = 0.0
        self._crosshair: float | None = None
        self._has_readout = False
        self._band: tuple[float, float] | None = None
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName(kind.title)
        self.setMinimumSize(160, 72)
        # No plot item: its axes and menus are not ours, and its menus would outlive it.
        self._box = pg.ViewBox(enableMouse=False, enableMenu=False, defaultPadding=0.0)
        self._box.disableAutoRange()
        self.scene().addItem(self._box)
        # `_refresh` asks for one painting; the scene would ask for a second one by itself.
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.NoViewportUpdate)

    @property
    def reach(self) -> tuple[float, float]:
        """The first and the last update that are shown."""
        return self._reach or whole_reach(self._drawn)

    def show_curves(
        self,
        drawn: tuple[Drawn, ...],
        marks: tuple[CurveMark, ...],
        reach: tuple[float, float] | None,
        colors: Theme,
    ) -> None:
        """Draw series, or what has been added to them."""
        is_dressed = colors is self._colors and _looks(drawn) == _looks(self._drawn)
        self._drawn, self._marks, self._reach, self._colors = drawn, marks, reach, colors
        keys = {one.series.key for one in drawn}
        for key in [key for key in self._curves if key not in keys]:
            self._curves.pop(key).remove()
        for one in drawn:
            if one.series.key not in self._curves:
                self._curves[one.series.key] = _Curve(self._box)
                is_dressed = False
        if not is_dressed:
            for one in drawn:
                self._curves[one.series.key].dress(one, colors)
        self._refresh()

    def show_reach(self, reach: tuple[float, float] | None) -> None:
        """Show the updates of another interval, None for all."""
        if reach != self._reach:
            self._reach = reach
            self._refresh()

    def set_log(self, is_log: bool) -> None:
        self.is_log = is_log
        self._refresh()

    def show_crosshair(self, iteration: float | None, *, with_readout: bool) -> None:
        """Draw the crosshair of all charts; the readout only in the one that is pointed at."""
        if (iteration, with_readout) == (self._crosshair, self._has_readout):
            return
        self._crosshair, self._has_readout = iteration, with_readout
        if with_readout and iteration is not None:
            readings = reading_at(self._drawn, iteration, self.kind)
            self.setAccessibleDescription(spoken(readings, iteration))
        self.viewport().update()

    def _refresh(self) -> None:
        """Place axes and points for the present size, reach and scale."""
        if self._colors is None:
            return
        size = self.viewport().size()
        body = Box(0, 0, size.width(), size.height())
        self._beside = names_width(self._drawn, body.width)
        area = plane_box(body, self._beside)
        reach = self.reach
        levels = heights(self.kind, self._drawn, reach, is_log=self.is_log)
        self.plane = plane_of(self.kind, area, reach, levels, is_log=self.is_log)
        self._box.setGeometry(area.x, area.y, area.width, area.height)
        low, high = np.log10(levels) if self.is_log else levels
        self._box.setRange(xRange=reach, yRange=(float(low), float(high)), padding=0)
        for one in self._drawn:
            curve = self._curves[one.series.key]
            curve.place(one, area.width, reach, is_log=self.is_log)
        self.resetCachedContent()  # the grid, which is kept while only the crosshair moves
        self.viewport().update()

    def drawBackground(self, painter: QPainter, rect: QRectF | QPoint) -> None:
        """The panel, the grid with its numbers, the marks of what happened."""
        colors = self._colors
        if colors is None:
            return
        painter.save()
        painter.resetTransform()
        painter.fillRect(self.viewport().rect(), QColor(colors.panel))
        if self._drawn and self.plane is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            draw_marks(under_marks(self.plane, self.kind, self._marks, colors), painter)
        painter.restore()

    def drawForeground(self, painter: QPainter, rect: QRectF | QPoint) -> None:
        """The names at the lines' ends, the crosshair, or what will be here."""
        colors, plane = self._colors, self.plane
        if colors is None or plane is None:
            return
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._drawn:
            self._draw_over(painter, plane, colors)
        else:
            self._draw_promise(painter, colors)
        if self.hasFocus():
            painter.setPen(QPen(QColor(colors.update), 2))
            painter.drawRect(QRectF(self.viewport().rect()).adjusted(1, 1, -1, -1))
        painter.restore()

    def _draw_over(self, painter: QPainter, plane: Chart, colors: Theme) -> None:
        draw_marks(over_marks(plane, self._drawn, self._beside, colors), painter)
        if self._band is not None:
            left, right = sorted(self._band)
            tint = QColor(colors.update)
            tint.setAlpha(48)
            painter.fillRect(QRectF(left, plane.box.y, right - left, plane.box.height), tint)
        if self._crosshair is None:
            return
        draw_marks(crosshair_marks(plane, self._crosshair, colors), painter)
        if self._has_readout:
            readings = reading_at(self._drawn, self._crosshair, self.kind)
            card = readout_marks(plane, self._crosshair, readings, self._marks, colors)
            draw_marks(card, painter)

    def _draw_promise(self, painter: QPainter, colors: Theme) -> None:
        painter.setFont(qfont(ROW))
        painter.setPen(QColor(colors.text_tertiary))
        room = self.viewport().rect().adjusted(8, 0, -8, 0)
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(room, flags, self.kind.promise)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if hasattr(self, "_colors"):  # the base class resizes while it is made
            self._refresh()


def _looks(drawn: Sequence[Drawn]) -> list[tuple[object, ...]]:
    return [(one.series.key, one.series.color, one.series.dash) for one in drawn]


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
        plane = self.plane
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
        if band is not None and self.plane is not None:
            self.viewport().update()
            if abs(band[1] - band[0]) >= QApplication.startDragDistance():
                low, high = sorted(map(self.plane.value_at, band))
                self._want(low, high)
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reach_wanted.emit(None)
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.plane is None or not self._drawn:
            event.ignore()
            return
        turns = event.angleDelta().y() / 120
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()  # a page of charts scrolls
            return
        self._zoom(ZOOM**-turns, self.plane.value_at(event.position().x()))
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, shift = Qt.Key(event.key()), event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        sign = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(key, 0)
        if sign and shift and self.plane is not None:
            self._pan_px(sign * _PAN * self.plane.box.width)
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
        if self.plane is None:
            return
        low, high = self.reach
        moved = pixels * (high - low) / self.plane.box.width
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
