"""A scene painted mark by mark, with any painter or as an image."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from math import ceil, floor
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QGuiApplication,
    QImage,
    QPaintEngine,
    QPainter,
    QPainterPath,
    QPen,
    QPolygonF,
    QTransform,
)

from backpropviz.errors import UserError
from backpropviz.paint.fonts import draw_selectable_text, draw_text
from backpropviz.scene.color import MISSING_INDEX, alpha, indices, lookup_table, rgb, true_colors
from backpropviz.scene.marks import (
    HATCH_OPACITY,
    HATCH_PHASE,
    HATCH_STEP,
    HATCH_WIDTH,
    Box,
    Color,
    Ellipse,
    Group,
    Hatch,
    Line,
    Mark,
    Path,
    Pixels,
    Rect,
    Scene,
    Stroke,
    Text,
    arrowhead,
    hatch_lines,
    segments,
    without_arrow_overlap,
)


@lru_cache(maxsize=4096)
def qcolor(color: Color) -> QColor:
    """`#RRGGBB` or `#RRGGBBAA` as a QColor."""
    return QColor(*rgb(color), alpha(color))


@lru_cache(maxsize=4096)
def brush(color: Color | None) -> QBrush:
    """A solid brush; none for None."""
    return QBrush() if color is None else QBrush(qcolor(color))


@lru_cache(maxsize=4096)
def pen(stroke: Stroke | None) -> QPen:
    """A pen with flat ends and mitered corners; none for None."""
    if stroke is None:
        return QPen(Qt.PenStyle.NoPen)
    result = QPen(qcolor(stroke.color), stroke.width)
    result.setCapStyle(Qt.PenCapStyle.FlatCap)
    result.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    if stroke.dash:
        # Qt counts dashes in widths of the pen.
        result.setDashPattern([length / stroke.width for length in stroke.dash])
    return result


PDF_UPSCALE = 8
"""PDF viewers blur small images, so each value becomes a block of so many pixels."""
_PIXELS_OPAQUE, _TRUE_COLOR = QImage.Format.Format_RGB32, QImage.Format.Format_RGB888
_TRANSLUCENT = QImage.Format.Format_ARGB32_Premultiplied


def draw_pixels(painter: QPainter, pixels: Pixels, upscale: int = 1) -> None:
    """Paint the grid with sharp cells, from an image with `upscale`² pixels a cell."""
    image = image_of(pixels)
    if upscale > 1:
        image = upscaled(image, upscale)
    target = QRectF(pixels.x, pixels.y, pixels.width, pixels.height)
    painter.drawImage(target, image)
    if pixels.dots is not None:
        _draw_dots(painter, pixels, target, in_pdf=upscale > 1)


def _draw_dots(painter: QPainter, pixels: Pixels, target: QRectF, *, in_pdf: bool) -> None:
    """By an image kept for all grids with the same dots, where it falls on whole pixels."""
    device = painter.deviceTransform()
    on_device = device.mapRect(target)
    sides = (on_device.x(), on_device.y(), on_device.width(), on_device.height())
    if in_pdf or device.isRotating() or any(side % 1 for side in sides):
        _dot(painter, pixels.dot_centers, pixels.dot_radius, pixels.dot_color)
        return
    mask = pixels.dots
    if mask is None:
        return
    radius = pixels.dot_radius * device.m11()
    size = round(on_device.width()), round(on_device.height())
    dots = _dots_image(mask.tobytes(), mask.shape, size, radius, pixels.dot_color)
    painter.drawImage(target, dots)


@lru_cache(maxsize=64)
def _dots_image(
    mask: bytes, shape: tuple[int, int], size: tuple[int, int], radius: float, color: Color
) -> QImage:
    dots = np.frombuffer(mask, dtype=np.bool_).reshape(shape)
    width, height = size[0] // shape[1], size[1] // shape[0]
    is_whole = size == (width * shape[1], height * shape[0])
    if is_whole and min(width, height) >= 2 * radius + 2:
        return _stamped(dots, _dot_samples(width, height, radius, color))
    grid = Pixels(0, 0, *size, np.empty(shape), "", (0, 1), dots=dots)
    return _dotted(size, grid.dot_centers, radius, color)


def _stamped(dots: NDArray[np.bool_], cell: NDArray[np.uint32]) -> QImage:
    """One cell's samples wherever there is a dot: faster than to paint each."""
    (rows, columns), (height, width) = dots.shape, cell.shape
    samples = np.zeros((rows, height, columns, width), dtype=np.uint32)
    samples.transpose(0, 2, 1, 3)[dots] = cell
    return _image(samples.reshape(rows * height, columns * width), _TRANSLUCENT)


