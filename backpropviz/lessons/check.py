"""What a step of a lesson asks for, held to the debugger's real state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.commands import (
    AddWatch,
    Command,
    Continue,
    GoTo,
    GoToAddress,
    Pass,
    SetDepth,
    SetOrder,
    ToEnd,
    ToggleBreakpoint,
    TogglePin,
    ToStart,
    reduce,
)
from backpropviz.debugger.progress import Standing, value_at
from backpropviz.debugger.session import SessionState, StopReason, shown_position, timeline_of
from backpropviz.debugger.timeline import (
    Depth,
    LoopOrder,
    Timeline,
    axes_fixed,
    is_absent,
    operation_of,
)
from backpropviz.engine.kinds.protocol import TARGET
from backpropviz.engine.nest import NestRule, Operand
from backpropviz.engine.tape import Phase, Tape, operations
from backpropviz.engine.value import Address
from backpropviz.errors import UserError
from backpropviz.expression.evaluate import Arithmetic, number_of
from backpropviz.expression.functions import Primitive, Quantity
from backpropviz.expression.language import Expression, Vocabulary, read
from backpropviz.frozen import frozen


def focused_array(timeline: Timeline, state: SessionState) -> Address | None:
    """The array that the focus computes; None at start and end, and above tensor depth."""
    if not state.has_begun or state.k == timeline.steps:
        return None
    if timeline.effective_depth(state.k, state.depth) < Depth.TENSOR:
        return None
    return timeline.nest(timeline.operation_at(state.k)).target


def focused_value(timeline: Timeline, state: SessionState) -> Address | None:
    """The one value that the focus makes or adds to; None where there are more."""
    array = focused_array(timeline, state)
    if array is None:
        return None
    operation = timeline.operation_at(state.k)
    nest, order = timeline.nest(operation), timeline.orders[operation]
    depth = timeline.effective_depth(state.k, state.depth)
    is_one = depth is Depth.TERM or (depth is Depth.ELEMENT and order == 0)
    if not is_one or nest.rule is NestRule.COPY:
        return array if not nest.shape else None
    cell = timeline.loops(operation).target_at(timeline.coordinates(state.k), nest.shape)
    return None if cell is None else array.at(cell)


def read_values(timeline: Timeline, tape: Tape, state: SessionState) -> frozenset[Address]:
    """The values that every step of the focus reads: a term's operands, a source that scatters."""
    if focused_array(timeline, state) is None:
        return frozenset()
    operation = timeline.operation_at(state.k)
    nest, order = timeline.nest(operation), timeline.orders[operation]
    if nest.rule is NestRule.COPY:
        return frozenset()
    fixed = axes_fixed(nest, order, timeline.effective_depth(state.k, state.depth))
    coordinates, loops = timeline.coordinates(state.k), timeline.loops(operation)
    if fixed == len(loops.axes) and is_absent(timeline, tape, state.k):
        return frozenset()
    still = (o for o in loops.operands if _stands_still(o, fixed, len(loops.axes)))
    found = (operand.at(tape, coordinates).address for operand in still)
    return frozenset(tape.resolve(address) for address in found if address is not None)


def _stands_still(operand: Operand, fixed: int, axes: int) -> bool:
    """Whether an operand is the same cell in all steps that share the outermost loops."""
    if fixed == axes:
        return True
    return bool(operand.index) and all(t.axis < fixed for i in operand.index for t in i.terms)


def blocks_of(timeline: Timeline, operation: int, depth: Depth) -> Iterator[int]:
    """The first steps of an operation's blocks at a depth."""
    start, stop = timeline.starts[operation], timeline.starts[operation + 1]
    effective = timeline.effective_depth(start, depth)
    return iter(range(start, stop, timeline.block_size(operation, effective)))


_ROUNDING = 1e-5


@frozen
class LessonExpression:
    """An expression with the line that it stands on (0: none)."""

    expression: Expression
    line: int = 0

    def value(self, tape: Tape) -> float:
        """Its number in a pass."""
        return number_of(self.expression, _Lenient(tape))

    def holds(self, tape: Tape) -> bool:
        """Whether a comparison is true."""
        return bool(self.value(tape))


@lru_cache(maxsize=1024)
def parse_expression(text: str, line: int = 0) -> LessonExpression:
    """Read an expression.

    Raises:
        UserError: it is none; the sentence says at which character, and what is missing.
    """
    return LessonExpression(read(text, _WORDS), line)


class _Lenient(Arithmetic):
    """Arithmetic on a pass as a lesson means it: rounding is forgiven, division by 0 is not."""

    def __init__(self, tape: Tape) -> None:
        super().__init__({}, tape)
        self._tape = tape

    def name(self, name: str) -> Quantity:
        found = _OF_PASS[name](self._tape)
        if found is None:
            raise UserError(f"the optimizer {self._tape.optimizer.kind} has no {name}.")
        return found

    def applied(self, function: Primitive, values: Sequence[Quantity]) -> Quantity:
        if function.name in {"/", "%"} and np.any(np.equal(values[1], 0)):
            raise UserError("this divides by 0.")
        if function.name == "sqrt" and np.any(np.less(values[0], 0)):
            raise UserError("a negative number has no square root.")
        if function.name == "between":
            value, low, high = values
            return np.logical_and(self.compared(">=", value, low), self.compared("<=", value, high))
        return super().applied(function, values)

    def compared(self, sign: str, left: Quantity, right: Quantity) -> Quantity:
        exactly = super().compared(sign, left, right)
        if sign == "!=":
            return np.logical_not(_is_close(left, right))
        if sign in {"==", "<=", ">="}:
            return np.logical_or(exactly, _is_close(left, right))
        return np.logical_and(exactly, np.logical_not(_is_close(left, right)))


