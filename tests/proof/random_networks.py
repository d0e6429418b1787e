"""Random networks, whose gradients and kinks are held against their definitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from backpropviz.engine.backprop import Forward
from backpropviz.engine.gradcheck import Outcome, check, plan
from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.activation import LeakyReLU, ReLU, Sigmoid, Tanh
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.pooling import AvgPool2d, MaxPool2d
from backpropviz.engine.kinds.protocol import Layer, Loss
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import Network, chain
from backpropviz.engine.nudge import BasePoint, around, base_point, kinks_between
from backpropviz.engine.value import Address, Array
from backpropviz.errors import UserError

Runs: TypeAlias = tuple[Forward, Forward, Forward]
"""The passes at v − h, v and v + h."""

_BATCH = 2
_RECTIFIERS = frozenset({"relu", "leaky_relu"})


def random_points(count: int, seed: int = 0) -> Iterator[BasePoint]:
    """Convolutions, poolings and activations of random geometry, two samples, float64."""
    random = np.random.default_rng(seed)
    return (_point(_fitting(random), random) for _ in range(count))


def _fitting(random: np.random.Generator) -> Network:
    """The next network whose windows fit its maps."""
    while True:
        try:
            return _network(random)
        except UserError:
            continue


def _network(random: np.random.Generator) -> Network:
    size, channels = int(random.integers(6, 10)), int(random.integers(1, 3))
    layers: dict[str, Layer] = {}
    for block in range(int(random.integers(1, 3))):
        kernel, padding = int(random.integers(1, 4)), int(random.integers(0, 2))
        stride = int(random.integers(1, 3)) if block == 0 else 1
        layers[f"conv{block}"] = Conv2d(int(random.integers(2, 4)), kernel, stride, padding)
        layers[f"act{block}"] = _activation(random)
        layers[f"pool{block}"] = _pooling(random)
    layers["flatten"] = Flatten()
    layers["dense1"] = Dense(int(random.integers(2, 5)))
    layers["relu"] = ReLU()
    layers["dense2"] = Dense(3)
    loss: Loss = CrossEntropy() if random.integers(2) else SquaredError()
    return chain("random", (channels, size, size), layers, loss)


def _activation(random: np.random.Generator) -> Layer:
    kinds: list[Layer] = [ReLU(), ReLU(), LeakyReLU(0.1), Tanh(), Sigmoid()]
    return kinds[int(random.integers(len(kinds)))]


def _pooling(random: np.random.Generator) -> Layer:
    if random.integers(4) == 0:
        return AvgPool2d(2, 1)
    stride, ceil = int(random.integers(1, 3)), bool(random.integers(2))
    return MaxPool2d(2, stride, padding=int(random.integers(2)), ceil_mode=ceil)


def _point(network: Network, random: np.random.Generator) -> BasePoint:
    images = random.standard_normal((_BATCH, *network.input_shape))
    if network.loss.kind == "cross_entropy":
        target: Array = random.integers(0, 3, _BATCH)
    else:
        target = random.standard_normal((_BATCH, 3))
    return base_point(network, initialize(network, seed=int(random.integers(1000))), images, target)


def gradient_faults(point: BasePoint, per_array: int) -> tuple[Counter[str], list[str]]:
    """Outcomes of a gradient check, and what contradicts the bounds.

    A value without a kink within ±h has to agree; one with a kink has to agree as soon as h is too
    small to reach it.
    """
    seen: Counter[str] = Counter()
    wrong = []
    for result in check(point, plan(point, per_array, pixels=True)):
        seen["kink within ±h" if result.kink_count else "no kink"] += 1
        seen["confirmed beside its kink"] += result.closer is not None
        stands_on_kink = result.outcome is Outcome.KINK and result.closer is None
        seen["on a kink"] += stands_on_kink
        if result.outcome is Outcome.FAILS or (not result.kink_count and stands_on_kink):
            wrong.append(str(result))
    return seen, wrong


def kink_faults(point: BasePoint, h: float, values: int, seed: int = 0) -> tuple[int, list[str]]:
    """How many kinks lie within ±h of random values, and where the detector is not their list."""
    random = np.random.default_rng(seed)
    total, wrong = 0, []
    for address in _values(point, values, random):
        passes = around(point, address, h)
        network, runs = point.network, (passes.minus, point.forward, passes.plus)
        found = [k.address for k in kinks_between(network, runs[1], runs[0], runs[2])]
        expected = set(_kinks_by_looking(network, runs))
        total += len(expected)
        if len(found) != len(set(found)) or set(found) != expected:
            wrong.append(f"{address} ± {h}: {set(found) ^ expected}")
    return total, wrong


def _values(point: BasePoint, count: int, random: np.random.Generator) -> Iterator[Address]:
    arrays = {sample.array: sample.shape for sample in plan(point, 1, pixels=True).samples}
    for _ in range(count):
        array = list(arrays)[int(random.integers(len(arrays)))]
        yield array.at(tuple(int(random.integers(size)) for size in arrays[array]))


def _kinks_by_looking(
    network: Network, runs: tuple[Forward, Forward, Forward]
) -> Iterator[Address]:
    """Value by value: inputs on both sides of 0, windows whose first largest cell moves."""
    for node in network.nodes:
        inputs = [run.residuals[node.name].get("input") for run in runs]
        if node.layer.kind in _RECTIFIERS:
            low, base, high = (np.asarray(x) for x in inputs)
            for cell in np.ndindex(*base.shape):
                values = (low[cell], base[cell], high[cell])
                is_left = values[1] <= 0 and max(values) <= 0
                is_right = values[1] > 0 and min(values) >= 0
                if not is_left and not is_right:
                    yield Address(node.name, "input", "", cell)
        elif isinstance(node.layer, MaxPool2d):
            won = [_winners(node.layer, np.asarray(x)) for x in inputs]
            for window, winner in won[1].items():
                if not won[0][window] == winner == won[2][window]:
                    yield Address(node.name, "output", "", window)


def _winners(layer: MaxPool2d, image: Array) -> dict[tuple[int, ...], tuple[int, int]]:
    """The first largest cell of each window, scanned in row-major order."""
    shape = layer.window
    (top, _), (left, _) = shape.padding
    height, width = image.shape[2:]
    rows, columns = shape.output_size(height, width)
    found: dict[tuple[int, ...], tuple[int, int]] = {}
    for n, c, y, x in np.ndindex(*image.shape[:2], rows, columns):
        best: tuple[int, int] | None = None
        for i, j in np.ndindex(*shape.kernel):
            u = y * shape.stride[0] + i * shape.dilation[0] - top
            v = x * shape.stride[1] + j * shape.dilation[1] - left
            is_inside = 0 <= u < height and 0 <= v < width
            if is_inside and (best is None or image[n, c, u, v] > image[n, c, *best]):
                best = (u, v)
        assert best is not None
        found[n, c, y, x] = best
    return found
