"""Where things go: rows, columns, and grids of whole-pixel cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from backpropviz.frozen import frozen
from backpropviz.scene.equation import Node
from backpropviz.scene.equation_layout import EquationStyle, layout_aligned
from backpropviz.scene.marks import Box, Color, Font, Group, Line, Mark, Stroke, Text
from backpropviz.scene.text import wrap


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
        x = self.x + column * (self.cell_width + self.gap)
        y = self.y + row * (self.cell_height + self.gap)
        return Box(x, y, self.cell_width, self.cell_height)

    def span(self, row: int, column: int, rows: int, columns: int) -> Box:
        """The extent of a block of cells, gaps inside it included."""
        first, last = self.cell(row, column), self.cell(row + rows - 1, column + columns - 1)
        return Box(first.x, first.y, last.right - first.x, last.bottom - first.y)


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


_BASELINE: Final = 0.72
"""Where a line's baseline lies, as a share of a line of 1.45 times the font's size."""


@frozen
class PanelPart:
    """Marks that begin at y = 0, the height that they take, and how far they were scaled down."""

    marks: tuple[Mark, ...]
    height: float
    scale: float = 1.0


def space(height: float) -> PanelPart:
    """Nothing."""
    return PanelPart((), height)


def paragraph(
    text: str,
    font: Font,
    line_height: float,
    color: Color,
    width: float,
    x: float = 0.0,
    key: str = "",
) -> PanelPart:
    """A text on as many lines as it needs."""
    lines = wrap(text, font, width)
    marks = tuple(
        Text(x, baseline(k * line_height, line_height, font), line, font, color, key=key)
        for k, line in enumerate(lines)
    )
    return PanelPart(marks, len(lines) * line_height)


def baseline(top: float, line_height: float, font: Font) -> float:
    """The baseline of a line of that height, on a whole pixel."""
    return float(round(top + (line_height - font.size) / 2 + _BASELINE * 1.2 * font.size))


def hairline(width: float, color: Color, x: float = 0.0) -> PanelPart:
    """A rule."""
    return PanelPart((Line(x, 0.5, x + width, 0.5, Stroke(color)),), 1.0)


def equations(
    trees: Sequence[Node], style: EquationStyle, width: float, x: float
) -> list[PanelPart]:
    """Equations whose relations stand in one column; one that is too wide is made smaller."""
    parts = []
    for laid in layout_aligned(trees, style, width):
        scale = min(1.0, width / laid.width) if laid.width else 1.0
        ascent, descent = round(laid.ascent * scale), round(laid.descent * scale)
        group = Group(laid.marks, dx=x, dy=float(ascent), scale=scale)
        parts.append(PanelPart((group,), float(ascent + descent), scale))
    return parts


def stacked(parts: Iterable[PanelPart], top: float = 0.0) -> PanelPart:
    """Parts one below the other, as one."""
    marks: list[Mark] = []
    y = top
    for part in parts:
        if part.marks:
            marks.append(Group(part.marks, dy=y))
        y += part.height
    return PanelPart(tuple(marks), y)
