"""“Show me”: the command that goes where a check of a lesson is met."""

from __future__ import annotations

from dataclasses import replace

from backpropviz.debugger.commands import Command, Pass, reduce
from backpropviz.debugger.going import GoTo, GoToAddress, SetDepth, SetOrder, ToEnd, ToStart
from backpropviz.debugger.lessons.check import Check, is_met, missing, stands_on
from backpropviz.debugger.lessons.whereabouts import blocks_of, read_values
from backpropviz.debugger.marks import AddWatch, Continue, ToggleBreakpoint, TogglePin
from backpropviz.debugger.places import operation_of
from backpropviz.debugger.state import SessionState, StopReason, timeline_of
from backpropviz.debugger.steps import Depth, LoopOrder
from backpropviz.debugger.timeline import Extent
from backpropviz.frozen import frozen


@frozen
class ShowMe:
    """Do what a check asks for; what needs another pass (target, optimizer) stays to do."""

    check: Check

    def refusal(self, on: Pass, state: SessionState) -> str:
        there = self.apply(on, state)
        left = missing(self._of_place, timeline_of(on.timeline, there), on.tape, there)
        return " ".join(left)

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        if is_met(self._of_place, on.timeline, on.tape, state):
            return state
        for command in self._first():
            state = _reduced(on, state, command)
        state = self._marked(on, state)
        ordered = Pass(timeline_of(on.timeline, state), on.tape, on.proceed)
        return self._gone(ordered, state)

    @property
    def _of_place(self) -> Check:
        return replace(self.check, target=(), optimizer=None, holds=None)

    def _first(self) -> tuple[Command, ...]:
        """The loop order; one value is only in focus, as a whole, by target."""
        check = self.check
        is_whole_value = check.focus is not None and check.focus.indices and check.reads is None
        order = check.order or (LoopOrder.TARGET if is_whole_value else None)
        return () if order is None else (SetOrder(order),)

    def _marked(self, on: Pass, state: SessionState) -> SessionState:
        """With the wanted watches, pins and breakpoint that are not there yet."""
        for address in self.check.watching:
            state = _reduced(on, state, AddWatch(address))
        for address in self.check.pinned:
            if address not in state.pins:
                state = _reduced(on, state, TogglePin(address))
        wanted = self.check.breakpoint
        if wanted is not None and all(b.place != wanted.place for b in state.breakpoints):
            state = _reduced(on, state, ToggleBreakpoint(wanted))
        return state

    def _gone(self, on: Pass, state: SessionState) -> SessionState:
        """At the wanted place; `on` is in the state's loop orders."""
        check = self.check
        if check.stopped is StopReason.BREAKPOINT:
            return self._run(on, state)
        if check.stopped is not None:
            return _reduced(on, state, _END if check.stopped is StopReason.END else _START)
        if check.reads is not None and check.focus is not None:
            return self._reading(on, state)
        if check.focus is not None:
            return _reduced(on, state, GoToAddress(check.focus, check.depth))
        if check.phase is not None or check.layer is not None:
            state = self._in_part(on, state)
        elif check.computed:
            state = self._computed(on, state)
        elif check.pending:
            state = _reduced(on, state, _START)
        return state if check.depth is None else self._at_depth(on, state, check.depth)

    def _at_depth(self, on: Pass, state: SessionState, depth: Depth) -> SessionState:
        """Here at the wanted depth; where the operation has none such, at the start."""
        here = _reduced(on, state, SetDepth(depth))
        is_there = is_met(self._of_place, on.timeline, on.tape, here)
        return here if is_there else _reduced(on, here, _START)

    def _run(self, on: Pass, state: SessionState) -> SessionState:
        """From the start to the first breakpoint that fits the rest of the check."""
        state = _reduced(on, state, _START)
        while state.k < on.timeline.steps:
            state = _reduced(on, state, Continue())
            if is_met(self._of_place, on.timeline, on.tape, state):
                break
        return state

    def _reading(self, on: Pass, state: SessionState) -> SessionState:
        """At the first block of the focused array or value that reads the wanted value."""
        check, depth = self.check, self.check.depth or Depth.TERM
        if check.focus is None or check.reads is None:
            return state
        wanted = on.tape.resolve(check.reads)
        operation = operation_of(on.timeline, on.tape, check.focus)
        for k in () if operation is None else blocks_of(on.timeline, operation, depth):
            there = replace(state, k=k, depth=depth)
            if stands_on(on.timeline, on.tape, there, check.focus) and wanted in read_values(
                on.timeline, on.tape, there
            ):
                return _reduced(on, replace(state, depth=depth), GoTo(k))
        return state

    def _in_part(self, on: Pass, state: SessionState) -> SessionState:
        extents = on.timeline.phases if self.check.layer is None else on.timeline.layers
        found = next((extent for extent in extents if self._is_wanted(extent)), None)
        return state if found is None else _reduced(on, state, GoTo(found.start))

    def _is_wanted(self, extent: Extent) -> bool:
        phase, layer = self.check.phase, self.check.layer
        return phase in {None, extent.phase} and layer in {None, extent.layer}

    def _computed(self, on: Pass, state: SessionState) -> SessionState:
        """Where the last of the wanted values is made."""
        places = [
            _reduced(on, state, GoToAddress(a, self.check.depth)) for a in self.check.computed
        ]
        return max(places, key=lambda place: place.k)


_START, _END = ToStart(), ToEnd()


def _reduced(on: Pass, state: SessionState, command: Command) -> SessionState:
    return reduce(timeline_of(on.timeline, state), on.tape, state, command)
