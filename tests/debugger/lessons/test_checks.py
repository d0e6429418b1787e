"""Checks on the real state, and “Show me”."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.commands import (
    AddWatch,
    Command,
    Continue,
    GoTo,
    GoToAddress,
    Into,
    Over,
    SetDepth,
    SetOrder,
    ToEnd,
    ToggleBreakpoint,
    TogglePin,
    reduce,
)
from backpropviz.debugger.session import SavedSubject, SessionState, StopReason, timeline_of
from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.engine.nest import NestRule
from backpropviz.engine.tape import Phase, explain_value
from backpropviz.engine.value import parse
from backpropviz.lessons.check import (
    Check,
    ShowMe,
    focused_value,
    is_met,
    missing,
    parse_expression,
    read_values,
)
from backpropviz.lessons.lesson import LessonPass, LessonStart, opening, switch_needed
from backpropviz.lessons.lesson import check as left_to_do
from tests.debugger.lessons.passes import bundled, pass_of
from tests.debugger.passes import small_pass

ON = pass_of(LessonPass("tiny-max"))
GRAD = parse("conv1.weight.grad[0,0,0,1]")


def after(*commands: Command, state: SessionState | None = None) -> SessionState:
    found = state or SessionState()
    for command in commands:
        found = reduce(timeline_of(ON.timeline, found), ON.tape, found, command)
    return found


def left(check: Check, state: SessionState) -> tuple[str, ...]:
    return missing(check, timeline_of(ON.timeline, state), ON.tape, state)


CASES: list[tuple[Check, tuple[Command, ...], str]] = [
    (Check(focus=GRAD), (GoToAddress(GRAD),), "Go to conv1.weight.grad[0,0,0,1]"),
    (Check(focus=GRAD.array), (GoToAddress(GRAD),), "Go to conv1.weight.grad:"),
    (Check(focus=parse("image.grad[0,0,1,1]")), (GoToAddress(parse("conv1.input.grad[0,0,1,1]")),),
     "Go to image.grad"),
    (Check(focus=parse("loss")), (GoToAddress(parse("loss")),), "Go to loss"),
    (Check(depth=Depth.TERM), (SetDepth(Depth.TERM),), "Go deeper, with Into"),
    (Check(depth=Depth.LAYER), (SetDepth(Depth.LAYER),), "less deep, with Out"),
    (Check(order=LoopOrder.SOURCE), (SetOrder(LoopOrder.SOURCE),), "by source"),
    (Check(phase=Phase.UPDATE), (GoToAddress(parse("conv1.weight.next")),), "the update phase"),
    (Check(layer="pool1"), (GoToAddress(parse("pool1.output")),), "the layer pool1"),
    (Check(focus=GRAD, reads=parse("image[0,0,0,1]")), (GoToAddress(GRAD), Into()), "reads image"),
    (Check(computed=(parse("loss"),)), (GoToAddress(parse("loss")),), "until loss is computed"),
    (Check(watching=(GRAD,)), (AddWatch(GRAD),), "Add a watch on conv1.weight.grad[0,0,0,1]."),
    (Check(watching=(parse("conv1.output"),)), (AddWatch(parse("pool1.input")),), "Add a watch"),
    (Check(pinned=(GRAD,)), (TogglePin(GRAD),), "Pin conv1.weight.grad[0,0,0,1]"),
    (Check(breakpoint=Breakpoint(address=GRAD)), (ToggleBreakpoint(Breakpoint(address=GRAD)),),
     "Set a breakpoint: conv1.weight.grad[0,0,0,1]."),
    (Check(breakpoint=Breakpoint(layer="pool1")),
     (ToggleBreakpoint(Breakpoint(layer="pool1", condition="value > 1")),), "breakpoint: pool1"),
    (Check(stopped=StopReason.END), (ToEnd(),), "to its end"),
    (Check(stopped=StopReason.BREAKPOINT, breakpoint=Breakpoint(layer="pool1")),
     (ToggleBreakpoint(Breakpoint(layer="pool1")), Continue()), "until a breakpoint stops you"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "commands", "words"), CASES)
def test_a_check_is_met_by_its_own_commands(
    check: Check, commands: tuple[Command, ...], words: str
) -> None:
    assert words in " ".join(left(check, SessionState()))
    assert left(check, after(*commands)) == ()


@pytest.mark.parametrize(("check", "commands", "words"), CASES)
def test_show_me_meets_every_check(check: Check, commands: tuple[Command, ...], words: str) -> None:
    for start in (SessionState(), after(SetOrder(LoopOrder.SOURCE)), after(ToEnd())):
        assert ShowMe(check).refusal(ON, start) == ""
        assert left(check, after(ShowMe(check), state=start)) == ()


def test_what_is_met_stays_as_it_is() -> None:
    state = after(GoToAddress(GRAD), Into())
    asked = Check(focus=GRAD)
    assert after(ShowMe(asked), state=state) == state


def test_pending_is_what_the_screen_does_not_show_yet() -> None:
    asked = Check(pending=(GRAD,))
    assert left(asked, SessionState()) == ()
    assert left(asked, after(ToEnd()))
    assert left(asked, after(ShowMe(asked), state=after(ToEnd()))) == ()


def test_the_pass_itself_is_checked() -> None:
    assert left(Check(target=(6.0,)), SessionState()) == ()
    assert left(Check(target=(7.0,)), SessionState()) == ("Set the target to 7.",)
    assert left(Check(target=(6.0, 1.0)), SessionState())
    assert left(Check(optimizer="sgd"), SessionState()) == ()
    assert left(Check(optimizer="adam"), SessionState()) == ("Choose the optimizer adam.",)
    holds = parse_expression("conv1.output[0,0,1,0] > conv1.output[0,0,1,1]")
    assert left(Check(holds=holds), SessionState()) == ()
    wrong = parse_expression("loss > 3")
    assert left(Check(holds=wrong), SessionState()) == ("Make this true: loss > 3.",)
    assert left(Check(holds=parse_expression("nowhere.output > 3")), SessionState())
    assert after(ShowMe(Check(target=(7.0,)))) == SessionState()


def test_one_value_by_source_is_in_focus_at_its_terms_only() -> None:
    state = after(SetOrder(LoopOrder.SOURCE), GoToAddress(GRAD, Depth.ELEMENT))
    assert left(Check(focus=GRAD), state)
    assert left(Check(focus=GRAD.array), state) == ()
    state = after(SetOrder(LoopOrder.SOURCE), GoToAddress(GRAD, Depth.TERM))
    assert left(Check(focus=GRAD, order=LoopOrder.SOURCE), state) == ()


def test_a_source_is_read_by_its_whole_block() -> None:
    source = parse("conv1.output.grad[0,0,1,0]")
    asked = Check(
        focus=GRAD.array, order=LoopOrder.SOURCE, depth=Depth.ELEMENT, reads=source
    )  # fmt: skip
    state = after(ShowMe(asked))
    assert left(asked, state) == ()
    assert left(asked, after(Over(), state=state))


def test_the_end_is_told() -> None:
    state = after(ToEnd())
    assert "the pass has ended" in left(Check(focus=GRAD), state)[0]
    assert "the pass has ended" in left(Check(depth=Depth.TERM), state)[0]


def test_a_disabled_breakpoint_does_not_count() -> None:
    mark = Breakpoint(address=GRAD)
    state = SessionState(breakpoints=(replace(mark, enabled=False),))
    assert left(Check(breakpoint=mark), state)


SMALL = small_pass()


@settings(max_examples=200, deadline=None)
@given(st.integers(0, SMALL.timeline.steps - 1), st.sampled_from(LoopOrder))
def test_what_a_term_reads_is_in_the_derivation_of_what_it_makes(k: int, order: LoopOrder) -> None:
    timeline = SMALL.timeline.ordered(order, {})
    state = SessionState(k=min(k, timeline.steps - 1), depth=Depth.TERM, order=order)
    value = focused_value(timeline, state)
    if value is None:
        nest = timeline.nest(timeline.operation_at(state.k))
        assert nest.rule is NestRule.COPY or len(nest.orders) > 1
        return
    known = {
        SMALL.tape.resolve(operand.address)
        for term in explain_value(SMALL.tape, value).terms
        for operand in term.operands
        if operand.address is not None
    }
    assert read_values(timeline, SMALL.tape, state) <= known


def test_show_me_refuses_what_cannot_be() -> None:
    assert "Go to conv1.weight" in ShowMe(Check(focus=parse("conv1.weight"))).refusal(
        ON, SessionState()
    )
    state = after(GoTo(5))
    assert after(ShowMe(Check(focus=parse("conv1.weight"))), state=state) == state


def test_a_lesson_opens_where_it_says() -> None:
    assert opening(LessonStart(), ON.timeline, ON.tape) == SessionState()
    start = LessonStart(GRAD.array, Depth.ELEMENT, LoopOrder.SOURCE)
    state = opening(start, ON.timeline, ON.tape)
    asked = Check(focus=GRAD.array, depth=Depth.ELEMENT, order=LoopOrder.SOURCE)
    assert is_met(asked, timeline_of(ON.timeline, state), ON.tape, state)


def test_another_network_asks_to_switch() -> None:
    wanted = LessonPass("tiny-max")
    assert switch_needed(wanted, SavedSubject("tiny-max", None, "6")) == ""
    assert "lenet is open: switch to tiny-max" in switch_needed(wanted, SavedSubject("lenet"))
    assert "no network is open" in switch_needed(wanted, None)


def test_a_learner_gets_there_with_the_keys() -> None:
    """The first lesson's second and third step, as their texts tell: go to, into, over."""
    lesson = bundled("one-filter-many-positions")
    second, third = lesson.steps[1], lesson.steps[2]
    timeline, tape, _ = pass_of(second.on)
    state = SessionState()
    for command in (GoToAddress(parse("conv1.output[0,0,0,0]")), Into()):
        assert left_to_do(second, state, timeline, tape)
        state = reduce(timeline, tape, state, command)
    assert left_to_do(second, state, timeline, tape) == ()
    for _ in range(4):
        assert left_to_do(third, state, timeline, tape)
        state = reduce(timeline, tape, state, Over())
    assert left_to_do(third, state, timeline, tape) == ()