def _is_close(left: Quantity, right: Quantity) -> Quantity:
    """As `math.isclose`: relative to the larger of the two."""
    with np.errstate(all="ignore"):
        apart = np.abs(np.subtract(left, right))
        larger = np.maximum(np.abs(left), np.abs(right))
        near = np.less_equal(apart, np.maximum(_ROUNDING * larger, 1e-12))
        return np.logical_or(np.equal(left, right), np.logical_and(near, np.isfinite(larger)))


def _parameters(tape: Tape) -> float:
    shapes = (s for n in tape.network.nodes for s in tape.network.parameter_shapes(n).values())
    return float(sum(math.prod(shape) for shape in shapes))


def _steps(phase: Phase) -> Callable[[Tape], float | None]:
    def found(tape: Tape) -> float | None:
        every = operations(tape.network, tape.batch, tape.optimizer, tape.iteration)
        return float(sum(o.nest.steps() for o in every if o.phase is phase))

    return found


def _setting(name: str) -> Callable[[Tape], float | None]:
    return lambda tape: tape.optimizer.about.code_numbers(tape.optimizer).get(name)


_OF_PASS: Mapping[str, Callable[[Tape], float | None]] = {
    "parameters": _parameters,
    "forward_steps": _steps(Phase.FORWARD),
    "backward_steps": _steps(Phase.BACKWARD),
    "learning_rate": _setting("lr"),
    "momentum": _setting("momentum"),
    "beta1": _setting("beta1"),
    "beta2": _setting("beta2"),
}
_WORDS = Vocabulary(frozenset(_OF_PASS))


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
    """Whether nothing is left to do."""
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
        in_focus = self.state.has_begun and self.state.k < self.timeline.steps
        return self.timeline.operation_at(self.state.k) if in_focus else None


def stands_on(timeline: Timeline, tape: Tape, state: SessionState, wanted: Address) -> bool:
    """Whether the focus makes a value, under any of its names, or works on an array."""
    own, array = tape.resolve(wanted), focused_array(timeline, state)
    if array != own.array:
        return False
    if not own.indices or timeline.nest(timeline.operation_at(state.k)).rule is NestRule.COPY:
        return True
    return focused_value(timeline, state) == own


def _focus(on: _Standing) -> Iterator[str]:
    wanted = on.check.focus
    if wanted is None or stands_on(on.timeline, on.tape, on.state, wanted):
        return
    here = focused_value(on.timeline, on.state) or focused_array(on.timeline, on.state)
    wide = "nothing, since the pass has ended"
    if on.operation is not None:
        wide = f"a whole {on.timeline.effective_depth(on.state.k, on.state.depth).title}"
    yield f"Go to {wanted}: in focus is {here or wide}."


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
        standing = value_at(on.timeline, on.tape, shown, address).standing
        if standing not in {Standing.FINAL, Standing.GIVEN}:
            yield f"Step on until {address} is computed."
    for address in on.check.pending:
        if value_at(on.timeline, on.tape, shown, address).standing is not Standing.PENDING:
            yield f"Go back to where {address} is not computed yet."


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
    target = np.asarray(on.tape[TARGET]).reshape(-1) if wanted.target else np.zeros(0)
    if target.shape != (len(wanted.target),) or not np.allclose(target, wanted.target):
        yield f"Set the target to {', '.join(f'{number:g}' for number in wanted.target)}."
    if wanted.optimizer is not None and on.tape.optimizer.kind != wanted.optimizer:
        yield f"Choose the optimizer {wanted.optimizer}."
    if wanted.holds is None:
        return
    try:
        is_true = wanted.holds.holds(on.tape)
    except UserError:
        is_true = False
    if not is_true:
        yield f"Make this true: {wanted.holds.expression.text}."


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
        # One value is only in focus, as a whole, by target.
        check = self.check
        is_whole_value = check.focus is not None and check.focus.indices and check.reads is None
        order = check.order or (LoopOrder.TARGET if is_whole_value else None)
        if order is not None:
            state = _reduced(on, state, SetOrder(order))
        state = self._marked(on, state)
        ordered = Pass(timeline_of(on.timeline, state), on.tape, on.proceed)
        return self._gone(ordered, state)

    @property
    def _of_place(self) -> Check:
        return replace(self.check, target=(), optimizer=None, holds=None)

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
        """Here at the wanted depth; where the operation has none such, at the first."""
        here = _reduced(on, state, SetDepth(depth))
        is_there = is_met(self._of_place, on.timeline, on.tape, here)
        return here if is_there else _reduced(on, here, GoTo(0))

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
        phase, layer = self.check.phase, self.check.layer
        for extent in on.timeline.phases if layer is None else on.timeline.layers:
            if phase in {None, extent.phase} and layer in {None, extent.layer}:
                return _reduced(on, state, GoTo(extent.start))
        return state

    def _computed(self, on: Pass, state: SessionState) -> SessionState:
        """Where the last of the wanted values is made."""
        places = [
            _reduced(on, state, GoToAddress(a, self.check.depth)) for a in self.check.computed
        ]
        return max(places, key=lambda place: place.k)


_START, _END = ToStart(), ToEnd()


def _reduced(on: Pass, state: SessionState, command: Command) -> SessionState:
    return reduce(timeline_of(on.timeline, state), on.tape, state, command)
