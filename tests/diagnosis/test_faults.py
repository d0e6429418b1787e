"""Faults put in on purpose: the right stop and alert at the right update, and nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from backpropviz.diagnosis.activity import copies_share
from backpropviz.diagnosis.rule import Severity
from backpropviz.diagnosis.stops import DeadShare, GradientAbove, LossRises
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.kinds.activation import Sigmoid
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.training.checkpoints import Bad, Checkpoints, Moment, first_bad
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.samples import Samples
from backpropviz.engine.training.trainer import Trainer
from backpropviz.engine.training.update import Trained
from backpropviz.engine.value import Array, parse
from tests.diagnosis.watched import Watched, lenet_run, watched
from tests.engine.training.runs import regression, run_of, same, states, stripes


def origin_of(found: Watched) -> Bad:
    """The operation of the update at which the run has stopped."""
    now = found.trainer.now
    bad = first_bad(Moment(found.trainer.run, now, now.iteration + 1).record())
    assert bad is not None
    return bad


def with_parameters(run: Run, change: Callable[[str, str, Array], Array]) -> Run:
    """The run from other weights."""
    changed = {
        layer: {name: change(layer, name, array) for name, array in own.items()}
        for layer, own in run.start.parameters.items()
    }
    return replace(run, start=Trained(changed))


def test_a_pixel_that_is_no_number() -> None:
    clean = run_of()
    data, place = clean.dataset, 17
    images = data.training.images.copy()
    images[place, 0, 3, 4] = np.nan
    broken = Samples(images, data.training.targets, data.training.names)
    run = replace(clean, dataset=replace(data, training=broken))
    update = next(k for k in range(1, 99) if place in clean.chosen(k))
    found = watched(run).train(99)
    stopped = found.guard.stopped
    assert stopped is not None
    assert stopped.iteration == update
    assert found.came["not_finite"] == update
    assert found.trainer.now.iteration == update - 1
    row = int(np.flatnonzero(run.chosen(update) == place)[0])
    bad = origin_of(found)
    assert bad.address == parse(f"image[{row},0,3,4]")
    found.guard = found.guard.located(bad.address, bad.sentence)
    assert found.alert("not_finite").look_at == bad.address
    assert found.guard.stopped is not None
    assert found.guard.stopped.look_at == bad.address
    # All before is as if there were no such pixel, bit for bit.
    assert same(found.trainer.now, states(clean, update - 1)[-1])


@pytest.mark.parametrize("make", [lambda: regression(Sgd(1e6)), lambda: lenet_run(1e6)])
def test_a_learning_rate_of_a_million(make: Callable[[], Run]) -> None:
    run = make()
    found = watched(run)
    kept = Checkpoints(spacing=1)
    kept.add(run.start)
    for _ in range(20):
        if found.train(1).guard.stopped is None:
            kept.add(found.trainer.now)
    stopped = found.guard.stopped
    assert stopped is not None
    assert stopped.iteration == found.trainer.now.iteration + 1
    assert stopped.sentence.startswith(f"Not finite at update {stopped.iteration}")
    assert found.alert("not_finite").severity is Severity.ERROR
    bad = origin_of(found)
    assert bad.operation is not None
    assert not np.isfinite(bad.value)
    # The checkpoint before is whole, and leads to the very same fault.
    last = kept.nearest(stopped.iteration - 1)
    assert same(last, found.trainer.now)
    assert all(np.isfinite(a).all() for own in last.parameters.values() for a in own.values())
    again = Trainer(run, last).advance()
    assert not again.is_finite


def test_a_large_step_is_caught_by_its_gradient_before_it_is_infinite() -> None:
    run = lenet_run(1e6)
    found = watched(run, (GradientAbove(norm=1e4), LossRises(times=1))).train(9)
    assert found.guard.stopped is not None
    assert found.guard.stopped.iteration == 2
    assert found.last is not None
    assert np.isfinite(found.last.loss)
    assert found.came["exploding"] == 2


def test_the_logarithm_of_a_probability_of_0() -> None:
    """Probabilities that underflow to 0 are well; beyond the numbers' range the loss is not."""

    def run(logit: float) -> Run:
        def change(layer: str, name: str, array: Array) -> Array:
            is_last = (layer, name) == ("dense1", "bias")
            return np.array([logit, -logit], np.float32) if is_last else array

        return with_parameters(run_of(optimizer=Sgd(1e-3)), change)

    large = watched(run(200.0)).train(1)
    assert large.guard.stopped is None
    assert large.last is not None
    assert np.isfinite(large.last.loss)
    found = watched(run(3e38)).train(1)
    assert found.guard.stopped is not None
    assert found.guard.stopped.iteration == 1
    assert found.trainer.now.iteration == 0
    bad = origin_of(found)
    assert bad.address.array == parse("loss.sample")
    assert bad.operation is not None
    assert "log(" in bad.sentence


