"""Training: it is what a recorded pass says, it can be stopped and resumed, and it learns."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from numpy.testing import assert_allclose

from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.network import Network, chain
from backpropviz.engine.optimizers import Adam, Optimizer, Sgd
from backpropviz.engine.record import record
from backpropviz.engine.training.samples import Batches
from backpropviz.engine.training.update import Trained, accuracy, predict, train
from backpropviz.engine.value import Address

OPTIMIZERS = [
    Sgd(0.1),
    Sgd(0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    Adam(0.01, weight_decay=1e-2),
]


def network() -> Network:
    layers: dict[str, Layer] = {
        "conv1": Conv2d(3, 3),
        "relu1": ReLU(),
        "pool1": MaxPool2d(2),
        "flatten": Flatten(),
        "dense1": Dense(2),
    }
    return chain("small", (1, 8, 8), layers, CrossEntropy())


def stripes() -> Batches:
    """Horizontal or vertical stripes with noise."""
    random = np.random.default_rng(3)
    labels = np.arange(60) % 2
    pattern = np.tile([0.0, 1.0], 4)
    images = np.where(labels[:, None, None] == 1, pattern[:, None], pattern[None, :])[:, None]
    noisy = images + random.normal(0, 0.2, images.shape)
    return Batches(noisy.astype(np.float32), labels, size=8, seed=4)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_update_is_the_one_that_a_recorded_pass_shows(optimizer: Optimizer) -> None:
    small, batches = network(), stripes()
    before = Trained(initialize(small, seed=1))
    for now in islice(train(small, before, batches, optimizer), 4):
        batch = batches.batch(now.iteration)
        tape = record(
            small,
            before.parameters,
            batch.images,
            batch.targets,
            optimizer,
            states=before.states,
            iteration=now.iteration,
        )
        assert now.loss == pytest.approx(tape.loss, rel=1e-6)
        for layer, own in now.parameters.items():
            for name, array in own.items():
                expected = tape[Address(layer, name).of("next")]
                assert_allclose(array, expected, rtol=1e-5, atol=1e-7)
        before = now


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_going_on_from_a_state_is_the_same_as_never_having_stopped(optimizer: Optimizer) -> None:
    small, batches = network(), stripes()
    start = Trained(initialize(small, seed=1))
    through = list(islice(train(small, start, batches, optimizer), 12))
    resumed = list(islice(train(small, through[4], batches, optimizer), 7))
    assert resumed[-1].iteration == through[-1].iteration == 12
    for layer, own in through[-1].parameters.items():
        for name, array in own.items():
            assert np.array_equal(array, resumed[-1].parameters[layer][name])


def test_no_state_is_changed_by_the_next_update() -> None:
    small, batches = network(), stripes()
    start = Trained(initialize(small, seed=1))
    updates = train(small, start, batches, Sgd(0.1, momentum=0.9))
    first = next(updates)
    weight = first.parameters["conv1"]["weight"]
    velocity = first.states[Address("conv1", "weight")]["velocity"]
    copies = weight.copy(), velocity.copy()
    next(updates)
    assert np.array_equal(weight, copies[0])
    assert np.array_equal(velocity, copies[1])
    with pytest.raises(ValueError, match="read-only"):
        weight += 1


def test_it_learns_to_tell_stripes() -> None:
    small, batches = network(), stripes()
    start = Trained(initialize(small, seed=1))
    states = list(islice(train(small, start, batches, Sgd(0.1, momentum=0.9)), 40))
    assert states[-1].loss is not None
    assert states[0].loss is not None
    assert states[-1].loss < 0.1 < states[0].loss
    assert accuracy(small, states[-1].parameters, batches.images, batches.targets) == 1


def test_a_schedule_gives_each_update_its_learning_rate() -> None:
    small, batches = network(), stripes()
    asked: list[int] = []

    def falling(iteration: int) -> Optimizer:
        asked.append(iteration)
        return Sgd(0.0 if iteration > 2 else 0.1)

    states = list(islice(train(small, Trained(initialize(small)), batches, falling), 4))
    assert asked == [1, 2, 3, 4]
    weights = [state.parameters["conv1"]["weight"] for state in states]
    assert not np.array_equal(weights[0], weights[1])
    assert np.array_equal(weights[1], weights[3])


def test_the_size_of_a_batch_does_not_change_a_prediction() -> None:
    small, batches = network(), stripes()
    parameters = initialize(small, seed=2)
    whole = predict(small, parameters, batches.images)
    assert whole.shape == (60, 2)
    assert_allclose(predict(small, parameters, batches.images, size=7), whole, rtol=1e-5, atol=1e-6)
