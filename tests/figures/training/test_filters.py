"""What stands where in the picture of filters, and what it answers to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backpropviz.engine.architecture.presets import preset
from backpropviz.engine.network import Network
from backpropviz.engine.value import Address, Array, parse
from backpropviz.figures.training.filter_values import (
    FilterState,
    difference_rows,
    limits_of,
    state_rows,
)
from backpropviz.figures.training.filters import FilterOptions, can_be_images, difference, filters
from backpropviz.files.networks import load_network
from backpropviz.scene.hit import find, hit, pixel_at
from backpropviz.scene.marks import Hatch, Pixels, Rect, Scene, Text
from backpropviz.scene.theme import LIGHT
from tests.figures.training.states import parameters_of, state_of

OPTIONS = FilterOptions()


@pytest.fixture(scope="module")
def lenet() -> Network:
    return load_network("lenet").network


def _drawn_at(scene: Scene, key: str, rows: int, columns: int) -> Array:
    """The values that are drawn inside a tile, read from the pixels below it."""
    box = find(scene, key)
    assert box is not None
    found = np.full((rows, columns), np.nan)
    for row in range(rows):
        for column in range(columns):
            x = box.x + (column + 0.5) * box.width / columns
            y = box.y + (row + 0.5) * box.height / rows
            for mark in scene.walk():
                place = pixel_at(mark, x, y) if isinstance(mark, Pixels) else None
                if isinstance(mark, Pixels) and place is not None:
                    assert mark.missing is None or not mark.missing[place]
                    found[row, column] = mark.values[place]
    return found


@pytest.mark.parametrize("width", [420, 1216])
@pytest.mark.parametrize("filter_number", [0, 3, 15])
def test_a_tile_holds_the_filter_that_its_key_names(
    lenet: Network, width: int, filter_number: int
) -> None:
    state = state_of(lenet)
    options = replace(OPTIONS, channels={"conv2": 4})
    scene = filters(lenet, state, width, LIGHT, options)
    weight = state.parameters["conv2"]["weight"][filter_number, 4]
    gradient = state.gradients[Address("conv2", "weight")][filter_number, 4]
    assert state.start is not None
    change = weight - state.start["conv2"]["weight"][filter_number, 4]
    name = f"[{filter_number},4]"
    assert np.array_equal(_drawn_at(scene, f"conv2.weight{name}", 5, 5), weight)
    assert np.array_equal(_drawn_at(scene, f"conv2.weight.grad{name}", 5, 5), gradient)
    assert np.array_equal(_drawn_at(scene, f"change:conv2.weight{name}", 5, 5), change)


def test_a_bias_lies_below_its_filter(lenet: Network) -> None:
    state = state_of(lenet)
    scene = filters(lenet, state, 1216, LIGHT, OPTIONS)
    tile, bias = find(scene, "conv1.weight[5,0]"), find(scene, "conv1.bias[5]")
    assert tile is not None
    assert bias is not None
    assert abs(bias.x - tile.x) <= 1
    assert tile.bottom <= bias.y <= tile.bottom + 4
    assert _drawn_at(scene, "conv1.bias[5]", 1, 1)[0, 0] == state.parameters["conv1"]["bias"][5]


def test_a_matrix_cell_answers_to_its_own_address(lenet: Network) -> None:
    state = state_of(lenet)
    scene = filters(lenet, state, 1216, LIGHT, OPTIONS)
    box = find(scene, "dense3.weight[7,41]")
    assert box is not None
    found = hit(scene, box.x + box.width / 2, box.y + box.height / 2)
    assert found is not None
    assert parse(found.key) == Address("dense3", "weight", "", (7, 41))
    value = state.parameters["dense3"]["weight"][7, 41]
    assert _drawn_at(scene, "dense3.weight[7,41]", 1, 1)[0, 0] == value


def test_a_large_matrix_shows_the_largest_values_and_says_so(lenet: Network) -> None:
    scene = filters(lenet, state_of(lenet), 300, LIGHT, OPTIONS)
    assert any(isinstance(m, Text) and "the largest of 1×2" in m.text for m in scene.walk())
    assert find(scene, "dense1.weight") is not None


def test_only_a_gradient_of_exact_zeros_is_hatched(lenet: Network) -> None:
    state = state_of(lenet)
    scene = filters(lenet, state, 1216, LIGHT, OPTIONS)
    hatched = {m.key for m in scene.walk() if isinstance(m, Rect) and m.hatch is Hatch.PADDING}
    tiles = {key for key in hatched if key.startswith("conv1")}
    assert tiles == {f"conv1.weight.grad[{k},0]" for k in (0, 2, 4)}
    zeros = {m.key for m in scene.walk() if isinstance(m, Text) and m.text == "0" and m.key}
    assert tiles <= zeros


def test_a_filter_with_nan_is_hatched_the_other_way(lenet: Network) -> None:
    state = state_of(lenet)
    broken = state.parameters["conv1"]["weight"].copy()
    broken[1, 0, 2, 2] = np.nan
    parameters = {**state.parameters, "conv1": {**state.parameters["conv1"], "weight": broken}}
    scene = filters(lenet, FilterState(parameters), 1216, LIGHT, OPTIONS)
    found = {m.key for m in scene.walk() if isinstance(m, Rect) and m.hatch is Hatch.NOT_FINITE}
    assert found == {"conv1.weight[1,0]"}


def test_numbers_of_long_inactive_maps_are_red(lenet: Network) -> None:
    scene = filters(lenet, state_of(lenet), 1216, LIGHT, replace(OPTIONS, inactive_after=12))
    red = [m.text for m in scene.walk() if isinstance(m, Text) and m.color == LIGHT.breakpoint]
    assert [text for text in red if text.isdigit()] == ["12", "13", "14", "15"]
    assert any("inactive for 12 updates" in text for text in red)


def test_rgb_filters_show_their_three_slices_until_one_is_chosen() -> None:
    network = preset("tinyvgg", (3, 32, 32), 4)
    name = next(n.name for n in network.nodes if "weight" in network.parameter_shapes(n))
    state = state_of(network)
    every = filters(network, state, 968, LIGHT, OPTIONS)
    for channel in range(3):
        weight = state.parameters[name]["weight"][1, channel]
        assert np.array_equal(_drawn_at(every, f"{name}.weight[1,{channel}]", 3, 3), weight)
    one = filters(network, state, 968, LIGHT, replace(OPTIONS, channels={name: 2}))
    assert find(one, f"{name}.weight[1,2]") is not None
    assert find(one, f"{name}.weight[1,0]") is None


def test_small_filters_are_large() -> None:
    network = preset("tinyvgg", (3, 32, 32), 4)
    scene = filters(network, state_of(network), 968, LIGHT, OPTIONS)
    second = [n.name for n in network.nodes if "weight" in network.parameter_shapes(n)][1]
    box = find(scene, f"{second}.weight[0,0]")
    assert box is not None
    assert min(box.width, box.height) >= 3 * 10 - 1


def test_dense_weights_of_the_image_can_be_seen_as_images() -> None:
    network = load_network("mlp").network
    (name,) = can_be_images(network)
    state = state_of(network)
    flat = filters(network, state, 968, LIGHT, OPTIONS)
    assert find(flat, f"images:{name}") is not None
    scene = filters(network, state, 968, LIGHT, replace(OPTIONS, as_images=frozenset({name})))
    weight = state.parameters[name]["weight"][3].reshape(network.input_shape)[0]
    assert np.array_equal(_drawn_at(scene, f"{name}.weight[3]", *weight.shape), weight)


def test_zero_has_one_color_and_limits_are_printed(lenet: Network) -> None:
    scene = filters(lenet, state_of(lenet), 1216, LIGHT, OPTIONS)
    for mark in scene.walk():
        if isinstance(mark, Pixels):
            assert mark.limits[0] == -mark.limits[1]
    assert sum(isinstance(m, Text) and m.text.startswith("±") for m in scene.walk()) == 15


def test_a_locked_scale_stays_and_tells_what_lies_beyond(lenet: Network) -> None:
    state = state_of(lenet)
    limits = limits_of(state_rows(lenet, state))
    key = ("weights", Address("conv1", "weight"))
    halved = {**limits, key: limits[key] / 2}
    scene = filters(lenet, state, 1216, LIGHT, replace(OPTIONS, locked=halved, locked_at=300))
    texts = [m.text for m in scene.walk() if isinstance(m, Text)]
    assert any("locked at update 300" in text for text in texts)
    assert any(text.startswith("±") and "(to " in text for text in texts)
    drawn = {m.limits[1] for m in scene.walk() if isinstance(m, Pixels)}
    assert halved[key] in drawn
    assert limits[key] not in drawn


def test_layers_can_be_left_out(lenet: Network) -> None:
    scene = filters(
        lenet, state_of(lenet), 968, LIGHT, replace(OPTIONS, layers=frozenset({"conv2"}))
    )
    assert find(scene, "conv2.weight[0,0]") is not None
    assert find(scene, "conv1.weight[0,0]") is None


def test_a_difference_shares_one_scale_between_both_runs(lenet: Network) -> None:
    first, second = parameters_of(lenet, 1), parameters_of(lenet, 2)
    rows = difference_rows(lenet, ("a", first), ("b", second))
    scene = difference(lenet, rows, 1216, LIGHT, OPTIONS)
    limits = limits_of(rows)
    both = max(np.abs(p["conv1"]["weight"]).max() for p in (first, second))
    assert limits["weights", Address("conv1", "weight")] == pytest.approx(float(both))
    wanted = second["conv1"]["weight"][2, 0] - first["conv1"]["weight"][2, 0]
    assert np.array_equal(_drawn_at(scene, "difference:conv1.weight[2,0]", 5, 5), wanted)
    common = difference_rows(lenet, ("a", first), ("b", second), is_common=True)
    assert {row.scale for row in common} == {"weights"}
