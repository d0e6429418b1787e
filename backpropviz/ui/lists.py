"""The rows of the lists: watches, variables of the layer, breakpoints."""

from __future__ import annotations

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.progress import Reading, Standing, value_at
from backpropviz.debugger.state import StopReason
from backpropviz.debugger.watches import read_watches
from backpropviz.engine.address import Address
from backpropviz.engine.arrays import shape_text
from backpropviz.ui.cell_text import reading_text
from backpropviz.ui.opened import Opened
from backpropviz.ui.row_list import Row


def watch_rows(opened: Opened) -> tuple[Row, ...]:
    """A row a watch: what is known of it after the focus; orange where the focus works on it."""
    rows = []
    for watched in read_watches(opened.timeline, opened.view.tape, opened.state):
        reading = watched.reading
        text = _reading(reading, watched.address)
        pending = reading is None or reading.standing is Standing.PENDING
        here = opened.focus_address == opened.view.tape.resolve(watched.address)
        rows.append(Row(str(watched.address), str(watched.address), text, here, pending))
    return tuple(rows)


def _reading(reading: Reading | None, address: Address) -> str:
    if reading is None:
        return "not in this pass"
    return reading_text(reading, signed=address.is_gradient)


def variable_rows(opened: Opened) -> tuple[Row, ...]:
    """All arrays of the current layer (at the end: image and loss), with shape or value."""
    layer = opened.step.layer if opened.step is not None else ""
    view = opened.view
    arrays = [a for a in view.tape if a.layer == layer or (not layer and not a.layer)]
    return tuple(_variable(opened, address) for address in arrays)


def _variable(opened: Opened, address: Address) -> Row:
    view = opened.view
    shape = view.tape[address].shape
    reading = value_at(opened.timeline, view.tape, view.position, address)
    if reading.standing is Standing.PENDING:
        text = "not computed yet"
    else:
        text = shape_text(shape) if shape else reading_text(reading)
        if reading.standing is Standing.GROWING:
            text += f", {100 * reading.done // reading.total} %"
    here = opened.step is not None and opened.step.target == address
    return Row(str(address), str(address), text, here, reading.standing is Standing.PENDING)


def breakpoint_rows(opened: Opened) -> tuple[Row, ...]:
    """A row a breakpoint, by its number."""
    stopped = opened.state.stopped
    at = stopped.breakpoint if stopped.reason is StopReason.BREAKPOINT else ""
    return tuple(
        _breakpoint(number, mark, is_here=bool(at) and str(mark) == at)
        for number, mark in enumerate(opened.state.breakpoints)
    )


def _breakpoint(number: int, mark: Breakpoint, *, is_here: bool) -> Row:
    text = "stopped here" if is_here else f"hit {mark.hits}" if mark.enabled else "off"
    return Row(
        str(number),
        str(mark),
        text,
        is_here,
        not is_here,
        mark.enabled,
        bool(mark.condition),
        "Space switches it, Enter changes it, Delete removes it.",
    )
