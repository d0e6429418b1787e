"""Of a scene higher than the image only what can be seen is painted, and it looks the same."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QImage, QPainter

from backpropviz.paint.draw import draw
from backpropviz.scene.marks import Line, Mark, Pixels, Rect, Scene, Stroke, Text
from backpropviz.scene.theme import BODY

HEIGHT = 60
FORMAT = QImage.Format.Format_RGB32


def scene() -> Scene:
    """Marks all over 400 pixels, so that some lie on each edge of any view."""
    marks: list[Mark] = []
    for place in range(80):
        y = 5.0 * place
        marks.append(Rect(4.5, y + 0.5, 20, 9, None, Stroke("#1C2024", 3.0)))
        marks.append(Text(40, y, "gjÅ", BODY, "#1C2024"))
        marks.append(Pixels(80, y, 12, 4, np.full((2, 6), place / 80), "diverging-light", (-1, 1)))
        marks.append(Line(100.5 + place % 9, y, 100.5 + place % 9, y + 90, Stroke("#C2410C")))
    return Scene(140, 400, "#FAFAFB", tuple(marks))


@pytest.mark.parametrize("scrolled", [0, 1, 37, 150, 340])
@pytest.mark.parametrize("scale", [1, 2])
def test_a_view_is_a_part_of_the_whole_picture(scrolled: int, scale: int) -> None:
    whole, view = (QImage(140 * scale, h * scale, FORMAT) for h in (400, HEIGHT))
    for image, up in ((whole, 0), (view, scrolled)):
        painter = QPainter(image)
        painter.scale(scale, scale)
        painter.translate(0, -up)
        draw(scene(), painter)
        painter.end()
    part = whole.copy(0, scrolled * scale, 140 * scale, HEIGHT * scale)
    assert part == view
