"""A nudged pass is the full pass bit for bit, and says what the gradient predicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backpropviz.engine.backprop import Forward, forward
from backpropviz.engine.gradcheck import Outcome, check_value
from backpropviz.engine.kinds.activation import Tanh
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.protocol import IMAGE, Layer
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import Network, chain
from backpropviz.engine.nudge import (
    SWEEP,
    Band,
    BasePoint,
    NudgeCost,
    Slope,
    band_of,
    base_point_of,
    changed,
    curve,
    nudge_cost,
    nudged,
    place,
    relative_error,
    sweep,
)
from backpropviz.engine.value import Address, Array, parse
from backpropviz.errors import UserError
from tests.engine.passes import branched, lenet, recorded

NETWORKS = [lenet(), branched()]


def point_of(network: Network, dtype: type[np.floating[Any]] = np.float64) -> BasePoint:
    target: object = [1, 3] if network.loss.kind == "cross_entropy" else [[0.5], [-0.5]]
    return base_point_of(recorded(network, target), dtype)


def smooth() -> BasePoint:
    layers: dict[str, Layer] = {"dense1": Dense(4), "tanh1": Tanh(), "dense2": Dense(1)}
    return point_of(chain("smooth", (3,), layers, SquaredError(half=True)))


def arrays_of(point: BasePoint) -> Iterator[tuple[Address, Array]]:
    yield IMAGE, point.images
    for layer, own in point.parameters.items():
        for name, array in own.items():
            yield Address(layer, name), array


def some(array: Array, random: np.random.Generator) -> tuple[int, ...]:
    return tuple(int(random.integers(size)) for size in array.shape)


def in_full(point: BasePoint, address: Address, value: float) -> Forward:
    """The whole pass with one parameter or pixel changed, without any reuse."""
    images = point.images.copy()
    parameters = {
        layer: {name: array.copy() for name, array in own.items()}
        for layer, own in point.parameters.items()
    }
    array = images if address.array == IMAGE else parameters[address.layer][address.quantity]
    array[address.indices] = value
    return forward(point.network, parameters, images, point.forward.target)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n.name)
def test_a_pass_that_reuses_layers_is_the_full_pass(
    network: Network,
    dtype: type[np.floating[Any]],
) -> None:
    point, random = point_of(network, dtype), np.random.default_rng(3)
    for array_address, array in arrays_of(point):
        for _ in range(3):
            address = array_address.at(some(array, random))
            value = place(point, address).rounded(array[address.indices] + random.normal())
            fast, full = (
                changed(point, place(point, address), value),
                in_full(point, address, value),
            )
            assert fast.loss == full.loss
            for name, output in full.outputs.items():
                assert np.array_equal(fast.outputs[name], output)
                if name != "image":
                    assert fast.residuals[name].keys() == full.residuals[name].keys()
                    for key, residual in full.residuals[name].items():
                        assert np.array_equal(fast.residuals[name][key], residual)


def test_only_reached_layers_run_again() -> None:
    point = point_of(branched())
    run = changed(point, place(point, parse("skip.bias[0]")), 5.0)
    kept = {n for n, output in run.outputs.items() if output is point.forward.outputs[n]}
    assert kept == {"image", "conv1", "relu1", "conv2", "add1", "twice"}
    last = changed(point, place(point, parse("dense.weight[0,0]")), 5.0)
    assert all(last.outputs[n] is a for n, a in point.forward.outputs.items() if n != "dense")


def test_a_nudge_leaves_the_base_as_it_was() -> None:
    point = point_of(lenet())
    before = {str(a): array.copy() for a, array in arrays_of(point)}
    nudged(point, parse("conv1.weight[0,0,1,1]"), 0.5)
    assert all(np.array_equal(array, before[str(a)]) for a, array in arrays_of(point))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n.name)
def test_the_gradient_of_any_in_or_output_is_a_finite_difference(network: Network) -> None:
    point, random = point_of(network), np.random.default_rng(4)
    outcomes = []
    for node in network.nodes:
        arrays = {Address(node.name, "output"): point.forward.outputs[node.name]}
        for number, source in enumerate(node.inputs):
            arrays[network.input_address(node, number)] = point.forward.outputs[source]
        for address, array in arrays.items():
            outcomes.append(check_value(point, address.at(some(array, random))).outcome)
    outcomes.append(check_value(point, parse("loss.input[1,2]")).outcome)
    assert Outcome.FAILS not in outcomes
    assert outcomes.count(Outcome.AGREES) > 0.9 * len(outcomes)


def test_the_two_names_of_a_value_used_twice_are_nudged_apart() -> None:
    point = point_of(branched())
    cell = tuple(int(i) for i in np.argwhere(point.backward.inputs["concat"][2])[0])
    both, one, other = (
        parse(name).at(cell) for name in ("relu1.output", "conv2.input", "concat.input3")
    )
    gradients = [place(point, address).gradient for address in (both, one, other)]
    assert gradients[0] == pytest.approx(gradients[1] + gradients[2])
    assert nudged(point, both, 0.1).loss != nudged(point, one, 0.1).loss


def test_a_nudge_says_what_the_tangent_predicts() -> None:
    point = smooth()
    address = parse("dense1.weight[2,1]")
    found = nudged(point, address, 1e-4)
    assert found.value == point.parameters["dense1"]["weight"][2, 1]
    assert found.gradient == point.backward.parameters["dense1"]["weight"][2, 1]
    assert found.base_loss == point.loss
    assert found.loss == in_full(point, address, found.value + 1e-4).loss
    assert found.predicted_change == found.gradient * found.delta
    assert found.true_change == pytest.approx(found.predicted_change, rel=1e-2)
    assert found.error is not None
    assert found.error < 1e-2
    assert found.keeps_prediction
    rises = found.gradient > 0
    assert found.slope is (Slope.RAISES if rises else Slope.LOWERS)
    assert found.follows_update is not rises
    assert nudged(point, address, -1e-4).follows_update is rises


def test_a_value_without_effect_is_flat() -> None:
    tape = recorded(lenet(), [1, 3])
    point = base_point_of(tape)
    lost = np.argwhere(tape["pool1.input.grad"] == 0)[0]
    address = parse("relu1.output").at(tuple(int(i) for i in lost))
    found = nudged(point, address, -1e-3)
    assert found.slope is Slope.FLAT
    assert found.slope.update == 0
    assert found.true_change == found.predicted_change == 0
    assert found.error is None
    assert found.keeps_prediction
    assert not found.follows_update


def test_delta_is_what_rounding_leaves_of_it() -> None:
    point = point_of(lenet(), np.float32)
    address = parse("conv1.weight[0,0,1,1]")
    assert nudged(point, address, 1e-12).delta == 0
    assert nudged(point, address, 1e-12).true_change == 0
    delta = nudged(point, address, 0.1).delta
    assert delta != 0.1
    assert delta == pytest.approx(0.1, rel=1e-5)


def test_a_curve_has_a_point_for_each_delta() -> None:
    point = smooth()
    found = curve(point, parse("image[0,1]"), [-0.1, 0.0, 0.1])
    assert [n.delta for n in found] == pytest.approx([-0.1, 0, 0.1])
    assert found[1].loss == point.loss
    assert found[0].predicted_change == pytest.approx(-found[2].predicted_change)


def test_the_error_of_a_sweep_is_a_valley() -> None:
    found = list(sweep(smooth(), parse("dense1.weight[2,1]")))
    assert tuple(d.h for d in found) == SWEEP
    errors = {round(-np.log10(d.h)): d.error or 0.0 for d in found}
    middle = errors[5]
    assert 0 < middle < 1e-8
    assert all(errors[k] > 100 * middle for k in (1, 2, 10, 11, 12))
    assert found[4].band is Band.HAPPY
    assert found[0].band is not Band.HAPPY


def test_a_step_that_rounding_swallows_has_no_difference() -> None:
    (found,) = sweep(point_of(lenet(), np.float32), parse("conv1.bias[0]"), [1e-12])
    assert found.numeric is None
    assert found.error is None
    assert found.band is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("loss.probabilities[0,0]", "cannot be nudged"),
        ("loss.target[0]", "cannot be nudged"),
        ("pool1.switches[0,0,0,0]", "cannot be nudged"),
        ("conv1.weight.grad[0,0,0,0]", "cannot be nudged"),
        ("nowhere.weight[0]", "cannot be nudged"),
        ("loss", "cannot be nudged"),
        ("conv1.weight", "give 4 indices"),
        ("conv1.weight[6,0,0,0]", "6×1×5×5"),
        ("image[0,0,-1,0]", "no value of image"),
    ],
)
def test_what_cannot_be_nudged_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        nudged(point_of(lenet()), parse(text), 0.1)


def test_the_cost_of_nudging_everything() -> None:
    point, ticks = smooth(), iter(np.cumsum([0, 3, 0, 3, 0, 9, 0, 5, 0, 5, 0, 1]).tolist())
    found = nudge_cost(point, lambda: next(ticks), batches=10, repeats=3)
    assert found == NudgeCost(parameters=21, batches=10, forward_s=3, backward_s=5)
    assert found.forward_passes == 2 * 21 * 10
    assert found.nudging_s == 2 * 21 * 10 * 3
    assert found.backprop_s == 10 * (3 + 5)
    assert found.times_slower == 15.75


def test_bands_are_those_of_the_course_notes() -> None:
    assert relative_error(0.0, 0.0) is None
    assert relative_error(1.0, 0.0) == 1
    assert relative_error(2.0, -2.0) == 2
    assert np.isnan(relative_error(np.nan, 1.0) or 0)
    expected = {
        None: Band.BOTH_ZERO,
        1e-7: Band.HAPPY,
        1.1e-7: Band.KINKS_ONLY,
        1e-4: Band.KINKS_ONLY,
        2e-4: Band.UNCOMFORTABLE,
        1e-2: Band.UNCOMFORTABLE,
        2e-2: Band.WRONG,
        np.nan: Band.WRONG,
    }
    assert {error: band_of(error) for error in expected} == expected
