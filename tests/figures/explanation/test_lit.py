"""Pointing at a term lights its cells, pointing at a cell its terms; everywhere, at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.engine.value import parse
from backpropviz.figures.explain.code import CodeVersion
from backpropviz.figures.explain.explanation import explanation
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import View, lit_keys, term_key, term_number, term_step
from backpropviz.scene.hit import find, places
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import DARK, LIGHT, Theme
from tests.figures.stages import at, of_network


@pytest.fixture(scope="module")
def tiny() -> View:
    return at(of_network("tiny-max"), "conv1.weight.grad", 6, Depth.TERM)


@pytest.fixture(scope="module")
def lenet() -> View:
    return at(of_network("lenet"), "conv1.weight.grad", 784 * 7, Depth.ELEMENT)


def keys_in(scene: Scene) -> set[str]:
    return {getattr(mark, "key", "") for mark in scene.walk()}


def test_a_term_lights_both_of_its_cells_and_every_name_of_them(tiny: View) -> None:
    derivation = tiny.explained.derivation
    assert derivation is not None
    keys = lit_keys(tiny.explained, term_key(derivation, 2))
    assert set(keys) == {
        "term:2",
        "conv1.output.grad[0,0,1,0]",
        "pool1.input.grad[0,0,1,0]",
        "conv1.input[0,0,1,1]",
        "image[0,0,1,1]",
    }
    scene = stage(tiny, 968, 756, LIGHT)
    lit = {place.key for place in places(scene, keys)}
    assert "term:2" in lit
    assert lit & {"conv1.input[0,0,1,1]", "image[0,0,1,1]"}
    assert lit & {"conv1.output.grad[0,0,1,0]", "pool1.input.grad[0,0,1,0]"}


def test_a_cell_lights_its_terms(tiny: View) -> None:
    assert "term:2" in lit_keys(tiny.explained, "image[0,0,1,1]")
    assert "term:2" in lit_keys(tiny.explained, "pool1.input.grad[0,0,1,0]")
    assert not any(key.startswith("term:") for key in lit_keys(tiny.explained, "image[0,0,0,0]"))


def test_a_symbol_lights_the_cells_of_its_array(tiny: View) -> None:
    keys = lit_keys(tiny.explained, "array:conv1.input")
    assert "conv1.input[0,0,1,1]" in keys


def test_every_equation_carries_keys(tiny: View) -> None:
    keys = keys_in(explanation(tiny.explained, 375, LIGHT))
    assert {"array:conv1.input", "array:conv1.output.grad"} <= keys
    assert {"term:0", "term:2", "conv1.input[0,0,1,1]", "conv1.weight.grad[0,0,0,1]"} <= keys


def test_the_versions_and_the_copy_are_offered(lenet: View) -> None:
    keys = keys_in(explanation(lenet.explained, 375, LIGHT, code_version=CodeVersion.NUMPY))
    assert {"code:loops", "code:torch", "code:copy", "terms:unfold"} <= keys
    assert "code:numpy" not in keys


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_largest_term_is_found_in_map_ledger_and_products(lenet: View, theme: Theme) -> None:
    derivation = lenet.explained.derivation
    assert derivation is not None
    number = int(abs(derivation.term_values).argmax())
    scene = stage(lenet, 968, 756, theme)
    key = term_key(derivation, number)
    found = [place for place in places(scene, lit_keys(lenet.explained, key)) if place.key == key]
    assert len(found) >= 3  # the map of products, the waterfall, the row
    assert find(scene, key) is not None


@pytest.mark.parametrize("order", list(LoopOrder))
@pytest.mark.parametrize(
    "array", ["conv1.weight.grad", "conv1.output", "image.grad", "conv1.output.grad"]
)
def test_a_term_s_key_leads_to_its_step(array: str, order: LoopOrder) -> None:
    view = of_network("tiny-overlap", order)
    number = view.timeline.computed_by(view.tape.resolve(parse(array)))
    if number is None:
        return
    view = at(view, str(view.timeline.operations[number].nest.target), 1, Depth.TERM)
    derivation = view.explained.derivation
    if derivation is None:
        return
    for n in range(len(derivation.terms)):
        key = term_key(derivation, n)
        assert term_number(derivation, key) == n
        step = term_step(view, key)
        assert step is not None
        there = replace(view, state=replace(view.state, k=step, depth=Depth.TERM))
        assert there.explained.derivation is not None
        assert there.explained.derivation.address == derivation.address
        assert there.explained.progress.current == n
