"""Marks, painted one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final, NamedTuple

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPaintEngine, QPainter, QPainterPath, QPen, QPolygonF

from backpropviz.paint.fonts import draw_selectable_text, draw_text
from backpropviz.paint.hatching import draw_hatch
from backpropviz.paint.pens import brush, pen, qcolor
from backpropviz.paint.pixels import PDF_UPSCALE, draw_pixels
from backpropviz.paint.stamps import stamp
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

_REACH: Final = 16.0
"""Pixels by which an outline may leave its rectangle."""
_OPAQUE: Final = len("#RRGGBB")
_PDF: Final = QPaintEngine.Type.Pdf
_RASTER: Final = QPaintEngine.Type.Raster
_INTERSECT: Final = Qt.ClipOperation.IntersectClip
_NO_PEN: Final = QPen(Qt.PenStyle.NoPen)


def draw(scene: Scene, painter: QPainter) -> None:
    """Paint the background and every mark, at the painter's own transformation."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
    painter.fillRect(QRectF(0, 0, scene.width, scene.height), qcolor(scene.background))
    draw_marks(_seen(scene, painter), painter)


def _seen(scene: Scene, painter: QPainter) -> Iterable[Mark]:
    """Of a scene that is higher than the image, what is not above or below it: for speed alone."""
    device = painter.deviceTransform()
    if painter.paintEngine().type() != _RASTER or device.isRotating() or device.m22() <= 0:
        return scene.marks
    top, bottom = (
        edge / device.m22() for edge in (-device.dy(), painter.device().height() - device.dy())
    )
    if top <= 0 and scene.height <= bottom:
        return scene.marks
    return [mark for mark in scene.marks if _may_be_seen(mark, top, bottom)]


def _may_be_seen(mark: Mark, top: float, bottom: float) -> bool:
    if isinstance(mark, Pixels):
        return mark.y < bottom and mark.y + mark.height > top
    if isinstance(mark, Rect):
        return mark.y - _REACH < bottom and mark.y + mark.height + _REACH > top
    if isinstance(mark, Text):
        return mark.y - 2 * mark.font.size < bottom and mark.y + mark.font.size > top
    return True


def draw_marks(marks: Iterable[Mark], painter: QPainter) -> None:
    """Paint marks from back to front, such as an overlay on a picture painted before."""
    engine, device = painter.paintEngine().type(), painter.deviceTransform()
    is_moved = not device.isScaling() and not device.isRotating()
    is_on_pixels = engine == _RASTER and is_moved and _is_whole(device.dx(), device.dy())
    _draw_all(marks, _Canvas(painter, device.m11(), is_on_pixels, engine == _PDF))


def _is_whole(dx: float, dy: float) -> bool:
    return not dx % 1 and not dy % 1


class _Canvas(NamedTuple):
    """What marks are painted on, and what of it would be slow to ask the painter for each mark."""

    painter: QPainter
    scale: float
    """Device pixels per pixel."""
    is_on_pixels: bool
    """Whether the scene's pixels are those of an image."""
    in_pdf: bool


def _draw_all(marks: Iterable[Mark], canvas: _Canvas) -> None:
    for mark in marks:
        _PAINTERS[type(mark)](mark, canvas)


def _draw_rect(rect: Rect, canvas: _Canvas) -> None:
    if rect.fill is None and rect.stroke is None and rect.hatch is None:
        return  # only there to be pointed at
    if not rect.radius and _draw_crisp(rect, canvas):
        return
    painter = canvas.painter
    if rect.fill is not None and rect.stroke is None and not rect.radius and rect.hatch is None:
        painter.fillRect(_qrect(rect), qcolor(rect.fill))  # a bar: soft at its ends, and no pen
    elif rect.hatch is not None:
        _stroke_rect(replace(rect, stroke=None), painter)
        draw_hatch(rect, _qrect(rect), painter, canvas.scale)
        _draw_rect(replace(rect, fill=None, hatch=None), canvas)
    elif not (rect.stroke and canvas.is_on_pixels and stamp(rect, painter, _stroke_rect)):
        _stroke_rect(rect, painter)  # a bar has no outline, and hardly two have the same length


def _stroke_rect(rect: Rect, painter: QPainter) -> None:
    painter.setPen(pen(rect.stroke))
    painter.setBrush(brush(rect.fill))
    if rect.radius:
        painter.drawRoundedRect(_qrect(rect), rect.radius, rect.radius)
    else:
        painter.drawRect(_qrect(rect))


