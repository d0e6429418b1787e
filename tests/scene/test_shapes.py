from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.scene.marks import (
    HATCH_STEP,
    Hatch,
    Path,
    Rect,
    Stroke,
    arrowhead,
    hatch_lines,
    segments,
)

SIDES = st.floats(0.5, 300)
PLACES = st.floats(-200, 200)


@given(PLACES, PLACES, SIDES, SIDES, st.sampled_from(Hatch))
def test_hatching_stays_inside_and_is_regular(
    x: float, y: float, width: float, height: float, hatch: Hatch
) -> None:
    lines = hatch_lines(Rect(x, y, width, height, hatch=hatch))
    sign = 1 if hatch is Hatch.PADDING else -1
    for start, end in lines:
        for px, py in (start, end):
            assert x - 1e-6 <= px <= x + width + 1e-6
            assert y - 1e-6 <= py <= y + height + 1e-6
        assert start[0] + sign * start[1] == pytest.approx(end[0] + sign * end[1], abs=1e-6)
    assert abs(len(lines) - (width + height) / HATCH_STEP) <= 1.001


def test_corners_are_rounded_no_further_than_half_way() -> None:
    points = ((0.0, 0.0), (10.0, 0.0), (10.0, 4.0))
    start, parts = segments(Path(points, Stroke("#000000"), corner_radius=6))
    assert start == points[0]
    assert list(parts) == [((5.0, 0.0),), ((10.0, 0.0), (10.0, 2.0)), ((10.0, 4.0),)]


def test_an_arrow_ends_at_its_last_point() -> None:
    head = arrowhead(Path(((0, 0), (20, 0)), Stroke("#000000", 2), arrow=True))
    assert head is not None
    assert list(head[0]) == [20, 0]
    assert {point[0] for point in head[1:]} == {12}
    assert arrowhead(Path(((0, 0), (0, 0)), Stroke("#000000"), arrow=True)) is None
