"""Rows of filters stand beside each other where they fit, and nothing moves while they change."""

from __future__ import annotations

import pytest

from backpropviz.engine.architecture.presets import preset
from backpropviz.engine.network import Network
from backpropviz.engine.value import Address
from backpropviz.figures.training.filter_tiles import tile_layout, tiling
from backpropviz.figures.training.filter_values import FilterState, difference_rows, shown_rows
from backpropviz.figures.training.filters import FilterOptions, difference, filters, lower_edges
from backpropviz.figures.training.numbers import LEAST_RAMP, Legend, line_width, slots
from backpropviz.files.networks import load_network
from backpropviz.scene.hit import find
from backpropviz.scene.marks import Box, Rect, Scene, Text
from backpropviz.scene.theme import DARK, LIGHT
from tests.figures.training.states import parameters_of, state_of
from tests.scene_checks import assert_text_is_legible

OPTIONS = FilterOptions()
TITLES = ("conv1.weight[0,0]", "conv1.weight.grad[0,0]", "change:conv1.weight[0,0]")


@pytest.fixture(scope="module")
def lenet() -> Network:
    return load_network("lenet").network


def _boxes(scene: Scene, *keys: str) -> list[Box]:
    found = [find(scene, key) for key in keys]
    assert None not in found
    return [box for box in found if box is not None]


@pytest.mark.parametrize("width", [642, 733, 893, 1213])
def test_few_filters_stand_in_columns_and_many_in_rows(lenet: Network, width: int) -> None:
    scene = filters(lenet, state_of(lenet), width, LIGHT, OPTIONS)
    first = _boxes(scene, *TITLES)
    assert len({box.y for box in first}) == 1
    assert first[0].x < first[1].x < first[2].x
    many = _boxes(scene, *(key.replace("conv1", "conv2") for key in TITLES))
    assert len({box.x for box in many}) == 1
    last = _boxes(scene, "change:conv1.weight[5,0]", "conv2.weight[15,0]")
    assert max(box.right for box in last) <= width
    assert last[1].y == many[0].y


@pytest.mark.parametrize(("width", "height"), [(642, 262), (733, 282), (893, 302), (1213, 322)])
def test_both_convolutions_of_lenet_are_low(lenet: Network, width: int, height: int) -> None:
    scene = filters(lenet, state_of(lenet), width, LIGHT, OPTIONS)
    assert lower_edges(scene)[1] <= height


def test_edges_lie_between_the_layers(lenet: Network) -> None:
    scene = filters(lenet, state_of(lenet), 893, LIGHT, OPTIONS)
    edges = lower_edges(scene)
    assert len(edges) == 5
    assert edges[-1] == scene.height
    bias, weight = _boxes(scene, "conv1.bias[0]", "conv2.weight[0,0]")
    assert bias.bottom < edges[0] < weight.y


def test_large_values_move_nothing_but_the_limits(lenet: Network) -> None:
    def frames(state: FilterState) -> list[tuple[float, float, float, float]]:
        scene = filters(lenet, state, 642, LIGHT, OPTIONS)
        return [
            (m.x, m.y, m.width, m.height) for m in scene.walk() if isinstance(m, Rect) and m.key
        ]

    state = state_of(lenet)
    larger = {a: gradient * 1e-7 for a, gradient in state.gradients.items()}
    assert frames(state) == frames(FilterState(state.parameters, larger, state.start, {}))


def test_every_scale_is_named_once(lenet: Network) -> None:
    scene = filters(lenet, state_of(lenet), 893, LIGHT, OPTIONS)
    edge = lower_edges(scene)[0]
    texts = [m.text for m in scene.walk() if isinstance(m, Text) and m.y < edge]
    for title in ("weights", "gradients", "change"):
        assert texts.count(title) == 1
    assert sum(text.startswith("±") for text in texts) == 3
    assert sum(text.startswith("bias ±") for text in texts) == 3


