"""Every picture of training can be read: in both themes, at several widths."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np
import pytest

from backpropviz.engine.architecture.presets import preset
from backpropviz.engine.network import Network
from backpropviz.engine.value import Address, Array
from backpropviz.figures.training.activations import activation_maps, activity_figure
from backpropviz.figures.training.answers import confusion_figure
from backpropviz.figures.training.curve_figure import CurveOptions, curve_page
from backpropviz.figures.training.curves import ChartKind
from backpropviz.figures.training.filter_values import FilterState, difference_rows
from backpropviz.figures.training.filters import FilterOptions, difference, filters
from backpropviz.figures.training.numbers import (
    LayerFacts,
    RunCounter,
    counters,
    ratio_list,
    update_table,
)
from backpropviz.figures.training.time_slider import SliderState, time_slider
from backpropviz.files.networks import load_network
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import DARK, LIGHT, Theme
from tests.figures.training.states import curves_of, parameters_of, state_of
from tests.scene_checks import assert_text_is_legible

THEMES = (LIGHT, DARK)
WIDTHS = (300, 420, 649, 968, 1289)


def _check(draw: Callable[[float, Theme], Scene], widths: tuple[int, ...] = WIDTHS) -> None:
    for width, theme in product(widths, THEMES):
        assert_text_is_legible(draw(width, theme))


def _networks() -> dict[str, Network]:
    return {
        "lenet": load_network("lenet").network,
        "tiny": load_network("tiny-max").network,
        "vgg": preset("vgg-small", (3, 32, 32), 10),
        "resnet": preset("resnet-tiny", (3, 32, 32), 4),
        "mlp": load_network("mlp").network,
    }


@pytest.mark.parametrize("name", ["lenet", "tiny", "vgg", "resnet", "mlp"])
def test_filters_of_every_network(name: str) -> None:
    network = _networks()[name]
    state = state_of(network)
    _check(lambda width, theme: filters(network, state, width, theme, FilterOptions()))


def test_filters_before_the_first_update() -> None:
    network = _networks()["lenet"]
    start = parameters_of(network, 0)
    state = FilterState(start, {}, start)
    _check(lambda width, theme: filters(network, state, width, theme, FilterOptions()))


def test_locked_scales_that_values_have_left() -> None:
    network = _networks()["lenet"]
    limits = {("weights", Address("conv1", "weight")): 0.001}
    options = FilterOptions(locked=limits, locked_at=12_345)
    state = state_of(network)
    _check(lambda width, theme: filters(network, state, width, theme, options))


def test_the_difference_of_two_runs() -> None:
    network = _networks()["lenet"]
    rows = difference_rows(
        network, ("first run", parameters_of(network, 1)), ("second", parameters_of(network, 2))
    )
    _check(lambda width, theme: difference(network, rows, width, theme, FilterOptions()))


@pytest.mark.parametrize("classes", [2, 3, 10, 20, 40])
def test_confusion(classes: int) -> None:
    random = np.random.default_rng(classes)
    counts = random.integers(0, 4, (classes, classes)) + np.diag(random.integers(5, 900, classes))
    names = [f"class number {k}" if k % 3 else str(k) for k in range(classes)]
    _check(lambda width, theme: confusion_figure(counts, names, width, theme, "Update 1,200"))


@pytest.mark.parametrize("runs", [0, 1, 2, 4])
def test_curves(runs: int) -> None:
    network = _networks()["lenet"]
    shown = [curves_of(network, 120 + 30 * k, f"run {k}", k) for k in range(runs)]
    kinds = tuple(ChartKind)
    _check(lambda width, theme: curve_page(shown, CurveOptions(), width, theme, kinds))


def test_curves_of_a_network_with_many_layers() -> None:
    shown = [curves_of(_networks()["vgg"])]
    _check(lambda width, theme: curve_page(shown, CurveOptions(), width, theme))


def _maps(values: Array, width: float, theme: Theme) -> Scene:
    return activation_maps(Address("a-layer-with-a-long-name", "output"), values, width, theme)


def test_activations() -> None:
    random = np.random.default_rng(0)
    for shape in ((6, 28, 28), (16, 5, 5), (300, 2, 2), (120,), (3,)):
        values = np.maximum(random.standard_normal(shape), 0.0)
        values[0] = 0.0
        for shown in (values, -values):
            _check(partial(_maps, shown))


@pytest.mark.parametrize("count", [1, 16, 120, 400])
def test_activity(count: int) -> None:
    idle = np.arange(count) % 14
    shares = np.where(idle, 0.0, 0.5)
    _check(
        lambda width, theme: activity_figure("relu2", shares, idle, width, theme), (180, 224, 420)
    )


def test_counters() -> None:
    entries = [
        RunCounter("Update", "1,234,567"),
        RunCounter("Epoch", "12", "172 of 250"),
        RunCounter("Samples per second", "4,366"),
        RunCounter("Loss, last batch", "2.291", "best validation 0.153"),
        RunCounter("Validation accuracy", "12.3 %", "best 95.7 %", "#CF2431"),
    ]
    _check(lambda width, theme: counters(entries, width, theme), (120, *WIDTHS))


def test_lists_of_layers() -> None:
    rows = [
        LayerFacts("conv1", "6×1×5×5", 1.22e-2, 6.38e-3),
        LayerFacts("a-convolution-with-a-long-name", "16×6×5×5", 3e-9, 1e4),
        LayerFacts("dense1", "120×400"),
        LayerFacts("dense2", "84×120", 0.0, 0.0),
        LayerFacts("dense3", "10×84", float("inf"), 1.0),
    ]
    _check(lambda width, theme: ratio_list(rows, width, theme), (200, 224, 300))
    _check(lambda width, theme: update_table(rows, width, theme), (300, 343, 500))


@pytest.mark.parametrize(("shown", "last"), [(0, 0), (1, 1), (37, 422), (422, 422), (9, 99_999)])
def test_slider(shown: int, last: int) -> None:
    network = _networks()["lenet"]
    state = SliderState(
        shown,
        last,
        last + 30,
        tuple((k + 1, 1 + 50 * k) for k in range(last // 50 + 1)),
        tuple(range(0, last + 1, max(1, last // 40))),
        curves_of(network).marks,
    )
    _check(lambda width, theme: time_slider(state, width, theme).scene, (240, 560, 968, 1568))
