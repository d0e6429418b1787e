"""All that the debugger knows, without arrays: it is cheap to keep, compare, save and undo."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.timeline import Depth, LoopOrder, Step, Timeline
from backpropviz.engine.value import Address
from backpropviz.frozen import frozen


class StopReason(Enum):
    """Why the debugger stands where it stands."""

    START = "before the first step"
    END = "at the end"
    STEP = "after a step"
    JUMP = "after a jump"
    BREAKPOINT = "at a breakpoint"


@frozen
class StopCause:
    """A reason, with the place of the breakpoint that it was."""

    reason: StopReason = StopReason.JUMP
    breakpoint: str = ""

    def __str__(self) -> str:
        """`at a breakpoint (conv1.weight.grad: value is nan)`."""
        text = self.reason.value
        return f"{text} ({self.breakpoint})" if self.breakpoint else text


@frozen
class SessionState:
    """Position, wishes, and marks. `overrides` are operations whose loop order differs.

    Two states have k = 0: the start, with nothing in focus, and the first block in focus.
    """

    k: int = 0
    depth: Depth = Depth.TENSOR
    order: LoopOrder = LoopOrder.TARGET
    overrides: tuple[tuple[int, LoopOrder], ...] = ()
    show_absent: bool = False
    breakpoints: tuple[Breakpoint, ...] = ()
    watches: tuple[Address, ...] = ()
    pins: tuple[Address, ...] = ()
    stopped: StopCause = StopCause()

    @property
    def has_begun(self) -> bool:
        """False at the start, where nothing is in focus; its reason is kept by no other place."""
        return self.k > 0 or self.stopped.reason is not StopReason.START

    def at(self, k: int, reason: StopReason, depth: Depth | None = None) -> SessionState:
        return replace(
            self, k=k, depth=self.depth if depth is None else depth, stopped=StopCause(reason)
        )


def timeline_of(timeline: Timeline, state: SessionState) -> Timeline:
    """The timeline in the loop orders that the state asks for; itself where they are the same."""
    return timeline.ordered(state.order, dict(state.overrides))


def focus(timeline: Timeline, state: SessionState) -> Step | None:
    """The block about to run, shown as it will be when it has run; None at start and end."""
    if not state.has_begun or state.k == timeline.steps:
        return None
    return timeline.step(state.k, state.depth)


def focus_block(timeline: Timeline, state: SessionState) -> tuple[int, int]:
    """Start and stop of the focus; (0, 0) at the start, (N, N) at the end."""
    if not state.has_begun:
        return 0, 0
    return timeline.block(state.k, state.depth)


def shown_position(timeline: Timeline, state: SessionState) -> int:
    """How many steps have run in what the screen shows: all up to the focus's end."""
    return focus_block(timeline, state)[1]


_KEPT = 100


@frozen
class Visit:
    """A position and the depth it was looked at."""

    k: int
    depth: Depth
    has_begun: bool = True


@frozen
class JumpHistory:
    """Visits behind and ahead, nearest last."""

    behind: tuple[Visit, ...] = ()
    ahead: tuple[Visit, ...] = ()

    def left(self, visit: Visit) -> JumpHistory:
        """After a jump away from a visit; what was ahead is forgotten."""
        if self.behind and self.behind[-1] == visit:
            return JumpHistory(self.behind)
        return JumpHistory((*self.behind, visit)[-_KEPT:])

    def back(self, here: Visit) -> tuple[Visit, JumpHistory] | None:
        """The visit before, and the history then; None where there is none."""
        if not self.behind:
            return None
        return self.behind[-1], JumpHistory(self.behind[:-1], (*self.ahead, here))

    def forward(self, here: Visit) -> tuple[Visit, JumpHistory] | None:
        """The visit that `back` came from, and the history then; None where there is none."""
        if not self.ahead:
            return None
        return self.ahead[-1], JumpHistory((*self.behind, here), self.ahead[:-1])
