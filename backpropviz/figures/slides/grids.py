"""The matrices of a slide, side by side: with numbers where they can be read, else as maps.

Every cell of a slide has the same height, so that A × B = C can be followed from cell to cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count, product
from typing import Final

from backpropviz.figures.slides.look import SlideLook
from backpropviz.figures.stage.headings import symbol_marks
from backpropviz.figures.stage.panel import (
    Panel,
    outline_box,
    panel_cells,
    panel_marks,
)
from backpropviz.figures.stage.planes import CellIndex
from backpropviz.figures.stage.slot_layout import windowed
from backpropviz.figures.stage.slots import Slot
from backpropviz.figures.symbols import Notation
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import framed
from backpropviz.scene.flow import Grid
from backpropviz.scene.marks import Anchor, Box, Group, Mark, Text
from backpropviz.scene.slide import CellGrid, Drawing, SlidePart
from backpropviz.scene.text import centered_baseline, text_width
from backpropviz.scene.theme import Theme

_NUMBER: Final = styles.NUMBER_MEDIUM
_LEAST_HEIGHT, _LEAST_WIDTH, _SQUARE, _PADDING, _MAP_CELL = 34, 34, 48, 10, 12
_MOST_SINGLE = 16
"""Rows or columns up to which a map is a grid of cells of its own, which a table can hold."""
_MOST_INDEXED = 16
_LARGEST_CELL = 3.6
"""The side of the largest cell, in the least text size."""
_INDEX_GAP, _SIGN, _HEADING = 0.35, 2.4, 1.9
_GOOD_MAP, _LEAST_MAP, _LOWEST, _TRIES = 9.0, 4.0, 2.4, 24
_MOST_SPOKEN, _MOST_CLOSE, _MET = 36, 11, 2.0


@frozen
class MeasuredGrid:
    """A matrix before it has a place: its logical cells, and whether they carry numbers."""

    slot: Slot
    panel: Panel
    name: str
    cell_width: int
    cell_height: int
    has_numbers: bool

    @property
    def width(self) -> int:
        return self.panel.columns * self.cell_width

    @property
    def height(self) -> int:
        return self.panel.rows * self.cell_height


@frozen
class PlacedGrid:
    """A matrix on the slide: a logical point p lies at the box's corner + `scale` · p."""

    measured: MeasuredGrid
    box: Box
    scale: float
    heading_width: float
    index_width: float = 0.0

    @property
    def left(self) -> float:
        """Where it begins, row numbers included."""
        return self.box.x - self.index_width

    @property
    def grid(self) -> Grid:
        """Its cells in logical pixels."""
        found = self.measured
        panel = found.panel
        return Grid(0, 0, panel.rows, panel.columns, found.cell_width, found.cell_height)

    def on_slide(self, box: Box) -> Box:
        """A box of the grid, on the slide."""
        s = self.scale
        return Box(self.box.x + s * box.x, self.box.y + s * box.y, s * box.width, s * box.height)

    def cell(self, place: CellIndex) -> Box:
        """A cell of the plane, on the slide."""
        grid, margins = self.grid, self.measured.panel.margins
        return self.on_slide(grid.cell(place[0] + margins.top, place[1] + margins.left))


def measured(slot: Slot, name: str, *, has_numbers: bool) -> MeasuredGrid:
    """A slot's matrix with cells as large as its numbers want them, or as small as a map's."""
    panel = _without_notes(slot.panel)
    if not has_numbers:
        is_table = max(panel.rows, panel.columns) <= _MOST_SINGLE
        side = _LEAST_HEIGHT if is_table else _MAP_CELL
        return MeasuredGrid(slot, panel, name, side, side, has_numbers=False)
    longest = max((text_width(text, _NUMBER) for text in panel.texts), default=0.0)
    width = max(_LEAST_WIDTH, round(longest) + _PADDING)
    square = max(width, _SQUARE) if width <= _SQUARE else _SQUARE
    return MeasuredGrid(slot, panel, name, max(width, square), square, has_numbers=True)


def _without_notes(panel: Panel) -> Panel:
    """Words in the corners of cells would be too small to read."""
    moods = {place: replace(mood, word="", note="") for place, mood in panel.moods.items()}
    return replace(panel, moods=moods, notes={})


