"""Commands that go somewhere, or look at the same place otherwise."""

from __future__ import annotations

from dataclasses import replace

from backpropviz.debugger.commands import AT_END, AT_START, Pass
from backpropviz.debugger.places import find, reordered, start_of_block
from backpropviz.debugger.state import SessionState, StopReason
from backpropviz.debugger.steps import Depth, LoopOrder
from backpropviz.engine.address import Address
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


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
        nest = on.timeline.nest(on.timeline.operation_at(state.k))
        one = f"{nest.target.name} has one loop order only: there is no choice."
        return one if len(nest.orders) < 2 else ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        if self.everywhere:
            changed = replace(state, order=self.order, overrides=())
        else:
            overrides = dict(state.overrides)
            overrides[on.timeline.operation_at(state.k)] = self.order
            changed = replace(state, overrides=tuple(sorted(overrides.items(), key=_number)))
        new = on.timeline.ordered(changed.order, dict(changed.overrides))
        return replace(changed, k=reordered(on.timeline, new, on.tape, state.k, state.depth))


def _number(override: tuple[int, LoopOrder]) -> int:
    return override[0]


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
        return f"There is no step {self.k}: give a number from 0 to {on.timeline.steps}."

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
        return state.at(self._start(on, state, depth), StopReason.JUMP, depth)

    def _start(self, on: Pass, state: SessionState, depth: Depth) -> int:
        if self.k == on.timeline.steps:
            return self.k
        if state.show_absent:
            return on.timeline.block(self.k, depth)[0]
        return start_of_block(on.timeline, on.tape, self.k, depth)


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
        return "" if state.k else AT_START

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        return state.at(0, StopReason.START)


@frozen
class ToEnd:
    """After the last step."""

    def refusal(self, on: Pass, state: SessionState) -> str:
        return AT_END if state.k == on.timeline.steps else ""

    def apply(self, on: Pass, state: SessionState) -> SessionState:
        return state.at(on.timeline.steps, StopReason.END)
