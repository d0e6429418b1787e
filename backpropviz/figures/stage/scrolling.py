"""Looking at another part of a plane that is too large for the stage, and losing it by a step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backpropviz.engine.address import parse
from backpropviz.engine.arrays import Array
from backpropviz.figures.stage.close_up import CloseUp, Spot, Window, selection_named
from backpropviz.figures.stage.cutting import hulls_along, stays
from backpropviz.figures.stage.extents import Extent, extents
from backpropviz.figures.stage.planes import plane, row_length
from backpropviz.figures.stage.slots import is_on, read_cells
from backpropviz.figures.view import Options, View
from backpropviz.scene.numbers import shown


def looking_at(view: View, window: Window) -> Options:
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
    if view.is_done:
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
    if focus is None:
        return None
    if focus.nest.target.name == name:
        return extents(focus.loops.target, focus.region)
    return read_cells(view, focus, name)


def spot_text(view: View, spot: Spot) -> str:
    """The value that a pixel of a map stands for, and of which cells it is the largest."""
    name, selection = selection_named(spot.window.plane)
    if not selection:
        return "Click to look there"
    address = parse(name)
    known = view.plane_status(address, selection)
    whole = plane(address, selection, known.values, known.computed, known.complete)
    values, computed = _block(whole.values, spot), _block(whole.computed, spot)
    if not computed.any():
        return f"{_cells_text(spot)} of {name} are not computed yet\nClick to look there"
    place = np.argmax(np.where(computed, np.abs(values), -1.0))
    row, column = divmod(int(place), values.shape[1])
    indices = whole.indices(row + spot.rows.start, column + spot.columns.start)
    value = shown(float(values[row, column]), 6, signed=address.is_gradient)
    largest = f"the largest of {_cells_text(spot)}\n" if values.size > 1 else ""
    return f"{address.at(indices or ())} = {value}\n{largest}Click to look there"


def _block(values: Array, spot: Spot) -> Array:
    rows, columns = spot.rows, spot.columns
    return values[rows.start : rows.stop, columns.start : columns.stop]


def _cells_text(spot: Spot) -> str:
    rows, columns = spot.rows, spot.columns
    down = f"row {rows.start}" if len(rows) == 1 else f"rows {rows.start}–{rows.stop - 1}"
    if len(columns) == 1:
        return f"{down}, column {columns.start}"
    return f"{down}, columns {columns.start}–{columns.stop - 1}"
