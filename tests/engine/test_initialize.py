"""First weights have the spread that the schemes promise, and follow from the seed."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np
import pytest

from backpropviz.engine.architecture.presets import preset
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.initialize import INITIALIZATIONS, SCHEMES, WRONG, fans, initialize
from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import Network, chain
from backpropviz.engine.optimizers.sgd import Sgd
from backpropviz.engine.record import record
from backpropviz.engine.training.samples import Batches
from backpropviz.engine.training.update import Trained, train
from backpropviz.engine.value import Array
from backpropviz.errors import UserError

LAYERS: dict[str, Layer] = {
    "conv": Conv2d(32, 3, groups=2),
    "flatten": Flatten(),
    "dense": Dense(60),
}
NETWORK = chain("net", (8, 6, 6), LAYERS, CrossEntropy())
FANS = {"conv": (4 * 9, 32 * 9), "dense": (32 * 16, 60)}


def test_fans_count_inputs_and_outputs() -> None:
    assert fans((32, 4, 3, 3)) == FANS["conv"]
    assert fans((60, 512)) == FANS["dense"]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("layer", FANS)
def test_the_spread_is_the_scheme_s(scheme: str, layer: str) -> None:
    name, distribution = scheme.split("_")
    fan_in, fan_out = FANS[layer]
    variance = {"he": 2 / fan_in, "glorot": 2 / (fan_in + fan_out), "lecun": 1 / fan_in}[name]
    weights = initialize(NETWORK, scheme, seed=3, dtype=np.float64)[layer]["weight"]
    assert float(weights.std()) == pytest.approx(math.sqrt(variance), rel=0.05)
    assert abs(float(weights.mean())) < 0.1 * math.sqrt(variance)
    reach = float(np.abs(weights).max()) / math.sqrt(3 * variance)
    assert reach <= 1 if distribution == "uniform" else reach > 1.2


def test_the_seed_decides_and_biases_are_zero() -> None:
    first, same, other = (initialize(NETWORK, seed=seed) for seed in (4, 4, 5))
    assert np.array_equal(first["conv"]["weight"], same["conv"]["weight"])
    assert not np.array_equal(first["conv"]["weight"], other["conv"]["weight"])
    assert not first["conv"]["bias"].any()
    assert first["dense"]["weight"].dtype == np.float32
    assert first["flatten"] == {}


def test_another_scheme_is_refused() -> None:
    with pytest.raises(UserError, match="“xavier” is no initialization; there are he_normal"):
        initialize(NETWORK, "xavier")


def trained(network: Network, start: Parameters, images: Array, targets: Array) -> Trained:
    """After five updates."""
    batches = Batches(images, targets, 4)
    with np.errstate(all="ignore"):
        states = list(islice(train(network, Trained(start), batches, Sgd(0.5)), 5))
    return states[-1]


def deep(kind: str) -> tuple[Network, Parameters, Array, Array]:
    """A network of five layers with such a beginning, and what it is shown."""
    network = preset("tinyvgg", (1, 16, 16), 4)
    random = np.random.default_rng(5)
    images = random.random((4, 1, 16, 16), dtype=np.float32)
    return network, initialize(network, kind, seed=1), images, np.arange(4)


def first_and_last_gradient(kind: str) -> tuple[float, float, float]:
    """Of the loss, by the weights of the first and of the last layer; and the loss."""
    network, start, images, targets = deep(kind)
    tape = record(network, start, images, targets, Sgd())
    sizes = [float(np.abs(tape[f"{name}.weight.grad"]).mean()) for name in ("conv1", "dense2")]
    return sizes[0], sizes[1], float(tape["loss"])


def test_equal_filters_stay_equal_bit_for_bit_where_sums_are_exact() -> None:
    """Powers of two throughout, so that no order of summation rounds."""
    layers: dict[str, Layer] = {
        "conv": Conv2d(4, 2),
        "relu": ReLU(),
        "flatten": Flatten(),
        "dense": Dense(2),
    }
    network = chain("small", (1, 3, 3), layers, SquaredError())
    images = np.random.default_rng(0).integers(0, 3, (4, 1, 3, 3)).astype(np.float64)
    targets = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [1.0, 1.0]])
    start = initialize(network, "all_equal", dtype=np.float64)
    after = trained(network, start, images, targets).parameters["conv"]["weight"]
    assert not np.array_equal(after, start["conv"]["weight"])
    assert np.allclose(after[1:], after[:-1], rtol=1e-12, atol=0)
    assert len(np.unique(after.round(9))) == 4  # the weights of one filter do differ


def test_equal_filters_stay_equal_but_for_rounding_in_a_deep_network() -> None:
    network, start, images, targets = deep("all_equal")
    after = trained(network, start, images, targets).parameters
    for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "conv6", "dense1"):
        weight = after[name]["weight"]
        assert not np.array_equal(weight, start[name]["weight"]), name
        assert np.allclose(weight, weight[:1], rtol=1e-4, atol=1e-6), name
    last = after["dense2"]["weight"]
    assert not np.allclose(last, last[:1], rtol=1e-4, atol=1e-6)


def test_zero_weights_let_only_the_last_bias_learn() -> None:
    network, start, images, _ = deep("all_zero")
    after = trained(network, start, images, np.array([0, 0, 0, 1])).parameters
    moved = [
        (layer, name)
        for layer, own in after.items()
        for name, values in own.items()
        if not np.array_equal(values, start[layer][name])
    ]
    assert moved == [("dense2", "bias")]


def test_too_large_explodes() -> None:
    usual, large = first_and_last_gradient("he_normal"), first_and_last_gradient("too_large")
    assert large[2] > 1e6 * usual[2]
    assert large[0] > 1e6 * usual[0]
    after = trained(*deep("too_large"))
    assert not np.isfinite(after.parameters["conv1"]["weight"]).all()


def test_too_small_vanishes() -> None:
    usual, small = first_and_last_gradient("he_normal"), first_and_last_gradient("too_small")
    assert usual[0] > 1e-4
    assert small[0] < 1e-9
    assert small[2] == pytest.approx(math.log(4), abs=1e-4)


def test_a_factor_is_the_person_s_choice() -> None:
    drawn, large = initialize(NETWORK, seed=3), initialize(NETWORK, "too_large", seed=3, factor=8)
    assert np.array_equal(large["conv"]["weight"], 8 * drawn["conv"]["weight"])
    with pytest.raises(UserError, match="takes no factor"):
        initialize(NETWORK, "all_equal", factor=2)
    with pytest.raises(UserError, match="must be a positive number"):
        initialize(NETWORK, "too_small", factor=math.nan)


def test_a_layer_s_own_start_stays() -> None:
    network = preset("resnet-tiny", (3, 16, 16), 3)
    assert (initialize(network, "all_zero")["norm1"]["weight"] == 1).all()


@pytest.mark.parametrize("name", WRONG)
def test_what_is_to_be_seen_is_one_sentence(name: str) -> None:
    assert name in INITIALIZATIONS
    assert WRONG[name].seen.endswith(".")
    assert ". " not in WRONG[name].seen
