"""Where things go: rows, columns, alignment, and grids of whole-pixel cells."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor

from backpropviz.frozen import frozen
from backpropviz.scene.marks import Box


@frozen
class Grid:
    """Equal cells in rows and columns; all its numbers are whole pixels."""

    x: int
    y: int
    rows: int
    columns: int
    cell_width: int
    cell_height: int
    gap: int = 0

    @property
    def box(self) -> Box:
        """The extent of all cells."""
        width, height = self.columns * self.cell_width, self.rows * self.cell_height
        if self.gap:
            width += max(self.columns - 1, 0) * self.gap
            height += max(self.rows - 1, 0) * self.gap
        return Box(self.x, self.y, width, height)

    def cell(self, row: int, column: int) -> Box:
        """Where one cell lies."""
        x = self.x + column * (self.cell_width + self.gap)
        y = self.y + row * (self.cell_height + self.gap)
        return Box(x, y, self.cell_width, self.cell_height)

    def span(self, row: int, column: int, rows: int, columns: int) -> Box:
        """The extent of a block of cells, gaps inside it included."""
        first, last = self.cell(row, column), self.cell(row + rows - 1, column + columns - 1)
        return Box(first.x, first.y, last.right - first.x, last.bottom - first.y)


def fit_grid(
    box: Box,
    rows: int,
    columns: int,
    *,
    largest: tuple[int, int],
    gap: int = 0,
    align: tuple[float, float] = (0.5, 0.5),
) -> Grid:
    """Cells of `largest`'s proportion, as large as fit the box and at least 1 pixel.

    `align` is the share of the free width and height left of and above the grid.
    """
    free_width = box.width - max(columns - 1, 0) * gap
    free_height = box.height - max(rows - 1, 0) * gap
    scale = min(
        1.0,
        free_width / max(columns * largest[0], 1),
        free_height / max(rows * largest[1], 1),
    )
    width, height = (max(1, floor(side * scale + 1e-9)) for side in largest)
    grid = Grid(0, 0, rows, columns, width, height, gap)
    placed = aligned(box, grid.box.width, grid.box.height, *align)
    return Grid(round(placed.x), round(placed.y), rows, columns, width, height, gap)


def fit_tiles(
    box: Box, count: int, tile: tuple[int, int], *, gap: int, label_height: int = 0
) -> Grid:
    """Tiles of `tile` (rows, columns) values in as many columns as make a value largest.

    The grid's cells are whole multiples of the tile's columns and rows, plus the label's height.
    """
    options = [_tiles_in(box, count, tile, gap, label_height, n) for n in range(1, count + 1)]
    return max(options, key=lambda grid: (_fits(grid, box), grid.cell_width, grid.rows))


def aligned(
    box: Box, width: float, height: float, horizontal: float = 0.5, vertical: float = 0.5
) -> Box:
    """A box of that size inside another: 0 is left or top, 0.5 the middle, 1 right or bottom."""
    x = box.x + (box.width - width) * horizontal
    y = box.y + (box.height - height) * vertical
    return Box(x, y, width, height)


def row(box: Box, widths: Sequence[float | None], gap: float = 0.0) -> tuple[Box, ...]:
    """Boxes side by side; those without a width share what is left equally."""
    starts = _places(box.x, box.width, widths, gap)
    return tuple(Box(x, box.y, width, box.height) for x, width in starts)


def column(box: Box, heights: Sequence[float | None], gap: float = 0.0) -> tuple[Box, ...]:
    """Boxes one below the other; those without a height share what is left equally."""
    starts = _places(box.y, box.height, heights, gap)
    return tuple(Box(box.x, y, box.width, height) for y, height in starts)


def bounds(boxes: Sequence[Box]) -> Box:
    """The smallest box around all (at least one)."""
    x, y = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.right for box in boxes), max(box.bottom for box in boxes)
    return Box(x, y, right - x, bottom - y)


def _tiles_in(
    box: Box, count: int, tile: tuple[int, int], gap: int, label_height: int, columns: int
) -> Grid:
    rows = ceil(count / columns)
    width = (box.width - (columns - 1) * gap) / columns / tile[1]
    height = ((box.height - (rows - 1) * gap) / rows - label_height) / tile[0]
    scale = max(1, floor(min(width, height)))
    cell_width, cell_height = scale * tile[1], scale * tile[0] + label_height
    return Grid(round(box.x), round(box.y), rows, columns, cell_width, cell_height, gap)


def _fits(grid: Grid, box: Box) -> bool:
    return grid.box.width <= box.width and grid.box.height <= box.height


def _places(
    start: float, length: float, sizes: Sequence[float | None], gap: float
) -> list[tuple[float, float]]:
    flexible = sum(size is None for size in sizes)
    taken = sum(size for size in sizes if size is not None) + gap * max(len(sizes) - 1, 0)
    share = max(0.0, length - taken) / max(flexible, 1)
    places, position = [], start
    for size in sizes:
        extent = share if size is None else size
        places.append((position, extent))
        position += extent + gap
    return places