@lru_cache(maxsize=64)
def _dot_samples(width: int, height: int, radius: float, color: Color) -> NDArray[np.uint32]:
    """A cell (height, width) with a dot in its middle."""
    image = _dotted((width, height), ((width / 2, height / 2),), radius, color)
    samples: NDArray[np.uint32] = np.frombuffer(image.constBits(), dtype=np.uint32)
    return samples.reshape(height, width).copy()


def _dotted(
    size: tuple[int, int], centers: tuple[tuple[float, float], ...], radius: float, color: Color
) -> QImage:
    return _painted(size, lambda painter: _dot(painter, centers, radius, color))


def _painted(size: tuple[int, int], paint: Callable[[QPainter], None]) -> QImage:
    """A transparent image with something on it."""
    image = QImage(*size, _TRANSLUCENT)
    image.fill(0)
    with QPainter(image) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint(painter)
    return image


def _dot(
    painter: QPainter, centers: tuple[tuple[float, float], ...], radius: float, color: Color
) -> None:
    """As points of a round pen: faster than as circles."""
    pen = QPen(qcolor(color), 2 * radius)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.drawPoints(QPolygonF([QPointF(x, y) for x, y in centers]))


_IMAGES: Final[WeakKeyDictionary[Pixels, QImage]] = WeakKeyDictionary()
"""An image goes with its grid, and takes half the room of the grid's values."""


def image_of(pixels: Pixels) -> QImage:
    """One image pixel for each value; kept, since most grids stay from step to step."""
    image = _IMAGES.get(pixels)
    if image is not None:
        return image
    if pixels.values.ndim == 3:
        image = _image(true_colors(pixels), _TRUE_COLOR)
    else:
        levels = indices(pixels.values, pixels.colormap, pixels.limits, pixels.missing)
        # Qt scales 32-bit images several times faster than indexed ones.
        colors = _packed_colors(pixels.colormap, pixels.missing_color)[levels]
        image = _image(colors, _PIXELS_OPAQUE)
    _IMAGES[pixels] = image
    return image


def upscaled(image: QImage, factor: int) -> QImage:
    """Every pixel as a block of factor × factor."""
    return image.convertToFormat(_PIXELS_OPAQUE).scaled(
        image.width() * factor,
        image.height() * factor,
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.FastTransformation,
    )


def _image(samples: NDArray[np.uint8] | NDArray[np.uint32], image_format: QImage.Format) -> QImage:
    """An image that owns its samples (rows, columns[, channels])."""
    contiguous = np.ascontiguousarray(samples)
    height, width = contiguous.shape[:2]
    stride = contiguous.strides[0]
    # Qt only borrows the buffer; the copy outlives this call.
    return QImage(contiguous.data, width, height, stride, image_format).copy()


@lru_cache(maxsize=64)
def _packed_colors(colormap: str, missing_color: str) -> NDArray[np.uint32]:
    """0xFFRRGGBB by index."""
    table = lookup_table(colormap).astype(np.uint32)
    table[MISSING_INDEX] = rgb(missing_color)
    places = np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    return np.uint32(0xFF000000) + table @ places


_TILE: Final = 2 * HATCH_STEP
_LARGEST_TILE: Final = 512
_RASTER: Final = QPaintEngine.Type.Raster


def draw_hatch(rect: Rect, inner: QRectF, painter: QPainter, scale: float) -> None:
    """Paint a rectangle's hatching in the part that its border leaves, without fill and border.

    `scale` is in device pixels per pixel.
    """
    if rect.hatch is None or rect.hatch_color is None:
        return
    if painter.paintEngine().type() == _RASTER:
        side = round(_TILE * abs(scale))
        tile = _tile_brush(rect.hatch, rect.hatch_color, min(max(side, 1), _LARGEST_TILE))
        painter.fillRect(inner, tile)
        return
    painter.setPen(_pen(rect.hatch, rect.hatch_color))
    painter.drawLines([QLineF(*start, *end) for start, end in hatch_lines(rect)])


