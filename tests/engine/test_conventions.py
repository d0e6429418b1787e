"""Networks put on one convention or another, and what is said about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backpropviz.engine.conventions import (
    OPTIONS,
    STANDARD,
    Convention,
    Conventions,
    Option,
    applicable,
    conventions_of,
    differences,
    with_conventions,
)
from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import compared
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from tests.engine.passes import branched, lenet, recorded, with_biases
from tests.engine.test_derivation import assert_all_derived

OTHER = Conventions("shared", 0.5, "sum", True)
CHOICES = [(convention, option) for convention in OPTIONS for option in OPTIONS[convention]]


def test_the_standard_is_pytorch_s_and_says_nothing() -> None:
    assert Conventions() == STANDARD
    assert all(STANDARD.option(c) == options[0] for c, options in OPTIONS.items())
    assert differences(STANDARD) == ()
    for network in (lenet(), branched()):
        assert conventions_of(network) == STANDARD
        assert with_conventions(network, STANDARD) is network


@pytest.mark.parametrize(("convention", "option"), CHOICES)
def test_each_other_choice_is_said_in_one_sentence(convention: Convention, option: Option) -> None:
    chosen = STANDARD.with_option(convention, option)
    assert chosen.option(convention) == option
    sentences = differences(chosen)
    assert len(sentences) == (chosen != STANDARD)
    assert all(s.endswith(".") and "the standard is" in s for s in sentences)


def test_every_layer_that_has_a_choice_takes_it_and_the_others_stay() -> None:
    network = branched()
    changed = with_conventions(network, OTHER)
    for before, after in zip(network.nodes, changed.nodes, strict=True):
        match after.layer:
            case Conv2d():
                assert after.layer.flip
                assert after.layer.kernel_size == before.layer.kernel_size  # type: ignore[attr-defined]
            case ReLU():
                assert after.layer.at_zero == 0.5
            case MaxPool2d():
                assert after.layer.ties == "shared"
                assert after.layer.ceil_mode
            case _:
                assert after is before
    assert changed.loss == CrossEntropy("sum")
    assert changed.shapes == network.shapes
    assert conventions_of(changed) == OTHER
    assert len(differences(OTHER)) == 4
    back = with_conventions(changed, STANDARD)
    assert [n.layer for n in back.nodes] == [n.layer for n in network.nodes]


def test_one_layer_off_the_standard_is_enough() -> None:
    layers: dict[str, Layer] = {
        "conv1": Conv2d(1, 2),
        "conv2": Conv2d(1, 2, flip=True),
        "relu1": ReLU(),
    }
    network = chain("mixed", (1, 4, 4), layers, SquaredError())
    assert conventions_of(network) == Conventions(flip=True)
    assert applicable(network) == ("relu_at_zero", "reduction", "flip")
    assert applicable(chain("d", (4,), {"dense1": Dense(2)}, SquaredError())) == ("reduction",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ties": "last"}, "ties = “last” must be"),
        ({"relu_at_zero": 0.3}, "at_zero = 0.3 must be"),
        ({"reduction": "none"}, "reduction = “none” must be"),
        ({"flip": 1}, "flip = 1 must be true or false"),
    ],
    ids=str,
)
def test_what_is_no_choice_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Conventions(**change)


@pytest.mark.parametrize(("convention", "option"), CHOICES)
def test_terms_make_every_value_under_every_choice(convention: Convention, option: Option) -> None:
    network = with_conventions(branched(), STANDARD.with_option(convention, option))
    random = np.random.default_rng(3)
    images = random.integers(0, 2, (2, *network.input_shape)).astype(np.float64)
    parameters = {
        layer: {name: np.sign(np.round(p, 1)) for name, p in own.items()}
        for layer, own in initialize(network, seed=4, dtype=np.float64).items()
    }
    assert_all_derived(record(network, parameters, images, [1, 2], Sgd()), 1e-13)


def test_turned_kernels_do_the_same_the_other_way_round() -> None:
    network = branched()
    flipped = with_conventions(network, Conventions(flip=True))
    images = np.random.default_rng(1).normal(size=(2, *network.input_shape))
    own = with_biases(initialize(network, seed=1, dtype=np.float64), 1)
    here = record(network, own, images, [1, 3], Sgd(0.1))
    turned = {
        layer: {
            name: array[..., ::-1, ::-1] if array.ndim == 4 else array
            for name, array in arrays.items()
        }
        for layer, arrays in own.items()
    }
    there = record(flipped, turned, images, [1, 3], Sgd(0.1))
    changed = {change.array.name for change in compared(here, there).changes}
    kernels = ("weight", "weight.grad", "weight.step", "weight.next")
    assert changed == {f"{layer}.{k}" for layer in ("conv1", "conv2") for k in kernels}
    plain = record(flipped, own, images, [1, 3], Sgd(0.1))
    assert plain["loss"] != here["loss"]


def test_the_passes_under_the_standard_are_those_of_before() -> None:
    tape = recorded(lenet(side=12), [1, 3])
    assert parse("pool1.tied") not in tape
    again = recorded(with_conventions(lenet(side=12), STANDARD), [1, 3])
    assert compared(tape, again).is_same
