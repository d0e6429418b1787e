"""Which choice the finite differences agree with, at corners made by hand and away from them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from backpropviz.engine.conventions import (
    OPTIONS,
    Convention,
    Evidence,
    Side,
    disputed,
    evidence,
    slopes_at,
)
from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import chain
from backpropviz.engine.nudge import BasePoint, base_point, base_point_of
from backpropviz.engine.value import Array, parse
from backpropviz.errors import UserError
from tests.engine.passes import branched, recorded

LEFT, CENTER, RIGHT = Side.LEFT, Side.CENTER, Side.RIGHT
ALL = (LEFT, CENTER, RIGHT)


def point(layers: Mapping[str, Layer], image: list[list[float]], target: float) -> BasePoint:
    images: Array = np.array([[image]], dtype=np.float64)
    network = chain("net", images.shape[1:], layers, SquaredError(half=True))
    own = {"weight": np.array([[[[1.0, 0.0], [0.0, 1.0]]]]), "bias": np.zeros(1)}
    parameters = {"conv1": own} if "conv1" in layers else {}
    return base_point(network, parameters, images, np.full((1, 1, 1, 1), target))


def told(found: Evidence) -> dict[object, object]:
    return {v.option: (v.analytic, v.agrees_with) for v in found.verdicts}


def test_a_pixel_that_ties() -> None:
    # max(3, 3, 1, 3) − 1 = 2 comes upstream: raising one of three raises the maximum, lowering not.
    base = point({"pool1": MaxPool2d(2)}, [[3, 3], [1, 3]], 1)
    found = evidence(base, parse("image[0,0,0,0]"), "ties")
    assert found.is_corner
    assert found.is_disputed
    slopes = found.verdicts[0].slopes
    assert (slopes.left, slopes.center, slopes.right) == pytest.approx((0, 1, 2), abs=1e-8)
    assert slopes.is_settled
    answers = told(found)
    assert answers["first"] == (2, (RIGHT,))
    assert answers["all"] == (2, (RIGHT,))
    assert answers["shared"] == (2 / 3, ())
    second = told(evidence(base, parse("image[0,0,0,1]"), "ties"))
    assert second["first"] == (0, (LEFT,))
    loser = evidence(base, parse("image[0,0,1,0]"), "ties")
    assert not loser.is_corner
    assert not loser.is_disputed
    assert set(told(loser).values()) == {(0, ALL)}


def test_two_tied_cells_shared_is_the_central_difference() -> None:
    base = point({"pool1": MaxPool2d(2)}, [[3, 3], [1, 0]], 1)
    found = told(evidence(base, parse("image[0,0,0,0]"), "ties"))
    assert found == {"first": (2, (RIGHT,)), "all": (2, (RIGHT,)), "shared": (1, (CENTER,))}


def test_a_bias_moves_all_tied_cells_together_and_all_counts_it_too_often() -> None:
    # Every position puts out the same, so the window ties four times.
    base = point({"conv1": Conv2d(1, 2), "pool1": MaxPool2d(2)}, [[1, 1, 1]] * 3, 1)
    found = evidence(base, parse("conv1.bias[0]"), "ties")
    assert not found.is_corner
    assert found.is_disputed
    assert told(found) == {"first": (1, ALL), "all": (4, ()), "shared": (1, ALL)}


def test_a_pixel_at_the_zero_of_a_rectifier() -> None:
    # ½(max(x, 0) + 2)² falls to neither side: 0 to the left, 2 to the right.
    found = evidence(point({"relu1": ReLU()}, [[0]], -2), parse("image[0,0,0,0]"), "relu_at_zero")
    assert found.is_corner
    assert found.is_disputed
    assert told(found) == {0.0: (0, (LEFT,)), 0.5: (1, (CENTER,)), 1.0: (2, (RIGHT,))}


def test_a_weight_whose_pixel_is_dark_feels_no_corner() -> None:
    # The only position puts out 0; a weight that met a 0 leaves it there.
    layers: dict[str, Layer] = {"conv1": Conv2d(1, 2), "relu1": ReLU()}
    base = point(layers, [[0, 1], [1, 0]], -1)
    dark = evidence(base, parse("conv1.weight[0,0,0,0]"), "relu_at_zero")
    assert not dark.is_corner
    assert set(told(dark).values()) == {(0, ALL)}
    lit = evidence(base, parse("conv1.weight[0,0,0,1]"), "relu_at_zero")
    assert told(lit) == {0.0: (0, (LEFT,)), 0.5: (0.5, (CENTER,)), 1.0: (1, (RIGHT,))}
    assert [str(a) for a in disputed(base, "relu_at_zero")] == [
        "conv1.weight[0,0,0,1]",
        "conv1.weight[0,0,1,0]",
        "conv1.bias[0]",
    ]


@pytest.mark.parametrize("convention", OPTIONS)
def test_away_from_corners_every_choice_agrees_with_every_side(convention: Convention) -> None:
    base = base_point_of(recorded(branched(), [1, 3]))
    names = ("conv1.weight[1,0,2,1]", "conv2.bias[3]", "skip.weight[0,1,0,0]", "image[1,0,3,4]")
    for name in names:
        found = evidence(base, parse(name), convention)
        assert not found.is_corner
        assert not found.is_disputed
        assert len(found.verdicts) == len(OPTIONS[convention])
        for verdict in found.verdicts:
            assert verdict.slopes.is_settled
            assert verdict.agrees_with == ALL, (name, verdict)
    if convention in {"ties", "relu_at_zero"}:
        assert list(disputed(base, convention)) == []
        assert len({v.analytic for v in found.verdicts}) == 1


def test_mean_and_sum_are_each_right_about_their_own_loss() -> None:
    base = base_point_of(recorded(branched(), [1, 3]))
    found = evidence(base, parse("dense.bias[2]"), "reduction")
    mean, total = found.verdicts
    assert total.analytic == pytest.approx(2 * mean.analytic)
    assert not found.is_disputed
    assert parse("dense.bias[2]") in set(disputed(base, "reduction"))


def test_a_corner_nearby_is_not_settled() -> None:
    base = point({"pool1": MaxPool2d(2)}, [[3, 3 - 1.5e-5], [0, 0]], 1)
    assert not slopes_at(base, parse("image[0,0,0,0]")).is_settled
    assert slopes_at(base, parse("image[0,0,0,0]"), 1e-6).is_settled


def test_float32_and_unknown_values_are_refused() -> None:
    tape = recorded(branched(), [1, 3])
    with pytest.raises(UserError, match="need float64, but the pass is in float32"):
        slopes_at(base_point_of(tape, np.float32), parse("image[0,0,0,0]"))
    with pytest.raises(UserError, match="cannot be nudged"):
        evidence(base_point_of(tape), parse("loss.grad"), "ties")
