"""Charts: round ticks inside their axes, curves inside their planes, labels apart."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.figures.analysis.chart import (
    ChartAxis,
    Label,
    chart,
    curve_marks,
    grid_marks,
    labels_beside,
    padded,
    spread,
)
from backpropviz.scene.marks import Box, Path, Scene, Stroke
from backpropviz.scene.text import decimal_of
from backpropviz.scene.theme import LIGHT
from tests.scene_checks import assert_text_is_legible

numbers = st.floats(-1e9, 1e9, allow_nan=False)
spans = st.floats(1e-9, 1e9)


@given(low=numbers, span=spans, width=st.floats(90, 1500), height=st.floats(72, 900))
def test_ticks_lie_inside_and_say_where(
    low: float, span: float, width: float, height: float
) -> None:
    span = max(span, abs(low) * 1e-3)
    axis = ChartAxis(low, low + span)
    plane = chart(Box(0, 0, width + 200, height), axis, axis)
    for ticks in (plane.x.ticks, plane.y.ticks):
        for value, text in ticks:
            assert low - 1e-9 * span <= value <= low + span * (1 + 1e-9)
            assert float(decimal_of(text)) == pytest.approx(value, rel=1e-3, abs=span * 1e-3)


@given(st.floats(-3, 3), st.booleans())
def test_a_pixel_leads_back_to_its_value(exponent: float, is_log: bool) -> None:
    plane = chart(Box(10, 10, 400, 300), ChartAxis(1e-4, 1e4, is_log), ChartAxis(0, 1))
    value = 10.0**exponent
    assert plane.value_at(plane.x_at(value)) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("size", [(200, 100), (400, 300), (900, 240)])
@pytest.mark.parametrize(
    "axes",
    [
        (ChartAxis(-0.001, 0.001), ChartAxis(-1e-9, 2e-9)),
        (ChartAxis(1e-12, 1e-1, is_log=True), ChartAxis(1e-16, 10, is_log=True)),
        (ChartAxis(0, 123456), ChartAxis(-3e7, 5e7)),
    ],
)
def test_the_numbers_are_legible(size: tuple[int, int], axes: tuple[ChartAxis, ChartAxis]) -> None:
    plane = chart(Box(8, 8, size[0] - 16, size[1] - 16), *axes, signed=(True, True))
    scene = Scene(*size, LIGHT.panel, tuple(grid_marks(plane, LIGHT)), "grid")
    assert plane.x.ticks
    assert plane.y.ticks
    assert_text_is_legible(scene)


def test_decades_have_round_steps() -> None:
    plane = chart(Box(0, 0, 500, 300), ChartAxis(1e-12, 1e-1, is_log=True), ChartAxis(0, 1))
    exponents = [round(math.log10(value)) for value, _ in plane.x.ticks]
    assert len({b - a for a, b in pairwise(exponents)}) == 1


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=12))
def test_a_curve_never_leaves_its_plane(points: list[tuple[float, float]]) -> None:
    plane = chart(Box(0, 0, 300, 200), ChartAxis(-5, 5), ChartAxis(-1, 1))
    for mark in curve_marks(plane, points, Stroke("#000000")):
        assert isinstance(mark, Path)
        for x, y in mark.points:
            assert plane.box.x - 1e-6 <= x <= plane.box.right + 1e-6
            assert plane.box.y - 1e-6 <= y <= plane.box.bottom + 1e-6


def test_a_curve_keeps_its_slope_where_it_is_cut() -> None:
    plane = chart(Box(0, 0, 300, 200), ChartAxis(-1, 1), ChartAxis(-1, 1))
    (mark,) = curve_marks(plane, [(-1, -1000), (1, 1000)], Stroke("#000000"))
    assert isinstance(mark, Path)
    values = [plane.value_at(x) for x, _ in mark.points]
    assert values == pytest.approx([-0.001, 0.001])


def test_a_curve_is_broken_where_there_is_no_value() -> None:
    plane = chart(Box(0, 0, 300, 200), ChartAxis(0, 4), ChartAxis(-1, 1))
    points = [(0.0, 0.0), (1.0, 0.5), (2.0, math.nan), (3.0, 0.5), (4.0, 0.0)]
    assert len(list(curve_marks(plane, points, Stroke("#000000")))) == 2


@given(st.lists(st.floats(-100, 500), min_size=1, max_size=12))
def test_labels_are_kept_apart_in_their_room(middles: list[float]) -> None:
    found = spread(sorted(middles), [16.0] * len(middles), (0, 200))
    for a, b in pairwise(found):
        assert b - a >= 16 - 1e-9
    assert found[0] >= 8 - 1e-9
    assert found[-1] <= 192 + 1e-9


def test_labels_at_one_height_stand_one_below_the_other() -> None:
    labels = [Label(f"layer {k}", 100, LIGHT.text) for k in range(5)]
    marks = tuple(labels_beside(labels, 10, 200, (0, 200)))
    assert_text_is_legible(Scene(220, 200, LIGHT.panel, marks, "labels"))


def test_padding_passes_over_what_is_not_finite() -> None:
    assert padded([1.0, math.nan, 3.0, math.inf], 0.5, 0.1) == (0.0, 4.0)
    assert padded([2.0], 0.5, 1.0) == (1.5, 2.5)
    assert padded([], 0.5, 1.0) == (-0.5, 0.5)
