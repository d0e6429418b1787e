"""First weights have the spread that the schemes promise, and follow from the seed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from backpropviz.engine.initialize import SCHEMES, fans, initialize
from backpropviz.engine.layers.convolution import Conv2d
from backpropviz.engine.layers.cross_entropy import CrossEntropy
from backpropviz.engine.layers.dense import Dense
from backpropviz.engine.layers.protocol import Layer
from backpropviz.engine.layers.reshaping import Flatten
from backpropviz.engine.network import chain
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
