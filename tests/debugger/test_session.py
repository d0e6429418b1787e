"""Sessions: saved, read back, and found again on another pass."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.session import (
    JumpHistory,
    SavedPlace,
    SavedSubject,
    SessionState,
    StopCause,
    StopReason,
    Visit,
    from_json,
    place_of,
    position_of,
    restore,
    save,
    timeline_of,
    to_json,
)
from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from tests.debugger.passes import small_pass

ON = small_pass()
SUBJECT = SavedSubject("lenet", "mnist:17", "7", {"float": 32, "reduction": "mean", "rate": 0.1})
STATE = SessionState(
    k=2000,
    depth=Depth.ELEMENT,
    order=LoopOrder.SOURCE,
    overrides=((14, LoopOrder.TARGET),),
    breakpoints=(
        Breakpoint(phase=Phase.BACKWARD, layer="conv1"),
        Breakpoint(address=parse("conv1.weight.grad"), condition="abs(term) > 1", ignore=2),
    ),
    watches=(parse("loss"),),
    pins=(parse("conv1.output[0,0,0,0]"),),
)


def saved() -> dict[str, Any]:
    session = save(SUBJECT, timeline_of(ON.timeline, STATE), STATE)
    read: dict[str, Any] = json.loads(json.dumps(to_json(session)))
    return read


def test_a_session_comes_back_as_it_was() -> None:
    session = from_json(saved())
    state = restore(session, ON.timeline)
    assert session.subject == SUBJECT
    assert (state.k, state.depth, state.order) == (STATE.k, STATE.depth, STATE.order)
    assert state.overrides == STATE.overrides
    assert state.breakpoints == STATE.breakpoints
    assert (state.watches, state.pins) == (STATE.watches, STATE.pins)


@given(st.integers(0, ON.timeline.steps))
def test_a_place_is_its_step(k: int) -> None:
    assert position_of(ON.timeline, place_of(ON.timeline, k)) == k


def test_the_same_place_is_found_in_a_longer_pass() -> None:
    short, long = small_pass(1).timeline, ON.timeline
    place = place_of(short, short.starts[18] + 7)
    found = position_of(long, place)
    assert found is not None
    assert place_of(long, found) == place
    assert position_of(long, SavedPlace(parse("conv9.output"))) is None
    beyond = SavedPlace(parse("conv1.output"), (9, 9, 9, 9, 9, 9, 9))
    assert position_of(long, beyond) == long.starts[0]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("version", 9, "version 9"),
        ("depth", "deep", '"pass", "phase"'),
        ("order", 3, '"target", "source"'),
        ("show_absent", "no", "true or false"),
        ("place", [], "fields"),
        ("watches", ["a b"], "not an address"),
        ("watches", [3], "text"),
        ("breakpoints", [{}], "condition"),
        ("settings", {"float": []}, "number"),
        ("overrides", {"conv1.weight.grad": "sideways"}, '"target", "source"'),
    ],
)
def test_damaged_sessions_are_explained(field: str, value: object, words: str) -> None:
    with pytest.raises(UserError) as error:
        from_json(saved() | {field: value})
    assert words in str(error.value)


def test_a_missing_field_is_named() -> None:
    for field in ("network", "depth", "place", "breakpoints"):
        data = saved()
        del data[field]
        with pytest.raises(UserError, match=field):
            from_json(data)
    with pytest.raises(UserError, match="fields"):
        from_json([])


def test_history_goes_back_and_forward() -> None:
    a, b, c = (Visit(k, Depth.TERM) for k in range(3))
    history = JumpHistory().left(a).left(b)
    found = history.back(c)
    assert found is not None
    visit, history = found
    assert visit == b
    assert history.forward(b) == (c, JumpHistory((a, b)))
    assert JumpHistory().back(a) is None
    assert JumpHistory().forward(a) is None


def test_the_start_is_found_again_and_old_sessions_open_at_their_first_block() -> None:
    timeline = small_pass().timeline
    start = SessionState(stopped=StopCause(StopReason.START))
    kept = from_json(to_json(save(SUBJECT, timeline, start)))
    assert restore(kept, timeline) == start
    first = from_json(to_json(save(SUBJECT, timeline, SessionState())))
    assert restore(first, timeline).has_begun
