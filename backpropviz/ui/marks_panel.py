"""The panels of watches, variables and breakpoints, and what can be done in them.

Rows and dialogs are imported once they are shown: the stage comes first.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.commands import (
    AddWatch,
    ChangeBreakpoint,
    GoToAddress,
    RemoveWatch,
    ToggleBreakpoint,
)
from backpropviz.debugger.progress import Standing, ValueReading, read_watches, value_at
from backpropviz.debugger.session import StopReason
from backpropviz.engine.value import Address, parse, shape_text
from backpropviz.errors import UserError
from backpropviz.scene.theme import Theme
from backpropviz.ui.controller import Controller
from backpropviz.ui.docks import ListPanel, SwitchedPanel
from backpropviz.ui.opened import Opened
from backpropviz.ui.pointing import reading_text
from backpropviz.ui.row_list import Row, RowList

_WATCHES = 0


class MarksPanels(QObject):
    """Watches and variables in one panel, breakpoints in another."""

    refused = Signal(str)

    def __init__(self, controller: Controller, window: QWidget) -> None:
        super().__init__(window)
        self._controller, self._window = controller, window
        self._watches = RowList("Watches", "No watches: + follows a value.")
        self._variables = RowList("Variables", "")
        self.values = SwitchedPanel(
            "Values", (("Watches", self._watches), ("Variables", self._variables))
        )
        add = self.values.head.add_button("plus", "Add a watch")
        add.clicked.connect(self.add_watch)
        self._marks = RowList("Breakpoints", "No breakpoints: F9 sets one here, + anywhere.")
        self.breakpoints = ListPanel("Breakpoints", self._marks)
        add = self.breakpoints.head.add_button("plus", "Add a breakpoint")
        add.clicked.connect(self.add_breakpoint)
        self._connect()

    def _connect(self) -> None:
        self._watches.opened.connect(self._go)
        self._watches.removed.connect(self._unwatch)
        self._variables.opened.connect(self._go)
        self._variables.switched.connect(self._watch)
        self._marks.opened.connect(self._change)
        self._marks.removed.connect(self._remove)
        self._marks.switched.connect(self._switch)
        self.values.switched.connect(self._refresh)

    def show_opened(self, opened: Opened) -> None:
        """Read all rows for a moment."""
        self._watches.show_rows(watch_rows(opened))
        if self._variables.isVisible():
            self._variables.show_rows(variable_rows(opened))
        self._marks.show_rows(breakpoint_rows(opened))

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self.values.use_theme(colors)
        self.breakpoints.use_theme(colors)

    def add_watch(self) -> None:
        """Ask for an address and follow its value."""
        opened = self._controller.opened
        if opened is None:
            return
        from backpropviz.ui.dialog import ask

        here = opened.focus_address
        text = ask(
            self._window,
            "Add a watch",
            "An address, such as conv1.weight.grad[0,0,0,1] or loss.",
            str(here) if here is not None else "",
            self._watch_refusal,
            tuple(str(address) for address in opened.view.tape),
        )
        if text is not None:
            self._controller.dispatch(AddWatch(parse(text)))
            self.values.choose(_WATCHES)

    def add_breakpoint(self) -> None:
        """Ask for a place and a condition."""
        opened = self._controller.opened
        if opened is None:
            return
        from backpropviz.ui.dialog import ask_breakpoint

        here = opened.focus_address
        found = ask_breakpoint(self._window, opened, Breakpoint(address=here) if here else None)
        if found is not None:
            self._controller.dispatch(ToggleBreakpoint(found))

    def _watch_refusal(self, text: str) -> str:
        try:
            return self._controller.refusal(AddWatch(parse(text)))
        except UserError as error:
            return str(error)

    def _refresh(self) -> None:
        if self._controller.opened is not None:
            self.show_opened(self._controller.opened)

    def _go(self, key: str) -> None:
        self._controller.jump(GoToAddress(parse(key)))

    def _watch(self, key: str) -> None:
        self._controller.dispatch(AddWatch(parse(key)))

    def _unwatch(self, key: str) -> None:
        self._controller.dispatch(RemoveWatch(parse(key)))

    def _mark(self, key: str) -> Breakpoint | None:
        opened = self._controller.opened
        number = int(key)
        if opened is None or number >= len(opened.state.breakpoints):
            return None
        return opened.state.breakpoints[number]

    def _switch(self, key: str) -> None:
        mark = self._mark(key)
        if mark is not None:
            self._controller.dispatch(
                ChangeBreakpoint(mark, replace(mark, enabled=not mark.enabled))
            )

    def _remove(self, key: str) -> None:
        mark = self._mark(key)
        if mark is not None:
            self._controller.dispatch(ToggleBreakpoint(mark))

    def _change(self, key: str) -> None:
        opened, mark = self._controller.opened, self._mark(key)
        if opened is None or mark is None:
            return
        from backpropviz.ui.dialog import ask_breakpoint

        changed = ask_breakpoint(self._window, opened, mark)
        if changed is not None:
            self._controller.dispatch(ChangeBreakpoint(mark, changed))


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


def _reading(reading: ValueReading | None, address: Address) -> str:
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
