"""What an update reports, that measuring changes nothing, and that settings keep what they can."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from backpropviz.engine.kinds.activation import Sigmoid, Tanh
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Adam, AdamW, Optimizer, RmsProp, Sgd
from backpropviz.engine.training.checkpoints import Moment
from backpropviz.engine.training.history import (
    NO_ANSWER,
    activation_layers,
    answers,
    norm,
    tensors_of,
)
from backpropviz.engine.training.run import Hyperparameters
from backpropviz.engine.training.samples import Batches
from backpropviz.engine.training.trainer import Trainer, confusion, updates
from backpropviz.engine.training.update import predict, train
from backpropviz.engine.value import Address
from backpropviz.errors import UserError
from tests.engine.passes import grown, lenet
from tests.engine.training.runs import regression, run_of, same, small, states


def test_a_trainer_makes_the_updates_of_plain_training() -> None:
    run = run_of()
    samples = run.dataset.training
    batches = Batches(samples.images, samples.targets, 8, run.seed)
    plain = train(run.network, run.start, batches, Sgd(0.1, 0.9), seed=run.seed)
    trainer, generated = Trainer(run), updates(run, run.start)
    for _ in range(9):
        expected = next(plain)
        assert same(trainer.advance(gradients=True).trained, expected)
        assert same(next(generated).trained, expected)


OPTIMIZERS = [Sgd(0.05, 0.9, nesterov=True, weight_decay=1e-3), RmsProp(0.01, momentum=0.5), Adam()]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("make", [small, lenet, grown])
def test_a_moment_is_the_update_bit_for_bit(make: type, optimizer: Optimizer) -> None:
    run = run_of(make(), optimizer)
    through = states(run, 5)
    for iteration in (1, 3, 5):
        moment = Moment(run, through[iteration - 1], iteration)
        tape, after = moment.record(), through[iteration]
        assert same(moment.after(), after)
        assert tape.loss == after.loss
        for layer, own in after.parameters.items():
            for name, array in own.items():
                assert tape[Address(layer, name, "next")].tobytes() == array.tobytes()
        for parameter, state in after.states.items():
            for part, array in state.items():
                assert tape[parameter.of(part)].tobytes() == array.tobytes()
        assert len(moment.sample_names) == tape.batch


def test_a_moment_wants_the_state_before() -> None:
    run = run_of()
    with pytest.raises(UserError, match="starts from the state after update 2, not after 0"):
        Moment(run, run.start, 3)


def test_measures_are_those_of_the_recorded_pass() -> None:
    run = run_of()
    trainer = Trainer(run)
    trainer.advance()
    before = trainer.now
    updated = trainer.advance(gradients=True)
    tape, measured = Moment(run, before, 2).record(), updated.measured
    assert (measured.iteration, measured.epoch, measured.count) == (2, 1, 8)
    assert (measured.loss, measured.learning_rate) == (tape.loss, 0.1)
    answers = tape["dense1.output"].argmax(axis=1)
    assert measured.correct == int((answers == run.batch(2).targets).sum())
    for number, tensor in enumerate(tensors_of(run.network)):
        assert np.array_equal(updated.gradients[tensor], tape[tensor.grad])
        for part, norms in (
            ("grad", measured.gradient_norms),
            ("step", measured.step_norms),
            ("", measured.weight_norms),
        ):
            assert norms[number] == pytest.approx(np.linalg.norm(tape[tensor.of(part)]), rel=1e-5)
    weight, step = measured.weight_norms[0], measured.step_norms[0]
    assert measured.ratios[0] == step / weight
    assert measured.gradient_norm == pytest.approx(np.linalg.norm(measured.gradient_norms))
    assert trainer.advance().gradients == {}


def test_a_ratio_to_weights_of_0_is_no_number() -> None:
    measured = Trainer(run_of()).advance().measured
    bias = tensors_of(small()).index(Address("conv1", "bias"))
    assert math.isnan(measured.ratios[bias])


def test_activities_are_shares_of_what_is_active() -> None:
    run = run_of()
    trainer = Trainer(run, activities_every=3)
    first = trainer.advance().measured
    output = Moment(run, run.start, 1).record()["relu1.output"]
    assert list(first.activities) == ["relu1"] == list(activation_layers(run.network))
    assert_allclose(first.activities["relu1"], (output > 0).mean(axis=(0, 2, 3)))
    rest = [trainer.advance().measured.activities for _ in range(3)]
    assert [bool(one) for one in rest] == [False, False, True]


def test_what_is_saturated_is_not_active() -> None:
    layers: dict[str, Layer] = {
        "flatten": Flatten(),
        "a": Sigmoid(),
        "b": Tanh(),
        "dense1": Dense(2),
    }
    network = chain("bent", (1, 8, 8), layers, CrossEntropy())
    run = run_of(network)
    found = Trainer(run).advance().measured.activities
    tape = Moment(run, run.start, 1).record()
    assert_allclose(found["a"], (np.abs(2 * tape["a.output"] - 1) <= 0.99).mean(axis=0))
    assert found["b"].shape == (64,)
    assert (found["b"] == 1).all()


def test_a_validation_counts_who_is_taken_for_whom() -> None:
    run = run_of()
    trainer = Trainer(run)
    for _ in range(3):
        trainer.advance()
    found, held_out = trainer.validate(), run.dataset.validation
    assert held_out is not None
    given = predict(run.network, trainer.now.parameters, held_out.images).argmax(axis=1)
    assert found.iteration == 3
    assert found.accuracy == float((given == held_out.targets).mean())
    assert found.confusion is not None
    for true in range(2):
        for answer in range(2):
            both = (held_out.targets == true) & (given == answer)
            assert found.confusion[true, answer] == both.sum()


def test_a_nan_is_no_answer() -> None:
    outputs = np.array([[math.nan, 1.0], [0.0, math.inf], [2.0, 1.0], [3.0, 4.0]])
    assert list(answers(outputs)) == [NO_ANSWER, NO_ANSWER, 0, 1]
    assert confusion(np.array([0, 0, 0, 0]), answers(outputs), 2).tolist() == [[1, 1], [0, 0]]


def test_weights_that_overflow_answer_nothing_right() -> None:
    run = run_of()
    huge = {
        layer: {name: np.full_like(array, 1e30) for name, array in own.items()}
        for layer, own in run.start.parameters.items()
    }
    trainer = Trainer(run, replace(run.start, parameters=huge))
    found = trainer.validate()
    assert math.isnan(found.loss)
    assert found.accuracy == 0
    assert found.confusion is not None
    assert found.confusion.sum() == 0
    assert trainer.advance().measured.correct == 0


def test_without_held_out_samples_there_is_no_validation() -> None:
    with pytest.raises(UserError, match="“One” holds out no samples"):
        Trainer(regression()).validate()


def test_one_image_is_learned_by_heart() -> None:
    trainer = Trainer(regression())
    measured = [trainer.advance().measured for _ in range(200)]
    assert measured[0].correct is None
    assert measured[0].accuracy is None
    assert measured[-1].loss < 1e-9 * measured[0].loss
    output = predict(trainer.run.network, trainer.now.parameters, trainer.run.batch(1).images)
    assert_allclose(output, [[1, -2, 0.5, 0, 3]], atol=1e-3)
    tape = Moment(trainer.run, trainer.now, 201).record()
    expected = trainer.advance().trained.parameters["dense1"]["weight"]
    assert np.array_equal(tape["dense1.weight.next"], expected)


def test_other_settings_of_the_same_kind_keep_the_state() -> None:
    trainer = Trainer(run_of())
    for _ in range(3):
        trainer.advance()
    velocity = trainer.now.states[Address("conv1", "weight")]["velocity"]
    trainer.change(Hyperparameters(Sgd(0.01, 0.5), batch_size=8))
    before = trainer.now
    trainer.advance()
    tape = Moment(trainer.run, before, 4).record()
    assert np.array_equal(tape["conv1.weight.velocity_before"], velocity)
    trainer.change(Hyperparameters(Sgd(0.01), batch_size=8))
    trainer.advance()
    assert trainer.now.states[Address("conv1", "weight")] == {}
    trainer.change(Hyperparameters(Sgd(0.01, 0.9), batch_size=8))
    trainer.advance()
    assert "velocity" in trainer.now.states[Address("conv1", "weight")]


def test_a_part_that_is_switched_on_starts_beside_what_is_kept() -> None:
    trainer = Trainer(run_of(optimizer=RmsProp(0.01)))
    trainer.advance()
    kept = trainer.now.states[Address("conv1", "weight")]["square_average"]
    trainer.change(Hyperparameters(RmsProp(0.01, centered=True), batch_size=8))
    before = trainer.now
    after = trainer.advance().trained
    tape = Moment(trainer.run, before, 2).record()
    assert np.array_equal(tape["conv1.weight.square_average_before"], kept)
    assert not tape["conv1.weight.gradient_average_before"].any()
    assert np.array_equal(tape["conv1.weight.next"], after.parameters["conv1"]["weight"])


@pytest.mark.parametrize(("old", "new"), [(Sgd(0.1, 0.9), Adam()), (Adam(), AdamW(0.01))])
def test_another_kind_starts_anew(old: Optimizer, new: Optimizer) -> None:
    trainer = Trainer(run_of(optimizer=old))
    for _ in range(3):
        trainer.advance()
    trainer.change(Hyperparameters(new, batch_size=8))
    before = trainer.now
    after = trainer.advance().trained
    tape = Moment(trainer.run, before, 4).record()
    assert tape.iteration == 1
    assert not tape["conv1.weight.moment1_before"].any()
    assert np.array_equal(tape["conv1.weight.next"], after.parameters["conv1"]["weight"])
    # Adam's first step is the learning rate in every direction, whatever came before.
    step = np.abs(tape["dense1.bias.step"])
    assert_allclose(step, new.learning_rate, rtol=1e-3)


def test_norms_hold_where_squares_would_overflow_without_a_warning() -> None:
    assert norm(np.array([3e30, 4e30], np.float32)) == pytest.approx(5e30, rel=1e-6)


def test_norms_hold_where_squares_would_overflow() -> None:
    with np.errstate(all="ignore"):
        assert norm(np.array([3e30, 4e30], np.float32)) == pytest.approx(5e30, rel=1e-6)
        assert norm(np.zeros(3, np.float32)) == 0
        assert math.isnan(norm(np.array([np.nan, 1], np.float32)))
        assert norm(np.array([np.inf, 1], np.float32)) == math.inf
