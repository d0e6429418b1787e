"""Commands of the debugger: each is a value that says when it can be used.

`reduce(timeline, tape, state, command)` gives the next state. From the start of a block, back over
after over and back out after into change nothing; choosing a depth keeps the position. Before the
first block stands the start of the pass, with nothing in focus: over leads from it to the first
block and back over to it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, Protocol

from backpropviz.debugger.breakpoints import Breakpoint, BreakpointHit, Seeker
from backpropviz.debugger.session import SessionState, StopCause, StopReason, focus_block
from backpropviz.debugger.timeline import (
    Depth,
    LoopOrder,
    Timeline,
    find,
    next_present,
    operation_of,
    previous_present,
    reordered,
    start_of_block,
)
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

AT_END = "The pass has ended: go back, or to the start."
AT_START = "This is the start of the pass: nothing has run yet."
NOT_INSIDE = "This is the start of the pass: step over or into first."


class Pass(NamedTuple):
    """What commands are carried out on; `proceed` may raise to give up a long search."""

    timeline: Timeline
    tape: Tape
    proceed: Callable[[], None] = lambda: None


class Command(Protocol):
    """Something to do."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        """Why it cannot be done now, as a sentence; empty where it can."""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        """The state after it, where it can be done."""


def reduce(timeline: Timeline, tape: Tape, state: SessionState, command: Command) -> SessionState:
    """The next state; the same where the command cannot be carried out.

    `timeline` must be in the state's loop orders (`timeline_of`). After `SetOrder` the caller asks
    for the timeline anew.
    """
    on = Pass(timeline, tape)
    return state if command.refusal(on, state) else command.apply(on, state)


def refusal(timeline: Timeline, tape: Tape, state: SessionState, command: Command) -> str:
    """Why a command cannot be used now, as a sentence; empty where it can."""
    return command.refusal(Pass(timeline, tape), state)


def moved(
    on: Pass, state: SessionState, k: int, *, depth: Depth | None = None, forward: bool = True
) -> SessionState:
    """Stand at k after a step; on the next (or previous) term where k is an absent one."""
    wanted = state.depth if depth is None else depth
    if not state.show_absent and _is_at_terms(on.timeline, k, wanted):
        nearest = next_present if forward else previous_present
        k = nearest(on.timeline, on.tape, k)
    reason = StopReason.END if k == on.timeline.steps else StopReason.STEP
    return state.at(k, reason, wanted)


def _is_at_terms(timeline: Timeline, k: int, depth: Depth) -> bool:
    return k < timeline.steps and timeline.effective_depth(k, depth) is Depth.TERM


WHOLE = "This is the whole pass: there is nothing around it."


def deeper(timeline: Timeline, k: int, depth: Depth) -> Depth:
    """The depth below the effective one at step k; at a leaf the effective one."""
    effective = timeline.effective_depth(k, depth)
    return min((d for d in timeline.depths_at(k) if d > effective), default=effective)


def shallower(timeline: Timeline, k: int, depth: Depth) -> Depth:
    """The depth above the effective one at step k; at the pass the pass."""
    effective = timeline.effective_depth(k, depth)
    return max((d for d in timeline.depths_at(k) if d < effective), default=effective)


def _no_deeper(timeline: Timeline, k: int, depth: Depth) -> str:
    """Why there is nothing below the effective depth; empty where there is."""
    if deeper(timeline, k, depth) is not timeline.effective_depth(k, depth):
        return ""
    target = timeline.nest(timeline.operation_at(k)).target.name
    leaf = timeline.depths_at(k)[-1]
    return {
        Depth.TERM: "A term is the finest step: there is nothing inside it.",
        Depth.ELEMENT: f"Each value of {target} is computed in one step: no terms are inside it.",
    }.get(leaf, f"{target} only copies values: it is one step.")


@frozen
class Over:
    """Run the focus; next at the current depth. At the start: the first block."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        return AT_END if state.k == on.timeline.steps else ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        return moved(on, state, focus_block(on.timeline, state)[1])


@frozen
class BackOver:
    """Go back to the start of the block that has just run; previous at the current depth.

    From the first block: to the start of the pass.
    """

    def refusal(self, on: Pass, state: SessionState) -> str:
        return "" if state.has_begun else AT_START

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        first = 0
        if not state.show_absent and _is_at_terms(on.timeline, 0, state.depth):
            first = next_present(on.timeline, on.tape, 0)
        if state.k <= first:
            return state.at(0, StopReason.START)
        start, _ = on.timeline.block(state.k - 1, state.depth)
        return moved(on, state, start, forward=False)


@frozen
class Into:
    """Look one depth deeper; from the start, into the first block."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        if state.k == on.timeline.steps:
            return AT_END
        if not state.has_begun:
            return ""
        if leaf := _no_deeper(on.timeline, state.k, state.depth):
            return leaf
        depth = deeper(on.timeline, state.k, state.depth)
        if depth is Depth.TERM and not state.show_absent:
            stop = on.timeline.block(state.k, state.depth)[1]
            if next_present(on.timeline, on.tape, state.k) >= stop:
                return "Nothing reaches this value: it has no terms to step into."
        return ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        return moved(on, state, state.k, depth=deeper(on.timeline, state.k, state.depth))


@frozen
class BackInto:
    """Look one depth deeper at what has just run, from its end."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        if state.k == 0:
            return AT_START
        return _no_deeper(on.timeline, state.k - 1, state.depth)

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        depth = deeper(on.timeline, state.k - 1, state.depth)
        start, _ = on.timeline.block(state.k - 1, depth)
        return moved(on, state, start, depth=depth, forward=False)


