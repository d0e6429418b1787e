"""Where slots stand: side by side, as large as fits, in whole-pixel cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from backpropviz.figures.stage.fitting import LEAST_CELL, fits, fitting
from backpropviz.figures.stage.panel import LABELLED, NUMBERED, Panel
from backpropviz.figures.stage.slots import Slot
from backpropviz.figures.stage.whole_map import MapRoom, parted
from backpropviz.frozen import frozen
from backpropviz.scene.fonts import text_width
from backpropviz.scene.layout import Grid
from backpropviz.scene.marks import Box
from backpropviz.scene.theme import NUMBER_SMALL

GAP = 44
"""Room for a sign between slots."""
LABEL_ROOM = 22
TITLE_HEIGHT = 50
_TILE_GAP = 8
_TILE_LABEL = 14
_LEAST_WIDTH = 130
_UNBOUNDED = 100_000
_LEAST_BESIDE_TILES = 310
_LEAST_BESIDE_WHOLE = 140
_ADDEND = 170
"""Room for a bias beside tiles, where it is no more than a remark."""
_LARGEST_TILE_CELL = 26
_LEAST_NUMBERED_HEIGHT = NUMBERED - 4
_MOST_NUMBERED = 100
_WIDEST_EXTRA = 90
_LARGEST_BY_COUNT = ((16, 72), (36, 56), (100, 46), (260, 34))


@frozen
class Placed:
    """A slot's column, the grid of each of its panels, and the room of a map of the whole."""

    slot: Slot
    box: Box
    grids: tuple[Grid, ...]
    map_room: MapRoom | None = None
    """Where a map of the whole plane stands, of which a part is drawn."""

    @property
    def bottom(self) -> float:
        """Where its last panel, or its map, ends."""
        ends = [grid.box.bottom for grid in self.grids]
        return max(ends if self.map_room is None else [*ends, self.map_room.map.bottom])


def place_slots(slots: Sequence[Slot], box: Box) -> tuple[Placed, ...]:
    """All slots in one row; panels start at the same height and small ones share a cell size."""
    widths = _widths(slots, box)
    between = max(1, len(slots) - 1)
    gap = GAP + max(0.0, min(_WIDEST_EXTRA, (box.width - sum(widths) - GAP * between) / between))
    placed = []
    x = box.x
    for slot, width in zip(slots, widths, strict=True):
        column = Box(round(x), box.y, width, box.height)
        room = _room(column)
        shown = fitting(slot, room, _TILE_GAP, _TILE_LABEL)
        map_room = None if shown.whole is None else parted(shown.whole, room)
        rest = room if map_room is None else map_room.rest
        placed.append(Placed(shown, column, _grids(shown, rest), map_room))
        x += width + gap
    return _with_common_cells(tuple(placed))


def _widths(slots: Sequence[Slot], box: Box) -> list[float]:
    """What each slot can use; the others give way to a plane that so can be drawn whole."""
    if len(slots) == 1:
        return [box.width]
    widths = wanted_widths(slots, box)
    room = box.width - GAP * (len(slots) - 1)
    for k, slot in enumerate(slots):
        least = _whole_width(slot, box.height)
        if least <= widths[k]:
            continue
        others = [min(width, _LEAST_BESIDE_WHOLE) for j, width in enumerate(widths) if j != k]
        if least + sum(others) <= room:
            shared = iter(_shared([w for j, w in enumerate(widths) if j != k], room - least))
            return [least if j == k else next(shared) for j in range(len(slots))]
    return widths


def _whole_width(slot: Slot, height: float) -> float:
    """The width in which a single plane is drawn whole; 0 where it is not for want of width."""
    panel, room = slot.panel, height - TITLE_HEIGHT
    if len(slot.panels) > 1 or not fits(panel, _UNBOUNDED, room):
        return 0.0
    return 0.0 if fits(panel, _LEAST_WIDTH, room) else float(LEAST_CELL * panel.columns)


def wanted_widths(slots: Sequence[Slot], box: Box) -> list[float]:
    """Every slot gets what it can use; what the small ones leave goes to the others."""
    room = box.width - GAP * (len(slots) - 1)
    wanted = [max(_LEAST_WIDTH, _natural_width(slot, box.height)) for slot in slots]
    flexible = [k for k, width in enumerate(wanted) if width >= _UNBOUNDED]
    if flexible:
        wanted = [
            min(w, _ADDEND) if s.sign == "+" else w for w, s in zip(wanted, slots, strict=True)
        ]
        most = max(_LEAST_BESIDE_TILES, room / len(slots))
        wanted = [width if width >= _UNBOUNDED else min(width, most) for width in wanted]
    bounded = sum(width for width in wanted if width < _UNBOUNDED)
    if bounded + _LEAST_WIDTH * len(flexible) <= room:
        share = (room - bounded) / max(1, len(flexible))
        return [share if k in flexible else float(width) for k, width in enumerate(wanted)]
    return _shared(wanted, room)


