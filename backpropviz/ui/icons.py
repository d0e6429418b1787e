"""The bundled line icons as QIcons in a theme's colors, drawn sharp at any pixel ratio."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPixmap

from backpropviz.assets import resource
from backpropviz.scene.style import Color

_SIDES = (16, 20)
"""Of menus and of step buttons, in logical pixels."""


@lru_cache(maxsize=512)
def icon(name: str, color: Color, disabled: Color, side: int = 0, stroke: float = 1.75) -> QIcon:
    """A bundled icon; `side` limits it to one size, in logical pixels."""
    result = QIcon()
    ratio = QGuiApplication.instance().devicePixelRatio()  # type: ignore[union-attr]
    for mode, tint in ((QIcon.Mode.Normal, color), (QIcon.Mode.Disabled, disabled)):
        for pixels in (side,) if side else _SIDES:
            result.addPixmap(pixmap(name, tint, pixels, ratio, stroke), mode)
    return result


@lru_cache(maxsize=1024)
def pixmap(name: str, color: Color, side: int, ratio: float = 1.0, stroke: float = 1.75) -> QPixmap:
    """A bundled icon at `side` logical pixels; `stroke` is in units of its 24-pixel grid."""
    # Qt's SVG library loads at the first icon.
    from PySide6.QtSvg import QSvgRenderer

    source = _source(name).replace("currentColor", color)
    source = source.replace('stroke-width="2"', f'stroke-width="{stroke}"')
    renderer = QSvgRenderer(QByteArray(source.encode()))
    result = QPixmap(QSize(round(side * ratio), round(side * ratio)))
    result.setDevicePixelRatio(ratio)
    result.fill(QColor(0, 0, 0, 0))
    painter = QPainter(result)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, side, side))
    painter.end()
    return result


@lru_cache(maxsize=256)
def _source(name: str) -> str:
    return resource("icons", f"{name}.svg").read_text(encoding="utf-8")
