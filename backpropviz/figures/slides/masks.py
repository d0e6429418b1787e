"""The winner mask of a max-pooling's way back: upstream × mask = gradient, from cell to cell."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from backpropviz.engine.operands import Indicator
from backpropviz.engine.value import Array
from backpropviz.figures.numbers import Scale
from backpropviz.figures.stage.panel import Mood, Outline, Panel
from backpropviz.figures.stage.planes import CellIndex, Focus, plane
from backpropviz.figures.stage.pooled_plane import PooledPlane, pooling_shown
from backpropviz.figures.stage.slot_layout import windowed
from backpropviz.figures.stage.slots import Slot
from backpropviz.figures.view import View
from backpropviz.scene.cells import CellState
from backpropviz.scene.theme import Theme

_CURRENT: Final = 4.0
_MOST_WHOLE: Final = 8


def with_mask(view: View, focus: Focus, slots: tuple[Slot, ...], theme: Theme) -> tuple[Slot, ...]:
    """Upstream, mask and result; of large planes what belongs to the value in focus.

    Nothing is added where windows overlap, since a cell may win one and lose another.
    """
    if not any(isinstance(operand, Indicator) for operand in focus.loops.operands):
        return slots
    shown = pooling_shown(view, focus)
    if shown is None or shown.plane.overlaps or shown.plane.switches is None or len(slots) != 2:
        return slots
    upstream, result = slots
    mask = _mask_slot(shown.plane, _pixel(focus), theme)
    if not focus.is_element or focus.target is None:
        return upstream, mask, replace(result, sign="=")
    row, column = focus.target[-2:]
    if max(shown.plane.values.shape) <= _MOST_WHOLE:
        return upstream, mask, replace(result, sign="=")
    windows = shown.plane.windows_of(row, column)
    if not windows:
        return upstream, mask, replace(result, sign="=")
    (y, x), *_ = windows
    height, width = shown.plane.values.shape
    rows = _inside(shown.plane.covered(0, range(y, y + 1)), height)
    columns = _inside(shown.plane.covered(1, range(x, x + 1)), width)
    return (
        _cut(upstream, range(y, y + 1), range(x, x + 1)),
        _cut(mask, rows, columns),
        replace(_cut(result, rows, columns), sign="="),
    )


def _pixel(focus: Focus) -> CellIndex | None:
    if not focus.is_element or focus.target is None:
        return None
    row, column = focus.target[-2:]
    return row, column


def _inside(cells: range, size: int) -> range:
    return range(max(0, cells.start), min(size, cells.stop))


def _cut(slot: Slot, rows: range, columns: range) -> Slot:
    return replace(slot, panels=(windowed(slot.panel, rows, columns),), labels=(), current=0)


def _mask_slot(pooled: PooledPlane, current: CellIndex | None, theme: Theme) -> Slot:
    """1 where a cell won its window (its share, where several did), else 0."""
    values = _mask(pooled)
    moods = {
        place: Mood(CellState.WINNER if value else CellState.LOSER, accent=theme.forward)
        for place, value in np.ndenumerate(values)
        if pooled.is_reached(*place)
    }
    outlines: tuple[Outline, ...] = ()
    if current is not None:
        row, column = current
        cell = (range(row, row + 1), range(column, column + 1))
        outlines = (Outline(*cell, theme.forward, _CURRENT),)
    found = plane(None, (None, None), values)
    scale = Scale(theme.sequential, (0.0, 1.0), is_diverging=False)
    panel = Panel(found, scale, outlines=outlines, moods=moods)
    return Slot(None, "winner mask", "", "", (panel,), sign="×")


def _mask(pooled: PooledPlane) -> Array:
    values = np.zeros(pooled.values.shape)
    for place, windows in pooled.won.items():
        values[place] = 1.0 / pooled.parts(*windows[0])
    return values
