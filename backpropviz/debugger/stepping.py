"""Commands that step: over, into, out, and each of them backwards."""

from __future__ import annotations

from backpropviz.debugger.commands import AT_END, AT_START, Pass, moved
from backpropviz.debugger.presence import next_present
from backpropviz.debugger.state import SessionState
from backpropviz.debugger.steps import Depth
from backpropviz.debugger.timeline import Timeline
from backpropviz.frozen import frozen

WHOLE = "This is the whole pass: there is nothing around it."


def deeper(timeline: Timeline, k: int, depth: Depth) -> Depth:
    """The depth below the effective one at step k; at a leaf the effective one."""
    effective = timeline.effective_depth(k, depth)
    return min((d for d in timeline.depths_at(k) if d > effective), default=effective)


def shallower(timeline: Timeline, k: int, depth: Depth) -> Depth:
    """The depth above the effective one at step k; at the pass the pass."""
    effective = timeline.effective_depth(k, depth)
    return max((d for d in timeline.depths_at(k) if d < effective), default=effective)


def _is_leaf(timeline: Timeline, k: int, depth: Depth) -> bool:
    return deeper(timeline, k, depth) is timeline.effective_depth(k, depth)


def _is_whole(timeline: Timeline, k: int, depth: Depth) -> bool:
    return timeline.effective_depth(k, depth) is Depth.PASS


def _leaf_sentence(timeline: Timeline, k: int) -> str:
    target = timeline.nest(timeline.operation_at(k)).target.name
    leaf = timeline.depths_at(k)[-1]
    return {
        Depth.TERM: "A term is the finest step: there is nothing inside it.",
        Depth.ELEMENT: f"Each value of {target} is computed in one step: no terms are inside it.",
    }.get(leaf, f"{target} only copies values: it is one step.")


@frozen
class Over:
    """Run the focus; next at the current depth."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        return AT_END if state.k == on.timeline.steps else ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        return moved(on, state, on.timeline.block(state.k, state.depth)[1])


@frozen
class BackOver:
    """Go back to the start of the block that has just run; previous at the current depth."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        return AT_START if state.k == 0 else ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        start, _ = on.timeline.block(state.k - 1, state.depth)
        return moved(on, state, start, forward=False)


@frozen
class Into:
    """Look one depth deeper."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        if state.k == on.timeline.steps:
            return AT_END
        if _is_leaf(on.timeline, state.k, state.depth):
            return _leaf_sentence(on.timeline, state.k)
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
        if _is_leaf(on.timeline, state.k - 1, state.depth):
            return _leaf_sentence(on.timeline, state.k - 1)
        return ""

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
        return WHOLE if _is_whole(on.timeline, state.k, state.depth) else ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        depth = shallower(on.timeline, state.k, state.depth)
        return moved(on, state, on.timeline.block(state.k, depth)[1], depth=depth)


@frozen
class BackOut:
    """Go back to the start of the enclosing block."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        return WHOLE if _is_whole(on.timeline, _inside(on, state), state.depth) else ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        inside = _inside(on, state)
        depth = shallower(on.timeline, inside, state.depth)
        start, _ = on.timeline.block(inside, depth)
        return moved(on, state, start, depth=depth, forward=False)


def _inside(on: Pass, state: SessionState) -> int:
    """The step about to run, or at the end the last one."""
    return min(state.k, on.timeline.steps - 1)
