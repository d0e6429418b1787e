"""Breakpoints stop where a walk over all steps would, in both directions and both orders."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backpropviz.debugger.breakpoints import Breakpoint, Seeker
from backpropviz.debugger.commands import (
    AddWatch,
    ChangeBreakpoint,
    Command,
    Continue,
    ContinueBack,
    RemoveWatch,
    ToggleBreakpoint,
    TogglePin,
    reduce,
    refusal,
)
from backpropviz.debugger.progress import Standing, read_watches
from backpropviz.debugger.search import parse_condition
from backpropviz.debugger.session import SessionState, StopReason
from backpropviz.debugger.timeline import Depth, LoopOrder, operation_of
from backpropviz.engine.derivation import presence_of
from backpropviz.engine.nest import NestRule, Presence
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import Address, parse
from backpropviz.errors import UserError
from tests.debugger.passes import small_pass

ON = small_pass()


@lru_cache
def all_steps(order: LoopOrder) -> list[tuple[int, int, Address | None, float, bool]]:
    """(k, operation, cell, term, present) of each step."""
    timeline, tape = small_pass(order=order).timeline, ON.tape
    found: list[tuple[int, int, Address | None, float, bool]] = []
    for k in range(timeline.steps):
        operation = timeline.operation_at(k)
        nest = timeline.nest(operation)
        if nest.rule is NestRule.COPY:
            found.append((k, operation, nest.target, math.nan, False))
            continue
        coordinates, loops = timeline.coordinates(k), timeline.loops(operation)
        factors = tuple(o.at(tape, coordinates) for o in loops.operands)
        cell = loops.target_at(coordinates, nest.shape)
        address = None if cell is None else nest.target.at(cell)
        presence = presence_of(factors)
        counts = presence is not Presence.ABSENT and address is not None
        is_term = counts and presence is Presence.PRESENT and nest.rule is not NestRule.FUNCTION
        term = math.prod(f.value for f in factors) if is_term else math.nan
        found.append((k, operation, address if counts else None, term, is_term))
    return found


def expected(mark: Breakpoint, order: LoopOrder) -> list[int]:  # noqa: C901
    """All steps at which a conditional breakpoint stops, by a walk over all steps."""
    timeline, tape = small_pass(order=order).timeline, ON.tape
    condition = parse_condition(mark.condition)
    own = None if mark.address is None else operation_of(timeline, tape, mark.address)
    indices = () if mark.address is None else tape.resolve(mark.address).indices
    last: dict[Address, int] = {}
    hits = []
    for k, operation, address, term, present in all_steps(order):
        o = timeline.operations[operation]
        if mark.layer not in {None, o.layer} or own not in {None, operation}:
            continue
        if indices and address is not None and address.indices != indices:
            continue
        if condition.about_term:
            if present and bool(condition.mask(np.array(term))):
                hits.append(k)
        elif o.nest.rule is NestRule.COPY:
            if condition.mask(tape[o.nest.target]).any():
                hits.append(k)
        elif address is not None:
            last[address] = k
    for address, k in last.items():
        if bool(condition.mask(np.array(tape.value(address)))):
            by_target = timeline.orders[timeline.operation_at(k)] == 0
            hits.append(timeline.block(k, Depth.ELEMENT)[0] if by_target else k)
    return sorted(set(hits))


MARKS = st.builds(
    lambda place, condition: Breakpoint(condition=condition, **place),
    st.sampled_from(
        [
            {},
            {"layer": "conv1"},
            {"address": parse("conv1.weight.grad")},
            {"address": parse("conv1.input.grad")},
            {"address": parse("conv1.input.grad[1,1,2,2]")},
            {"address": parse("conv1.weight.grad[1,0,1,1]")},
            {"address": parse("dense1.input.grad")},
            {"address": parse("pool1.output")},
        ]
    ),
    st.sampled_from(
        ["abs(term) > 1", "term < -2", "value > 0.3", "value is zero", "is nan", "term is zero"]
    ),
)


@settings(max_examples=150, deadline=None)
@given(MARKS, st.sampled_from(LoopOrder), st.data())
def test_hits_are_those_of_a_walk(mark: Breakpoint, order: LoopOrder, data: st.DataObject) -> None:
    on = small_pass(order=order)
    k = data.draw(st.integers(0, on.timeline.steps - 1))
    hits = expected(mark, order)
    after = Seeker(on.timeline, on.tape, forward=True).nearest(mark, k)
    before = Seeker(on.timeline, on.tape, forward=False).nearest(mark, k)
    assert (after and after.k) == next((h for h in hits if h >= k), None)
    assert (before and before.k) == next((h for h in reversed(hits) if h <= k), None)


def test_large_searches_are_cut_into_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backpropviz.debugger.search._SLICE", 8)
    for order in LoopOrder:
        on = small_pass(order=order)
        mark = Breakpoint(layer="conv1", condition="abs(term) > 1")
        hits = expected(mark, order)
        seeker = Seeker(on.timeline, on.tape, forward=True)
        found, k = [], 0
        while (hit := seeker.nearest(mark, k)) is not None:
            found.append(hit.k)
            k = hit.k + 1
        assert found == hits


def test_a_search_can_be_given_up() -> None:
    class Given(Exception):  # noqa: N818
        pass

    def give_up() -> None:
        raise Given

    seeker = Seeker(ON.timeline, ON.tape, forward=True, proceed=give_up)
    with pytest.raises(Given):
        seeker.nearest(Breakpoint(condition="abs(term) > 1e-9"), 0)


def do(state: SessionState, *commands: Command) -> SessionState:
    for command in commands:
        assert not refusal(ON.timeline, ON.tape, state, command)
        state = reduce(ON.timeline, ON.tape, state, command)
    return state


def test_places_without_a_condition() -> None:
    marks = (
        Breakpoint(phase=Phase.LOSS),
        Breakpoint(phase=Phase.BACKWARD, layer="pool1"),
        Breakpoint(address=parse("conv1.weight.grad")),
        Breakpoint(address=parse("conv1.input.grad[0,0,0,0]")),
    )
    state = SessionState(depth=Depth.PASS)
    for mark in marks:
        state = do(state, ToggleBreakpoint(mark))
    names = []
    ks = []
    for _ in marks:
        state = do(state, Continue())
        step = ON.timeline.step(state.k, state.depth)
        names.append((step.target.name, step.depth))
        ks.append(state.k)
        assert state.stopped.reason is StopReason.BREAKPOINT
    assert names == [
        ("loss.max", Depth.PHASE),
        ("pool1.input.grad", Depth.LAYER),
        ("conv1.weight.grad", Depth.TENSOR),
        ("conv1.input.grad", Depth.ELEMENT),
    ]
    state = do(state, Continue())
    assert (state.k, state.stopped.reason) == (ON.timeline.steps, StopReason.END)
    back = []
    for _ in marks:
        state = do(state, ContinueBack())
        back.append(state.k)
    assert back == ks[::-1]
    assert do(state, ContinueBack()).k == 0


def test_a_value_scattered_to_stops_at_each_term() -> None:
    on = small_pass(order=LoopOrder.SOURCE)
    mark = Breakpoint(address=parse("conv1.input.grad[0,0,2,2]"))
    state = replace(SessionState(depth=Depth.TENSOR, order=LoopOrder.SOURCE), breakpoints=(mark,))
    stops = []
    while True:
        state = reduce(on.timeline, on.tape, state, Continue())
        if state.stopped.reason is StopReason.END:
            break
        stops.append(state.k)
    own = [k for k, *_ in all_steps(LoopOrder.SOURCE)]
    wanted = [k for k, _, address, _, _ in all_steps(LoopOrder.SOURCE) if address == mark.address]
    assert len(own) == on.timeline.steps
    assert stops == wanted
    assert len(stops) > 1


def test_at_term_depth_continue_goes_both_ways() -> None:
    mark = Breakpoint(address=parse("conv1.input.grad"))
    state = replace(SessionState(depth=Depth.TERM), breakpoints=(mark,))
    there = do(state, Continue())
    assert do(there, ContinueBack()).k == 0
    assert do(there, Continue()).k == ON.timeline.steps


def test_ignored_hits_are_counted_and_passed() -> None:
    mark = Breakpoint(layer="conv1", condition="abs(term) > 1", ignore=3)
    state = do(replace(SessionState(), breakpoints=(mark,)), Continue())
    assert state.k == expected(mark, LoopOrder.TARGET)[3]
    assert state.breakpoints[0].hits == 4
    again = do(state, Continue())
    assert again.k == expected(mark, LoopOrder.TARGET)[4]


def test_a_switched_off_breakpoint_does_not_stop() -> None:
    mark = Breakpoint(address=parse("conv1.weight.grad"))
    state = do(SessionState(), ToggleBreakpoint(mark))
    off = do(state, ChangeBreakpoint(mark, replace(mark, enabled=False)))
    assert do(off, Continue()).k == ON.timeline.steps
    assert do(off, ToggleBreakpoint(mark)).breakpoints == ()


def test_breakpoints_that_mean_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="place or a condition"):
        Breakpoint()
    with pytest.raises(UserError, match="comparison"):
        Breakpoint(condition="value")
    for mark, words in (
        (Breakpoint(address=parse("conv1.weight")), "given"),
        (Breakpoint(address=parse("conv7.weight")), "not in this pass"),
        (Breakpoint(layer="conv7"), "conv7"),
    ):
        assert words in refusal(ON.timeline, ON.tape, SessionState(), ToggleBreakpoint(mark))


def test_watches_read_the_value_after_the_focus() -> None:
    texts = ("image[0,0,0,0]", "conv1.output[0,0,0,0]", "conv1.output[0,0,0,1]", "loss")
    state = SessionState(k=13, depth=Depth.TERM)
    state = do(state, *(AddWatch(parse(text)) for text in texts))
    readings = [w.reading for w in read_watches(ON.timeline, ON.tape, state)]
    assert all(readings)
    assert [r.standing for r in readings if r] == [
        Standing.GIVEN,
        Standing.GROWING,
        Standing.PENDING,
        Standing.PENDING,
    ]
    assert readings[1] is not None
    assert readings[1].done == 14
    assert readings[2] is not None
    assert readings[2].value is None
    assert "already" in refusal(ON.timeline, ON.tape, state, AddWatch(parse("loss")))
    assert "outside" in refusal(ON.timeline, ON.tape, state, AddWatch(parse("loss.grad[3]")))
    assert do(state, RemoveWatch(parse("loss"))).watches == tuple(map(parse, texts[:3]))
    pinned = do(state, TogglePin(parse("loss")))
    assert pinned.pins == (parse("loss"),)
    assert do(pinned, TogglePin(parse("loss"))).pins == ()
