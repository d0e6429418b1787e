"""The gradient check passes on right layers, names kinks, and catches wrong layers."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest

from backpropviz.engine.gradcheck import (
    Checked,
    Outcome,
    Plan,
    Report,
    check,
    check_text,
    check_value,
    plan,
    report,
)
from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.pooling import AvgPool2d, MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.model import EVAL, Mode
from backpropviz.engine.network import chain
from backpropviz.engine.nudge import Band, BasePoint, base_point, base_point_of
from backpropviz.engine.record import record
from backpropviz.engine.value import Address, Array, parse
from backpropviz.errors import UserError
from backpropviz.files.networks import load_network
from backpropviz.frozen import frozen
from tests.engine.passes import branched, grown, lenet, recorded

BUNDLED = ["tiny-max", "tiny-avg", "tiny-dense", "tiny-overlap", "lenet", "mlp", "tinyvgg"]


def bundled(name: str) -> BasePoint:
    model = load_network(name)
    assert model.example is not None
    image, target = model.example.image, model.example.target
    return base_point_of(record(model.network, model.parameters, image, target, model.optimizer))


def checked(point: BasePoint, wanted: Plan) -> Report:
    return report(point, wanted, check(point, wanted))


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_network_passes(name: str) -> None:
    point = bundled(name)
    found = checked(point, plan(point, 40, pixels=True))
    assert found.passed
    assert found.is_finished
    for result in found.results:
        if not result.kink_count:
            assert result.outcome is Outcome.AGREES, result
    assert found.outcomes[Outcome.AGREES] > 0.8 * len(found.results)


@pytest.mark.parametrize("network", [lenet(side=12), branched()], ids=lambda n: n.name)
def test_every_parameter_of_small_networks_passes(network: Any) -> None:
    point = base_point_of(recorded(network, [1, 3]))
    found = checked(point, plan(point, 10_000 if network.name == "branched" else 100))
    assert found.passed
    assert found.plan.is_complete is (network.name == "branched")
    assert all(r.kink_count for r in found.results if r.outcome is not Outcome.AGREES)


class SlightlyWrongBias(Dense):
    """∂b is 1 % too large."""

    def vjp(self, *given: Any, **options: Any) -> tuple[tuple[Array, ...], dict[str, Array]]:
        inputs, own = super().vjp(*given, **options)
        return inputs, {**own, "bias": own["bias"] * 1.01}


class TurnedWeight(Conv2d):
    """∂W is turned by 180°, the flip in the wrong place."""

    def vjp(self, *given: Any, **options: Any) -> tuple[tuple[Array, ...], dict[str, Array]]:
        inputs, own = super().vjp(*given, **options)
        return inputs, {**own, "weight": own["weight"][..., ::-1, ::-1].copy()}


@pytest.mark.parametrize("mode", [EVAL, Mode(True, 7)], ids=["eval", "train"])
def test_the_later_layers_pass_and_buffers_are_not_asked(mode: Mode) -> None:
    point = base_point_of(recorded(grown(), [1, 3], mode=mode))
    wanted = plan(point, 30, pixels=True)
    arrays = {sample.array.name for sample in wanted.samples}
    assert {"norm.weight", "norm.bias", "prelu.weight", "image"} <= arrays
    assert not {name for name in arrays if "running" in name}
    found = checked(point, wanted)
    assert found.passed
    assert sum(not result.kink_count for result in found.results) > 0.9 * wanted.count
    with pytest.raises(UserError, match=r"norm.running_mean\[0\].* cannot be nudged"):
        check_value(point, parse("norm.running_mean[0]"))


@frozen
class LosersTakeToo(MaxPool2d):
    """Every cell of a window takes an equal share, as if it were an average."""

    def vjp(
        self, upstream: Array, residuals: Any, parameters: Any, *given: Any, **options: Any
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        return AvgPool2d(2).vjp(upstream, residuals, parameters, *given, **options)


def doubled(**instead: Layer) -> BasePoint:
    layers: dict[str, Layer] = {
        "conv1": Conv2d(2, 3),
        "relu1": ReLU(),
        "pool1": MaxPool2d(2),
        "flatten1": Flatten(),
        "dense1": Dense(3),
        "dense2": Dense(2),
    }
    network = chain("doubled", (1, 8, 8), {**layers, **instead}, SquaredError())
    return base_point_of(recorded(network, np.array([[3.0, -2.0], [1.0, 5.0]])))


@pytest.mark.parametrize(
    ("layer", "name", "suspects"),
    [
        ("dense1", SlightlyWrongBias(3), {"dense1.bias"}),
        ("conv1", TurnedWeight(2, 3), {"conv1.weight"}),
        ("pool1", LosersTakeToo(2), {"conv1.weight", "conv1.bias"}),
    ],
    ids=["dense", "conv", "pool"],
)
def test_a_wrong_layer_is_caught(layer: str, name: Layer, suspects: set[str]) -> None:
    point = doubled(**{layer: name})
    found = checked(point, plan(point))
    assert not found.passed
    assert {result.address.array.name for result in found.failures} == suspects
    assert all(result.band is not Band.HAPPY for result in found.failures)
    assert "FAILED" in check_text(found)
    assert checked(doubled(), plan(point)).passed


def test_a_gradient_that_is_no_number_fails() -> None:
    result = Checked(parse("conv1.bias[0]"), np.nan, 1.0, 1e-9, (), 0)
    assert result.outcome is Outcome.FAILS
    assert result.band is Band.WRONG
    assert result.distance == np.inf


def tied() -> BasePoint:
    network = chain("tied", (1, 2, 2), {"pool1": MaxPool2d(2)}, SquaredError())
    image = np.array([[[[1.0, 1.0], [0.0, 0.5]]]])
    return base_point(network, {}, image, np.zeros((1, 1, 1, 1)))


def test_a_kink_is_named_and_is_no_failure() -> None:
    point = tied()
    found = checked(point, plan(point, pixels=True))
    assert found.passed
    first, second = found.results[:2]
    assert {first.address, second.address} == {parse("image[0,0,0,0]"), parse("image[0,0,0,1]")}
    assert first.outcome is second.outcome is Outcome.KINK
    assert {k.address for k in first.kinks} == {parse("pool1.output[0,0,0,0]")}
    assert (found.outcomes[Outcome.KINK], found.outcomes[Outcome.AGREES]) == (2, 2)
    text = check_text(found)
    assert "the winner of pool1.output[0,0,0,0] changes from pool1.input[0,0,0," in text
    assert "PASSED: 2 of 4 gradients agree; 2 could not be judged" in text


def leaning(distance: float, layer: Layer | None = None) -> BasePoint:
    """A unit whose input lies `distance` right of its corner."""
    network = chain("leaning", (1,), {"relu1": layer or ReLU()}, SquaredError())
    return base_point(network, {}, np.array([[distance]]), np.ones((1, 1)))


def test_a_step_beside_the_kink_confirms_the_gradient() -> None:
    result = check_value(leaning(3e-6), parse("image[0,0]"))
    assert result.kink_count == 1
    assert result.distance > result.bound
    assert result.closer is not None
    assert result.closer.h == pytest.approx(1e-6)
    assert result.closer.numeric == pytest.approx(result.analytic, rel=1e-7)
    assert result.outcome is Outcome.KINK
    point = leaning(3e-6)
    text = check_text(checked(point, plan(point, pixels=True)))
    assert "; with h = 1e-06 it agrees" in text
    assert "1 agree once h is so small that no kink lies within ±h" in text


class TooSteep(ReLU):
    """The slope right of 0 is 1.5 instead of 1."""

    def vjp(self, *given: Any, **options: Any) -> tuple[tuple[Array, ...], dict[str, Array]]:
        inputs, own = super().vjp(*given, **options)
        return tuple(1.5 * gradient for gradient in inputs), own


def test_a_kink_does_not_excuse_a_wrong_gradient() -> None:
    result = check_value(leaning(3e-6, TooSteep()), parse("image[0,0]"))
    assert result.kink_count == 1
    assert result.outcome is Outcome.FAILS
    point = leaning(3e-6, TooSteep())
    text = check_text(checked(point, plan(point, pixels=True)))
    assert "FAILED" in text
    assert "it does not agree either" in text


def test_a_kink_excuses_only_the_values_that_step_across_it() -> None:
    network = chain("two", (2,), {"relu1": TooSteep()}, SquaredError())
    point = base_point(network, {}, np.array([[0.0, 0.5]]), np.ones((1, 2)))
    on_it, beside = (check_value(point, parse(f"image[0,{k}]")) for k in (0, 1))
    assert (on_it.kink_count, on_it.closer, on_it.outcome) == (1, None, Outcome.KINK)
    assert (beside.kink_count, beside.outcome) == (0, Outcome.FAILS)


def test_the_worst_come_first() -> None:
    point = doubled(dense1=SlightlyWrongBias(3))
    found = checked(point, plan(point))
    order = [list(Outcome).index(result.outcome) for result in found.results]
    assert order == sorted(order, reverse=True)
    fails = [result.distance / result.bound for result in found.failures]
    assert len(fails) > 1
    assert fails == sorted(fails, reverse=True)


def test_a_plan_samples_large_arrays_and_says_so() -> None:
    point = base_point_of(recorded(lenet(), [1, 3]))
    wanted = plan(point, 30, seed=7, pixels=True)
    assert wanted == plan(point, 30, seed=7, pixels=True)
    assert wanted != plan(point, 30, seed=8, pixels=True)
    sizes = {sample.array.name: (len(sample.places), sample.size) for sample in wanted.samples}
    assert sizes["conv1.weight"] == (30, 150)
    assert sizes["conv1.bias"] == (6, 6)
    assert sizes["image"] == (30, 2 * 28 * 28)
    assert wanted.count == sum(count for count, _ in sizes.values())
    assert wanted.size == sum(size for _, size in sizes.values())
    for sample in wanted.samples:
        assert len(set(sample.places)) == len(sample.places)
        assert list(sample.places) == sorted(sample.places)
        assert all(0 <= place < sample.size for place in sample.places)
    found = report(point, wanted, islice(check(point, wanted), 3))
    assert f"{wanted.count:,} of {wanted.size:,} values, at most 30 of each" in check_text(found)
    assert "drawn with seed 7" in check_text(found)


def test_a_check_can_be_stopped() -> None:
    point = doubled()
    wanted = plan(point)
    found = report(point, wanted, islice(check(point, wanted), 5))
    assert not found.is_finished
    assert len(found.results) == 5
    assert f"stopped after 5 of {wanted.count}" in check_text(found)


def test_pixels_are_checked_on_request() -> None:
    point = doubled()
    assert {s.array for s in plan(point).samples} & {Address("", "image")} == set()
    found = checked(point, plan(point, 20, pixels=True))
    assert sum(result.address.array.name == "image" for result in found.results) == 20
    assert found.passed


def test_what_cannot_be_checked_is_refused() -> None:
    point = base_point_of(recorded(lenet(), [1, 3]), np.float32)
    with pytest.raises(ValueError, match="needs float64"):
        check_value(point, parse("conv1.bias[0]"))
    with pytest.raises(ValueError, match="no parameters"):
        plan(tied())
    with pytest.raises(ValueError, match="give 1 or more"):
        plan(point, 0)
    with pytest.raises(ValueError, match="give a larger h"):
        check_value(doubled(), parse("dense2.bias[0]"), 1e-30)


def test_the_text_of_a_tiny_check() -> None:
    point = bundled("tiny-max")
    lines = check_text(checked(point, plan(point)), 2).splitlines()
    assert lines[:2] == ["tiny-max: all 5 values", "float64, h = 1e-05, loss 2"]
    assert lines[3].split() == [
        "value", "analytic", "finite", "difference", "relative", "error", "band",
    ]  # fmt: skip
    assert len({len(line.rsplit("  ", 1)[0]) for line in lines[3:6]}) == 1
    assert lines[-2:] == ["happy: 5", "PASSED: 5 of 5 gradients agree."]
