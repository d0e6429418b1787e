"""A range is a frame a block, both ends included, and each frame is what the screen shows there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from backpropviz.figures.frames import MOST_FRAMES, blocks_between, frames, offered_ranges
from backpropviz.figures.stage.stage import stage
from backpropviz.scene.marks import Text
from backpropviz.scene.theme import LIGHT
from tests.figures.map_views import at, start

SIZE = (960.0, 640.0)


@pytest.mark.parametrize(
    ("first", "last", "depth", "count"),
    [
        ("conv1.weight.grad[0,0,0,0]", "conv1.weight.grad[0,0,1,1]", Depth.ELEMENT, 4),
        ("conv1.weight.grad[0,0,0,0]", "conv1.weight.grad[0,0,0,0]", Depth.ELEMENT, 1),
        ("conv1.output", "conv1.weight.next", Depth.LAYER, 7),
        (0, 104, Depth.PHASE, 4),
        (0, 105, Depth.PHASE, 5),
        (0, 15, Depth.TERM, 16),
        (105, 105, Depth.TERM, 1),
    ],
)
def test_a_frame_a_block_both_ends_included(
    first: int | str, last: int | str, depth: Depth, count: int
) -> None:
    found = frames(start("tiny-max"), first, last, depth, SIZE, LIGHT)
    assert found.count == len(found) == count
    assert len({scene.title for scene in found}) <= count
    assert sum(1 for _ in found) == count


def test_frames_are_the_stage_at_each_block() -> None:
    view = start("tiny-max")
    found = frames(view, 39, 54, Depth.ELEMENT, SIZE, LIGHT)
    assert found.positions == (39, 43, 47, 51)
    for position, scene in zip(found.positions, found, strict=True):
        there = at(view, position, Depth.ELEMENT)
        expected = stage(there, *SIZE, LIGHT)
        assert scene.title == expected.title
        *marks, numbers = scene.walk()
        assert [type(m) for m in marks] == [type(m) for m in expected.walk()]
        assert isinstance(numbers, Text)
        assert numbers.text == f"steps {position + 1}–{position + 4} of 105"


@pytest.mark.parametrize(
    ("first", "last", "depth", "positions"),
    [
        ("1", "1", Depth.TERM, (0,)),
        ("41", "43", Depth.TERM, (40, 41, 42)),
        ("105", "end", Depth.TERM, (104, 105)),
        ("start", "2", Depth.TERM, (0, 1)),
        ("1,0,5", "step 105", Depth.TERM, (104,)),
        ("conv1.weight.grad[0,0,0,1]", "conv1.weight.grad[0,0,0,1]", Depth.TERM, None),
        ("conv1.weight.grad", "conv1.weight.grad", Depth.ELEMENT, None),
    ],
)
def test_steps_count_from_one_and_the_end_is_complete(
    first: str, last: str, depth: Depth, positions: tuple[int, ...] | None
) -> None:
    found = frames(start("tiny-max"), first, last, depth, SIZE, LIGHT)
    assert found.positions == positions if positions else found.count == 4


def test_the_numbers_of_the_steps_stand_in_the_frame() -> None:
    view = start("tiny-max")
    for place, depth, told in (
        ("41", Depth.TERM, "step 41 of 105"),
        ("1", Depth.TENSOR, "steps 1–16 of 105"),
        ("end", Depth.TERM, "all 105 steps"),
    ):
        (scene,) = frames(view, place, place, depth, SIZE, LIGHT)
        assert told in {m.text for m in scene.walk() if isinstance(m, Text)}


def test_what_lies_around_a_step_is_offered() -> None:
    view = start("lenet")
    place = "conv1.weight.grad[2,0,3,0]"
    (there,) = frames(view, place, place, Depth.ELEMENT, SIZE, LIGHT).positions
    moved = at(view, there, Depth.ELEMENT)
    offered = {part.name: part for part in offered_ranges(moved)}
    assert list(offered) == ["value", "filter", "tensor", "layer"]
    counts = {
        name: frames(moved, part.start, part.stop - 1, part.depth, SIZE, LIGHT).count
        for name, part in offered.items()
    }
    assert counts == {"value": 28 * 28, "filter": 25, "tensor": 6 * 25, "layer": 3}
    assert all(part.start <= there < part.stop for part in offered.values())
    assert offered_ranges(at(view, view.timeline.steps, Depth.TERM)) == ()


def test_terms_without_a_source_have_no_frame_unless_asked_for() -> None:
    view = start("tiny-max")
    number = view.timeline.computed_by(parse("conv1.input.grad"))
    assert number is not None
    first, last = view.timeline.starts[number], view.timeline.starts[number + 1] - 1
    kept = frames(view, first, last, Depth.TERM, SIZE, LIGHT)
    assert kept.count == 16
    asked = replace(view, state=replace(view.state, show_absent=True))
    every = frames(asked, first, last, Depth.TERM, SIZE, LIGHT)
    assert every.count == last - first + 1 == 36


def test_a_huge_range_is_refused_with_its_count() -> None:
    view = start("lenet")
    steps = view.timeline.steps
    with pytest.raises(UserError, match=f"{steps + 1:,} frames at depth term.*{MOST_FRAMES:,}"):
        frames(view, 0, steps, Depth.TERM, SIZE, LIGHT)


def test_a_range_that_runs_backwards_is_refused() -> None:
    with pytest.raises(UserError, match="lies before"):
        frames(start("tiny-max"), 50, 3, Depth.TERM, SIZE, LIGHT)


@pytest.mark.parametrize("place", [-1, 106, "conv1.weight", "conv9.output"])
def test_an_end_that_no_step_leads_to_is_refused(place: int | str) -> None:
    with pytest.raises(UserError):
        frames(start("tiny-max"), place, 105, Depth.TERM, SIZE, LIGHT)


@pytest.mark.parametrize("depth", list(Depth))
def test_blocks_are_counted_without_walking(depth: Depth) -> None:
    view = start("tiny-max")
    for first, last in ((0, 105), (0, 104), (17, 60), (40, 41)):
        k, count = view.timeline.block(first, depth)[0], 0
        while k <= last:
            count += 1
            if k == view.timeline.steps:
                break
            k = view.timeline.block(k, depth)[1]
        assert blocks_between(view, first, last, depth) == count


def test_drawing_waits_until_a_frame_is_asked_for() -> None:
    found = frames(start("lenet"), 0, 4_000 * 25, Depth.ELEMENT, SIZE, LIGHT)
    scene = next(iter(found))
    assert (scene.width, scene.height) == SIZE
    assert found.view.state == start("lenet").state
