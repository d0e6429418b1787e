"""Slots whose planes are larger than their place even at a pixel a cell: what of them is shown."""

from __future__ import annotations

import math
from dataclasses import replace

from backpropviz.figures.stage.cutting import cut_remark
from backpropviz.figures.stage.panel import Outline, Panel
from backpropviz.figures.stage.slots import Slot


def fitting(slot: Slot, width: float, height: float, gap: float, label: float) -> Slot:
    """The slot itself, or with as much of its plane or as many of its tiles as have room."""
    if len(slot.panels) == 1:
        return _cropped(slot, int(width), int(height))
    panel = slot.panel
    across = max(1, int((width + gap) // (panel.columns + gap)))
    down = max(1, int(height // (panel.rows + gap + label)))
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


def _cropped(slot: Slot, width: int, height: int) -> Slot:
    """The part of a single plane around what is marked in it."""
    panel = slot.panel
    if panel.columns <= width and panel.rows <= height:
        return slot
    across = width - (panel.columns - panel.plane.columns)
    down = height - (panel.rows - panel.plane.rows)
    row, column = _middle(panel)
    part = windowed(
        panel, _around(row, panel.plane.rows, down), _around(column, panel.plane.columns, across)
    )
    return replace(slot, panels=(part,), remark=cut_remark(part.plane))


def _around(middle: int, size: int, most: int) -> range:
    most = max(1, min(most, size))
    first = max(0, min(middle - most // 2, size - most))
    return range(first, first + most)


def _middle(panel: Panel) -> tuple[int, int]:
    """The first marked cell; the corner where none is marked."""
    if panel.moods:
        return next(iter(panel.moods))
    small = [o for o in panel.outlines if len(o.rows) * len(o.columns) > 0]
    smallest = min(small, key=lambda o: math.prod((len(o.rows), len(o.columns))), default=None)
    return (0, 0) if smallest is None else (smallest.rows.start, smallest.columns.start)


def windowed(panel: Panel, rows: range, columns: range) -> Panel:
    """The part of a panel in some rows and columns of its plane."""
    top, left = rows.start, columns.start
    return replace(
        panel,
        plane=panel.plane.window(rows, columns),
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