def _draw_crisp(rect: Rect, canvas: _Canvas) -> bool:
    """Fill whole pixels where the rectangle has only such: many times faster than by a pen."""
    stroke, fill = rect.stroke, rect.fill
    line = 0.0 if stroke is None else stroke.width
    half = line / 2
    x, y, width, height = rect.x - half, rect.y - half, rect.width + line, rect.height + line
    if x % 1 or y % 1 or width % 1 or height % 1 or line % 1:
        return False
    edges = (int(x), int(y), int(width), int(height), int(line))
    painter = canvas.painter
    if stroke is not None:
        if stroke.dash:
            return False
        if fill is not None and len(fill) == _OPAQUE:
            # The fill will cover what of the outline's color lies inside: two fills, not five.
            painter.fillRect(*edges[:4], qcolor(stroke.color))
        else:
            _fill_frame(edges, qcolor(stroke.color), painter)
    if fill is not None:
        painter.fillRect(*_inner(edges), qcolor(fill))
    if rect.hatch is not None:
        draw_hatch(rect, QRectF(*_inner(edges)), painter, canvas.scale)
    return True


def _inner(edges: tuple[int, int, int, int, int]) -> tuple[int, int, int, int]:
    """What a frame (x, y, width, height, line) leaves."""
    x, y, width, height, line = edges
    return x + line, y + line, width - 2 * line, height - 2 * line


def _fill_frame(edges: tuple[int, int, int, int, int], color: QColor, painter: QPainter) -> None:
    """The four sides of a frame, each pixel once, so that a translucent color stays even."""
    x, y, width, height, line = edges
    painter.fillRect(x, y, width, line, color)
    painter.fillRect(x, y + height - line, width, line, color)
    painter.fillRect(x, y + line, line, height - 2 * line, color)
    painter.fillRect(x + width - line, y + line, line, height - 2 * line, color)


def _draw_line(line: Line, canvas: _Canvas) -> None:
    painter, stroke = canvas.painter, line.stroke
    if stroke.dash or (line.x1 != line.x2 and line.y1 != line.y2):
        painter.setPen(pen(stroke))
        painter.drawLine(QLineF(line.x1, line.y1, line.x2, line.y2))
        return
    # Along an axis a line is a rectangle, which is filled many times faster than stroked.
    width, half = stroke.width, stroke.width / 2
    x, y = min(line.x1, line.x2), min(line.y1, line.y2)
    length = abs(line.x2 - line.x1) + abs(line.y2 - line.y1)
    lies = line.y1 == line.y2
    area = QRectF(x, y - half, length, width) if lies else QRectF(x - half, y, width, length)
    painter.fillRect(area, qcolor(stroke.color))


def _draw_path(path: Path, canvas: _Canvas) -> None:
    painter = canvas.painter
    painter.setPen(pen(path.stroke))
    painter.setBrush(brush(path.fill))
    painter.drawPath(_qpath(without_arrow_overlap(path)))
    head = arrowhead(path)
    if head is not None and path.stroke is not None:
        painter.setPen(_NO_PEN)
        painter.setBrush(brush(path.stroke.color))
        painter.drawPolygon(QPolygonF([QPointF(*point) for point in head]))


def _draw_ellipse(ellipse: Ellipse, canvas: _Canvas) -> None:
    painter = canvas.painter
    painter.setPen(pen(ellipse.stroke))
    painter.setBrush(brush(ellipse.fill))
    painter.drawEllipse(QPointF(ellipse.x, ellipse.y), ellipse.radius_x, ellipse.radius_y)


def _draw_text(text: Text, canvas: _Canvas) -> None:
    if canvas.in_pdf:
        draw_selectable_text(canvas.painter, text, qcolor(text.color))
    else:
        draw_text(canvas.painter, text, qcolor(text.color), canvas.scale)


def _draw_pixels(pixels: Pixels, canvas: _Canvas) -> None:
    draw_pixels(canvas.painter, pixels, PDF_UPSCALE if canvas.in_pdf else 1)


def _draw_group(group: Group, canvas: _Canvas) -> None:
    painter = canvas.painter
    painter.save()
    try:
        if group.clip is not None:
            painter.setClipRect(_qrect(group.clip), _INTERSECT)
        painter.translate(group.dx, group.dy)
        if group.scale != 1.0:
            painter.scale(group.scale, group.scale)
        is_moved = group.scale == 1.0 and _is_whole(group.dx, group.dy)
        inner = canvas._replace(
            scale=canvas.scale * group.scale, is_on_pixels=canvas.is_on_pixels and is_moved
        )
        _draw_all(group.marks, inner)
    finally:
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
_PAINTERS: Final[dict[type[Mark], Callable[[Any, _Canvas], None]]] = {
    Rect: _draw_rect,
    Line: _draw_line,
    Path: _draw_path,
    Ellipse: _draw_ellipse,
    Text: _draw_text,
    Pixels: _draw_pixels,
    Group: _draw_group,
}
