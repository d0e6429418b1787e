"""Planes that are too large for the stage: the part around the current cells, and words for it."""

from __future__ import annotations

from backpropviz.figures.stage.extents import Extent
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.planes import Plane

_MOST_CELLS = 256
_MOST_CELLS_AROUND = 64
"""Longest side of a plane; a longer one is cut, at element depth close around the current cell."""


def cut(shown: Plane, near: tuple[Extent, ...], focus: Focus) -> Plane:
    """The plane itself, or of one that is too large the part around the current cells."""
    if shown.wrapped or max(shown.rows, shown.columns) <= _MOST_CELLS_AROUND * 2:
        return shown
    most = _MOST_CELLS_AROUND if focus.is_element else _MOST_CELLS
    if max(shown.rows, shown.columns) <= most:
        return shown
    free = [e.hull for s, e in zip(shown.selection, near, strict=True) if s is None]
    rows, columns = (
        _around(hull, size, most)
        for hull, size in zip(free, (shown.rows, shown.columns), strict=True)
    )
    return shown.window(rows, columns)


def _around(hull: range, size: int, most: int) -> range:
    middle = (hull.start + hull.stop) // 2 if len(hull) < most else most // 2
    first = max(0, min(middle - most // 2, size - most))
    return range(first, min(size, first + most))


def cut_remark(shown: Plane) -> str:
    """What part of a plane is in sight."""
    if not shown.is_cut:
        return ""
    rows = f"rows {shown.first_row}–{shown.first_row + shown.rows - 1}"
    columns = f"columns {shown.first_column}–{shown.first_column + shown.columns - 1}"
    return f"{rows}, {columns} of {shown.whole[0]}×{shown.whole[1]}"
