"""A value of a filter can be pointed at and read, and a filter can be seen large."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from backpropviz.engine.architecture.presets import preset
from backpropviz.engine.network import Network
from backpropviz.engine.value import Address, parse
from backpropviz.figures.training.filter_close_up import filter_close_up
from backpropviz.figures.training.filter_tiles import TileLook
from backpropviz.figures.training.filter_values import (
    FilterState,
    plane_of,
    shown_rows,
    tile_box,
    value_at,
    value_box,
    value_words,
)
from backpropviz.figures.training.filters import FilterOptions, filters
from backpropviz.files.networks import load_network
from backpropviz.scene.hit import find, hit
from backpropviz.scene.marks import Pixels, Scene, Text
from backpropviz.scene.theme import DARK, LIGHT, Theme
from tests.figures.training.states import state_of
from tests.scene_checks import assert_text_is_legible

NOTHING: frozenset[str] = frozenset()


@pytest.fixture(scope="module")
def lenet() -> Network:
    return load_network("lenet").network


@pytest.mark.parametrize("prefix", ["conv2.weight", "conv2.weight.grad", "change:conv2.weight"])
@pytest.mark.parametrize("place", [(0, 0), (2, 1), (4, 4)])
def test_the_value_under_the_pointer(lenet: Network, prefix: str, place: tuple[int, int]) -> None:
    options = FilterOptions(channels={"conv2": 4})
    scene = filters(lenet, state_of(lenet), 893, LIGHT, options)
    plane = plane_of(lenet, f"{prefix}[3,4]", NOTHING)
    assert plane is not None
    box = tile_box(scene, plane, f"{prefix}[3,4]")
    assert box is not None
    x = box.x + (place[1] + 0.5) * box.width / 5
    y = box.y + (place[0] + 0.5) * box.height / 5
    found = hit(scene, x, y)
    assert found is not None
    value = value_at(plane, found, x, y)
    assert value.key == f"{prefix}[3,4,{place[0]},{place[1]}]"
    assert value.box.contains(x, y)
    assert value_box(scene, plane, value.key) == value.box


def test_a_unit_as_an_image_counts_its_pixels_on() -> None:
    network = load_network("mlp").network
    name = next(n.name for n in network.nodes if "weight" in network.parameter_shapes(n))
    plane = plane_of(network, f"{name}.weight[3]", frozenset({name}))
    assert plane is not None
    assert plane.indices(2, 1) == (3, 2 * network.input_shape[2] + 1)
    assert plane.place((3, 2 * network.input_shape[2] + 1)) == (2, 1)
    assert plane_of(network, f"{name}.weight[3]", NOTHING) is None


@pytest.mark.parametrize(
    "key", ["", "layer:conv1", "channel:conv2", "conv1.bias[3]", "x.weight[1]"]
)
def test_other_keys_name_no_plane(lenet: Network, key: str) -> None:
    assert plane_of(lenet, key, NOTHING) is None


def test_words_tell_the_value_and_its_other_rows(lenet: Network) -> None:
    state = state_of(lenet)
    rows = shown_rows(lenet, state).rows
    weight = state.parameters["conv1"]["weight"][3, 0, 2, 1]
    first, second = value_words(rows, "conv1.weight[3,0,2,1]").splitlines()
    name, _, text = first.partition(" = ")
    assert name == "conv1.weight[3,0,2,1]"
    assert float(text.replace("−", "-")) == pytest.approx(float(weight), rel=1e-4)
    assert second.startswith("gradients ")
    assert ", change " in second
    change = value_words(rows, "change:conv1.weight[3,0,2,1]")
    assert change.startswith("change of conv1.weight[3,0,2,1] = ")
    assert " … " in value_words(rows, "conv1.weight[3,0]")
    assert value_words(rows, "channel:conv2") == ""
    assert value_words(rows, "conv1.weight[3,0,2,1,7]") == ""


def _close_up(network: Network, key: str, room: float, theme: Theme, scale: float = 1.0) -> Scene:
    state = state_of(network)
    gradients = {a: scale * g for a, g in state.gradients.items()}
    shown = shown_rows(network, FilterState(state.parameters, gradients, state.start))
    name = parse(key).layer
    images = frozenset({name}) if len(parse(key).indices) == 1 else NOTHING
    plane = plane_of(network, key, images)
    assert plane is not None
    look = TileLook(theme, theme.diverging, shown.limits)
    return filter_close_up(shown.rows, plane, room, look)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e4, 0.0])
def test_a_filter_large_is_legible(lenet: Network, scale: float) -> None:
    for room, theme in product((320, 700, 1266), (LIGHT, DARK)):
        scene = _close_up(lenet, "conv2.weight[15,5]", room, theme, scale)
        assert scene.width <= room
        assert_text_is_legible(scene)


def test_every_network_has_its_filters_large() -> None:
    vgg = preset("tinyvgg", (3, 32, 32), 4)
    mlp = load_network("mlp").network
    name = next(n.name for n in mlp.nodes if "weight" in mlp.parameter_shapes(n))
    for room, theme in product((320, 1266), (LIGHT, DARK)):
        first = next(n.name for n in vgg.nodes if "weight" in vgg.parameter_shapes(n))
        assert_text_is_legible(_close_up(vgg, f"{first}.weight[7,2]", room, theme))
        assert_text_is_legible(_close_up(mlp, f"{name}.weight[2]", room, theme))


def test_a_filter_large_shows_its_own_values(lenet: Network) -> None:
    scene = _close_up(lenet, "conv2.weight[3,4]", 1266, LIGHT)
    state = state_of(lenet)
    planes = [m.values for m in scene.walk() if isinstance(m, Pixels) and m.key_pattern]
    assert len(planes) == 3
    assert np.array_equal(planes[0], state.parameters["conv2"]["weight"][3, 4])
    assert np.array_equal(planes[1], state.gradients[Address("conv2", "weight")][3, 4])
    numbers = [m for m in scene.walk() if isinstance(m, Text)]
    assert len(numbers) >= 3 * 25
    box = find(scene, "conv2.weight.grad[3,4,4,0]")
    assert box is not None
    found = hit(scene, box.x + 2, box.y + 2)
    assert found is not None
    assert found.key == "conv2.weight.grad[3,4,4,0]"
