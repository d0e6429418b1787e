"""Steps, blocks and extents of a pass, compared with the plain concatenation of its nests."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.debugger.progress import call_stack
from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.engine.nest import NestRule
from tests.debugger.passes import small_pass

ORDERS = st.sampled_from(LoopOrder)
DEPTHS = st.sampled_from(Depth)


@pytest.mark.parametrize("order", LoopOrder)
def test_steps_are_the_nests_one_after_the_other(order: LoopOrder) -> None:
    timeline = small_pass(order=order).timeline
    k = 0
    for number, operation in enumerate(timeline.operations):
        nest = operation.nest
        sizes = () if nest.rule is NestRule.COPY else timeline.loops(number).sizes
        for coordinates in np.ndindex(*sizes):
            assert timeline.operation_at(k) == number
            assert timeline.coordinates(k) == coordinates
            assert timeline.position(number, timeline.coordinates(k)) == k
            k += 1
    assert k == timeline.steps


def test_there_is_no_step_beyond_the_last() -> None:
    timeline = small_pass().timeline
    with pytest.raises(IndexError, match="step"):
        timeline.operation_at(timeline.steps)
    assert timeline.block(timeline.steps, Depth.TERM) == (timeline.steps, timeline.steps)
    assert call_stack(timeline, timeline.steps, Depth.TERM) == ()


@given(ORDERS, DEPTHS, st.data())
def test_blocks_of_a_depth_tile_the_pass(
    order: LoopOrder, depth: Depth, data: st.DataObject
) -> None:
    timeline = small_pass(order=order).timeline
    k = data.draw(st.integers(0, timeline.steps - 1))
    start, stop = timeline.block(k, depth)
    assert 0 <= start <= k < stop <= timeline.steps
    inside = data.draw(st.integers(start, stop - 1))
    assert timeline.effective_depth(inside, Depth.TENSOR) <= Depth.TENSOR
    if depth >= Depth.TENSOR:
        assert timeline.block(inside, depth) == (start, stop)
    deeper_start, deeper_stop = timeline.block(k, Depth(min(depth + 1, Depth.TERM)))
    assert start <= deeper_start < deeper_stop <= stop


@given(ORDERS, DEPTHS, st.data())
def test_call_stack_frames_enclose_each_other(
    order: LoopOrder, depth: Depth, data: st.DataObject
) -> None:
    timeline = small_pass(order=order).timeline
    k = data.draw(st.integers(0, timeline.steps - 1))
    frames = call_stack(timeline, k, depth)
    assert frames[0].depth is Depth.PASS
    assert frames[-1].depth is timeline.effective_depth(k, depth)
    for outer, inner in pairwise(frames):
        assert outer.depth < inner.depth
        assert outer.start <= inner.start <= k < inner.stop <= outer.stop
    for frame in frames:
        assert 0 <= frame.ordinal < frame.total
        assert (frame.start, frame.stop) == timeline.block(k, frame.depth)
    inner_frames = [f for f in frames if f.depth > Depth.TENSOR]
    for outer, inner in zip(frames[-len(inner_frames) - 1 :], inner_frames, strict=False):
        assert inner.start == outer.start + inner.ordinal * (inner.stop - inner.start)


def test_depths_that_nests_have() -> None:
    timeline = small_pass().timeline
    depths = {
        o.nest.target.name: timeline.depths_at(timeline.starts[k])[4:]
        for k, o in enumerate(timeline.operations)
    }
    channel, element, term = Depth.CHANNEL, Depth.ELEMENT, Depth.TERM
    assert depths["conv1.output"] == (channel, element, term)
    assert depths["conv1.bias.grad"] == (element, term)
    assert depths["relu1.output"] == (channel, element)
    assert depths["flatten1.output"] == ()
    assert depths["dense1.weight.grad"] == (element, term)
    assert depths["dense1.weight.next"] == (element,)
    assert depths["loss"] == (element, term)
    assert timeline.effective_depth(timeline.starts[4], channel) is Depth.TENSOR


def test_extents_cover_the_pass_in_order() -> None:
    timeline = small_pass().timeline
    for extents in (timeline.phases, timeline.layers, timeline.tensors):
        assert extents[0].start == 0
        assert extents[-1].stop == timeline.steps
        assert all(a.stop == b.start for a, b in pairwise(extents))
    assert [e.phase.value for e in timeline.phases] == ["forward", "loss", "backward", "update"]
    backward = [e.layer for e in timeline.layers if e.phase.value == "backward"]
    assert backward == ["loss", "dense1", "flatten1", "pool1", "relu1", "conv1"]


def test_one_operation_may_have_its_own_order() -> None:
    timeline = small_pass().timeline
    operation = next(k for k, o in enumerate(timeline.operations) if len(o.nest.orders) > 1)
    changed = timeline.ordered(LoopOrder.TARGET, {operation: LoopOrder.SOURCE})
    assert [k for k, order in enumerate(changed.orders) if order] == [operation]
    assert timeline.ordered(LoopOrder.TARGET, {}) is timeline
