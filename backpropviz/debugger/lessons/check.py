"""What a step of a lesson asks for, held to the debugger's real state."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.lessons.expression import LessonExpression
from backpropviz.debugger.lessons.whereabouts import focused_array, focused_value, read_values
from backpropviz.debugger.progress import Standing, value_at
from backpropviz.debugger.state import SessionState, StopReason, shown_position
from backpropviz.debugger.steps import Depth, LoopOrder
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.address import Address
from backpropviz.engine.kinds.protocol import TARGET
from backpropviz.engine.nest import Rule
from backpropviz.engine.program import Phase
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class Check:
    """Conditions on the state; what is left out is not asked for. All must hold at once.

    `focus` is a value or an array that the focus makes; `reads` a value that it multiplies or
    compares; `computed` and `pending` are about what the screen shows (after the focus).
    """

    focus: Address | None = None
    depth: Depth | None = None
    order: LoopOrder | None = None
    phase: Phase | None = None
    layer: str | None = None
    reads: Address | None = None
    computed: tuple[Address, ...] = ()
    pending: tuple[Address, ...] = ()
    watching: tuple[Address, ...] = ()
    pinned: tuple[Address, ...] = ()
    breakpoint: Breakpoint | None = None
    stopped: StopReason | None = None
    target: tuple[float, ...] = ()
    optimizer: str | None = None
    holds: LessonExpression | None = None
    line: int = 0


def missing(check: Check, timeline: Timeline, tape: Tape, state: SessionState) -> tuple[str, ...]:
    """What is still to do, a sentence each; nothing where the check is met.

    `timeline` must be in the state's loop orders, as for `commands.reduce`.
    """
    on = _Standing(check, timeline, tape, state)
    return tuple(sentence for part in _PARTS for sentence in part(on))


def is_met(check: Check, timeline: Timeline, tape: Tape, state: SessionState) -> bool:
    """Whether nothing is missing."""
    return not missing(check, timeline, tape, state)


@frozen
class _Standing:
    """A check beside what it is held to."""

    check: Check
    timeline: Timeline
    tape: Tape
    state: SessionState

    @property
    def operation(self) -> int | None:
        ended = self.state.k == self.timeline.steps
        return None if ended else self.timeline.operation_at(self.state.k)


def stands_on(timeline: Timeline, tape: Tape, state: SessionState, wanted: Address) -> bool:
    """Whether the focus makes a value, under any of its names, or works on an array."""
    own, array = tape.resolve(wanted), focused_array(timeline, state)
    if array != own.array:
        return False
    if not own.indices or timeline.nest(timeline.operation_at(state.k)).rule is Rule.COPY:
        return True
    return focused_value(timeline, state) == own


def _focus(on: _Standing) -> Iterator[str]:
    wanted = on.check.focus
    if wanted is None or stands_on(on.timeline, on.tape, on.state, wanted):
        return
    here = focused_value(on.timeline, on.state) or focused_array(on.timeline, on.state)
    yield f"Go to {wanted}: in focus is {here or _wide_focus(on)}."


def _wide_focus(on: _Standing) -> str:
    if on.operation is None:
        return "nothing, since the pass has ended"
    return f"a whole {on.timeline.effective_depth(on.state.k, on.state.depth).title}"


def _depth(on: _Standing) -> Iterator[str]:
    if on.check.depth is None:
        return
    if on.operation is None:
        yield f"Step at depth {on.check.depth.title}: the pass has ended."
        return
    depth = on.timeline.effective_depth(on.state.k, on.state.depth)
    if depth is not on.check.depth:
        way = "deeper, with Into" if depth < on.check.depth else "less deep, with Out"
        yield f"Go {way}: the depth is {depth.title}, but {on.check.depth.title} is asked for."


def _order(on: _Standing) -> Iterator[str]:
    wanted = on.check.order
    if wanted is None:
        return
    number = on.state.order.number
    if on.operation is not None and len(on.timeline.nest(on.operation).orders) > 1:
        number = on.timeline.orders[on.operation]
    if number != wanted.number:
        yield f"Change the loop order to “by {wanted.value}”."


def _phase(on: _Standing) -> Iterator[str]:
    found = None if on.operation is None else on.timeline.operations[on.operation]
    if on.check.phase is not None and (found is None or found.phase is not on.check.phase):
        yield f"Go to the {on.check.phase.value} phase."
    if on.check.layer is not None and (found is None or found.layer != on.check.layer):
        yield f"Go to the layer {on.check.layer}."


def _reads(on: _Standing) -> Iterator[str]:
    wanted = on.check.reads
    if wanted is None or on.tape.resolve(wanted) in read_values(on.timeline, on.tape, on.state):
        return
    yield f"Go to the step that reads {wanted}."


def _known(on: _Standing) -> Iterator[str]:
    shown = shown_position(on.timeline, on.state)
    for address in on.check.computed:
        if not _is_known(on, shown, address):
            yield f"Step on until {address} is computed."
    for address in on.check.pending:
        if value_at(on.timeline, on.tape, shown, address).standing is not Standing.PENDING:
            yield f"Go back to where {address} is not computed yet."


def _is_known(on: _Standing, shown: int, address: Address) -> bool:
    standing = value_at(on.timeline, on.tape, shown, address).standing
    return standing in {Standing.FINAL, Standing.GIVEN}


def _marks(on: _Standing) -> Iterator[str]:
    for address in on.check.watching:
        if not _among(on.tape, address, on.state.watches):
            yield f"Add a watch on {address}."
    for address in on.check.pinned:
        if not _among(on.tape, address, on.state.pins):
            yield f"Pin {address}: click it on the stage."
    wanted = on.check.breakpoint
    if wanted is not None and not any(_serves(on.tape, b, wanted) for b in on.state.breakpoints):
        yield f"Set a breakpoint: {wanted}."


def _among(tape: Tape, wanted: Address, addresses: tuple[Address, ...]) -> bool:
    return tape.resolve(wanted) in {tape.resolve(address) for address in addresses}


def _serves(tape: Tape, found: Breakpoint, wanted: Breakpoint) -> bool:
    """Whether a breakpoint is the wanted one, with any condition where none is asked for."""
    places = [
        (b.phase, b.layer, None if b.address is None else tape.resolve(b.address))
        for b in (found, wanted)
    ]
    same_condition = not wanted.condition or found.condition == wanted.condition
    return found.enabled and places[0] == places[1] and same_condition


def _stopped(on: _Standing) -> Iterator[str]:
    wanted = on.check.stopped
    if wanted is StopReason.START and on.state.k:
        yield "Go to the start of the pass."
    elif wanted is StopReason.END and on.state.k < on.timeline.steps:
        yield "Run the pass to its end."
    elif wanted is StopReason.BREAKPOINT and on.state.stopped.reason is not wanted:
        yield "Continue until a breakpoint stops you."


def _pass(on: _Standing) -> Iterator[str]:
    wanted = on.check
    if wanted.target and not _has_target(on.tape, wanted.target):
        yield f"Set the target to {', '.join(f'{number:g}' for number in wanted.target)}."
    if wanted.optimizer is not None and on.tape.optimizer.kind != wanted.optimizer:
        yield f"Choose the optimizer {wanted.optimizer}."
    if wanted.holds is not None and not _holds(wanted.holds, on.tape):
        yield f"Make this true: {wanted.holds.text}."


def _has_target(tape: Tape, wanted: tuple[float, ...]) -> bool:
    found = np.asarray(tape[TARGET]).reshape(-1)
    return found.shape == (len(wanted),) and bool(np.allclose(found, wanted))


def _holds(expression: LessonExpression, tape: Tape) -> bool:
    try:
        return expression.holds(tape)
    except UserError:
        return False


_PARTS: tuple[Callable[[_Standing], Iterator[str]], ...] = (
    _pass,
    _order,
    _focus,
    _depth,
    _phase,
    _reads,
    _known,
    _marks,
    _stopped,
)
