"""What is drawn of a pooling is what happened: the drawn winner is the switch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.engine.kinds.pooling import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from backpropviz.engine.operands import TieRule
from backpropviz.engine.value import Address, parse
from backpropviz.figures.stage.panel import Mood
from backpropviz.figures.stage.planes import plane
from backpropviz.figures.stage.pooled_plane import (
    PoolingShown,
    pool_moods,
    pooled_plane,
    pooling_shown,
)
from backpropviz.figures.stage.pooling_windows import page_of
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import View
from backpropviz.scene.cells import CellState
from backpropviz.scene.marks import Box, Path, Rect
from backpropviz.scene.theme import DARK, LIGHT
from tests.figures.pooling.random_poolings import (
    drawn_winners,
    naive_winner,
    pooling_views,
    winners_by_looking,
)
from tests.figures.stages import at, of_layer, of_network, text_of, texts
from tests.scene_checks import assert_text_is_legible

_COUNT = 300
_GRADIENT = "layer.input.grad"
_SHOWN_WINDOWS = 4


def shown_of(view: View) -> PoolingShown:
    assert view.focus is not None
    shown = pooling_shown(view, view.focus)
    assert shown is not None
    return shown


@pytest.fixture(scope="module")
def poolings() -> list[View]:
    return list(pooling_views(_COUNT, ties=("first",)))


def test_the_drawn_winner_is_the_switch() -> None:
    for view in pooling_views(_COUNT):
        assert drawn_winners(view) == winners_by_looking(view)


def test_a_route_ends_at_the_winner(poolings: list[View]) -> None:
    for view in poolings:
        shown = shown_of(at(view, _GRADIENT, 0, Depth.CHANNEL))
        if max(shown.plane.count) > _SHOWN_WINDOWS:
            continue
        scene = stage(shown.view, 4000, 4000, LIGHT)
        ends = [m.points[-1] for m in scene.walk() if isinstance(m, Path) and m.arrow]
        for cell in winner_boxes(shown, scene_boxes(scene.marks, shown)):
            near = cell.inset(-4)
            assert any(near.contains(*end) for end in ends)


def scene_boxes(marks: tuple[object, ...], shown: PoolingShown) -> dict[str, list[Box]]:
    found: dict[str, list[Box]] = {}
    for mark in marks:
        if isinstance(mark, Rect) and mark.key.startswith(shown.cell_address.name):
            box = Box(mark.x, mark.y, mark.width, mark.height)
            found.setdefault(mark.key, []).append(box)
    return found


def winner_boxes(shown: PoolingShown, boxes: dict[str, list[Box]]) -> Iterator[Box]:
    """The enlarged cell of every winner: the last one drawn under its address."""
    for pixel in shown.plane.won:
        yield boxes[shown.at(shown.cell_address, pixel)][-1]


def test_ties_are_found_where_the_largest_value_repeats(poolings: list[View]) -> None:
    tied = 0
    for view in poolings:
        found = pooled_plane(view.tape, "layer", 0, 0)
        for y, x in np.ndindex(*found.count):
            values = [found.values[t.pixel] for t in found.taps(y, x) if t.pixel is not None]
            assert found.is_tie(y, x) == (values.count(max(values)) > 1)
            tied += found.is_tie(y, x)
    assert tied > _COUNT


def test_windows_of_a_cell_are_those_that_hold_it(poolings: list[View]) -> None:
    for view in poolings:
        found = pooled_plane(view.tape, "layer", 0, 0)
        holding: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for y, x in np.ndindex(*found.count):
            for tap in found.taps(y, x):
                if tap.pixel is not None:
                    holding.setdefault(tap.pixel, []).append((y, x))
        for u, v in np.ndindex(*found.values.shape):
            assert found.windows_of(u, v) == holding.get((u, v), [])


def test_a_window_is_settled_when_its_winner_has_its_gradient(poolings: list[View]) -> None:
    for view in poolings[:60]:
        number = view.timeline.computed_by(parse(_GRADIENT))
        assert number is not None
        steps = view.timeline.block_size(number, Depth.CHANNEL)
        for step in range(0, steps, max(1, steps // 5)):
            shown = shown_of(at(view, _GRADIENT, step, Depth.TERM))
            assert shown.upstream is not None
            received = np.zeros(shown.plane.values.shape)
            for y, x in np.ndindex(*shown.plane.count):
                if shown.is_applied(y, x):
                    received[naive_winner(shown.plane, y, x)] += shown.upstream[y, x]
            known = shown.known
            assert received[known.computed] == pytest.approx(known.values[known.computed])


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_random_poolings_are_legible(poolings: list[View], theme: object) -> None:
    for number, view in enumerate(poolings[::6]):
        for target in (_GRADIENT, "layer.output"):
            depth = (Depth.CHANNEL, Depth.ELEMENT, Depth.TERM)[number % 3]
            assert_text_is_legible(stage(at(view, target, 0, depth), 649, 556, DARK))
            assert_text_is_legible(stage(at(view, target, 0, depth), 1289, 836, theme))  # type: ignore[arg-type]


def test_every_upstream_value_of_the_page_stands_in_a_pill() -> None:
    view = of_network("lenet")
    channel = 784 * 4
    scene = stage(at(view, "pool1.input.grad", channel * 4, Depth.CHANNEL), 968, 756, DARK)
    pills = [t for t in texts(scene) if t.startswith(("+", "−"))]
    assert len(pills) >= 16


def test_overlapping_windows_add_up_in_sight() -> None:
    """FIELD's example: the 5 wins both upper windows and receives 1 and 3."""
    view = of_network("tiny-overlap")
    scene = stage(at(view, "pool1.input.grad", 0, Depth.CHANNEL), 968, 756, LIGHT)
    assert "1 + 3 = 4" in texts(scene)
    assert text_of(scene, "pool1.input.grad[0,0,2,0]") == ["−2", "−2"]
    assert text_of(scene, "pool1.input.grad[0,0,2,1]") == ["+2", "2"] or "+2" in texts(scene)