def _shared(wanted: Sequence[float], room: float) -> list[float]:
    """Equal shares, where those who want less leave the rest to the others."""
    widths = [0.0] * len(wanted)
    left = room
    for rank, k in enumerate(sorted(range(len(wanted)), key=lambda k: wanted[k])):
        widths[k] = min(wanted[k], left / (len(wanted) - rank))
        left -= widths[k]
    return widths


def _natural_width(slot: Slot, height: float) -> float:
    panel = slot.panel
    room = height - TITLE_HEIGHT - LABEL_ROOM
    if len(slot.panels) == 1:
        side = min(largest_cell(panel.rows * panel.columns), room // max(panel.rows, 1))
        if side >= _LEAST_NUMBERED_HEIGHT:
            side = max(side, number_width(panel))
        return LABEL_ROOM + max(1, side) * panel.columns
    return float(_UNBOUNDED)


def largest_cell(count: int) -> int:
    """The largest useful side of a cell (px) when a plane has so many."""
    return next((side for most, side in _LARGEST_BY_COUNT if count <= most), 24)


def number_width(panel: Panel) -> int:
    """The width that the panel's widest number needs in a cell, where all are to be shown."""
    if panel.rows * panel.columns > _MOST_NUMBERED:
        return 0
    # The font is monospaced: the longest text is the widest.
    return math.ceil(text_width(max(panel.texts, key=len, default=""), NUMBER_SMALL)) + 8


def _room(column: Box) -> Box:
    """What is below the title."""
    height = max(1.0, column.height - TITLE_HEIGHT)
    return Box(column.x, column.y + TITLE_HEIGHT, column.width, height)


def _grids(slot: Slot, room: Box) -> tuple[Grid, ...]:
    if len(slot.panels) == 1:
        return (_single(slot, room),)
    return _tiles(slot, room)


def _single(slot: Slot, room: Box) -> Grid:
    panel = slot.panel
    free_width, free_height = room.width - LABEL_ROOM, room.height - LABEL_ROOM
    side = _side(panel.rows, panel.columns, free_width, free_height)
    if side < LABELLED:
        whole = _side(panel.rows, panel.columns, room.width, room.height)
        side = min(whole, LABELLED - 1)
        return Grid(round(room.x), round(room.y), panel.rows, panel.columns, side, side)
    across = side
    if side >= _LEAST_NUMBERED_HEIGHT:
        across = max(side, min(number_width(panel), int(free_width // panel.columns)))
    x, y = round(room.x + LABEL_ROOM), round(room.y + LABEL_ROOM)
    return Grid(x, y, panel.rows, panel.columns, across, side)


def _side(rows: int, columns: int, width: float, height: float) -> int:
    side = min(width // max(columns, 1), height // max(rows, 1), largest_cell(rows * columns))
    return max(1, int(side))


def _tiles(slot: Slot, room: Box) -> tuple[Grid, ...]:
    """Equal tiles in the arrangement that makes their cells largest."""
    rows, columns, count = slot.panel.rows, slot.panel.columns, len(slot.panels)
    across = max(range(1, count + 1), key=lambda n: (_tile_side(slot, room, n), -abs(n - count)))
    side = max(1, math.floor(_tile_side(slot, room, across)))
    step_x = side * columns + _TILE_GAP
    step_y = side * rows + _TILE_GAP + _TILE_LABEL
    return tuple(
        Grid(
            round(room.x + (k % across) * step_x),
            round(room.y + _TILE_LABEL + (k // across) * step_y),
            rows,
            columns,
            side,
            side,
        )
        for k in range(count)
    )


def _tile_side(slot: Slot, room: Box, across: int) -> float:
    rows, columns, count = slot.panel.rows, slot.panel.columns, len(slot.panels)
    down = math.ceil(count / across)
    width = (room.width - (across - 1) * _TILE_GAP) / across / columns
    height = (room.height - down * (_TILE_GAP + _TILE_LABEL)) / down / rows
    return min(width, height, _LARGEST_TILE_CELL)


def _with_common_cells(placed: tuple[Placed, ...]) -> tuple[Placed, ...]:
    """Small planes that all carry numbers have cells of one size, and compare by eye."""
    sides = [p.grids[0].cell_height for p in placed if len(p.grids) == 1]
    if len(sides) < len(placed) or min(sides, default=0) < LABELLED * 2:
        return placed
    return tuple(
        replace(p, grids=tuple(_resized(grid, min(sides)) for grid in p.grids)) for p in placed
    )


def _resized(grid: Grid, side: int) -> Grid:
    width = side if grid.cell_width == grid.cell_height else grid.cell_width
    return Grid(grid.x, grid.y, grid.rows, grid.columns, width, side)
