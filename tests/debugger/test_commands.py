"""The laws of stepping, on random walks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.commands import (
    BackInto,
    BackOut,
    BackOver,
    Command,
    Continue,
    ContinueBack,
    GoTo,
    GoToAddress,
    Into,
    Out,
    Over,
    SetDepth,
    SetOrder,
    ToEnd,
    ToStart,
    reduce,
    refusal,
)
from backpropviz.debugger.progress import Standing, value_at
from backpropviz.debugger.session import (
    SessionState,
    StopCause,
    StopReason,
    focus,
    focus_block,
    shown_position,
    timeline_of,
)
from backpropviz.debugger.timeline import Depth, LoopOrder, is_absent
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import parse
from tests.debugger.passes import small_pass

START = SessionState(stopped=StopCause(StopReason.START))
ON = small_pass()
N = ON.timeline.steps


def do(state: SessionState, *commands: Command) -> SessionState:
    """Carry out commands, in the loop orders that the state asks for."""
    for command in commands:
        state = reduce(timeline_of(ON.timeline, state), ON.tape, state, command)
    return state


def why_not(state: SessionState, command: Command) -> str:
    return refusal(timeline_of(ON.timeline, state), ON.tape, state, command)


def seen(state: SessionState) -> tuple[int, Depth | None]:
    """Position and effective depth: what the screen follows."""
    timeline = timeline_of(ON.timeline, state)
    return state.k, timeline.effective_depth(state.k, state.depth) if state.k < N else None


STATES = st.builds(
    SessionState,
    k=st.integers(0, N),
    depth=st.sampled_from(Depth),
    order=st.sampled_from(LoopOrder),
    show_absent=st.booleans(),
).map(lambda s: replace(s, k=min(s.k, timeline_of(ON.timeline, s).steps)))
MOVES = st.sampled_from([Over(), BackOver(), Into(), BackInto(), Out(), BackOut()])


def at_block_start(state: SessionState) -> SessionState:
    timeline = timeline_of(ON.timeline, state)
    state = replace(state, k=timeline.block(state.k, state.depth)[0])
    at_terms = (
        state.k < timeline.steps and timeline.effective_depth(state.k, state.depth) is Depth.TERM
    )
    if not state.show_absent and at_terms and is_absent(timeline, ON.tape, state.k):
        state = do(state, Over())
    return state


@given(STATES)
def test_back_over_undoes_over(state: SessionState) -> None:
    state = at_block_start(state)
    if why_not(state, Over()):
        return
    assert seen(do(state, Over(), BackOver())) == seen(state)


@given(STATES)
def test_back_out_undoes_into(state: SessionState) -> None:
    state = at_block_start(state)
    if why_not(state, Into()):
        return
    inside = do(state, Into())
    before, after = seen(state)[1], seen(inside)[1]
    assert before is not None
    assert after is not None
    assert after > before
    assert seen(do(inside, BackOut())) == seen(state)


@given(STATES, st.sampled_from(Depth))
def test_choosing_a_depth_keeps_the_position(state: SessionState, depth: Depth) -> None:
    assert do(state, SetDepth(depth)).k == state.k


@settings(max_examples=60)
@given(STATES, st.lists(MOVES, max_size=25))
def test_walks_stay_in_the_pass_and_refused_commands_change_nothing(
    state: SessionState, moves: list[Command]
) -> None:
    for move in moves:
        timeline = timeline_of(ON.timeline, state)
        reason = why_not(state, move)
        after = do(state, move)
        if reason:
            assert after is state
            assert reason.endswith(".")
        else:
            assert 0 <= after.k <= timeline.steps
            backwards = isinstance(move, BackOver | BackInto | BackOut)
            assert after.k <= state.k if backwards else after.k >= state.k
            assert after != state
        state = after


@given(STATES)
def test_over_runs_exactly_the_focus(state: SessionState) -> None:
    timeline = timeline_of(ON.timeline, state)
    if state.k == timeline.steps:
        return
    stop = focus_block(timeline, state)[1]
    after = do(state, Over())
    assert shown_position(timeline, state) == stop <= after.k
    skipped = range(stop, after.k)
    assert all(is_absent(timeline, ON.tape, k) for k in skipped)


def test_absent_steps_are_passed_unless_asked_for() -> None:
    start = do(SessionState(), GoToAddress(parse("conv1.input.grad"), Depth.TERM), BackOut())
    shown = do(replace(start, show_absent=True), SetDepth(Depth.TERM))
    visited = hidden = 0
    state, stop = shown, focus_block(ON.timeline, replace(shown, depth=Depth.TENSOR))[1]
    while state.k < stop:
        visited += 1
        state = do(state, Over())
    state = do(replace(shown, show_absent=False, k=shown.k - 1), Over())
    while state.k < stop:
        assert not is_absent(ON.timeline, ON.tape, state.k)
        hidden += 1
        state = do(state, Over())
    present = sum(not is_absent(ON.timeline, ON.tape, k) for k in range(shown.k, stop))
    assert visited == stop - shown.k > present == hidden


def test_walking_back_visits_the_same_terms() -> None:
    state = do(SessionState(), GoToAddress(parse("conv1.input.grad"), Depth.TERM))
    forward = [state.k]
    for _ in range(150):
        state = do(state, Over())
        forward.append(state.k)
    backward = [state.k]
    for _ in range(150):
        state = do(state, BackOver())
        backward.append(state.k)
    assert backward == forward[::-1]


def test_nothing_is_in_focus_at_the_end() -> None:
    end = do(SessionState(depth=Depth.TERM), ToEnd())
    assert end.k == N
    assert focus(ON.timeline, end) is None
    assert end.stopped.reason is StopReason.END
    for command in (Over(), Into(), Out(), ToEnd()):
        assert "ended" in why_not(end, command)
    assert do(end, BackOver()).k == N - 1
    assert do(end, BackOut()).depth < Depth.TERM
    assert do(end, ToStart()).k == 0


def test_the_first_block_has_nothing_before_it() -> None:
    assert "start" in why_not(SessionState(), BackInto())
    assert do(SessionState(), BackOver()) == START
    assert "whole pass" in why_not(SessionState(depth=Depth.PASS), Out())


def test_nothing_is_in_focus_at_the_start() -> None:
    assert focus(ON.timeline, START) is None
    assert shown_position(ON.timeline, START) == 0
    for command in (BackOver(), BackInto(), BackOut(), ContinueBack(), ToStart(), Out()):
        assert "start" in why_not(START, command)
    assert "start" in why_not(START, SetOrder(LoopOrder.SOURCE, everywhere=False))
    assert do(START, Continue()).stopped.reason is StopReason.END
    assert do(SessionState(k=17), ToStart()) == START
    assert do(SessionState(k=17), ContinueBack()) == START
    assert do(START, GoTo(0)).has_begun
    assert not do(START, SetOrder(LoopOrder.SOURCE)).has_begun


@given(st.sampled_from(Depth), st.sampled_from(LoopOrder), st.booleans())
def test_over_from_the_start_shows_the_first_block_and_back_over_undoes_it(
    depth: Depth, order: LoopOrder, show_absent: bool
) -> None:
    start = replace(START, depth=depth, order=order, show_absent=show_absent)
    first = do(start, Over())
    timeline = timeline_of(ON.timeline, first)
    assert first.has_begun
    assert focus_block(timeline, first) == timeline.block(0, depth)
    assert do(first, BackOver()) == start


@given(st.sampled_from(Depth))
def test_into_from_the_start_looks_inside_the_first_block(depth: Depth) -> None:
    start = replace(START, depth=depth)
    inside, first = do(start, Into()), do(start, Over())
    assert inside.k == first.k == 0
    deeper = do(first, Into())
    assert seen(inside) == seen(deeper)


@given(st.sampled_from(Depth), st.lists(MOVES, max_size=25))
def test_walks_from_the_start_lead_back_to_it(depth: Depth, moves: list[Command]) -> None:
    state = do(replace(START, depth=depth), *moves)
    while not why_not(state, BackOver()):
        before = state
        state = do(state, BackOver())
        assert state != before
    assert not state.has_begun


def test_continue_from_the_start_stops_in_the_first_block() -> None:
    mark = Breakpoint(phase=Phase.FORWARD)
    stopped = do(replace(START, breakpoints=(mark,)), Continue())
    assert (stopped.k, stopped.stopped.reason) == (0, StopReason.BREAKPOINT)
    assert do(stopped, ContinueBack()).has_begun is False


def test_a_leaf_says_why_there_is_nothing_inside() -> None:
    for text, words in (
        ("conv1.output[0,0,0,0]", "finest"),
        ("relu1.output[0,0,0,0]", "one step"),
        ("flatten1.output", "copies"),
    ):
        state = do(SessionState(), GoToAddress(parse(text), Depth.TERM))
        assert words in why_not(state, Into())


def test_back_into_looks_at_the_end_of_what_has_run() -> None:
    state = do(SessionState(depth=Depth.TENSOR), Over())
    inside = do(state, BackInto())
    assert inside.depth is Depth.CHANNEL
    assert focus_block(ON.timeline, inside)[1] == state.k


@pytest.mark.parametrize("order", LoopOrder)
def test_going_to_a_value_shows_it_complete(order: LoopOrder) -> None:
    start = do(SessionState(), SetOrder(order))
    timeline = timeline_of(ON.timeline, start)
    for text in (
        "conv1.output[1,1,2,1]",
        "pool1.output[0,1,1,0]",
        "pool1.switches[0,1,1,0]",
        "relu1.input[1,0,0,0]",
        "dense1.weight.grad[2,3]",
        "pool1.input.grad[1,1,1,1]",
        "conv1.weight.grad[1,0,2,1]",
        "conv1.bias.grad[1]",
        "conv1.input.grad[1,1,3,2]",
        "conv1.weight.velocity[0,0,0,0]",
        "dense1.weight.next[1,1]",
        "loss",
    ):
        address = parse(text)
        state = do(start, GoToAddress(address))
        assert state.depth >= (Depth.ELEMENT if address.indices else Depth.TENSOR)
        reading = value_at(timeline, ON.tape, shown_position(timeline, state), address)
        assert reading.standing is Standing.FINAL
        assert reading.value == ON.tape.value(address)
        before = value_at(timeline, ON.tape, state.k, address)
        assert before.standing in {Standing.PENDING, Standing.GROWING}


def test_where_no_step_leads() -> None:
    assert "given" in why_not(SessionState(), GoToAddress(parse("conv1.weight[0,0,0,0]")))
    assert "not in this pass" in why_not(SessionState(), GoToAddress(parse("conv9.output")))
    assert "outside" in why_not(SessionState(), GoToAddress(parse("conv1.output[9,0,0,0]")))
    assert f"from 1 to {N:,}" in why_not(SessionState(), GoTo(N + 1))
    assert do(SessionState(), GoTo(17)).k == 17


@given(STATES.filter(lambda s: s.depth is Depth.TERM))
def test_changing_the_order_keeps_the_term(state: SessionState) -> None:
    timeline = timeline_of(ON.timeline, state)
    if state.k == timeline.steps or is_absent(timeline, ON.tape, state.k):
        return
    other = LoopOrder.SOURCE if state.order is LoopOrder.TARGET else LoopOrder.TARGET
    changed = do(state, SetOrder(other))
    turned = timeline_of(ON.timeline, changed)
    operation = timeline.operation_at(state.k)
    assert turned.operation_at(changed.k) == operation
    if turned.nest(operation).rule.value in {"sum", "max"}:
        nest = timeline.nest(operation)
        cells = [
            t.loops(operation).target_at(t.coordinates(k), nest.shape)
            for t, k in ((timeline, state.k), (turned, changed.k))
        ]
        assert cells[0] == cells[1]
        factors = [
            sorted(
                str(o.at(ON.tape, t.coordinates(k)).address) for o in t.loops(operation).operands
            )
            for t, k in ((timeline, state.k), (turned, changed.k))
        ]
        assert factors[0] == factors[1]
    assert do(changed, SetOrder(state.order)).k == state.k


def test_an_order_for_one_operation_only() -> None:
    state = do(SessionState(), GoToAddress(parse("conv1.weight.grad")))
    changed = do(state, SetOrder(LoopOrder.SOURCE, everywhere=False))
    turned = timeline_of(ON.timeline, changed)
    assert sum(turned.orders) == 1
    assert turned.operation_at(changed.k) == ON.timeline.operation_at(state.k)
    first = do(SessionState(), GoTo(0))
    assert "one loop order" in why_not(first, SetOrder(LoopOrder.SOURCE, everywhere=False))


def test_a_step_that_is_not_there_is_counted_as_on_the_screen() -> None:
    told = why_not(START, GoTo(N + 1))
    assert told == f"There is no step {N + 2:,}: give a number from 1 to {N:,}."
