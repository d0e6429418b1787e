"""Where slots stand: side by side, as large as fits, in whole-pixel cells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from backpropviz.engine.value import parse
from backpropviz.figures.stage.panel import (
    LABELLED,
    NUMBERED,
    MapRoom,
    Margins,
    Outline,
    Panel,
    parted,
)
from backpropviz.figures.stage.planes import (
    CellIndex,
    CloseUp,
    Extent,
    Spot,
    ViewWindow,
    around,
    extents,
    known_plane,
    row_length,
    selection_named,
    shifted,
)
from backpropviz.figures.stage.slots import (
    MOST_AROUND,
    Slot,
    cut_remarks,
    hulls_along,
    is_on,
    read_cells,
    stays,
)
from backpropviz.figures.view import Options, View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.flow import Grid
from backpropviz.scene.marks import Box
from backpropviz.scene.text import shown, text_width
from backpropviz.scene.theme import NUMBER_SMALL

T = TypeVar("T")

LEAST_CELL = 2
"""The side of a cell (px) from which on a plane is drawn whole."""


def fitting(slot: Slot, room: Box, gap: float, label: float) -> Slot:
    """The slot itself, or with as much of its plane or as many of its tiles as have room."""
    if len(slot.panels) == 1:
        return _cropped(slot, room)
    panel = slot.panel
    across = max(1, int((room.width + gap) // (panel.columns + gap)))
    down = max(1, int(room.height // (panel.rows + gap + label)))
    most = across * down
    return slot if len(slot.panels) <= most else _page(slot, most)


def _page(slot: Slot, most: int) -> Slot:
    """So many tiles, the current one among them."""
    count = len(slot.panels)
    first = min(slot.current // most * most, count - most)
    shown = slice(first, first + most)
    words = f"{most} of {count} have room"
    return replace(
        slot,
        panels=slot.panels[shown],
        labels=slot.labels[shown],
        current=slot.current - first,
        remark=", ".join(filter(None, (slot.remark, words))),
    )


def fits(panel: Panel, width: float, height: float) -> bool:
    """Whether a plane can be drawn whole, with cells that can be told apart."""
    is_small = max(panel.plane.rows, panel.plane.columns) <= MOST_AROUND
    least = 1 if panel.plane.wrapped or is_small else LEAST_CELL
    return least * panel.columns <= width and least * panel.rows <= height


def _cropped(slot: Slot, room: Box) -> Slot:
    """The part of a single plane around what is marked in it, and the whole for its map."""
    panel = slot.panel
    if fits(panel, room.width, room.height):
        return slot
    plane, map_room = panel.plane, parted(panel.plane, room)
    rest = room if map_room is None else map_room.rest
    if map_room is None and panel.columns <= room.width and panel.rows <= room.height:
        return slot
    across, down = _cells_in(panel, rest, 1 if map_room is None else LEAST_CELL)
    row, column = slot.middle or _middle(panel)
    part = windowed(panel, around(row, plane.rows, down), around(column, plane.columns, across))
    # What part is drawn, in as many words as have room.
    words, short = cut_remarks(part.plane)
    texts = [*(", ".join(filter(None, (slot.remark, text))) for text in (words, short)), words]
    remark = next((t for t in texts if text_width(t, styles.ROW) <= room.width), short)
    whole = None if map_room is None else plane
    return replace(slot, panels=(part,), remark=remark, whole=whole)


def _cells_in(panel: Panel, room: Box, least: int) -> tuple[int, int]:
    """Columns and rows that have room, in cells so large that a good part is seen."""
    plane = panel.plane
    side = min(
        room.width // min(MOST_AROUND, panel.columns), room.height // min(MOST_AROUND, panel.rows)
    )
    side = max(least, side)
    across = room.width // side - (panel.columns - plane.columns)
    down = room.height // side - (panel.rows - plane.rows)
    return max(1, int(across)), max(1, int(down))


def _middle(panel: Panel) -> CellIndex:
    """The first marked cell; the corner where none is marked."""
    if panel.moods:
        return next(iter(panel.moods))
    small = [o for o in panel.outlines if len(o.rows) * len(o.columns) > 0]
    smallest = min(small, key=lambda o: math.prod((len(o.rows), len(o.columns))), default=None)
    return (0, 0) if smallest is None else (smallest.rows.start, smallest.columns.start)


def windowed(panel: Panel, rows: range, columns: range) -> Panel:
    """The part of a panel in some rows and columns of its plane."""
    top, left = rows.start, columns.start
    margins = panel.margins
    return replace(
        panel,
        plane=panel.plane.window(rows, columns),
        margins=Margins(
            margins.top if top == 0 else 0,
            margins.bottom if rows.stop == panel.plane.rows else 0,
            margins.left if left == 0 else 0,
            margins.right if columns.stop == panel.plane.columns else 0,
        ),
        outlines=tuple(
            Outline(shifted(o.rows, top), shifted(o.columns, left), o.color, o.width, o.dash)
            for o in panel.outlines
        ),
        moods=_inside(panel.moods, rows, columns),
        notes=_inside(panel.notes, rows, columns),
    )


def _inside(cells: Mapping[CellIndex, T], rows: range, columns: range) -> dict[CellIndex, T]:
    """What is told of the cells in some rows and columns, counted from the first of them."""
    return {
        (r - rows.start, c - columns.start): told
        for (r, c), told in cells.items()
        if r in rows and c in columns
    }


GAP = 44
"""Room for a sign between slots."""
LABEL_ROOM = 22
TITLE_HEIGHT = 50
_TILE_GAP, _TILE_LABEL = 8, 14
_LEAST_WIDTH = 130
_UNBOUNDED = 100_000
_LEAST_BESIDE_TILES, _LEAST_BESIDE_WHOLE = 310, 140
_ADDEND = 170
"""Room for a bias beside tiles, where it is no more than a remark."""
_LARGEST_TILE_CELL = 26
_LEAST_NUMBERED_HEIGHT = NUMBERED - 4
_MOST_NUMBERED = 100
_WIDEST_EXTRA = 90
_LARGEST_BY_COUNT = ((16, 72), (36, 56), (100, 46), (260, 34))


@frozen
class PlacedSlot:
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


def place_slots(slots: Sequence[Slot], box: Box) -> tuple[PlacedSlot, ...]:
    """All slots in one row; panels start at the same height and small ones share a cell size."""
    widths = _widths(slots, box)
    between = max(1, len(slots) - 1)
    gap = GAP + max(0.0, min(_WIDEST_EXTRA, (box.width - sum(widths) - GAP * between) / between))
    placed = []
    x = box.x
    for slot, width in zip(slots, widths, strict=True):
        column = Box(round(x), box.y, width, box.height)
        height = max(1.0, column.height - TITLE_HEIGHT)
        room = Box(column.x, column.y + TITLE_HEIGHT, column.width, height)
        shown = fitting(slot, room, _TILE_GAP, _TILE_LABEL)
        map_room = None if shown.whole is None else parted(shown.whole, room)
        rest = room if map_room is None else map_room.rest
        placed.append(PlacedSlot(shown, column, _grids(shown, rest), map_room))
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
    if len(slot.panels) > 1:
        return float(_UNBOUNDED)
    side = min(largest_cell(panel.rows * panel.columns), room // max(panel.rows, 1))
    if side >= _LEAST_NUMBERED_HEIGHT:
        side = max(side, number_width(panel))
    return LABEL_ROOM + max(1, side) * panel.columns


def largest_cell(count: int) -> int:
    """The largest useful side of a cell (px) when a plane has so many."""
    return next((side for most, side in _LARGEST_BY_COUNT if count <= most), 24)


def number_width(panel: Panel) -> int:
    """The width that the panel's widest number needs in a cell, where all are to be shown."""
    if panel.rows * panel.columns > _MOST_NUMBERED:
        return 0
    # The font is monospaced: the longest text is the widest.
    return math.ceil(text_width(max(panel.texts, key=len, default=""), NUMBER_SMALL)) + 8


