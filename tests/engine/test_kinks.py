"""Every kink between two passes is found, and none where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backpropviz.engine.kinds.activation import LeakyReLU, ReLU, Tanh
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.protocol import Crossing, Flip, Layer, WinnerChange
from backpropviz.engine.kinds.registry import layer_kinds
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import chain
from backpropviz.engine.nudge import (
    BasePoint,
    around,
    base_point,
    base_point_of,
    changed,
    kinks_between,
    place,
)
from backpropviz.engine.value import Address, Array, parse
from tests.engine.passes import branched, lenet, recorded


def units(values: list[float], layer: Layer | None = None) -> BasePoint:
    """A rectifier straight on the input."""
    network = chain("units", (len(values),), {"relu1": layer or ReLU()}, SquaredError())
    return base_point(network, {}, np.array([values]), np.zeros((1, len(values))))


def pooled(image: Array, **geometry: Any) -> BasePoint:
    network = chain("pooled", image.shape[1:], {"pool1": MaxPool2d(**geometry)}, SquaredError())
    shape = (len(image), *network.shapes["pool1"])
    return base_point(network, {}, image, np.zeros(shape))


def crossings(point: BasePoint, text: str, h: float) -> list[Crossing]:
    passes = around(point, parse(text), h)
    return list(kinks_between(point.network, point.forward, passes.minus, passes.plus))


@pytest.mark.parametrize("layer", [ReLU(), LeakyReLU(0.1)], ids=["relu", "leaky"])
def test_a_unit_flips_where_its_input_crosses_zero(layer: Layer) -> None:
    point = units([0.5, -0.25, 2.0], layer)
    assert crossings(point, "image[0,0]", 0.75) == [Flip(parse("relu1.input[0,0]"), -0.25, 1.25)]
    assert crossings(point, "image[0,0]", 0.25) == []
    assert crossings(point, "image[0,0]", 0.5) == []  # −h touches 0, from the right
    assert crossings(point, "image[0,1]", 0.25) == []  # +h touches 0, from the left
    assert crossings(point, "image[0,1]", 0.5) == [Flip(parse("relu1.input[0,1]"), -0.75, 0.25)]


def test_a_unit_at_zero_is_a_kink_for_those_that_move_it_up() -> None:
    point = units([0.0, 1.0])
    corner = parse("relu1.input[0,0]")
    assert crossings(point, "image[0,0]", 0.5) == [Flip(corner, -0.5, 0.5)]
    assert crossings(point, "image[0,1]", 0.5) == []
    up, down = (changed(point, place(point, parse("image[0,0]")), v) for v in (0.5, -0.5))
    base = point.forward
    assert list(kinks_between(point.network, base, base, up)) == [Flip(corner, 0.0, 0.5)]
    assert list(kinks_between(point.network, base, base, down)) == []


@pytest.mark.parametrize(
    ("at_zero", "up", "down"), [(0.0, True, False), (0.5, True, True), (1.0, False, True)]
)
def test_which_way_from_zero_is_a_kink_follows_the_slope_there(
    at_zero: float, up: bool, down: bool
) -> None:
    point = units([0.0], ReLU(at_zero=at_zero))
    moved = [changed(point, place(point, parse("image[0,0]")), v) for v in (0.5, -0.5)]
    base = point.forward
    found = [list(kinks_between(point.network, base, base, run)) for run in moved]
    assert [bool(kinks) for kinks in found] == [up, down]
    assert crossings(point, "image[0,0]", 0.5) == [Flip(parse("relu1.input[0,0]"), -0.5, 0.5)]


def test_a_smooth_activation_has_no_kinks() -> None:
    point = units([0.0, 0.1], Tanh())
    assert crossings(point, "image[0,1]", 5.0) == []


def test_the_winner_changes_where_another_cell_overtakes() -> None:
    image = np.array([[[[3.0, 4, 2], [1, 5, 0], [8, 6, 4]]]])
    point = pooled(image, kernel_size=2, stride=1)
    five, eight = parse("pool1.input[0,0,1,1]"), parse("pool1.input[0,0,2,0]")
    windows = [parse(f"pool1.output[0,0,{y},{x}]") for y, x in ((0, 0), (0, 1), (1, 0), (1, 1))]
    assert crossings(point, "image[0,0,1,1]", 0.5) == []
    six, four = parse("pool1.input[0,0,2,1]"), parse("pool1.input[0,0,0,1]")
    assert crossings(point, "image[0,0,1,1]", 1.5) == [
        WinnerChange(windows[0], four, five),
        WinnerChange(windows[1], four, five),
        WinnerChange(windows[3], six, five),
    ]
    assert crossings(point, "image[0,0,2,0]", 2.5) == [WinnerChange(windows[2], six, eight)]
    assert crossings(point, "image[0,0,0,0]", 0.5) == []


def winners(image: Array, window: Any) -> dict[tuple[int, ...], list[tuple[int, int]]]:
    """By brute force: the cells that hold each window's largest value, in row-major order."""
    (kh, kw), (sy, sx), (dy, dx) = window.kernel, window.stride, window.dilation
    (top, _), (left, _) = window.padding
    rows, columns = window.output_size(*image.shape[2:])
    found: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for n, c, y, x in np.ndindex(*image.shape[:2], rows, columns):
        cells = [
            (y * sy + i * dy - top, x * sx + j * dx - left) for i in range(kh) for j in range(kw)
        ]
        inside = [(u, v) for u, v in cells if 0 <= u < image.shape[2] and 0 <= v < image.shape[3]]
        best = max(image[n, c, u, v] for u, v in inside)
        found[n, c, y, x] = [(u, v) for u, v in inside if image[n, c, u, v] == best]
    return found


