"""What a person can tell the debugger: each command is a value that says when it can be used.

`reduce(timeline, tape, state, command)` gives the next state. From the start of a block, back over
after over and back out after into change nothing; choosing a depth keeps the position.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from backpropviz.debugger.presence import next_present, previous_present
from backpropviz.debugger.state import SessionState, StopReason
from backpropviz.debugger.steps import Depth
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.tape import Tape

AT_END = "The pass has ended: go back, or to the start."
AT_START = "This is the start of the pass: nothing has run yet."


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
    return state.at(k, StopReason.START if k == 0 and not forward else reason, wanted)


def _is_at_terms(timeline: Timeline, k: int, depth: Depth) -> bool:
    return k < timeline.steps and timeline.effective_depth(k, depth) is Depth.TERM