def _pen(hatch: Hatch, color: Color) -> QPen:
    translucent = QColor(qcolor(color))
    translucent.setAlphaF(HATCH_OPACITY[hatch] * translucent.alphaF())
    result = QPen(translucent, HATCH_WIDTH)
    result.setCapStyle(Qt.PenCapStyle.FlatCap)
    return result


@lru_cache(maxsize=64)
def _tile_brush(hatch: Hatch, color: Color, side: int) -> QBrush:
    """A brush that repeats two lines; its tile is `side` device pixels wide."""

    def paint(painter: QPainter) -> None:
        painter.scale(side / _TILE, side / _TILE)
        painter.setPen(_pen(hatch, color))
        painter.drawLines([_line(hatch, HATCH_PHASE + HATCH_STEP * k) for k in range(-3, 6)])

    brush = QBrush(_painted((side, side), paint))
    brush.setTransform(QTransform.fromScale(_TILE / side, _TILE / side))
    return brush


def _line(hatch: Hatch, level: float) -> QLineF:
    """x + y = level across the tile, or x − y = level for the reversed hatch."""
    start, end = -_TILE, 2 * _TILE
    if hatch is Hatch.NOT_FINITE:
        return QLineF(start, start - level, end, end - level)
    return QLineF(start, level - start, end, level - end)


MOST_STAMPS: Final = 256
LARGEST_STAMP: Final = 1 << 15
_SOFT: Final = 1

Stroker = Callable[[Rect, QPainter], None]


def stamp(rect: Rect, painter: QPainter, stroke: Stroker) -> bool:
    """Draw a rectangle from its image, if it is small, on a painter with whole-pixel offsets.

    `stroke` paints a rectangle that has no image yet.
    """
    line = 0.0 if rect.stroke is None else rect.stroke.width
    margin = ceil(line / 2) + _SOFT
    size = ceil(rect.width) + 2 * margin + 1, ceil(rect.height) + 2 * margin + 1
    if size[0] * size[1] > LARGEST_STAMP:
        return False
    left, top = floor(rect.x), floor(rect.y)
    place = (rect.x - left + margin, rect.y - top + margin, rect.width, rect.height)
    image = _stamps_image(Rect(*place, rect.fill, rect.stroke, rect.radius), size, stroke)
    painter.drawImage(left - margin, top - margin, image)
    return True


@lru_cache(maxsize=MOST_STAMPS)
def _stamps_image(rect: Rect, size: tuple[int, int], stroke: Stroker) -> QImage:
    return _painted(size, lambda painter: stroke(rect, painter))


_REACH: Final = 16.0
"""Pixels by which an outline may leave its rectangle."""
_OPAQUE: Final = len("#RRGGBB")
_PDF: Final = QPaintEngine.Type.Pdf
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
    edges = (-device.dy(), painter.device().height() - device.dy())
    top, bottom = (edge / device.m22() for edge in edges)
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


_DOTS_PER_METER = 96 / 0.0254


def render(scene: Scene, scale: float = 1.0) -> QImage:
    """The scene at `scale` image pixels per logical pixel."""
    width, height = round(scene.width * scale), round(scene.height * scale)
    image = QImage(max(1, width), max(1, height), QImage.Format.Format_ARGB32_Premultiplied)
    if image.isNull():
        raise UserError(
            f"An image of {width} × {height} pixels is too large to draw; choose a smaller scale."
        )
    image.fill(0)
    image.setDotsPerMeterX(round(_DOTS_PER_METER * scale))
    image.setDotsPerMeterY(round(_DOTS_PER_METER * scale))
    with QPainter(image) as painter:
        painter.scale(scale, scale)
        draw(scene, painter)
    return image


def painting_application() -> QGuiApplication:
    """The running application, or a new one that needs no display."""
    running = QGuiApplication.instance()
    if isinstance(running, QGuiApplication):
        return running
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return QGuiApplication(["backpropviz"])
