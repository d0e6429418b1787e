from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backpropviz.scene.layout import aligned, bounds, column, fit_grid, fit_tiles, row
from backpropviz.scene.marks import Box


def test_a_grid_takes_its_largest_cells_where_there_is_room() -> None:
    grid = fit_grid(Box(10, 20, 500, 500), 3, 3, largest=(72, 72))
    assert (grid.cell_width, grid.cell_height) == (72, 72)
    assert grid.box == Box(152, 162, 216, 216)
    assert grid.cell(1, 2) == Box(152 + 144, 162 + 72, 72, 72)
    assert grid.span(0, 1, 2, 2) == Box(152 + 72, 162, 144, 144)


@given(
    width=st.integers(40, 2000),
    height=st.integers(40, 2000),
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    gap=st.integers(0, 3),
)
def test_a_grid_has_whole_pixels_and_fits_if_it_can(
    width: int, height: int, rows: int, columns: int, gap: int
) -> None:
    box = Box(0, 0, width, height)
    grid = fit_grid(box, rows, columns, largest=(56, 46), gap=gap)
    smallest = rows + (rows - 1) * gap <= height and columns + (columns - 1) * gap <= width
    if smallest:
        assert grid.box.width <= width
        assert grid.box.height <= height
    assert all(float(side).is_integer() for side in (grid.x, grid.y, grid.cell_width))


def test_tiles_use_the_shape_of_the_box() -> None:
    wide = fit_tiles(Box(0, 0, 1200, 200), 6, (28, 28), gap=8)
    assert (wide.rows, wide.columns) == (1, 6)
    tall = fit_tiles(Box(0, 0, 200, 1200), 6, (28, 28), gap=8)
    assert (tall.rows, tall.columns) == (6, 1)
    assert wide.cell_width % 28 == 0


def test_rows_and_columns_share_what_is_left() -> None:
    left, middle, right = row(Box(0, 0, 100, 10), (20, None, 20), gap=5)
    assert (left.x, middle.x, middle.width, right.x) == (0, 25, 50, 80)
    top, bottom = column(Box(0, 0, 10, 90), (None, None), gap=10)
    assert (top.height, bottom.y) == (40, 50)


def test_alignment_and_bounds() -> None:
    assert aligned(Box(0, 0, 10, 10), 4, 2, 1.0, 0.0) == Box(6, 0, 4, 2)
    assert bounds([Box(0, 0, 1, 1), Box(5, 5, 1, 2)]) == Box(0, 0, 6, 7)
