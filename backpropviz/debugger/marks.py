"""Commands that set marks and run to them: breakpoints, watches, pins."""

from __future__ import annotations

from dataclasses import replace

from backpropviz.debugger.breakpoints import Breakpoint, Hit, Seeker
from backpropviz.debugger.commands import AT_END, AT_START, Pass, moved
from backpropviz.debugger.places import operation_of
from backpropviz.debugger.state import SessionState, Stop, StopReason
from backpropviz.engine.address import Address
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class Continue:
    """Run to the next breakpoint, or to the end."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        return AT_END if state.k == on.timeline.steps else ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        return _run(on, state, forward=True)


@frozen
class ContinueBack:
    """Run backwards to the breakpoint before, or to the start."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        return AT_START if state.k == 0 else ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        return _run(on, state, forward=False)


def _run(on: Pass, state: SessionState, *, forward: bool) -> SessionState:
    """Stop at the nearest hit, count the passed ones; without any, at the end (start)."""
    seeker = Seeker(on.timeline, on.tape, forward, on.proceed)
    next_hits = {
        number: _hit_beyond(on, state, seeker, mark, state.k)
        for number, mark in enumerate(state.breakpoints)
        if mark.enabled
    }
    while True:
        ahead = [(hit, number) for number, hit in next_hits.items() if hit is not None]
        if not ahead:
            k, reason = (on.timeline.steps, StopReason.END) if forward else (0, StopReason.START)
            return state.at(k, reason)
        hit, number = min(ahead) if forward else max(ahead)
        mark = replace(state.breakpoints[number], hits=state.breakpoints[number].hits + 1)
        marks = (*state.breakpoints[:number], mark, *state.breakpoints[number + 1 :])
        state = replace(state, breakpoints=marks)
        if mark.hits > mark.ignore:
            stopped = moved(on, state, hit.k, depth=max(state.depth, hit.depth))
            return replace(stopped, stopped=Stop(StopReason.BREAKPOINT, str(mark)))
        next_hits[number] = seeker.nearest(mark, hit.k + 1 if forward else hit.k - 1)


def _hit_beyond(
    on: Pass, state: SessionState, seeker: Seeker, mark: Breakpoint, k: int
) -> Hit | None:
    """The nearest hit that is not what the person already looks at."""
    if not seeker.forward:
        hit = seeker.nearest(mark, k - 1) if k else None
        while hit is not None and _stands_at(on, state, hit) >= k:
            hit = seeker.nearest(mark, hit.k - 1) if hit.k else None
        return hit
    hit = seeker.nearest(mark, k)
    if hit is not None and hit.k == k and hit.depth <= on.timeline.effective_depth(k, state.depth):
        hit = seeker.nearest(mark, k + 1)
    return hit


def _stands_at(on: Pass, state: SessionState, hit: Hit) -> int:
    """Where the debugger stands when it stops at a hit: at the first term that exists."""
    return moved(on, state, hit.k, depth=max(state.depth, hit.depth)).k


@frozen
class ToggleBreakpoint:
    """Set a breakpoint, or remove the one at the same place with the same condition."""

    breakpoint: Breakpoint

    def refusal(self, on: Pass, state: SessionState) -> str:
        address, layer = self.breakpoint.address, self.breakpoint.layer
        if layer is not None and all(o.layer != layer for o in on.timeline.operations):
            return f"No step belongs to a layer “{layer}”."
        if address is not None and (refused := _not_computed(on, address)):
            return refused
        is_set = any(b.place == self.breakpoint.place for b in state.breakpoints)
        seeker = Seeker(on.timeline, on.tape, forward=True)
        return "" if is_set else seeker.doubt(self.breakpoint)

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        place = self.breakpoint.place
        kept = tuple(b for b in state.breakpoints if b.place != place)
        added = () if len(kept) < len(state.breakpoints) else (self.breakpoint,)
        return replace(state, breakpoints=kept + added)


@frozen
class ChangeBreakpoint:
    """Replace a breakpoint: switch it off, change its condition or how many hits it passes."""

    old: Breakpoint
    new: Breakpoint

    def refusal(self, on: Pass, state: SessionState) -> str:
        if all(b.place != self.old.place for b in state.breakpoints):
            return f"There is no breakpoint “{self.old}”."
        return ToggleBreakpoint(self.new).refusal(on, state)

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        changed = (self.new if b.place == self.old.place else b for b in state.breakpoints)
        return replace(state, breakpoints=tuple(dict.fromkeys(changed)))


@frozen
class ClearBreakpoints:
    """Remove all breakpoints."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        return "" if state.breakpoints else "There are no breakpoints."

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        return replace(state, breakpoints=())


@frozen
class AddWatch:
    """Keep an eye on a value or an array."""

    address: Address

    def refusal(self, on: Pass, state: SessionState) -> str:
        if self.address in state.watches:
            return f"{self.address} is watched already."
        return _unknown(on, self.address)

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        return replace(state, watches=(*state.watches, self.address))


@frozen
class RemoveWatch:
    """Stop watching."""

    address: Address

    def refusal(self, on: Pass, state: SessionState) -> str:
        return "" if self.address in state.watches else f"{self.address} is not watched."

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        return replace(state, watches=tuple(w for w in state.watches if w != self.address))


@frozen
class TogglePin:
    """Keep a cell's explanation on the screen, or let it go."""

    address: Address

    def refusal(self, on: Pass, state: SessionState) -> str:
        return "" if self.address in state.pins else _unknown(on, self.address)

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        kept = tuple(p for p in state.pins if p != self.address)
        added = () if len(kept) < len(state.pins) else (self.address,)
        return replace(state, pins=kept + added)


def _unknown(on: Pass, address: Address) -> str:
    try:
        _ = on.tape[address]
    except UserError as error:
        return str(error)
    return ""


def _not_computed(on: Pass, address: Address) -> str:
    unknown = _unknown(on, address)
    if unknown or operation_of(on.timeline, on.tape, address) is not None:
        return unknown
    return f"{address} is given, not computed: no step could stop there."
