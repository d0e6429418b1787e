"""Colors and strokes as Qt's objects, kept since a scene repeats few of them."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor, QPen

from backpropviz.scene.colormaps import alpha, rgb
from backpropviz.scene.marks import Color, Stroke


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
