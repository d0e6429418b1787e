"""SciPy's correlate gives each filter's gradient, whatever stride, padding and groups."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.engine.gradcheck import by_correlation
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import Network, Node
from backpropviz.engine.nudge import base_point
from backpropviz.engine.value import Address

CASES = (
    Conv2d(4, 3),
    Conv2d(4, 3, stride=2, padding=1),
    Conv2d(4, (2, 3), dilation=2, padding=((0, 1), (2, 0))),
    Conv2d(4, 3, groups=2),
)


@pytest.mark.parametrize("layer", CASES, ids=str)
def test_it_is_the_gradient(layer: Conv2d) -> None:
    random = np.random.default_rng(5)
    network = Network("one", (2, 7, 8), (Node("conv1", layer, ("image",)),), SquaredError())
    shapes = network.parameter_shapes(network.nodes[0])
    own = {name: random.normal(size=shape) for name, shape in shapes.items()}
    target = random.normal(size=(3, *network.shapes["conv1"]))
    point = base_point(network, {"conv1": own}, random.normal(size=(3, 2, 7, 8)), target)
    gradient = point.backward.parameters["conv1"]["weight"]
    for cell in np.ndindex(gradient.shape):
        found = by_correlation(point, Address("conv1", "weight", "", cell))
        assert found == pytest.approx(gradient[cell], rel=1e-12, abs=1e-12)
    assert by_correlation(point, Address("conv1", "bias", "", (0,))) is None
    assert by_correlation(point, Address("", "image", "", (0, 0, 0, 0))) is None