@frozen
class Out:
    """Run to the end of the enclosing block."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        if state.k == on.timeline.steps:
            return AT_END
        if not state.has_begun:
            return NOT_INSIDE
        is_whole = on.timeline.effective_depth(state.k, state.depth) is Depth.PASS
        return WHOLE if is_whole else ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        depth = shallower(on.timeline, state.k, state.depth)
        return moved(on, state, on.timeline.block(state.k, depth)[1], depth=depth)


@frozen
class BackOut:
    """Go back to the start of the enclosing block."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        if not state.has_begun:
            return AT_START
        is_whole = on.timeline.effective_depth(_inside(on, state), state.depth) is Depth.PASS
        return WHOLE if is_whole else ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        inside = _inside(on, state)
        depth = shallower(on.timeline, inside, state.depth)
        start, _ = on.timeline.block(inside, depth)
        return moved(on, state, start, depth=depth, forward=False)


def _inside(on: Pass, state: SessionState) -> int:
    """The step about to run, or at the end the last one."""
    return min(state.k, on.timeline.steps - 1)


@frozen
class SetDepth:
    """Look at another depth; the position stays."""

    depth: Depth

    def refusal(self, on: Pass, state: SessionState) -> str:
        return ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        return replace(state, depth=self.depth)


@frozen
class SetOrder:
    """Visit terms by target or by source: everywhere, or in the current operation only.

    The current term stays, not its number.
    """

    order: LoopOrder
    everywhere: bool = True

    def refusal(self, on: Pass, state: SessionState) -> str:
        if self.everywhere:
            return ""
        if state.k == on.timeline.steps:
            return AT_END
        if not state.has_begun:
            return NOT_INSIDE
        nest = on.timeline.nest(on.timeline.operation_at(state.k))
        one = f"{nest.target.name} has one loop order only: there is no choice."
        return one if len(nest.orders) < 2 else ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        if self.everywhere:
            changed = replace(state, order=self.order, overrides=())
        else:
            overrides = dict(state.overrides)
            overrides[on.timeline.operation_at(state.k)] = self.order
            changed = replace(
                state, overrides=tuple(sorted(overrides.items(), key=lambda item: item[0]))
            )
        if not state.has_begun:
            return changed
        new = on.timeline.ordered(changed.order, dict(changed.overrides))
        return replace(changed, k=reordered(on.timeline, new, on.tape, state.k, state.depth))


@frozen
class ShowAbsent:
    """Stop at steps without a source or target too, or pass them."""

    show: bool

    def refusal(self, on: Pass, state: SessionState) -> str:
        return ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        return replace(state, show_absent=self.show)


@frozen
class GoTo:
    """Stand before step k."""

    k: int

    def refusal(self, on: Pass, state: SessionState) -> str:
        if 0 <= self.k <= on.timeline.steps:
            return ""
        return f"There is no step {self.k + 1:,}: give a number from 1 to {on.timeline.steps:,}."

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        return state.at(self.k, StopReason.JUMP)


@frozen
class GoToBlock:
    """Stand at the start of the block that contains step k, at the wanted depth or a deeper one.

    What is in focus is then what was pointed at, and Into begins with its first part.
    """

    k: int
    depth: Depth = Depth.PASS

    def refusal(self, on: Pass, state: SessionState) -> str:
        return GoTo(self.k).refusal(on, state)

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        depth = max(state.depth, self.depth)
        if state.show_absent or self.k == on.timeline.steps:
            start, _ = on.timeline.block(self.k, depth)
        else:
            start = start_of_block(on.timeline, on.tape, self.k, depth)
        return state.at(start, StopReason.JUMP, depth)


@frozen
class GoToAddress:
    """Stand at the step after which a value stands complete; the depth is at least the value's."""

    address: Address
    depth: Depth | None = None

    def refusal(self, on: Pass, state: SessionState) -> str:
        try:
            find(on.timeline, on.tape, self.address, self._depth(state))
        except UserError as error:
            return str(error)
        return ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        depth = self._depth(state)
        return state.at(find(on.timeline, on.tape, self.address, depth), StopReason.JUMP, depth)

    def _depth(self, state: SessionState) -> Depth:
        if self.depth is not None:
            return self.depth
        return max(state.depth, Depth.ELEMENT if self.address.indices else Depth.TENSOR)


@frozen
class ToStart:
    """Before the first step."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        return "" if state.has_begun else AT_START

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        return state.at(0, StopReason.START)


@frozen
class ToEnd:
    """After the last step."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        return AT_END if state.k == on.timeline.steps else ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        return state.at(on.timeline.steps, StopReason.END)


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
        return "" if state.has_begun else AT_START

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
            return replace(stopped, stopped=StopCause(StopReason.BREAKPOINT, str(mark)))
        next_hits[number] = seeker.nearest(mark, hit.k + 1 if forward else hit.k - 1)


def _hit_beyond(
    on: Pass, state: SessionState, seeker: Seeker, mark: Breakpoint, k: int
) -> BreakpointHit | None:
    """The nearest hit that is not what the person already looks at."""
    if not seeker.forward:
        hit = seeker.nearest(mark, k - 1) if k else None
        while hit is not None and _stands_at(on, state, hit) >= k:
            hit = seeker.nearest(mark, hit.k - 1) if hit.k else None
        return hit
    hit = seeker.nearest(mark, k)
    if not state.has_begun:
        return hit
    if hit is not None and hit.k == k and hit.depth <= on.timeline.effective_depth(k, state.depth):
        hit = seeker.nearest(mark, k + 1)
    return hit


def _stands_at(on: Pass, state: SessionState, hit: BreakpointHit) -> int:
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
