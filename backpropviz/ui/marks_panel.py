"""The panels of watches, variables and breakpoints, and what can be done in them.

Rows and dialogs are imported once they are shown: the stage comes first.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.going import GoToAddress
from backpropviz.debugger.marks import (
    AddWatch,
    ChangeBreakpoint,
    RemoveWatch,
    ToggleBreakpoint,
)
from backpropviz.engine.address import parse
from backpropviz.errors import UserError
from backpropviz.scene.theme import Theme
from backpropviz.ui.controller import Controller
from backpropviz.ui.opened import Opened
from backpropviz.ui.panels import ListPanel, SwitchedPanel
from backpropviz.ui.row_list import RowList

_WATCHES = 0


class MarksPanels(QObject):
    """Watches and variables in one panel, breakpoints in another."""

    refused = Signal(str)

    def __init__(self, controller: Controller, window: QWidget) -> None:
        super().__init__(window)
        self._controller, self._window = controller, window
        self._watches = RowList(self.tr("Watches"), self.tr("No watches: + follows a value."))
        self._variables = RowList(self.tr("Variables"), "")
        self.values = SwitchedPanel(
            self.tr("Values"),
            ((self.tr("Watches"), self._watches), (self.tr("Variables"), self._variables)),
        )
        add = self.values.head.add_button("plus", self.tr("Add a watch"))
        add.clicked.connect(self.add_watch)
        self._marks = RowList(
            self.tr("Breakpoints"), self.tr("No breakpoints: F9 sets one here, + anywhere.")
        )
        self.breakpoints = ListPanel(self.tr("Breakpoints"), self._marks)
        add = self.breakpoints.head.add_button("plus", self.tr("Add a breakpoint"))
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
        from backpropviz.ui.lists import breakpoint_rows, variable_rows, watch_rows

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
        from backpropviz.ui.dialogs.ask import ask

        here = opened.focus_address
        text = ask(
            self._window,
            self.tr("Add a watch"),
            self.tr("An address, such as conv1.weight.grad[0,0,0,1] or loss."),
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
        from backpropviz.ui.dialogs.breakpoint import ask_breakpoint

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
        from backpropviz.ui.dialogs.breakpoint import ask_breakpoint

        changed = ask_breakpoint(self._window, opened, mark)
        if changed is not None:
            self._controller.dispatch(ChangeBreakpoint(mark, changed))
