"""A matrix too large for the stage: a part of it, a map of the whole, and the way to every cell."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.debugger.session import SessionState
from backpropviz.debugger.timeline import Depth, Timeline, find
from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import operations
from backpropviz.engine.value import parse
from backpropviz.figures.numbers import Scales
from backpropviz.figures.stage.planes import Spot, ViewWindow, spot_of, window_of, window_wanted
from backpropviz.figures.stage.slot_layout import looking_at, spot_text, without_left_close_up
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import View
from backpropviz.files.networks import load_network
from backpropviz.scene.hit import find as find_key
from backpropviz.scene.hit import hit
from backpropviz.scene.marks import Path, Pixels, Rect, Scene
from backpropviz.scene.theme import DARK, LIGHT
from tests.scene_checks import assert_text_is_legible

ROWS, COLUMNS = 150, 700
GRADIENT = "dense.weight.grad"
NAME = f"{GRADIENT}[:,:]"
SIZES = ((649.0, 556.0), (968.0, 756.0), (1289.0, 836.0))


@cache
def whole_pass(rows: int = ROWS, columns: int = COLUMNS) -> View:
    """A dense layer whose matrix has no room on any of the sizes."""
    network = chain(
        "wide", (1, 1, columns), {"flatten": Flatten(), "dense": Dense(rows)}, CrossEntropy()
    )
    random = np.random.default_rng(1)
    image = random.standard_normal((1, 1, 1, columns)).astype(np.float32)
    tape = record(network, initialize(network, seed=1), image, 3, Sgd(0.1))
    model = replace(load_network("lenet"), network=network, class_names=())
    timeline = Timeline(operations(network, 1, Sgd(0.1)))
    return View(model, tape, timeline, SessionState(), Scales(tape))


def at(row: int, column: int, depth: Depth = Depth.ELEMENT, view: View | None = None) -> View:
    view = view or whole_pass()
    k = find(view.timeline, view.tape, parse(f"{GRADIENT}[{row},{column}]"), depth)
    return without_left_close_up(replace(view, state=SessionState(k, depth)))


@pytest.mark.parametrize("size", SIZES[1:])
@pytest.mark.parametrize("depth", [Depth.TENSOR, Depth.ELEMENT, Depth.TERM])
@pytest.mark.parametrize("column", [3, 200, 398])
def test_a_result_that_fits_the_width_is_drawn_whole_below(
    size: tuple[float, float], depth: Depth, column: int
) -> None:
    view = at(60, column, depth, whole_pass(120, 400))
    scene = drawn(view, size)
    assert_text_is_legible(scene)
    pixels = next(
        m for m in scene.walk() if isinstance(m, Pixels) and m.key_pattern.startswith(GRADIENT)
    )
    assert (pixels.rows, pixels.columns) == (120, 400)
    assert pixels.width >= 800
    assert pixels.x + pixels.width <= size[0]
    assert pixels.y + pixels.height <= size[1]
    cell = find_key(scene, f"{GRADIENT}[60,{column}]")
    assert cell is not None
    arrows = [m.points[-1] for m in scene.walk() if isinstance(m, Path) and m.arrow]
    assert len(arrows) == (depth is Depth.TERM)
    for x, y in arrows:
        assert abs(x - cell.x) <= 3
        assert abs(y - cell.y) <= 4


def drawn(view: View, size: tuple[float, float] = SIZES[1]) -> Scene:
    return stage(view, *size, LIGHT)


def window(scene: Scene, name: str = NAME) -> ViewWindow:
    """The part of a plane that is drawn."""
    keys = (mark.key for mark in scene.walk() if isinstance(mark, Rect))
    found = (window_of(key) for key in keys)
    return next(one for one in found if one is not None and one.plane == name)


def spot_key(scene: Scene, row: int, column: int) -> str:
    """The key of the map's pixel that stands for a cell."""
    pixels = next(
        m for m in scene.walk() if isinstance(m, Pixels) and m.key_pattern.startswith("spot:")
    )
    y = next(r for r in reversed(range(pixels.rows)) if r * ROWS // pixels.rows <= row)
    x = next(c for c in reversed(range(pixels.columns)) if c * COLUMNS // pixels.columns <= column)
    return pixels.cell_key(y, x)


def moved_to(view: View, row: int, column: int, size: tuple[float, float] = SIZES[1]) -> View:
    """The view after a click on the map where a cell lies."""
    wanted = window_wanted(spot_key(drawn(view, size), row, column))
    assert wanted is not None
    return replace(view, options=looking_at(view, wanted))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("depth", [Depth.TENSOR, Depth.ELEMENT, Depth.TERM])
def test_part_and_map_are_legible(size: tuple[float, float], depth: Depth) -> None:
    view = at(70, 300, depth)
    for theme in (LIGHT, DARK):
        scene = stage(moved_to(view, 149, 0, size), *size, theme)
        assert_text_is_legible(scene)
        for mark in scene.walk():
            if isinstance(mark, Pixels):
                assert mark.x >= 0
                assert mark.x + mark.width <= size[0]
                assert mark.y >= 0
                assert mark.y + mark.height <= size[1]


@pytest.mark.parametrize("size", SIZES)
def test_the_part_holds_the_step(size: tuple[float, float]) -> None:
    for row, column in ((0, 0), (70, 300), (149, 699)):
        scene = drawn(at(row, column), size)
        assert find_key(scene, f"{GRADIENT}[{row},{column}]") is not None


@given(st.integers(0, ROWS - 1), st.integers(0, COLUMNS - 1), st.sampled_from(SIZES))
def test_every_cell_is_reached_by_a_click_on_the_map(
    row: int, column: int, size: tuple[float, float]
) -> None:
    scene = drawn(moved_to(at(70, 300), row, column, size), size)
    box = find_key(scene, f"{GRADIENT}[{row},{column}]")
    assert box is not None
    found = hit(scene, box.x + box.width / 2, box.y + box.height / 2)
    assert found is not None
    assert found.key == f"{GRADIENT}[{row},{column}]"


@given(st.integers(-2000, 2000), st.integers(-2000, 2000))
def test_scrolling_ends_at_the_edges(down: int, across: int) -> None:
    before = window(drawn(at(70, 300)))
    after = before.moved(down, across)
    assert (len(after.rows), len(after.columns)) == (len(before.rows), len(before.columns))
    assert after.rows.start >= 0
    assert after.rows.stop <= ROWS
    assert after.columns.start >= 0
    assert after.columns.stop <= COLUMNS
    view = at(70, 300)
    shown = window(drawn(replace(view, options=looking_at(view, after))))
    assert shown == after


def test_a_step_inside_keeps_the_part_and_one_that_leaves_brings_it_back() -> None:
    view = at(70, 300)
    near = window(drawn(view)).moved(0, 20)
    view = replace(view, options=looking_at(view, near))
    inside = at(70, 301, view=view)
    assert window(drawn(inside)) == near
    assert inside.options.close_up is not None
    outside = at(70, near.columns.stop, view=inside)
    assert outside.options.close_up is None
    assert near.columns.stop in window(drawn(outside)).columns


def test_looking_away_lasts_until_the_next_step() -> None:
    view = moved_to(at(70, 300), 0, 699)
    assert 699 in window(drawn(view)).columns
    stepped = at(70, 301, view=view)
    assert stepped.options.close_up is None
    assert 301 in window(drawn(stepped)).columns


def test_another_tensor_forgets_the_part() -> None:
    view = moved_to(at(70, 300), 70, 310)
    k = find(view.timeline, view.tape, parse("dense.bias.grad[3]"), Depth.ELEMENT)
    other = without_left_close_up(replace(view, state=SessionState(k, Depth.ELEMENT)))
    assert other.options.close_up is None


def test_a_part_of_a_longer_pass_is_forgotten() -> None:
    view = at(70, 300)
    options = looking_at(view, window(drawn(view)).moved(0, 300))
    shorter = at(3, 200, view=replace(whole_pass(10, 3136), options=options))
    assert shorter.options.close_up is None
    assert find_key(drawn(replace(shorter, options=options)), f"{GRADIENT}[3,200]") is not None


def test_an_exported_frame_of_a_later_step_holds_that_step() -> None:
    """An export draws other steps with the same options."""
    view = moved_to(at(70, 300), 0, 699)
    k = find(view.timeline, view.tape, parse(f"{GRADIENT}[71,5]"), Depth.ELEMENT)
    scene = drawn(replace(view, state=SessionState(k, Depth.ELEMENT)))
    assert find_key(scene, f"{GRADIENT}[71,5]") is not None


def test_the_map_shows_what_is_not_computed_and_the_largest_of_the_rest() -> None:
    view = at(70, 300)
    pixels = next(
        m
        for m in drawn(view).walk()
        if isinstance(m, Pixels) and m.key_pattern.startswith(f"spot:{NAME}")
    )
    assert pixels.missing is not None
    assert not pixels.missing[0].any()
    assert pixels.missing[-1].all()
    whole = view.tape[parse(GRADIENT)]
    spots = [spot_of(pixels.cell_key(0, column)) for column in range(pixels.columns)]
    for column, spot in enumerate(spots):
        assert spot is not None
        block = whole[spot.rows.start : spot.rows.stop, spot.columns.start : spot.columns.stop]
        assert abs(pixels.values[0, column]) == np.abs(block).max()


def test_a_pixel_tells_its_largest_value_and_that_there_is_none() -> None:
    view = at(70, 300)
    spot = spot_of(spot_key(drawn(view), 2, 5))
    assert isinstance(spot, Spot)
    block = np.abs(view.tape[parse(GRADIENT)])[
        spot.rows.start : spot.rows.stop, spot.columns.start : spot.columns.stop
    ]
    row, column = divmod(int(block.argmax()), block.shape[1])
    address = f"{GRADIENT}[{row + spot.rows.start},{column + spot.columns.start}]"
    assert spot_text(view, spot).startswith(f"{address} = ")
    last = spot_of(spot_key(drawn(view), ROWS - 1, 5))
    assert last is not None
    assert "not computed" in spot_text(view, last)


def test_the_pixels_of_a_map_cover_every_cell_once() -> None:
    scene = drawn(at(70, 300))
    pixels = next(
        m for m in scene.walk() if isinstance(m, Pixels) and m.key_pattern.startswith("spot:")
    )
    spots = [spot_of(pixels.cell_key(row, 0)) for row in range(pixels.rows)]
    assert [row for spot in spots if spot for row in spot.rows] == list(range(ROWS))
    across = [spot_of(pixels.cell_key(0, column)) for column in range(pixels.columns)]
    assert [c for spot in across if spot for c in spot.columns] == list(range(COLUMNS))


@pytest.mark.parametrize("shape", [(1000, 20), (12, 900), (400, 400)])
def test_high_low_and_square_matrices_have_a_map(shape: tuple[int, int]) -> None:
    view = whole_pass(*shape)
    row, column = shape[0] - 1, shape[1] // 2
    for size in SIZES:
        scene = drawn(at(row, column, view=view), size)
        assert_text_is_legible(scene)
        assert find_key(scene, f"{GRADIENT}[{row},{column}]") is not None
        shown = window(scene)
        assert shown.whole == shape
        assert len(shown.rows) < shape[0] or len(shown.columns) < shape[1]