def test_a_sum_grows_window_by_window() -> None:
    view = of_network("tiny-overlap", LoopOrder.SOURCE)
    first, second = (
        stage(at(view, "pool1.input.grad", 4 * k, Depth.ELEMENT), 968, 756, LIGHT) for k in (0, 1)
    )
    assert "1 + 3 = 4" not in texts(first)
    assert "1 + 3 = 4" in texts(second)


def test_a_tie_says_its_rule() -> None:
    image = np.array([[[0, 0], [0, 0]]], dtype=np.float64)
    view = of_layer(MaxPool2d(2), image)
    scene = stage(at(view, _GRADIENT, 0, Depth.CHANNEL), 968, 756, LIGHT)
    assert "tie: first wins" in texts(scene)
    said = " ".join(texts(scene))
    assert "Several cells are 0: a tie, so the first in row-major order takes the gradient." in said


@pytest.mark.parametrize(
    ("rule", "tag", "pill", "received", "said"),
    [
        ("first", "tie: first wins", "−2", ["−2", "0"], "the first in row-major order takes"),
        ("all", "tie: all win", "−2", ["−2", "−2"], "each takes the whole gradient"),
        ("shared", "tie: 1/2 to each", "−2 × 1/2", ["−1", "−1"], "each takes an equal part"),
    ],
)
def test_every_winner_of_a_tie_is_drawn(
    rule: TieRule, tag: str, pill: str, received: list[str], said: str
) -> None:
    image = np.array([[[0, 3], [3, 1]]], dtype=np.float64)
    view = of_layer(MaxPool2d(2, ties=rule), image)
    tape = view.tape
    upstream = float(tape[Address("layer", "output").grad][0, 0, 0, 0])
    scene = stage(at(view, _GRADIENT, 0, Depth.CHANNEL), 968, 756, LIGHT)
    shown = shown_of(at(view, _GRADIENT, 0, Depth.CHANNEL))
    assert tag in texts(scene)
    assert said in " ".join(texts(scene))
    assert shown.plane.winners(0, 0) == [(0, 1), (1, 0)][: 1 if rule == "first" else 2]
    routes = [m for m in scene.walk() if isinstance(m, Path) and m.arrow and len(m.points) > 2]
    assert len(routes) == (1 if rule == "first" else 2)
    factor = upstream / -2
    assert any(pill in text for text in texts(scene)) or factor != 1
    for cell, text in zip(((0, 1), (1, 0)), received, strict=True):
        value = float(tape[parse(_GRADIENT)][0, 0, *cell])
        assert value == pytest.approx(float(text.replace("−", "-")) * factor)
    assert_text_is_legible(scene)


@pytest.mark.parametrize("rule", ["all", "shared"])
def test_overlapping_windows_split_their_ties(rule: TieRule) -> None:
    image = np.array([[[0, 3, 0], [3, 3, 1], [0, 1, 3]]], dtype=np.float64)
    view = of_layer(MaxPool2d(2, 1, ties=rule), image)
    shown = shown_of(at(view, _GRADIENT, 0, Depth.CHANNEL))
    assert shown.upstream is not None
    total = sum(
        shown.upstream[y, x] / shown.plane.parts(y, x)
        for y, x in np.ndindex(*shown.plane.count)
        if (1, 1) in shown.plane.winners(y, x)
    )
    assert shown.known.values[1, 1] == pytest.approx(total)
    for order in LoopOrder:
        other = of_layer(MaxPool2d(2, 1, ties=rule), image, order)
        assert_text_is_legible(stage(at(other, _GRADIENT, 0, Depth.CHANNEL), 968, 756, DARK))


