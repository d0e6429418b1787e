"""One filter value with every input that it meets, beside one dense weight."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from backpropviz.debugger.session import SessionState
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.tape import operations
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from backpropviz.figures.analysis.weight import WeightTerms, dense_weight, weight_view
from backpropviz.figures.numbers import Scales
from backpropviz.figures.view import View
from backpropviz.scene.marks import Scene, Text
from backpropviz.scene.theme import DARK, LIGHT, Theme
from tests.figures.kind_passes import every_kind
from tests.figures.passes import branching
from tests.figures.stages import of_network
from tests.scene_checks import assert_text_is_legible

NETWORKS = {
    "tiny-max": "conv1.weight[0,0,0,1]",
    "tiny-avg": "conv1.weight[0,0,1,1]",
    "tiny-dense": "conv1.weight[0,0,1,0]",
    "tiny-overlap": "conv1.weight[0,0,0,0]",
    "lenet": "conv1.weight[2,0,1,2]",
    "tinyvgg": "conv2.weight[3,2,1,2]",
}
SIZES = ((640, 620), (700, 680), (968, 600), (1289, 836))


@cache
def network(name: str) -> View:
    return of_network(name)


def texts(scene: Scene) -> list[str]:
    return [mark.text for mark in scene.walk() if isinstance(mark, Text)]


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_size_is_legible(name: str, size: tuple[int, int], forward: bool) -> None:
    for theme in (LIGHT, DARK):
        scene = weight_view(
            network(name),
            parse(NETWORKS[name]),
            *size,
            theme,
            dense=network("tiny-dense"),
            forward=forward,
        )
        assert_text_is_legible(scene)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_each_cell_tells_the_upstream_value_that_it_is_multiplied_with(theme: Theme) -> None:
    view = network("tiny-max")
    shown = texts(weight_view(view, parse("conv1.weight[0,0,0,1]"), 968, 600, theme))
    assert shown.count("× 2") == 1
    assert shown.count("× 0") == 3


def test_the_products_are_the_gradient() -> None:
    for name, text in NETWORKS.items():
        terms = WeightTerms(network(name), parse(text))
        total = float(terms.derivation.term_values.sum())
        gradient = network(name).tape.value(parse(text).grad)
        assert np.isclose(total, gradient, rtol=1e-3, atol=1e-5)


def test_what_it_did_is_a_part_of_every_output() -> None:
    view = network("tiny-max")
    terms = WeightTerms(view, parse("conv1.weight[0,0,0,1]"))
    (panel,) = terms.forward_slots(LIGHT)[1].panels
    image = view.tape[parse("image")][0, 0]
    assert panel.plane.values.tolist() == (terms.value * image[0:2, 1:3]).tolist()
    assert panel.plane.key_of(1, 0) == "conv1.output[0,0,1,0]"


def test_the_dense_weight_is_that_of_the_largest_gradient() -> None:
    found = dense_weight(network("lenet"))
    assert found is not None
    gradient = network("lenet").tape[parse("dense1.weight.grad")]
    assert abs(gradient[found.address.indices]) == np.abs(gradient).max()
    assert found.count == 1
    assert not found.is_shared


def test_a_dense_weight_stands_alone() -> None:
    scene = weight_view(network("lenet"), parse("dense1.weight[7,228]"), 968, 600, LIGHT)
    assert texts(scene).count("One dense weight") == 1
    assert "This weight works at one place" in " ".join(texts(scene))
    assert_text_is_legible(scene)


def test_a_network_without_a_dense_layer_borrows_one_or_goes_without() -> None:
    view, address = network("tiny-max"), parse("conv1.weight[0,0,0,0]")
    alone = texts(weight_view(view, address, 968, 600, LIGHT))
    beside = texts(weight_view(view, address, 968, 600, LIGHT, dense=network("tiny-dense")))
    assert "One dense weight" not in alone
    assert "One dense weight" in beside
    assert "dense1.weight[0,2] = 1, in the example tiny-dense" in beside
    scene = weight_view(view, address, 968, 600, LIGHT, dense=network("tiny-dense"))
    keys = {getattr(mark, "key", "") for mark in scene.walk()} - {""}
    assert not {key for key in keys if key.startswith("dense1")}


@pytest.mark.parametrize("address", ["conv1.output[0,0,0,0]", "conv1.bias[0]"])
def test_what_is_no_weight_is_refused(address: str) -> None:
    with pytest.raises(UserError, match="no weight"):
        weight_view(network("tiny-max"), parse(address), 968, 600, LIGHT)


@pytest.mark.parametrize("address", ["norm.weight[1]", "prelu.weight[0]"])
def test_weights_that_meet_no_inputs_are_refused(address: str) -> None:
    tape = every_kind("train")
    timeline = Timeline(operations(tape.network, tape.batch, tape.optimizer, tape.iteration))
    view = View(network("tiny-max").model, tape, timeline, SessionState(), Scales(tape))
    with pytest.raises(UserError, match="no weight of a filter"):
        weight_view(view, parse(address), 968, 600, LIGHT)


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize(
    ("address", "count"),
    [("conv1.weight[3,0,1,2]", 50), ("conv2.weight[1,5,0,0]", 50), ("dense.weight[1,2]", 2)],
)
def test_strides_groups_and_samples(address: str, count: int, forward: bool) -> None:
    tape = branching()
    model = network("tiny-max").model
    timeline = Timeline(operations(tape.network, tape.batch, tape.optimizer))
    view = View(model, tape, timeline, SessionState(), Scales(tape))
    assert WeightTerms(view, parse(address)).count == count
    for size in SIZES:
        assert_text_is_legible(weight_view(view, parse(address), *size, LIGHT, forward=forward))
