"""Rectangles from their images look as when they are stroked."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QImage, QPainter

from backpropviz.paint.draw import LARGEST_STAMP, MOST_STAMPS, render, stamp
from backpropviz.scene.marks import Group, Rect, Scene, Stroke
from tests.golden_files import pixel_bytes

RECTANGLES = {
    "rounded": Rect(20.5, 30.5, 60, 19, "#EEE9FF", Stroke("#6741D9"), 9.5),
    "dashed": Rect(20, 30, 146, 116, None, Stroke("#8A5C00", 1.5, (4.0, 3.0)), 6),
    "halo": Rect(20, 30, 62, 54, None, Stroke("#FFFFFF", 5.0)),
    "translucent": Rect(20.25, 30.75, 40, 30, "#0B7A6E80", Stroke("#C2410C80", 3.0), 4),
}


def levels(image: QImage) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    bits = np.frombuffer(pixel_bytes(image), np.uint8)
    return bits.reshape(image.height(), image.width(), -1).astype(np.int64)


def painted(rect: Rect, dx: float) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return levels(render(Scene(220, 180, "#99AABB", (Group((rect,), dx),))))


@pytest.mark.parametrize("name", RECTANGLES)
def test_a_stamp_differs_by_a_rounding_from_the_stroke(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = painted(RECTANGLES[name], 3)
    monkeypatch.setattr("backpropviz.paint.draw.stamp", lambda *_: False)
    assert np.abs(found - painted(RECTANGLES[name], 3)).max() <= 2


def test_a_rectangle_off_the_pixels_is_stroked_where_it_lies() -> None:
    rect = RECTANGLES["rounded"]
    moved = Rect(rect.x + 0.5, rect.y, rect.width, rect.height, rect.fill, rect.stroke, rect.radius)
    assert np.abs(painted(rect, 0.5) - painted(moved, 0)).max() <= 2


def test_the_images_take_a_bounded_room() -> None:
    assert MOST_STAMPS * LARGEST_STAMP * 4 <= 32 << 20
    image = QImage(10, 10, QImage.Format.Format_ARGB32_Premultiplied)
    painter = QPainter(image)
    large = Rect(0, 0, 400, 400, None, Stroke("#000000"), 6)
    drawn: list[Rect] = []
    assert not stamp(large, painter, lambda rect, _: drawn.append(rect))
    assert drawn == []
    painter.end()
