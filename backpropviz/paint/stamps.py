"""Rectangles that are slow to stroke (rounded, dashed, off the pixels): painted once, then stamped.

The frames, pills and outlines of a picture repeat a few sizes, so an image of each is kept, as Qt
keeps one of each letter: at most `MOST_STAMPS` of `LARGEST_STAMP` pixels, 32 MB.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import ceil, floor
from typing import Final

from PySide6.QtGui import QImage, QPainter

from backpropviz.scene.marks import Rect

MOST_STAMPS: Final = 256
LARGEST_STAMP: Final = 1 << 15
_TRANSLUCENT: Final = QImage.Format.Format_ARGB32_Premultiplied
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
    image = _image(Rect(*place, rect.fill, rect.stroke, rect.radius), size, stroke)
    painter.drawImage(left - margin, top - margin, image)
    return True


@lru_cache(maxsize=MOST_STAMPS)
def _image(rect: Rect, size: tuple[int, int], stroke: Stroker) -> QImage:
    image = QImage(*size, _TRANSLUCENT)
    image.fill(0)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    stroke(rect, painter)
    painter.end()
    return image
