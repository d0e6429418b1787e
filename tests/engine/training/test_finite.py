"""Faults that are put in on purpose are found where they begin, and the run stays before them."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from backpropviz.engine.kinds.binary_cross_entropy import BinaryCrossEntropy
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Adam, Sgd
from backpropviz.engine.tape import Phase, Tape, operations
from backpropviz.engine.training.checkpoints import Moment, first_bad
from backpropviz.engine.training.run import Hyperparameters, Run
from backpropviz.engine.training.trainer import Trainer, Updated, updates
from backpropviz.engine.value import Array
from tests.engine.training.runs import regression, run_of, same, stripes


def until_bad(run: Run, most: int = 60) -> tuple[Trainer, Updated]:
    trainer = Trainer(run)
    for _ in range(most):
        before = trainer.now
        updated = trainer.advance()
        if not updated.is_finite:
            assert trainer.now is before
            return trainer, updated
    raise AssertionError("every update was finite")


def with_weights(run: Run, layer: str, name: str, values: Array) -> Run:
    own = {**run.start.parameters[layer], name: values}
    parameters = {**run.start.parameters, layer: own}
    return replace(run, start=replace(run.start, parameters=parameters))


def next_tape(trainer: Trainer) -> Tape:
    return Moment(trainer.run, trainer.now, trainer.now.iteration + 1).record()


def test_a_pass_of_finite_numbers_has_nothing_bad() -> None:
    run = run_of()
    assert first_bad(Moment(run, run.start, 1).record()) is None


@pytest.mark.parametrize(
    "run", [regression(Sgd(1e6)), regression(Sgd(1e6, 0.9)), run_of(optimizer=Adam(1e30))]
)
def test_a_learning_rate_far_too_large(run: Run) -> None:
    trainer, updated = until_bad(run)
    assert all(
        np.isfinite(a).all() for own in trainer.now.parameters.values() for a in own.values()
    )
    tape = next_tape(trainer)
    bad = first_bad(tape)
    assert bad is not None
    assert bad.operation is not None
    assert not np.isfinite(bad.value)
    assert str(bad.address) in bad.sentence
    assert "float32" in bad.sentence
    assert_nothing_bad_before(tape, bad.operation.nest.target.name)
    assert updated.trained.iteration == trainer.now.iteration + 1


def assert_nothing_bad_before(tape: Tape, name: str) -> None:
    for operation in operations(tape.network, tape.batch, tape.optimizer, tape.iteration):
        if operation.nest.target.name == name:
            return
        assert np.isfinite(tape[operation.nest.target]).all()
    raise AssertionError(f"{name} is no operation's result")


def test_a_pixel_that_is_no_number() -> None:
    dataset = stripes()
    images = dataset.training.images.copy()
    images[17, 0, 2, 3] = np.nan
    dataset = replace(dataset, training=replace(dataset.training, images=images))
    trainer, updated = until_bad(run_of(dataset=dataset))
    assert np.isnan(updated.measured.loss)
    bad = first_bad(next_tape(trainer))
    assert bad is not None
    place = list(trainer.run.chosen(updated.trained.iteration)).index(17)
    assert str(bad.address) == f"image[{place},0,2,3]"
    assert bad.index == (place, 0, 2, 3)
    assert bad.operation is None
    assert bad.sentence == (
        f"image[{place},0,2,3] is not a number (NaN): it was so in the image, before anything was "
        "computed."
    )


def test_a_weight_that_is_no_number() -> None:
    run = run_of()
    weight = run.start.parameters["dense1"]["weight"].copy()
    weight[1, 4] = np.inf
    trainer, updated = until_bad(with_weights(run, "dense1", "weight", weight))
    assert updated.trained.iteration == 1
    bad = first_bad(next_tape(trainer))
    assert bad is not None
    assert bad.sentence == "dense1.weight[1,4] is infinite: it was so before this update."


def test_a_sum_that_passes_the_largest_number() -> None:
    run = run_of()
    weight = np.full((2, 27), 3e38, np.float32)
    trainer, _ = until_bad(with_weights(run, "dense1", "weight", weight))
    bad = first_bad(next_tape(trainer))
    assert bad is not None
    assert bad.address.name == "dense1.output"
    assert bad.operation is not None
    assert bad.operation.phase is Phase.FORWARD
    assert "add up to" in bad.sentence
    assert "the largest float32 is 3.4e+38" in bad.sentence


@pytest.mark.parametrize("logit", [1e4, 1e30])
def test_a_probability_of_0_has_a_finite_logarithm(logit: float) -> None:
    """Losses are computed from logits, so that no logarithm of 0 is taken."""
    for loss, targets in (
        (CrossEntropy(), np.zeros(30, np.int64)),
        (BinaryCrossEntropy(), np.tile([0.0, 1.0], (30, 1))),
    ):
        layers: dict[str, Layer] = {"flatten": Flatten(), "dense1": Dense(2)}
        network = chain("certain", (1, 8, 8), layers, loss)
        dataset = stripes(held_out=0)
        dataset = replace(dataset, training=replace(dataset.training, targets=targets))
        run = run_of(network, dataset=dataset)
        run = with_weights(run, "dense1", "weight", np.zeros((2, 64), np.float32))
        run = with_weights(run, "dense1", "bias", np.array([-logit, logit], np.float32))
        updated = Trainer(run).advance()
        assert updated.is_finite
        assert updated.measured.loss == pytest.approx(
            2 * logit if isinstance(loss, CrossEntropy) else 0, rel=1e-6
        )


def test_class_weights_of_0_divide_by_0() -> None:
    """The weighted mean over samples that all count 0 is 0 / 0, as in PyTorch."""
    layers: dict[str, Layer] = {"flatten": Flatten(), "dense1": Dense(2)}
    network = chain("nobody", (1, 8, 8), layers, CrossEntropy(class_weights=(0.0, 0.0)))
    trainer, updated = until_bad(run_of(network, dataset=stripes(held_out=0)))
    assert np.isnan(updated.measured.loss)
    bad = first_bad(next_tape(trainer))
    assert bad is not None
    assert bad.address.layer == "loss" or bad.address.name == "loss"
    assert bad.operation is not None
    assert bad.operation.phase is Phase.LOSS


def test_a_network_whose_units_are_all_dead_is_finite_and_learns_no_more() -> None:
    run = run_of(optimizer=Sgd(0.1))
    run = with_weights(run, "conv1", "bias", np.full(3, -100, np.float32))
    updated = Trainer(run).advance()
    assert updated.is_finite
    assert not updated.measured.activities["relu1"].any()
    assert updated.measured.gradient_norms[0] == 0
    assert np.array_equal(
        updated.trained.parameters["conv1"]["weight"], run.start.parameters["conv1"]["weight"]
    )


def test_the_run_can_go_on_with_other_settings() -> None:
    trainer, _ = until_bad(run_of(optimizer=Sgd(1e20)))
    again = trainer.advance()
    assert not again.is_finite
    trainer.change(Hyperparameters(Sgd(0.0), batch_size=8))
    kept = trainer.now
    updated = trainer.advance()
    assert updated.is_finite or not same(kept, updated.trained)


def test_updates_end_where_numbers_do() -> None:
    run = regression(Sgd(1e6))
    found = [update.is_finite for update in islice(updates(run, run.start), 60)]
    assert found[-1] is False
    assert all(found[:-1])