def test_average_pooling_stands_beside_with_its_share() -> None:
    view = of_network("tiny-max")
    done = stage(at(view, "pool1.input.grad", 0, Depth.CHANNEL), 968, 756, LIGHT)
    assert "+2 × 1/4 to each cell" in texts(done)
    assert texts(done).count("+0.5") == 4
    begun = stage(at(view, "pool1.input.grad", 0, Depth.ELEMENT), 968, 756, LIGHT)
    assert "Average pooling instead:" not in texts(begun)
    forward = stage(at(view, "pool1.output", 0, Depth.CHANNEL), 968, 756, LIGHT)
    assert "Average pooling instead:" not in texts(forward)
    mean = stage(at(of_network("tiny-avg"), "pool1.input.grad", 0, Depth.CHANNEL), 968, 756, LIGHT)
    assert "Average pooling instead:" not in texts(mean)


def test_what_has_not_run_is_no_zero() -> None:
    view = of_network("tiny-max")
    scene = stage(at(view, "pool1.input.grad", 0, Depth.ELEMENT), 968, 756, LIGHT)
    assert "winner" not in texts(scene)
    assert text_of(scene, "pool1.input.grad[0,0,1,0]") == []


def test_the_running_maximum_of_a_scan_is_told() -> None:
    view = of_network("tiny-max")
    scene = stage(at(view, "pool1.output", 2, Depth.TERM), 968, 756, LIGHT)
    assert "The largest so far, cell by cell: 2 → 2 → 8" in texts(scene)
    assert "8 so far" in texts(scene)


@pytest.mark.parametrize(
    ("layer", "label"),
    [
        (AvgPool2d(2), "× 1/4"),
        (GlobalAvgPool2d(), "× 1/16"),
        (AvgPool2d(2, 1, count_include_pad=False), "× 1/4"),
    ],
)
def test_a_mean_shares_out(layer: AvgPool2d | GlobalAvgPool2d, label: str) -> None:
    image = np.arange(16, dtype=np.float64).reshape(1, 4, 4)
    view = of_layer(layer, image)
    for target in (_GRADIENT, "layer.output"):
        scene = stage(at(view, target, 0, Depth.CHANNEL), 968, 756, LIGHT)
        assert_text_is_legible(scene)
        assert any(label in text for text in texts(scene))


def test_shares_are_the_engines() -> None:
    image = np.arange(25, dtype=np.float64).reshape(1, 5, 5)
    for include in (True, False):
        layer = AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=include)
        view = of_layer(layer, image)
        found = pooled_plane(view.tape, "layer", 0, 0)
        for y, x in np.ndindex(*found.count):
            values = [found.values[t.pixel] for t in found.taps(y, x) if t.pixel is not None]
            share = found.share(y, x, counts_padding=include)
            assert sum(values) / share == pytest.approx(found.output[y, x])


def test_a_page_holds_the_place_and_stays_inside() -> None:
    for count, size, place in itertools.product(range(1, 9), range(1, 9), range(8)):
        if place < count:
            found = page_of(count, size, place)
            assert place in found
            assert 0 <= found.start <= found.stop <= count
            assert len(found) == min(size, count)


def moods_of(view: View, name: str) -> dict[tuple[int, int], Mood]:
    address = parse(name)
    selection = (0, 0, None, None)
    known = view.plane_status(address, selection)
    found = plane(address, selection, known.values, known.computed, known.complete)
    return dict(pool_moods(view, address, found))


@pytest.mark.parametrize("name", ["pool1.input.grad", "conv1.output.grad"])
def test_moods_under_every_name(name: str) -> None:
    """The mockup's: o = 8 won, and the others receive a real 0."""
    view = at(of_network("tiny-max"), "conv1.weight.grad", 0, Depth.TERM)
    moods = moods_of(view, name)
    assert moods[1, 0] == Mood(CellState.WINNER, "winner", "o = 8")
    assert moods[0, 0] == Mood(CellState.LOSER, "loser", "o = 2")
    assert len(moods) == 4


def test_moods_wait_for_the_gradient() -> None:
    view = of_network("tiny-max")
    assert moods_of(at(view, "pool1.output", 0, Depth.TENSOR), "conv1.output.grad") == {}
    partly = moods_of(at(view, "pool1.input.grad", 4, Depth.ELEMENT), "conv1.output.grad")
    assert set(partly) == {(0, 0), (0, 1)}


def test_other_arrays_have_no_moods() -> None:
    view = at(of_network("tiny-avg"), "conv1.weight.grad", 0, Depth.TERM)
    assert moods_of(view, "conv1.output.grad") == {}
    assert moods_of(view, "conv1.output") == {}
    assert Address("pool1", "switches") not in view.tape