def placed_grids(slots: Sequence[Slot], box: Box, look: SlideLook) -> tuple[PlacedGrid, ...] | None:
    """The matrices in a row, those with numbers as far as they fit; None where not even maps do."""
    names = _names(slots)
    with_numbers = [_can_have_numbers(slot) for slot in slots]
    slots = [_closer(slot) for slot in slots]
    while True:
        found = [
            measured(slot, name, has_numbers=has)
            for slot, name, has in zip(slots, names, with_numbers, strict=True)
        ]
        placed = _in_a_row(found, box, look)
        if placed is not None or not any(with_numbers):
            return placed
        widest = max((k for k, has in enumerate(with_numbers) if has), key=lambda k: found[k].width)
        with_numbers[widest] = False


def _closer(slot: Slot) -> Slot:
    """Of a large plane the part that the value is made of, where that is small."""
    panel = slot.panel
    met = [outline for outline in panel.outlines if outline.width <= _MET]
    if max(panel.rows, panel.columns) <= _MOST_SINGLE or len(met) != 1:
        return slot
    rows, columns = met[0].rows, met[0].columns
    plane = panel.plane
    is_inside = 0 <= rows.start < rows.stop <= plane.rows
    is_inside = is_inside and 0 <= columns.start < columns.stop <= plane.columns
    if not is_inside or max(len(rows), len(columns)) > _MOST_CLOSE:
        return slot
    return replace(slot, panels=(windowed(panel, rows, columns),), labels=(), current=0)


def _names(slots: Sequence[Slot]) -> list[str]:
    """What the parts are called, alike from step to step: `grid-1`, `grid-2`, `grid-result`."""
    return [*(f"grid-{k}" for k in range(1, len(slots))), "grid-result"]


def _can_have_numbers(slot: Slot) -> bool:
    panel = slot.panel
    return max(panel.rows, panel.columns) <= _MOST_SINGLE


def _in_a_row(
    found: Sequence[MeasuredGrid], box: Box, look: SlideLook
) -> tuple[PlacedGrid, ...] | None:
    """All side by side, the signs between them, with cells of one height; None: too narrow."""
    gap, heading = look.em(_SIGN), look.em(_HEADING)
    indices = [_index_width(one, look) for one in found]
    above = look.em(1.0 + _INDEX_GAP) if any(indices) else 0.0
    room = Box(
        box.x,
        box.y + heading + above,
        box.width - gap * (len(found) - 1) - sum(indices),
        box.height - heading - above,
    )
    sizes = _sizes(found, room, look)
    if sizes is None:
        return None
    total = sum(width for width, _, _ in sizes) + sum(indices)
    space = min(gap * 2.2, (box.width - total) / max(1, len(found) - 1))
    x = box.x + (box.width - total - space * (len(found) - 1)) / 2
    middle = room.y + room.height / 2
    placed = []
    for one, (width, height, scale), index in zip(found, sizes, indices, strict=True):
        x += index
        own = Box(round(x), round(middle - height / 2), width, height)
        placed.append(PlacedGrid(one, own, scale, width + 0.9 * space, index))
        x += width + space
    return tuple(placed)


def _sizes(
    found: Sequence[MeasuredGrid], room: Box, look: SlideLook
) -> list[tuple[float, float, float]] | None:
    """Width, height and scale of each, as large as fits and can be read; None: nothing fits."""
    if room.height < look.em(_LOWEST):
        return None
    maps = sum(not one.has_numbers for one in found)
    least, largest = look.floor / _NUMBER.size, look.em(_LARGEST_CELL) / _SQUARE
    for map_least, step in product((_GOOD_MAP, _LEAST_MAP), range(_TRIES)):
        scale = largest + (least - largest) * step / (_TRIES - 1)
        left = room.width - scale * sum(one.width for one in found if one.has_numbers)
        extent = min(room.height, left / maps) if maps else 0.0
        if any(one.has_numbers and scale * one.height > room.height for one in found) or left < 0:
            continue
        if not maps or extent >= min(room.height, look.em(map_least)):
            return [_size(one, scale, extent) for one in found]
    return None


def _size(one: MeasuredGrid, scale: float, extent: float) -> tuple[float, float, float]:
    own = scale if one.has_numbers else min(extent / one.width, extent / one.height, scale * 1.4)
    return one.width * own, one.height * own, own


def _index_width(one: MeasuredGrid, look: SlideLook) -> float:
    if not _is_indexed(one):
        return 0.0
    plane = one.panel.plane
    last = plane.first_row + plane.rows - 1
    return text_width(str(last), _index_font(look)) + look.em(_INDEX_GAP)


def _is_indexed(one: MeasuredGrid) -> bool:
    """Whether rows and columns are counted beside it: only where each cell has room for that."""
    plane = one.panel.plane
    return one.has_numbers and not plane.wrapped and max(plane.rows, plane.columns) > 1


def _index_font(look: SlideLook) -> styles.Font:
    return look.font("JetBrains Mono")


