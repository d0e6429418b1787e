"""A scene as an image."""

from __future__ import annotations

from PySide6.QtGui import QImage, QPainter

from backpropviz.errors import UserError
from backpropviz.paint.draw import draw
from backpropviz.scene.marks import Scene

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
    painter = QPainter(image)
    try:
        painter.scale(scale, scale)
        draw(scene, painter)
    finally:
        painter.end()
    return image
