"""A pass of training and one of use: what changes, what does not, and what the seed decides."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from backpropviz.document import to_fields
from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.registry import layer_from_fields
from backpropviz.engine.model import EVAL, Mode, Model, Preprocessing, with_mode
from backpropviz.engine.nudge import base_point_of
from backpropviz.engine.optimizers import Adam, Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import explain_value
from backpropviz.engine.training.samples import Batches
from backpropviz.engine.training.update import Trained, predict, train
from backpropviz.engine.value import Address, parse
from backpropviz.errors import UserError
from tests.engine.passes import branched, grown, recorded


def test_a_network_that_no_mode_concerns_stays_the_same_object() -> None:
    network = branched()
    assert with_mode(network, Mode(True, 3)) is network
    modern = grown()
    assert with_mode(modern, EVAL) is modern
    assert with_mode(with_mode(modern, Mode(True, 3)), EVAL).nodes == modern.nodes


def test_each_dropout_of_each_update_has_a_seed_of_its_own() -> None:
    seeds = {
        Mode(True, seed, iteration).layer_seed(place)
        for seed in range(3)
        for iteration in range(5)
        for place in range(4)
    }
    assert len(seeds) == 60
    assert Mode(True, 1, 2).layer_seed(3) == Mode(True, 1, 2).layer_seed(3)


def test_use_is_what_a_layer_does_unless_told_otherwise() -> None:
    plain, told = recorded(grown(), [1, 3]), recorded(grown(), [1, 3], mode=EVAL)
    assert plain.loss == told.loss
    assert parse("dropout.mask") not in plain
    assert parse("norm.running_mean.next") not in plain
    assert np.array_equal(plain["dropout.output"], plain["dropout.input"])


def test_a_pass_of_training_is_told_by_its_own_tape() -> None:
    tape = recorded(grown(), [1, 3], mode=Mode(True, 7))
    again = base_point_of(tape)
    assert again.loss == tape.loss
    assert np.array_equal(again.forward.residuals["dropout"]["mask"], tape["dropout.mask"])
    other = recorded(grown(), [1, 3], mode=Mode(True, 8))
    assert not np.array_equal(tape["dropout.mask"], other["dropout.mask"])


def test_modes_go_to_json_and_back() -> None:
    for layer in (BatchNorm2d(mode="train"), Dropout(0.1, "train", 12)):
        assert layer_from_fields(to_fields(layer), "layer") == layer


def data() -> Batches:
    images = np.random.default_rng(1).normal(size=(12, 2, 6, 7)).astype(np.float32)
    return Batches(images, np.arange(12) % 5, size=4, seed=3)


@pytest.mark.parametrize("optimizer", [Sgd(0.1, 0.9), Adam(0.01)])
def test_an_update_is_the_pass_of_its_mode_bit_for_bit(optimizer: Sgd | Adam) -> None:
    network, batches = grown(), data()
    before = Trained(initialize(network, seed=1))
    for now in islice(train(network, before, batches, optimizer, seed=9), 4):
        batch = batches.batch(now.iteration)
        tape = record(
            network,
            before.parameters,
            batch.images,
            batch.targets,
            optimizer,
            states=before.states,
            iteration=now.iteration,
            mode=Mode(True, 9, now.iteration),
        )
        assert now.loss == tape.loss
        for layer, own in now.parameters.items():
            for name, array in own.items():
                assert np.array_equal(array, tape[Address(layer, name).of("next")])
        before = now


def test_going_on_draws_what_would_have_been_drawn() -> None:
    network, batches = grown(), data()
    start = Trained(initialize(network, seed=1))
    through = list(islice(train(network, start, batches, Sgd(0.1), seed=4), 6))
    resumed = list(islice(train(network, through[2], batches, Sgd(0.1), seed=4), 3))
    other = list(islice(train(network, start, batches, Sgd(0.1), seed=5), 6))
    for layer, own in through[-1].parameters.items():
        for name, array in own.items():
            assert np.array_equal(array, resumed[-1].parameters[layer][name])
    assert through[-1].loss != other[-1].loss


def test_buffers_are_changed_by_training_and_have_no_state() -> None:
    network, batches = grown(), data()
    start = initialize(network, seed=1)
    now = next(train(network, Trained(start), batches, Sgd(0.1, 0.9)))
    assert Address("norm", "running_mean") not in now.states
    assert np.abs(now.parameters["norm"]["running_mean"]).max() > 0
    assert not start["norm"]["running_mean"].any()
    with pytest.raises(ValueError, match="read-only"):
        now.parameters["norm"]["running_var"] += 1


def test_a_prediction_drops_nothing_and_does_not_depend_on_the_batch() -> None:
    network = with_mode(grown(), Mode(True, 1))
    parameters = initialize(network, seed=2, dtype=np.float64)
    images = data().images.astype(np.float64)
    whole = predict(network, parameters, images)
    np.testing.assert_allclose(predict(network, parameters, images, size=5), whole, rtol=1e-12)


def test_first_values_are_the_layers_own_and_buffers_are_no_parameters() -> None:
    network = grown(shape=(1, 6, 7))
    parameters = initialize(network, seed=1)
    norm = parameters["norm"]
    assert list(norm) == ["weight", "bias", "running_mean", "running_var"]
    assert [float(array.min()) for array in norm.values()] == [1, 0, 0, 1]
    assert parameters["prelu"]["weight"].tolist() == [0.25] * 3
    model = Model("grown", network, parameters, Preprocessing(1, 6, 7), (), Sgd())
    sizes = (s for n in network.nodes for s in network.parameter_shapes(n).values())
    assert model.parameter_count == sum(int(np.prod(size)) for size in sizes)


def test_a_buffer_was_there_before_the_pass() -> None:
    tape = recorded(grown(), [1, 3], mode=Mode(True, 3))
    with pytest.raises(UserError, match=r"before the pass; .* is norm.running_mean.next\[1\]"):
        explain_value(tape, parse("norm.running_mean[1]"))
    found = explain_value(tape, parse("norm.running_mean.next[1]"))
    assert found.value == pytest.approx(0.1 * tape.value(parse("norm.mean[1]")))
    with pytest.raises(UserError, match="dropout keeps it for the way back"):
        explain_value(tape, parse("dropout.mask[0,0,0,0]"))
