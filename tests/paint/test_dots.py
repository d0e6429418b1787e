"""Dots in the cells of a grid that are not computed: the same places on the screen and in SVG."""

from __future__ import annotations

import re

import numpy as np
from PySide6.QtGui import QColor

from backpropviz.export.svg import svg
from backpropviz.paint.draw import render
from backpropviz.scene.marks import Pixels, Scene

MISSING = np.array([[True, False], [False, True]])
GRID = Pixels(
    *(10, 20, 40, 40),
    np.zeros((2, 2)),
    "gray",
    (0.0, 1.0),
    MISSING,
    "#FFFFFF",
    dots=MISSING,
    dot_radius=3,
    dot_color="#FF0000",
)
SCENE = Scene(60, 70, "#FFFFFF", (GRID,))


def test_the_middle_of_a_missing_cell_is_dotted() -> None:
    assert list(GRID.dot_centers) == [(20, 30), (40, 50)]
    image = render(SCENE)
    for x, y in GRID.dot_centers:
        assert image.pixelColor(int(x), int(y)) == QColor("#FF0000")
        assert image.pixelColor(int(x) + 5, int(y)) == QColor("#FFFFFF")
    assert image.pixelColor(40, 30).lightness() < 20


def test_svg_has_a_circle_for_each() -> None:
    circles = re.findall(r'<circle cx="(\d+)" cy="(\d+)" r="3" fill="#FF0000"', svg(SCENE))
    assert circles == [("20", "30"), ("40", "50")]
