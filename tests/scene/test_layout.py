from __future__ import annotations

from backpropviz.scene.flow import bounds, column, row
from backpropviz.scene.marks import Box


def test_rows_and_columns_share_what_is_left() -> None:
    left, middle, right = row(Box(0, 0, 100, 10), (20, None, 20), gap=5)
    assert (left.x, middle.x, middle.width, right.x) == (0, 25, 50, 80)
    top, bottom = column(Box(0, 0, 10, 90), (None, None), gap=10)
    assert (top.height, bottom.y) == (40, 50)


def test_bounds() -> None:
    assert bounds([Box(0, 0, 1, 1), Box(5, 5, 1, 2)]) == Box(0, 0, 6, 7)