def test_all_units_dead() -> None:
    def change(layer: str, name: str, array: Array) -> Array:
        return np.full_like(array, -100) if (layer, name) == ("conv1", "bias") else array

    run = with_parameters(run_of(dataset=stripes(200)), change)
    found = watched(run, (DeadShare(share=1.0, updates=20),), activities_every=1).train(40)
    assert found.guard.stopped is not None
    assert found.guard.stopped.iteration == 20
    assert found.guard.stopped.look_at == parse("relu1.output")
    assert found.came["vanishing"] == 10
    # With eight images a batch it takes 13 updates until 100 images have passed.
    assert found.came["dead_relu"] == 13
    alert = found.alert("dead_relu")
    assert alert.title == "ReLU relu1: 3 of 3 maps inactive for 13 updates (threshold 50 %)"
    assert alert.since == 1
    assert found.alert("vanishing").look_at == parse("conv1.weight.grad")
    assert "exactly 0" in found.alert("vanishing").title
    assert same(found.trainer.now, states(run, 20)[-1])


def test_weights_that_start_too_large() -> None:
    found = watched(lenet_run(scheme="too_large")).train(3)
    assert found.came["exploding"] == 1
    alert = found.alert("exploding")
    assert alert.look_at is not None
    assert alert.look_at.is_gradient
    assert alert.thresholds == ("exploding_norm",)


def test_weights_that_start_all_equal() -> None:
    found = watched(lenet_run(scheme="all_equal")).train(25)
    assert found.came["symmetry"] == 0
    assert "conv1.weight: 5 of its 6 filters" in found.alert("symmetry").title
    assert "symmetry" not in watched(lenet_run()).came


def test_equal_filters_that_rounding_parts_stay_copies() -> None:
    """As on processors that sum each filter's gradient in another order: 2e-8 grows to 1e-2."""
    run = lenet_run(scheme="all_equal")
    random = np.random.default_rng(0)

    def parted(size: float) -> Parameters:
        noise = random.uniform(-size, size, run.start.parameters["conv1"]["weight"].shape)
        weight = run.start.parameters["conv1"]["weight"] * (1 + noise).astype(np.float32)
        own = {**run.start.parameters["conv1"], "weight": weight}
        return {**run.start.parameters, "conv1": own}

    found = watched(run)
    for iteration, size in ((2, 5e-7), (10, 4e-5), (25, 8e-4), (300, 9e-3)):
        found.guard = found.guard.weighed(iteration, parted(size))
        assert "conv1.weight: 5 of its 6 filters" in found.alert("symmetry").title
    found.guard = found.guard.weighed(301, parted(0.5))
    assert "conv1.weight" not in found.alert("symmetry").title


def test_filters_of_one_value_are_no_copies_because_they_lie_near() -> None:
    weights = np.random.default_rng(0).standard_normal((64, 1, 1, 1))
    assert copies_share(weights, 10_000) < 0.25
    assert copies_share(np.ones((64, 1, 1, 1)), 10_000) == 63 / 64


def test_gradients_vanish_through_a_stack_of_sigmoids() -> None:
    layers: dict[str, Layer] = {"flatten": Flatten()}
    for k in range(1, 21):
        layers |= {f"dense{k}": Dense(8), f"sigmoid{k}": Sigmoid()}
    layers["dense21"] = Dense(2)
    network = chain("deep", (1, 8, 8), layers, CrossEntropy())
    found = watched(run_of(network, Sgd(0.1), dataset=stripes())).train(12)
    assert found.came["vanishing"] == 10
    alert = found.alert("vanishing")
    assert alert.look_at == parse("dense1.weight.grad")
    assert alert.since == 1
    # The last layers get a gradient: the rule does not blame them.
    assert "dense21" not in alert.evidence


@pytest.mark.parametrize("seed", [0, 1])
def test_a_healthy_run_is_quiet(seed: int) -> None:
    found = watched(lenet_run(seed=seed)).train(100)
    assert found.came == {}
    assert found.guard.stopped is None
    assert len(found.guard.diagnosis.quiet) == 11
    assert found.last is not None
    assert found.last.iteration == 100
