"""Hatching: lines in a PDF, on a raster a repeated tile, which is far faster than lines."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPaintEngine, QPainter, QPen, QTransform

from backpropviz.paint.pens import qcolor
from backpropviz.scene.marks import Color, Hatch, Rect
from backpropviz.scene.shapes import (
    HATCH_OPACITY,
    HATCH_PHASE,
    HATCH_STEP,
    HATCH_WIDTH,
    hatch_lines,
)

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
    tile = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    tile.fill(0)
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(side / _TILE, side / _TILE)
    painter.setPen(_pen(hatch, color))
    painter.drawLines([_line(hatch, HATCH_PHASE + HATCH_STEP * k) for k in range(-3, 6)])
    painter.end()
    brush = QBrush(tile)
    brush.setTransform(QTransform.fromScale(_TILE / side, _TILE / side))
    return brush


def _line(hatch: Hatch, level: float) -> QLineF:
    """x + y = level across the tile, or x − y = level for the reversed hatch."""
    start, end = -_TILE, 2 * _TILE
    if hatch is Hatch.NOT_FINITE:
        return QLineF(start, start - level, end, end - level)
    return QLineF(start, level - start, end, level - end)