GEOMETRIES: list[dict[str, Any]] = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"kernel_size": (2, 3), "stride": 1, "dilation": (2, 1)},
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_changed_winners_by_brute_force(geometry: dict[str, Any]) -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        image = random.integers(0, 5, (2, 2, 6, 7)).astype(np.float64)
        point = pooled(image, **geometry)
        layer: Any = point.network.nodes[0].layer
        before = winners(image, layer.window)
        cell = tuple(int(random.integers(size)) for size in image.shape)
        h, found = float(random.uniform(0, 2)), {}
        for sign in (-1, 1):
            moved = image.copy()
            moved[cell] += sign * h
            found[sign] = winners(moved, layer.window)
        expected = {w for w in before if not before[w][0] == found[-1][w][0] == found[1][w][0]}
        address = Address("", "image", "", cell)
        changes = crossings(point, str(address), h)
        assert {k.address.indices for k in changes} == expected
        for change in changes:
            assert isinstance(change, WinnerChange)
            window = change.address.indices
            assert change.after.indices[2:] == found[1][window][0]
            assert change.before != change.after


def sides(values: list[Array]) -> Array:
    """By definition: a unit's inputs do not all lie left of 0, nor all right of it."""
    low, base, high = values
    left = (low <= 0) & (base <= 0) & (high <= 0)
    right = (low >= 0) & (base > 0) & (high >= 0)
    return ~left & ~right


@pytest.mark.parametrize("h", [1e-1, 1e-3])
def test_all_flips_of_whole_networks(h: float) -> None:
    random, total = np.random.default_rng(6), 0
    for network in (lenet(), branched()):
        point = base_point_of(recorded(network, [1, 3]))
        for layer, own in point.parameters.items():
            for name, array in own.items():
                cell = tuple(int(random.integers(size)) for size in array.shape)
                address = Address(layer, name, "", cell)
                passes = around(point, address, h)
                runs = (passes.minus, point.forward, passes.plus)
                expected = set()
                for node in network.nodes:
                    values = [run.residuals[node.name].get("switches") for run in runs]
                    if node.layer.kind == "relu":
                        inputs = [run.residuals[node.name]["input"] for run in runs]
                        mask, quantity = sides(inputs), "input"
                    elif values[0] is not None:
                        a, b, c = values
                        mask, quantity = np.asarray((a != b) | (c != b)), "output"
                    else:
                        continue
                    expected |= {
                        Address(node.name, quantity, "", tuple(map(int, c)))
                        for c in np.argwhere(mask)
                    }
                found = [
                    k.address
                    for k in kinks_between(network, point.forward, passes.minus, passes.plus)
                ]
                assert len(found) == len(set(found))
                assert set(found) == expected
                total += len(found)
    assert total > 0


def test_the_kinds_with_kinks_are_those_of_the_layers() -> None:
    found = {kind for kind, cls in layer_kinds().items() if cls.about.kinks is not None}
    assert found >= {"relu", "leaky_relu", "prelu", "max_pool2d"}
    assert not found & {"sigmoid", "tanh", "gelu", "silu", "conv2d", "dense", "avg_pool2d"}


def test_dense_layers_have_no_kinks() -> None:
    network = chain("linear", (3,), {"dense1": Dense(2)}, SquaredError())
    point = base_point_of(recorded(network, [[0.0, 1.0], [1.0, 0.0]]))
    assert crossings(point, "dense1.weight[0,0]", 10.0) == []
