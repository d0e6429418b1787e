"""Slots whose planes are larger than their place: what of them is shown.

A plane is drawn whole where a cell has two pixels. Of a larger one a part is drawn, and above it or
beside it, as small as need be, a map of the whole.
"""

from __future__ import annotations

import math
from dataclasses import replace

from backpropviz.figures.stage.close_up import Cell, around
from backpropviz.figures.stage.cutting import MOST_AROUND, cut_remarks
from backpropviz.figures.stage.panel import Margins, Outline, Panel
from backpropviz.figures.stage.slots import Slot
from backpropviz.figures.stage.whole_map import parted
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import text_width
from backpropviz.scene.marks import Box

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
    map_room = parted(panel.plane, room)
    rest = room if map_room is None else map_room.rest
    if map_room is None and panel.columns <= room.width and panel.rows <= room.height:
        return slot
    across, down = _cells_in(panel, rest, 1 if map_room is None else LEAST_CELL)
    row, column = slot.middle or _middle(panel)
    part = windowed(
        panel, around(row, panel.plane.rows, down), around(column, panel.plane.columns, across)
    )
    whole = None if map_room is None else panel.plane
    return replace(slot, panels=(part,), remark=_remark(slot, part, room.width), whole=whole)


def _remark(slot: Slot, part: Panel, width: float) -> str:
    """What part is drawn, in as many words as have room."""
    words, short = cut_remarks(part.plane)
    most = [", ".join(filter(None, (slot.remark, text))) for text in (words, short)]
    return next((t for t in (*most, words) if text_width(t, styles.ROW) <= width), short)


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


def _middle(panel: Panel) -> Cell:
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
            Outline(_moved(o.rows, top), _moved(o.columns, left), o.color, o.width, o.dash)
            for o in panel.outlines
        ),
        moods={
            (r - top, c - left): mood
            for (r, c), mood in panel.moods.items()
            if r in rows and c in columns
        },
        notes={
            (r - top, c - left): note
            for (r, c), note in panel.notes.items()
            if r in rows and c in columns
        },
    )


def _moved(cells: range, first: int) -> range:
    return range(cells.start - first, cells.stop - first)
