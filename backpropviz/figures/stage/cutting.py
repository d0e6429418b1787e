"""Planes that are too large for the stage: the part around the current cells, and words for it."""

from __future__ import annotations

from backpropviz.figures.stage.close_up import Cell, CloseUp, around, middle_of, plane_name
from backpropviz.figures.stage.extents import Extent
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.planes import Plane, Selection
from backpropviz.figures.view import View

MOST_AROUND = 64
"""The side of the part around the current cell that is drawn large."""
_MOST_IN_TILE = 256


def cut_tile(shown: Plane, near: tuple[Extent, ...], focus: Focus, tiles: int) -> Plane:
    """One of several planes, or if it is too large its part around the current cells.

    A plane that stands alone is cut where its room is known.
    """
    if tiles == 1 or shown.wrapped or max(shown.rows, shown.columns) <= MOST_AROUND * 2:
        return shown
    most = MOST_AROUND if focus.is_element else _MOST_IN_TILE
    if max(shown.rows, shown.columns) <= most:
        return shown
    row, column = _current(hulls(shown, near))
    return shown.window(around(row, shown.rows, most), around(column, shown.columns, most))


def middle(view: View, shown: Plane, near: tuple[Extent, ...]) -> Cell:
    """The cell around which a plane is cut where it must be: the person's, or the step's."""
    return middle_around(view, shown, hulls(shown, near))


def middle_around(view: View, shown: Plane, found: tuple[range, range]) -> Cell:
    """The same where the rows and columns of the current cells are known."""
    chosen = view.options.close_up
    if chosen is not None and chosen.plane == plane_name(shown) and stays(view, chosen, found):
        return chosen.middle
    return _current(found)


def stays(view: View, chosen: CloseUp, found: tuple[range, range]) -> bool:
    """Whether what a person chose to see is still to be seen: the step has not left it."""
    if view.is_done or chosen.k >= view.timeline.steps:
        # It may be of a longer pass that was open before.
        return False
    if (view.state.k, view.depth) == (chosen.k, chosen.depth):
        return True
    same = view.timeline.operation_at(view.state.k) == view.timeline.operation_at(chosen.k)
    return same and chosen.holds(*found)


def hulls(shown: Plane, near: tuple[Extent, ...]) -> tuple[range, range]:
    """The rows and columns of the picture of a plane that hold the current cells."""
    return hulls_along(shown.selection, near, shown.whole[1] if shown.wrapped else 0)


def hulls_along(
    selection: Selection, near: tuple[Extent, ...], row_length: int
) -> tuple[range, range]:
    """The same of a selection; of a vector that is wrapped into rows of `row_length`."""
    free = [e.hull for s, e in zip(selection, near, strict=True) if s is None]
    if len(free) == 2:
        return free[0], free[1]
    if not free:
        return range(1), range(1)
    first, last = free[0].start // row_length, max(0, free[0].stop - 1) // row_length
    if first < last:
        return range(first, last + 1), range(row_length)
    place = free[0].start % row_length
    return range(first, first + 1), range(place, place + len(free[0]))


def _current(found: tuple[range, range]) -> Cell:
    """The middle of what the step is in; of much, its beginning."""
    rows, columns = (
        middle_of(hull) if len(hull) < MOST_AROUND else hull.start + MOST_AROUND // 2
        for hull in found
    )
    return rows, columns


def cut_remarks(shown: Plane) -> tuple[str, str]:
    """What part of a plane is in sight, in words and shorter."""
    rows = f"{shown.first_row}–{shown.first_row + shown.rows - 1}"
    columns = f"{shown.first_column}–{shown.first_column + shown.columns - 1}"
    return f"rows {rows}, columns {columns}", f"{rows}, {columns}"
