"""Marks, painted one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPaintEngine, QPainter, QPainterPath, QPen, QPolygonF

from backpropviz.paint.fonts import draw_selectable_text, draw_text
from backpropviz.paint.hatching import draw_hatch
from backpropviz.paint.pens import brush, pen, qcolor
from backpropviz.paint.pixels import PDF_UPSCALE, draw_pixels
from backpropviz.scene.marks import (
    Box,
    Ellipse,
    Group,
    Line,
    Mark,
    Path,
    Pixels,
    Rect,
    Scene,
    Text,
)
from backpropviz.scene.shapes import (
    arrowhead,
    segments,
    without_arrow_overlap,
)

_OPAQUE: Final = len("#RRGGBB")
_NO_PEN: Final = QPen(Qt.PenStyle.NoPen)


def draw(scene: Scene, painter: QPainter) -> None:
    """Paint the background and every mark, at the painter's own transformation."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
    painter.fillRect(QRectF(0, 0, scene.width, scene.height), qcolor(scene.background))
    draw_marks(scene.marks, painter)


def draw_marks(marks: Iterable[Mark], painter: QPainter) -> None:
    """Paint marks from back to front, such as an overlay on a picture painted before."""
    in_pdf = painter.paintEngine().type() == QPaintEngine.Type.Pdf
    painters = _PDF_PAINTERS if in_pdf else _PAINTERS
    for mark in marks:
        painters[type(mark)](mark, painter)


def _draw_rect(rect: Rect, painter: QPainter) -> None:
    if rect.fill is None and rect.stroke is None and rect.hatch is None:
        return  # only there to be pointed at
    if not rect.radius and _draw_crisp(rect, painter):
        return
    painter.setPen(pen(rect.stroke) if rect.hatch is None else _NO_PEN)
    painter.setBrush(brush(rect.fill))
    if rect.radius:
        painter.drawRoundedRect(_qrect(rect), rect.radius, rect.radius)
    else:
        painter.drawRect(_qrect(rect))
    if rect.hatch is not None:
        draw_hatch(rect, _qrect(rect), painter)
        _draw_rect(replace(rect, fill=None, hatch=None), painter)


def _draw_crisp(rect: Rect, painter: QPainter) -> bool:
    """Fill whole pixels where the rectangle has only such: many times faster than by a pen."""
    line = rect.stroke.width if rect.stroke is not None else 0.0
    x, y, width, height = (
        rect.x - line / 2,
        rect.y - line / 2,
        rect.width + line,
        rect.height + line,
    )
    if x % 1 or y % 1 or width % 1 or height % 1 or line % 1:
        return False
    if rect.stroke is not None and rect.stroke.dash:
        return False
    inner = QRectF(x + line, y + line, width - 2 * line, height - 2 * line)
    if rect.stroke is not None and rect.fill is not None and len(rect.fill) == _OPAQUE:
        # The fill will cover what of the outline's color lies inside: two fills instead of five.
        painter.fillRect(QRectF(x, y, width, height), qcolor(rect.stroke.color))
    elif rect.stroke is not None:
        _fill_frame(Box(x, y, width, height), line, qcolor(rect.stroke.color), painter)
    if rect.fill is not None:
        painter.fillRect(inner, qcolor(rect.fill))
    if rect.hatch is not None:
        draw_hatch(rect, inner, painter)
    return True


def _fill_frame(outer: Box, line: float, color: QColor, painter: QPainter) -> None:
    """The four sides of a frame, each pixel once, so that a translucent color stays even."""
    x, y, width, height = outer.x, outer.y, outer.width, outer.height
    painter.fillRect(QRectF(x, y, width, line), color)
    painter.fillRect(QRectF(x, y + height - line, width, line), color)
    painter.fillRect(QRectF(x, y + line, line, height - 2 * line), color)
    painter.fillRect(QRectF(x + width - line, y + line, line, height - 2 * line), color)


def _draw_line(line: Line, painter: QPainter) -> None:
    painter.setPen(pen(line.stroke))
    painter.drawLine(QLineF(line.x1, line.y1, line.x2, line.y2))


def _draw_path(path: Path, painter: QPainter) -> None:
    painter.setPen(pen(path.stroke))
    painter.setBrush(brush(path.fill))
    painter.drawPath(_qpath(without_arrow_overlap(path)))
    head = arrowhead(path)
    if head is not None and path.stroke is not None:
        painter.setPen(_NO_PEN)
        painter.setBrush(brush(path.stroke.color))
        painter.drawPolygon(QPolygonF([QPointF(*point) for point in head]))


def _draw_ellipse(ellipse: Ellipse, painter: QPainter) -> None:
    painter.setPen(pen(ellipse.stroke))
    painter.setBrush(brush(ellipse.fill))
    painter.drawEllipse(QPointF(ellipse.x, ellipse.y), ellipse.radius_x, ellipse.radius_y)


def _draw_text(text: Text, painter: QPainter) -> None:
    draw_text(painter, text, qcolor(text.color))


def _draw_selectable_text(text: Text, painter: QPainter) -> None:
    draw_selectable_text(painter, text, qcolor(text.color))


def _draw_pixels(pixels: Pixels, painter: QPainter) -> None:
    draw_pixels(painter, pixels)


def _draw_upscaled_pixels(pixels: Pixels, painter: QPainter) -> None:
    draw_pixels(painter, pixels, PDF_UPSCALE)


def _draw_group(group: Group, painter: QPainter) -> None:
    painter.save()
    if group.clip is not None:
        painter.setClipRect(_qrect(group.clip), Qt.ClipOperation.IntersectClip)
    painter.translate(group.dx, group.dy)
    painter.scale(group.scale, group.scale)
    draw_marks(group.marks, painter)
    painter.restore()


def _qrect(box: Box | Rect) -> QRectF:
    return QRectF(box.x, box.y, box.width, box.height)


def _qpath(path: Path) -> QPainterPath:
    start, parts = segments(path)
    result = QPainterPath(QPointF(*start))
    for part in parts:
        if len(part) == 1:
            result.lineTo(*part[0])
        else:
            result.quadTo(*part[0], *part[1])
    if path.closed:
        result.closeSubpath()
    return result


# Each function takes the mark type under which it is listed.
_PAINTERS: Final[dict[type[Mark], Callable[[Any, QPainter], None]]] = {
    Rect: _draw_rect,
    Line: _draw_line,
    Path: _draw_path,
    Ellipse: _draw_ellipse,
    Text: _draw_text,
    Pixels: _draw_pixels,
    Group: _draw_group,
}

_PDF_PAINTERS: Final = _PAINTERS | {Text: _draw_selectable_text, Pixels: _draw_upscaled_pixels}
