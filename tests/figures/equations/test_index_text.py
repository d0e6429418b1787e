from __future__ import annotations

import pytest

from backpropviz.engine.nest import Axis, Index, variables
from backpropviz.figures.explain.expression import index_text

AXES = tuple(Axis(name, 4) for name in "yxij")
Y, _, ROW, J = variables(4)


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (Y, "y"),
        (Y + ROW - 2, "y+i−2"),
        (Y * 2 + ROW, "2y+i"),
        (Y * 2 + ROW * 3 + 1, "2y+3i+1"),
        ((Y - ROW).exactly_by(2), "(y−i)/2"),
        (Y + 1 - ROW, "y−i+1"),
        (ROW * -1 + 2, "2−i"),
        (Y // 3 * 2 + J, "2⌊y/3⌋+j"),
        (Index((), 5), "5"),
    ],
)
def test_an_index_is_written_as_arithmetic(index: Index, text: str) -> None:
    assert index_text(index, AXES) == text


def test_known_variables_become_numbers() -> None:
    assert index_text(Y + ROW - 2, AXES, (1,)) == "i−1"
    assert index_text(Y + ROW - 2, AXES, (0, 0, 0)) == "−2"
    assert index_text((Y - ROW).exactly_by(2), AXES, (3, 0)) == "(3−i)/2"


def test_an_axis_that_runs_once_is_left_out() -> None:
    assert index_text(Y + ROW, AXES, silent=frozenset({2})) == "y"
    assert index_text(ROW, AXES, silent=frozenset({2})) == "0"