def grid_parts(
    placed: PlacedGrid, notation: Notation, look: SlideLook, colors: Theme, top: float
) -> Iterator[SlidePart]:
    """Heading, cells, outlines and indices; the heading's baseline lies at `top`."""
    one = placed.measured
    yield _heading(placed, notation, look, top)
    if _is_table(one):
        yield SlidePart(one.name, placed.box, _cell_grid(placed), _spoken(one))
    else:
        marks = panel_marks(one.panel, placed.grid, colors, is_tile=True)
        group = Group(marks, placed.box.x, placed.box.y, placed.scale)
        yield SlidePart(one.name, placed.box, Drawing((group,)), _spoken(one))
        return
    outlines = [
        mark
        for outline in one.panel.outlines
        for box in [outline_box(outline, one.panel, placed.grid)]
        if box is not None
        for mark in framed(box, outline.color, colors, outline.width, outline.dash)
    ]
    if outlines:
        group = Group(tuple(outlines), placed.box.x, placed.box.y, placed.scale)
        yield SlidePart(f"{one.name}-outlines", placed.box, Drawing((group,)))
    if _is_indexed(one):
        yield SlidePart(f"{one.name}-indices", placed.box, Drawing(tuple(_indices(placed, look))))


def _is_table(one: MeasuredGrid) -> bool:
    return max(one.panel.rows, one.panel.columns) <= _MOST_SINGLE


def _cell_grid(placed: PlacedGrid) -> CellGrid:
    one = placed.measured
    font = _NUMBER if one.has_numbers else None
    found = panel_cells(one.panel, placed.grid, has_numbers=one.has_numbers)
    cells = tuple(
        replace(cell, font=font, text=cell.text if one.has_numbers else "") for cell in found
    )
    return CellGrid(one.panel.rows, one.panel.columns, cells, placed.scale)


def _indices(placed: PlacedGrid, look: SlideLook) -> Iterator[Mark]:
    plane, font, color = placed.measured.panel.plane, _index_font(look), look.theme.text_secondary
    gap = look.em(_INDEX_GAP)
    if plane.rows > 1:
        for row, number in zip(range(plane.rows), count(plane.first_row)):
            box = placed.cell((row, 0))
            y = centered_baseline(box.y + box.height / 2, font)
            yield Text(placed.box.x - gap, y, str(number), font, color, Anchor.END)
    for column, number in zip(range(plane.columns), count(plane.first_column)):
        box = placed.cell((0, column))
        x, y = box.x + box.width / 2, placed.box.y - gap
        yield Text(x, y, str(number), font, color, Anchor.MIDDLE)


def _heading(placed: PlacedGrid, notation: Notation, look: SlideLook, baseline: float) -> SlidePart:
    """Symbol and title, centered above the matrix."""
    slot, font = placed.measured.slot, look.font("Inter", weight=600)
    marks: list[Mark] = []
    width = 0.0
    if slot.address is not None:
        laid = symbol_marks(slot.address, notation, look.theme.text)
        scale = look.em(1.33) / 20
        width = laid.width * scale
        marks.append(Group(laid.marks, scale=scale))
    room = placed.heading_width - width - look.em(0.3)
    label = slot.labels[slot.current] if len(slot.panels) > 1 else ""
    titles = (f"{slot.title} {label}".strip(), slot.title, "")
    title = next(text for text in titles if text_width(text, font) <= max(0.0, room))
    total = width + (look.em(0.3) + text_width(title, font) if title else 0.0)
    wanted, edge = placed.box.x + (placed.box.width - total) / 2, look.em(0.5)
    x = round(min(max(wanted, edge), look.page.width - edge - total))
    shifted: list[Mark] = [Group(tuple(marks), x, baseline)]
    if title:
        shifted.append(Text(x + width + look.em(0.3), baseline, title, font, look.theme.text))
    box = Box(x, baseline - look.em(1.0), total, look.em(1.4))
    return SlidePart(f"{placed.measured.name}-heading", box, Drawing(tuple(shifted)), slot.title)


def _spoken(one: MeasuredGrid) -> str:
    """What a screen reader says: the title, the size, and the numbers of a small matrix."""
    plane = one.panel.plane
    about = f"{one.slot.title}, {plane.rows} by {plane.columns}"
    if plane.values.size > _MOST_SPOKEN:
        return about
    rows = (
        ", ".join(one.panel.numbers.get((row, column), "not computed") for column in columns)
        for row, columns in ((r, range(plane.columns)) for r in range(plane.rows))
    )
    return f"{about}: {'; '.join(rows)}"
