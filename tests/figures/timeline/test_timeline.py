"""The timeline shows the whole pass, and each point leads to the step that is drawn there."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import parse
from backpropviz.figures.timeline import TimelineFigure, timeline
from backpropviz.figures.view import HEIGHT
from backpropviz.scene.hit import hit
from backpropviz.scene.marks import Group, Rect, Scene, Text
from backpropviz.scene.theme import DARK, LIGHT
from tests.figures.map_views import at, at_step, start
from tests.scene_checks import assert_text_is_legible

TINY = ("tiny-max", "tiny-avg", "tiny-dense", "tiny-overlap")
ORDERS = (LoopOrder.TARGET, LoopOrder.SOURCE)
ON_TRACK, ON_LENS = 32.0, 70.0
DEPTHS = tuple(Depth)


def texts(scene: Scene) -> list[str]:
    return [mark.text for mark in scene.walk() if isinstance(mark, Text)]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("width", [200, 333, 1600])
def test_every_step_of_a_tiny_pass_is_found_where_it_is_drawn(
    name: str, order: LoopOrder, width: int
) -> None:
    view = start(name, order)
    for k in range(view.timeline.steps + 1):
        figure = timeline(at(view, k, Depth.TERM), width, LIGHT)
        assert figure.step_at(figure.track.x_of(k), ON_TRACK) == k
        if k < view.timeline.steps:
            assert figure.step_at(figure.lens.x_of(k), ON_LENS) == k


@pytest.mark.parametrize("name", ["lenet", "deep", "residual"])
@given(share=st.floats(0, 1), width=st.integers(200, 2500))
def test_a_step_of_a_large_pass_is_found_within_its_tensor(
    name: str, share: float, width: int
) -> None:
    view = start(name)
    k = min(int(share * view.timeline.steps), view.timeline.steps - 1)
    figure = timeline(at(view, k, Depth.ELEMENT), width, LIGHT)
    first, stop = view.timeline.block(k, Depth.TENSOR)
    assert first <= figure.step_at(figure.track.x_of(k), ON_TRACK) < stop
    cell = figure.lens.starts[1] - figure.lens.starts[0]
    found = figure.step_at(figure.lens.x_of(k), ON_LENS)
    assert (found - first) // cell == (k - first) // cell


@given(points=st.lists(st.floats(-50, 1700), min_size=2, max_size=30))
def test_steps_never_fall_from_left_to_right(points: list[float]) -> None:
    view = start("lenet")
    figure = timeline(at(view, 700_000, Depth.ELEMENT), 1600, LIGHT)
    for y in (ON_TRACK, ON_LENS):
        found = [figure.step_at(x, y) for x in sorted(points)]
        assert all(a <= b for a, b in pairwise(found))
        assert all(0 <= k <= view.timeline.steps for k in found)


def test_the_ends_are_the_first_and_the_last_position() -> None:
    view = start("lenet")
    figure = timeline(view, 1600, LIGHT)
    assert figure.step_at(-10, ON_TRACK) == 0
    assert figure.step_at(1600, ON_TRACK) == view.timeline.steps


def test_tiny_widths_follow_the_number_of_steps() -> None:
    view = start("tiny-max")
    ruler = timeline(view, 1600, LIGHT).track
    pitch = {
        round((right - left) / (stop - first), 6)
        for left, right, (first, stop) in zip(
            ruler.lefts, ruler.rights, pairwise(ruler.starts), strict=True
        )
    }
    assert len(pitch) == 1


@pytest.mark.parametrize("name", ["lenet", "deep"])
def test_the_smallest_layer_of_a_large_network_can_be_reached(name: str) -> None:
    ruler = timeline(start(name), 1600, LIGHT).track
    widths = [right - left for left, right in zip(ruler.lefts, ruler.rights, strict=True)]
    assert min(widths) >= 3
    assert ruler.rights[-1] == pytest.approx(1600 - 16)


def playhead(figure: TimelineFigure) -> float:
    rects = (m for m in figure.scene.walk() if isinstance(m, Rect) and m.fill == LIGHT.here)
    return next(rect.x + 1 for rect in rects if rect.width == 2)


def test_the_playhead_stands_behind_the_focus() -> None:
    view = start("tiny-max")
    figure = timeline(at_step(view, "conv1.weight.grad", 6, Depth.TERM), 1600, LIGHT)
    ruler = figure.track
    number = view.timeline.computed_by(parse("conv1.weight.grad"))
    assert number is not None
    left, right = ruler.lefts[number], ruler.rights[number]
    assert playhead(figure) == round(left + 7 / 16 * (right - left))


def test_what_has_run_is_filled_up_to_the_playhead() -> None:
    figure = timeline(at_step(start("tiny-max"), "conv1.weight.grad", 6, Depth.TERM), 1600, LIGHT)
    clips = [m.clip for m in figure.scene.marks if isinstance(m, Group) and m.clip is not None]
    assert round(clips[0].right) == playhead(figure)


def test_the_lens_tells_the_current_term_and_its_tensor() -> None:
    figure = timeline(at_step(start("tiny-max"), "conv1.weight.grad", 6, Depth.TERM), 1600, LIGHT)
    found = texts(figure.scene)
    assert "∂L/∂W of conv1: 4 elements of 4 terms" in found
    assert "term 3 of 4" in found
    assert {"[0,0]", "[0,1]", "[1,0]", "[1,1]"} <= set(found)


def test_the_lens_groups_elements_by_filter() -> None:
    view = at_step(start("lenet"), "conv1.weight.grad", 66 * 784, Depth.ELEMENT)
    found = texts(timeline(view, 1600, DARK).scene)
    assert [t for t in found if t.startswith("filter")] == [f"filter {f}" for f in range(6)]
    assert "[3,1]  17 of 25" in found


def test_signs_lie_where_the_breakpoint_stops() -> None:
    view = start("tiny-max")
    marks = (
        Breakpoint(phase=Phase.UPDATE),
        Breakpoint(address=parse("conv1.weight.grad[0,0,0,1]"), enabled=False),
    )
    figure = timeline(at(view, 0, Depth.TERM, *marks), 1600, LIGHT, bookmarks=(19,))
    update = next(e for e in view.timeline.phases if e.phase is Phase.UPDATE)
    for position, y in ((update.start, 48.0), (43, 48.0), (19, 17.0)):
        found = hit(figure.scene, round(figure.track.x_of(position)), y)
        assert found is not None
        assert found.key == f"step:{position}"
    assert {"breakpoint", "bookmark"} <= set(texts(figure.scene))


def test_a_legend_explains_only_what_is_shown() -> None:
    found = texts(timeline(start("tiny-max"), 1600, LIGHT).scene)
    assert "breakpoint" not in found
    assert "bookmark" not in found


@pytest.mark.parametrize("width", [200, 300, 420, 800, 1600, 2400])
@pytest.mark.parametrize("name", ["tiny-max", "tiny-dense", "lenet", "deep", "residual"])
def test_text_is_legible_everywhere(name: str, width: int) -> None:
    for order in ORDERS:
        view = start(name, order)
        steps = view.timeline.steps
        for number in range(20):
            k = steps * number // 19
            depth = DEPTHS[number % len(DEPTHS)]
            mark = Breakpoint(phase=Phase.BACKWARD)
            figure = timeline(at(view, k, depth, mark), width, LIGHT, bookmarks=(k,))
            assert (figure.scene.width, figure.scene.height) == (width, HEIGHT)
            assert_text_is_legible(figure.scene)
