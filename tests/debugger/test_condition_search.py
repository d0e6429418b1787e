"""Conditions on operands, indices and other values of the pass stop where a walk would."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backpropviz.debugger.breakpoints import Breakpoint, Seeker
from backpropviz.debugger.commands import ChangeBreakpoint, ToggleBreakpoint, refusal
from backpropviz.debugger.search import parse_condition
from backpropviz.debugger.session import SessionState
from backpropviz.debugger.timeline import Depth, LoopOrder, operation_of
from backpropviz.engine.derivation import presence_of
from backpropviz.engine.nest import NestRule, Presence
from backpropviz.engine.value import Address, parse
from backpropviz.errors import UserError
from tests.debugger.passes import small_pass

TAPE = small_pass().tape


@lru_cache
def walked(order: LoopOrder) -> list[tuple[int, int, Address | None, dict[str, float], bool]]:
    """(k, operation, cell, all that a term can be asked, present) of each step."""
    timeline = small_pass(order=order).timeline
    found: list[tuple[int, int, Address | None, dict[str, float], bool]] = []
    sums: dict[Address, float] = {}
    for k in range(timeline.steps):
        operation = timeline.operation_at(k)
        nest = timeline.nest(operation)
        if nest.rule is NestRule.COPY:
            continue
        coordinates, loops = timeline.coordinates(k), timeline.loops(operation)
        factors = tuple(o.at(TAPE, coordinates) for o in loops.operands)
        cell = loops.target_at(coordinates, nest.shape)
        presence = presence_of(factors)
        counts = presence is not Presence.ABSENT and cell is not None
        is_term = counts and presence is Presence.PRESENT and nest.rule is not NestRule.FUNCTION
        names: dict[str, float] = {
            axis.name: c for axis, c in zip(loops.axes, coordinates, strict=True)
        }
        names |= {name: f.value for name, f in zip("ab", factors, strict=False)}
        address = nest.target.at(cell) if cell is not None and counts else None
        if is_term:
            names["term"] = math.prod(f.value for f in factors)
        if is_term and address is not None and nest.rule is NestRule.SUM:
            initial = nest.by_target.initial
            first = (*nest.element_at(address.indices), *(0,) * nest.by_target.term_axes)
            start = 0.0 if initial is None else initial.at(TAPE, first).value
            names["prev"] = sums.get(address, start)
            names["sum"] = sums[address] = names["prev"] + names["term"]
        found.append((k, operation, address, names, is_term))
    return found


def by_python(text: str, names: dict[str, Any]) -> bool:
    """The condition as Python reads it; where the operation lacks a name it meets nothing."""
    if not parse_condition(text).names <= names.keys():
        return False
    known = {"loss": TAPE.loss, "largest": float(TAPE["conv1.weight"].max())}
    text = text.replace("max(conv1.weight)", "largest")
    with np.errstate(all="ignore"):
        return bool(eval(text, {**known, **names}))  # noqa: S307  (our own texts)


def expected(text: str, place: Address | None, order: LoopOrder) -> list[int]:
    timeline = small_pass(order=order).timeline
    own = None if place is None else operation_of(timeline, TAPE, place)
    indices = () if place is None else TAPE.resolve(place).indices
    about_term, last, hits = parse_condition(text).about_term, dict[Address, int](), []
    for k, operation, address, names, is_term in walked(order):
        if own not in {None, operation} or (indices and address and address.indices != indices):
            continue
        if about_term and is_term and by_python(text, names):
            hits.append(k)
        elif not about_term and address is not None:
            last[address] = k
    for address, k in last.items():
        nest = timeline.nest(timeline.operation_at(k))
        axes = (nest.by_target.axes[index.axis].name for index in nest.by_target.target)
        names = {**dict(zip(axes, address.indices, strict=True)), "value": TAPE.value(address)}
        if by_python(text, names):
            by_target = timeline.orders[timeline.operation_at(k)] == 0
            hits.append(timeline.block(k, Depth.ELEMENT)[0] if by_target else k)
    return sorted(set(hits))


TEXTS = (
    "a < 0 and b > 0",
    "abs(term) > 2 * abs(b) and i == 1",
    "term > a + b",
    "a == 0",
    "term > max(conv1.weight)",
    "abs(term) > loss / 10 and not (j == 0 or j == 2)",
    "0 < term < a",
    "sum > 0.5 and prev <= 0.5",
    "sum * prev < 0",
    "abs(term) > 0.5 * abs(sum) and sum != term",
    "prev == 0 and a > 1",
    "a * 2 > 1 and b * b > 0.25 and term != 0",
    "min(a, b) > 0.5",
    "term % 1 > 0.9",
    "a > 1 or i + j == 3",
    "value > loss",
    "value > 0.1 and y == x",
    "value < 0 and u == 1 or value > 0 and c == 1",
    "value * 2 > abs(value) + 0.5",
    "value > 5 and value < 1 + 1",
    "o == 1 and value > 0",
)
PLACES = (
    None,
    "conv1.weight.grad",
    "conv1.input.grad",
    "conv1.input.grad[1,1,2,2]",
    "conv1.weight.grad[1,0,1,1]",
    "conv1.output",
    "dense1.input.grad",
    "pool1.input.grad",
)


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(TEXTS), st.sampled_from(PLACES), st.sampled_from(LoopOrder), st.data())
def test_hits_are_those_of_a_walk(
    text: str, place: str | None, order: LoopOrder, data: st.DataObject
) -> None:
    on = small_pass(order=order)
    address = None if place is None else parse(place)
    mark = Breakpoint(address=address, condition=text)
    hits = expected(text, address, order)
    k = data.draw(st.integers(0, on.timeline.steps - 1))
    if hits:
        k = data.draw(st.one_of(st.just(k), st.sampled_from(hits)))
    after = Seeker(on.timeline, on.tape, forward=True).nearest(mark, k)
    before = Seeker(on.timeline, on.tape, forward=False).nearest(mark, k)
    assert (after and after.k) == next((h for h in hits if h >= k), None)
    assert (before and before.k) == next((h for h in reversed(hits) if h <= k), None)


def test_the_texts_meet_something() -> None:
    """Else the comparison above compares nothing with nothing."""
    met = [text for text in TEXTS if expected(text, None, LoopOrder.TARGET)]
    assert len(met) >= len(TEXTS) - 2


def test_small_slices_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backpropviz.debugger.search._SLICE", 8)
    for order in LoopOrder:
        on = small_pass(order=order)
        for text in TEXTS[::4]:
            mark = Breakpoint(layer="conv1", condition=text)
            own = {n for n, o in enumerate(on.timeline.operations) if o.layer == "conv1"}
            seeker = Seeker(on.timeline, on.tape, forward=True)
            found, k = [], 0
            while (hit := seeker.nearest(mark, k)) is not None:
                found.append(hit.k)
                k = hit.k + 1
            every = expected(text, None, order)
            assert found == [h for h in every if on.timeline.operation_at(h) in own]


def refused(condition: str, place: str = "", state: SessionState | None = None) -> str:
    on = small_pass()
    mark = Breakpoint(address=parse(place) if place else None, condition=condition)
    return refusal(on.timeline, on.tape, state or SessionState(), ToggleBreakpoint(mark))


@pytest.mark.parametrize(
    ("condition", "place", "words"),
    [
        ("value between 5 and 1", "", "No number"),
        ("abs(term) < 0", "", "No number"),
        ("value > 1 and value < 1", "", "No number"),
        ("value is nan and value is infinite", "", "No number"),
        ("value > 1 and not value >= 1", "", "No number"),
        ("value > ∞", "", "No number"),
        ("term > 1", "relu1.output", "has terms"),
        ("value > 1 and k == 1", "conv1.output", "name its own"),
        ("term > 1 and u == 0", "conv1.output", "name its own"),
        ("value > conv7.weight[0,0,0,0]", "", "not in this pass"),
        ("value > conv1.weight", "", "array"),
        ("value > conv1.weight[9,0,0,0]", "", "outside"),
    ],
)
def test_a_condition_that_can_never_hold_is_said_when_it_is_set(
    condition: str, place: str, words: str
) -> None:
    assert words in refused(condition, place)


@pytest.mark.parametrize(
    "condition",
    ["value between 1 and 5", "value > 1 or value < 1", "value >= 1 and value <= 1", "term is nan"],
)
def test_a_condition_that_can_hold_is_set(condition: str) -> None:
    assert refused(condition) == ""


def test_what_is_set_already_can_be_switched_off_and_removed() -> None:
    """A session may hold a condition that an older version accepted."""
    on = small_pass()
    mark = Breakpoint(condition="value between 5 and 1")
    state = SessionState(breakpoints=(mark,))
    assert refused(mark.condition, state=state) == ""
    off = Breakpoint(condition=mark.condition, enabled=False)
    assert refusal(on.timeline, on.tape, state, ChangeBreakpoint(mark, off)) == ""


def test_a_condition_speaks_of_one_thing() -> None:
    for text, words in (
        ("loss > 1", "no value and no term"),
        ("i == 1", "no value and no term"),
        ("a > 1 and value > 1", "one of them"),
        ("max(value) > 1", "an array"),
        ("value", "comparison"),
        ("value and value > 1", "comparison"),
    ):
        with pytest.raises(UserError, match=words):
            parse_condition(text)