def _grids(slot: Slot, room: Box) -> tuple[Grid, ...]:
    if len(slot.panels) == 1:
        return (_single(slot.panel, room),)
    # Equal tiles in the arrangement that makes their cells largest.
    rows, columns, count = slot.panel.rows, slot.panel.columns, len(slot.panels)
    across = max(range(1, count + 1), key=lambda n: (_tile_side(slot, room, n), -abs(n - count)))
    side = max(1, math.floor(_tile_side(slot, room, across)))
    step_x = side * columns + _TILE_GAP
    step_y = side * rows + _TILE_GAP + _TILE_LABEL
    corners = (
        (room.x + (k % across) * step_x, room.y + _TILE_LABEL + (k // across) * step_y)
        for k in range(count)
    )
    return tuple(Grid(round(x), round(y), rows, columns, side, side) for x, y in corners)


def _single(panel: Panel, room: Box) -> Grid:
    rows, columns = panel.rows, panel.columns
    free_width = room.width - LABEL_ROOM
    across = side = _side(rows, columns, free_width, room.height - LABEL_ROOM)
    if side < LABELLED:
        side = min(_side(rows, columns, room.width, room.height), LABELLED - 1)
        return Grid(round(room.x), round(room.y), rows, columns, side, side)
    if side >= _LEAST_NUMBERED_HEIGHT:
        across = max(side, min(number_width(panel), int(free_width // columns)))
    x, y = round(room.x + LABEL_ROOM), round(room.y + LABEL_ROOM)
    return Grid(x, y, rows, columns, across, side)


def _side(rows: int, columns: int, width: float, height: float) -> int:
    side = min(width // max(columns, 1), height // max(rows, 1), largest_cell(rows * columns))
    return max(1, int(side))


def _tile_side(slot: Slot, room: Box, across: int) -> float:
    rows, columns, count = slot.panel.rows, slot.panel.columns, len(slot.panels)
    down = math.ceil(count / across)
    width = (room.width - (across - 1) * _TILE_GAP) / across / columns
    height = (room.height - down * (_TILE_GAP + _TILE_LABEL)) / down / rows
    return min(width, height, _LARGEST_TILE_CELL)


def _with_common_cells(placed: tuple[PlacedSlot, ...]) -> tuple[PlacedSlot, ...]:
    """Small planes that all carry numbers have cells of one size, and compare by eye."""
    sides = [p.grids[0].cell_height for p in placed if len(p.grids) == 1]
    if len(sides) < len(placed) or min(sides, default=0) < LABELLED * 2:
        return placed

    def resized(grid: Grid) -> Grid:
        is_square = grid.cell_width == grid.cell_height
        width = min(sides) if is_square else grid.cell_width
        return replace(grid, cell_width=width, cell_height=min(sides), gap=0)

    return tuple(replace(p, grids=tuple(map(resized, p.grids))) for p in placed)


INDENT = 24
"""Room for the sign before the result."""
_BETWEEN = 24
_ABOVE_BAND = 10
_LEAST_ABOVE, _MOST_ABOVE = 220, 330


@frozen
class TwoRows:
    """The operands, the result, and the band between them for wires."""

    upper: tuple[PlacedSlot, ...]
    lower: PlacedSlot
    band: Box


def in_two_rows(slots: Sequence[Slot], box: Box, band_height: float) -> TwoRows | None:
    """The rows, where the result is too broad for one row but not for the whole width.

    The band has been taken from below the box; here it lies between the rows.
    """
    target = slots[-1]
    panel, room = target.panel, box.height - TITLE_HEIGHT - _BETWEEN - _LEAST_ABOVE
    side = min((box.width - INDENT) // panel.columns, room // panel.rows)
    if side < LEAST_CELL or not _is_broad(slots, box):
        return None
    above = min(_MOST_ABOVE, box.height - TITLE_HEIGHT - _BETWEEN - side * panel.rows)
    upper = place_slots(slots[:-1], Box(box.x, box.y, box.width, above))
    bottom = max(one.bottom for one in upper)
    band = Box(box.x, bottom + _ABOVE_BAND, box.width, band_height)
    y = bottom + band_height + _BETWEEN
    (lower,) = place_slots(
        (target,), Box(box.x + INDENT, y, box.width - INDENT, box.bottom + band_height - y)
    )
    return TwoRows(upper, lower, band)


def _is_broad(slots: Sequence[Slot], box: Box) -> bool:
    """Whether the last of several is one plane that has no room for all of it beside the others."""
    target = slots[-1]
    if len(slots) < 2 or len(target.panels) > 1 or target.panel.plane.wrapped:
        return False
    return not fits(target.panel, wanted_widths(slots, box)[-1], box.height - TITLE_HEIGHT)


def looking_at(view: View, window: ViewWindow) -> Options:
    """The options with another part of a plane drawn large."""
    chosen = CloseUp(window.plane, window.rows, window.columns, view.state.k, view.depth)
    return replace(view.options, close_up=chosen)


def without_left_close_up(view: View) -> View:
    """The view itself, or without the part of a plane that the step has left."""
    chosen = view.options.close_up
    if chosen is None or _is_kept(view, chosen):
        return view
    return replace(view, options=replace(view.options, close_up=None))


def _is_kept(view: View, chosen: CloseUp) -> bool:
    if view.has_no_focus:
        return False
    if (view.state.k, view.depth) == (chosen.k, chosen.depth):
        return True
    name, selection = selection_named(chosen.plane)
    near = _cells(view, name)
    if near is None or len(near) != len(selection) or not is_on(selection, near):
        return False
    along = [n for s, n in zip(selection, view.tape[parse(name)].shape, strict=True) if s is None]
    found = hulls_along(selection, near, row_length(along[0]) if len(along) == 1 else 0)
    return stays(view, chosen, found)


def _cells(view: View, name: str) -> tuple[Extent, ...] | None:
    """What the step touches of an array; None where it is no part of the step."""
    focus = view.focus
    if focus is not None and focus.nest.target.name == name:
        return extents(focus.loops.target, focus.region)
    return None if focus is None else read_cells(view, focus, name)


def spot_text(view: View, spot: Spot) -> str:
    """The value that a pixel of a map stands for, and of which cells it is the largest."""
    name, selection = selection_named(spot.window.plane)
    if not selection:
        return "Click to look there"
    address = parse(name)
    known = view.plane_status(address, selection)
    whole = known_plane(address, selection, known)
    part = whole.window(spot.rows, spot.columns)
    values, computed = part.values, part.computed
    if not computed.any():
        return f"{_cells_text(spot)} of {name} are not computed yet\nClick to look there"
    place = np.argmax(np.where(computed, np.abs(values), -1.0))
    row, column = divmod(int(place), values.shape[1])
    indices = part.indices(row, column)
    value = shown(float(values[row, column]), 6, signed=address.is_gradient)
    largest = f"the largest of {_cells_text(spot)}\n" if values.size > 1 else ""
    return f"{address.at(indices or ())} = {value}\n{largest}Click to look there"


def _cells_text(spot: Spot) -> str:
    def words(name: str, cells: range) -> str:
        first = cells.start
        return f"{name} {first}" if len(cells) == 1 else f"{name}s {first}–{cells.stop - 1}"

    return f"{words('row', spot.rows)}, {words('column', spot.columns)}"
