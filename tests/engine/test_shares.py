"""Shares of a gradient add up, and each is the sample's own gradient times 1/N."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from backpropviz.engine.derivation import Derivation, derive, sample_shares
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record, with_reduction
from backpropviz.engine.tape import Tape, operations
from backpropviz.engine.value import parse
from backpropviz.files.networks import load_network

SAMPLES = 5
ELEMENTS = (
    "conv1.weight.grad[0,0,1,1]",
    "conv1.weight.grad[5,0,4,4]",
    "conv1.bias.grad[3]",
    "conv2.weight.grad[7,3,0,2]",
    "dense1.weight.grad[100,13]",
    "dense2.bias.grad[17]",
    "dense3.weight.grad[9,3]",
)


@cache
def batch() -> tuple[np.ndarray, list[int]]:
    random = np.random.default_rng(4)
    images = np.maximum(random.standard_normal((SAMPLES, 1, 28, 28)), 0)
    return images, [int(k) for k in random.integers(0, 10, SAMPLES)]


@cache
def recorded(reduction: str, sample: int | None = None) -> Tape:
    """LeNet in float64 on the batch, or on one sample of it alone."""
    model = load_network("lenet")
    network = with_reduction(model.network, reduction)
    wide = {
        layer: {name: array.astype(np.float64) for name, array in own.items()}
        for layer, own in model.parameters.items()
    }
    images, targets = batch()
    chosen = slice(None) if sample is None else slice(sample, sample + 1)
    return record(network, wide, images[chosen], targets[chosen], Sgd(0.1))


def derived(tape: Tape, name: str) -> Derivation:
    address = parse(name)
    nests = (o.nest for o in operations(tape.network, tape.batch, tape.optimizer))
    nest = next(nest for nest in nests if nest.target == address.array)
    return derive(tape, nest, address)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", ELEMENTS)
def test_the_shares_add_up_to_the_gradient(name: str, reduction: str) -> None:
    derivation = derived(recorded(reduction), name)
    shares = sample_shares(derivation)
    assert shares is not None
    assert shares.values.shape == (SAMPLES,)
    assert shares.values.sum() == pytest.approx(derivation.value, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", ELEMENTS)
def test_a_share_is_the_gradient_of_the_sample_alone_over_n(name: str, reduction: str) -> None:
    shares = sample_shares(derived(recorded(reduction), name))
    assert shares is not None
    scale = 1 / SAMPLES if reduction == "mean" else 1.0
    alone = [recorded("sum", n).value(parse(name)) * scale for n in range(SAMPLES)]
    np.testing.assert_allclose(shares.values, alone, rtol=1e-9, atol=1e-15)


def test_the_first_term_of_each_sample_is_its_own() -> None:
    derivation = derived(recorded("mean"), ELEMENTS[0])
    shares = sample_shares(derivation)
    assert shares is not None
    loops = derivation.nest.by_target
    first_term = loops.channel_axes + loops.element_axes
    for sample, number in enumerate(shares.first):
        assert derivation.coordinates(int(number))[first_term:] == (sample, 0, 0)


def test_terms_that_have_not_run_are_no_part_of_a_share() -> None:
    derivation = derived(recorded("mean"), ELEMENTS[0])
    ran = np.arange(derivation.term_values.size) < 2 * 28 * 28
    shares, whole = sample_shares(derivation, ran), sample_shares(derivation)
    assert shares is not None
    assert whole is not None
    np.testing.assert_array_equal(shares.values[:2], whole.values[:2])
    np.testing.assert_array_equal(shares.values[2:], 0)


@pytest.mark.parametrize(
    "name", ["conv1.output[2,0,3,3]", "conv2.input.grad[1,0,3,3]", "pool1.output[0,0,1,1]"]
)
def test_what_belongs_to_one_sample_has_no_shares(name: str) -> None:
    assert sample_shares(derived(recorded("mean"), name)) is None
