"""Batch normalization: by hand, its statistics, its three ways back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backpropviz.engine.derivation import derive
from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.model import Mode
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from tests.engine.layer_cases import Case, played
from tests.engine.passes import grown, nests_of, recorded


def parameters(channels: int = 1) -> dict[str, Any]:
    return {
        "weight": np.full(channels, 2.0),
        "bias": np.full(channels, 1.0),
        "running_mean": np.full(channels, 10.0),
        "running_var": np.full(channels, 4.0),
    }


def test_two_values_by_hand() -> None:
    """1 and 5: mean 3, variance 4, and unbiased 8."""
    layer = BatchNorm2d(eps=0.0, momentum=0.25, mode="train")
    image = np.array([1.0, 5.0]).reshape(2, 1, 1, 1)
    output, kept = layer.forward((image,), parameters())
    assert (kept["mean"].tolist(), kept["variance"].tolist()) == ([3], [4])
    assert kept["centered"].ravel().tolist() == [-2, 2]
    assert (kept["inv_std"].tolist(), kept["normalized"].ravel().tolist()) == ([0.5], [-1, 1])
    assert output.ravel().tolist() == [-1, 3]
    after = layer.next_buffers(kept, parameters())
    assert after["running_mean"].tolist() == [0.75 * 10 + 0.25 * 3]
    assert after["running_var"].tolist() == [0.75 * 4 + 0.25 * 8]
    (gradient,), sums = layer.vjp(np.array([1.0, 3.0]).reshape(2, 1, 1, 1), kept, parameters())
    assert (sums["weight"].tolist(), sums["bias"].tolist()) == ([2], [4])
    assert gradient.ravel().tolist() == [0, 0]


def test_in_use_the_running_statistics_count() -> None:
    layer = BatchNorm2d(eps=0.0)
    image = np.array([1.0, 5.0]).reshape(2, 1, 1, 1)
    output, kept = layer.forward((image,), parameters())
    assert output.ravel().tolist() == [-8, -4]
    assert layer.next_buffers(kept, parameters()) == {}
    (gradient,), sums = layer.vjp(np.array([1.0, 3.0]).reshape(2, 1, 1, 1), kept, parameters())
    assert gradient.ravel().tolist() == [1, 3]
    assert sums["weight"].tolist() == [-4.5 - 7.5]


@given(st.integers(0, 2**16), st.booleans())
@settings(max_examples=50)
def test_in_training_nothing_goes_back_along_mean_and_spread(seed: int, affine: bool) -> None:
    """A batch that is shifted or scaled as a whole puts out the same: ∂X is orthogonal to both."""
    random = np.random.default_rng(seed)
    layer = BatchNorm2d(eps=0.0, affine=affine, mode="train")
    image = random.normal(3, 2, (3, 2, 4, 5))
    own = {name: random.normal(size=2) for name in ("weight", "bias")}
    output, kept = layer.forward((image,), own)
    (gradient,), _ = layer.vjp(random.normal(size=output.shape), kept, own)
    size = np.abs(gradient).sum()
    for direction in (np.ones_like(image), kept["centered"]):
        along = np.add.reduce(gradient * direction, axis=(0, 2, 3))
        assert np.abs(along).max() <= 1e-13 * size


def test_the_input_gradient_has_three_terms_with_addresses() -> None:
    tape = recorded(grown(), [1, 3], mode=Mode(True, 3))
    nests = nests_of(tape)
    address = parse("norm.input.grad[1,2,3,4]")
    (term,) = derive(tape, nests[address.array], address).terms
    assert nests[address.array].expression == ("{0} · {1} · ({2} − {3} · {4} − {5} · {6} · {4})")
    assert [f.label or str(f.address) for f in term.operands] == [
        *("norm.weight[2]", "norm.inv_std[2]", "norm.output.grad[1,2,3,4]"),
        *("norm.bias.grad[2]", "1/84", "norm.normalized[1,2,3,4]", "norm.weight.grad[2]"),
    ]


def test_operations_run_as_defined() -> None:
    run = played(Case(BatchNorm2d(mode="train"), ((2, 3, 3),), 2, 1))
    assert [n.target.name.removeprefix("layer.") for n in run.nests.forward] == [
        *("mean", "centered", "variance", "inv_std", "normalized", "output"),
        *("running_mean.next", "running_var.next"),
    ]
    back = [n.target.name.removeprefix("layer.") for n in run.nests.backward]
    assert back == ["weight.grad", "bias.grad", "input.grad"]
    bare = played(Case(BatchNorm2d(affine=False, mode="train"), ((2, 3, 3),), 2, 1)).nests
    names = [n.target.name.removeprefix("layer.") for n in bare.backward]
    assert names == ["upstream_sum", "upstream_dot", "input.grad"]


def test_a_large_mean_leaves_the_variance_its_digits() -> None:
    random = np.random.default_rng(1)
    image = (random.normal(0, 0.1, (16, 2, 28, 28)) + 100).astype(np.float32)
    layer = BatchNorm2d(mode="train", affine=False)
    _, kept = layer.forward((image,), {})
    expected = image.astype(np.float64).var(axis=(0, 2, 3))
    assert np.abs(kept["variance"] / expected - 1).max() < 1e-4


def test_one_value_a_channel_has_no_variance() -> None:
    with pytest.raises(UserError, match="more than one value a channel, but the batch has 1 image"):
        BatchNorm2d(mode="train").forward((np.ones((1, 3, 1, 1)),), parameters(3))