def test_a_scale_of_two_rows_stands_in_the_heading(lenet: Network) -> None:
    rows = difference_rows(lenet, ("a", parameters_of(lenet, 1)), ("b", parameters_of(lenet, 2)))
    scene = difference(lenet, rows, 893, LIGHT, OPTIONS)
    edge = lower_edges(scene)[0]
    texts = [m.text for m in scene.walk() if isinstance(m, Text) and m.y < edge]
    assert sum(text.startswith("±") for text in texts) == 2
    assert "both" in texts
    first = _boxes(scene, *(f"{p}:conv1.weight[0,0]" for p in ("first", "second", "difference")))
    assert len({box.y for box in first}) == 1


def test_filters_of_few_values_stay_large() -> None:
    network = preset("tinyvgg", (3, 32, 32), 4)
    for width in (642, 893):
        scene = filters(network, state_of(network), width, LIGHT, OPTIONS)
        names = [n.name for n in network.nodes if "weight" in network.parameter_shapes(n)]
        for name in names[:2]:
            (box,) = _boxes(scene, f"{name}.weight[0,0]")
            assert min(box.width, box.height) >= 29


def test_a_filter_is_made_smaller_only_to_save_a_line() -> None:
    tiles = tiling((6, 1, 5, 5), None)
    assert tiles is not None
    assert tile_layout(tiles, 3, 893, 84).tiles.cell == tiles.cell
    narrow = tile_layout(tiles, 3, 640, 84)
    assert (narrow.across, narrow.tiles.cell) == (3, 5)
    stacked = tile_layout(tiles, 3, 420, 84)
    assert (stacked.is_stacked, stacked.tiles.cell, stacked.per_line) == (True, tiles.cell, 6)
    wrapped = tile_layout(tiles, 3, 240, 84)
    assert wrapped.per_line < 6


def test_two_rows_side_by_side_where_three_do_not_fit() -> None:
    tiles = tiling((8, 1, 3, 3), None)
    assert tiles is not None
    assert tile_layout(tiles, 3, 2 * tiles.run_px(8) + 16, 84).across == 2


def test_legends_take_the_room_there_is() -> None:
    legends = [Legend("weights", ("±1.60 (to 1.7)", "±1.60+")), Legend("gradients", ("±0.1",))]
    assert slots(legends, 200) is None
    for room in range(300, 900, 50):
        fitted = slots(legends, room)
        assert fitted is not None
        assert fitted.ramp >= LEAST_RAMP
        assert line_width(legends, fitted) <= room + 1e-9


def test_values_beyond_a_locked_limit_are_told_of_in_little_room(lenet: Network) -> None:
    key = ("gradients", Address("conv1", "weight"))
    options = FilterOptions(locked={key: 1e-3}, locked_at=7)
    scene = filters(lenet, state_of(lenet), 642, LIGHT, options)
    texts = [m.text for m in scene.walk() if isinstance(m, Text)]
    assert any(
        text.startswith("±1.00e−3") and (text.endswith("+") or "(to" in text) for text in texts
    )
    assert any("values lie beyond it" in text for text in texts)


def test_a_single_small_filter_has_whole_captions() -> None:
    network = load_network("tiny-max").network
    scene = filters(network, state_of(network), 642, LIGHT, OPTIONS)
    texts = [m.text for m in scene.walk() if isinstance(m, Text)]
    assert {"weights", "gradients", "change"} <= set(texts)
    assert not any("…" in text for text in texts)


@pytest.mark.parametrize("name", ["lenet", "tinyvgg", "tiny-max", "mlp"])
@pytest.mark.parametrize("width", [360, 642, 733, 893, 1213])
def test_every_layout_is_legible(name: str, width: int) -> None:
    network = preset("tinyvgg", (3, 32, 32), 4) if name == "tinyvgg" else load_network(name).network
    state = state_of(network)
    limits = {key: limit / 1.1 for key, limit in shown_rows(network, state).limits.items()}
    for theme in (LIGHT, DARK):
        for options in (OPTIONS, FilterOptions(locked=limits, locked_at=123_456)):
            assert_text_is_legible(filters(network, state, width, theme, options))
        waiting = FilterState(state.parameters, {}, state.start)
        assert_text_is_legible(filters(network, waiting, width, theme, OPTIONS))
        pair = (("a run with a long name", state.parameters), ("b", parameters_of(network, 2)))
        for is_common in (False, True):
            rows = difference_rows(network, *pair, is_common=is_common)
            assert_text_is_legible(difference(network, rows, width, theme, OPTIONS))
