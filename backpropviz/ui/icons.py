"""The bundled line icons as QIcons in a theme's colors, drawn sharp at any pixel ratio."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap

from backpropviz.assets import resource
from backpropviz.scene.marks import Color

_SIDES = (16, 20, 32, 40, 60)


@lru_cache(maxsize=512)
def icon(name: str, color: Color, disabled: Color, side: int = 0, stroke: float = 1.75) -> QIcon:
    """A bundled icon; `side` limits it to one size and its multiples."""
    result = QIcon()
    for mode, tint in ((QIcon.Mode.Normal, color), (QIcon.Mode.Disabled, disabled)):
        for pixels in (side, 2 * side) if side else _SIDES:
            result.addPixmap(pixmap(name, tint, pixels, stroke=stroke), mode)
    return result


@lru_cache(maxsize=1024)
def pixmap(name: str, color: Color, side: int, ratio: float = 1.0, stroke: float = 1.75) -> QPixmap:
    """A bundled icon at `side` logical pixels; `stroke` is in units of its 24-pixel grid."""
    # Qt's SVG library loads at the first icon.
    from PySide6.QtSvg import QSvgRenderer

    source = resource("icons", f"{name}.svg").read_text(encoding="utf-8")
    source = source.replace("currentColor", color)
    source = source.replace('stroke-width="2"', f'stroke-width="{stroke}"')
    renderer = QSvgRenderer(QByteArray(source.encode()))
    result = QPixmap(QSize(round(side * ratio), round(side * ratio)))
    result.setDevicePixelRatio(ratio)
    result.fill(Qt.GlobalColor.transparent)
    painter = QPainter(result)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, side, side))
    painter.end()
    return result
