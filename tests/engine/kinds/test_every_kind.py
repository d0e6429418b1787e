"""One kind, one home: whatever is in a registry has every field filled, and every use works."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backpropviz
from backpropviz.engine.derivation import derive
from backpropviz.engine.formula import derivative, operand
from backpropviz.engine.gradcheck import Outcome, check, plan, report
from backpropviz.engine.kinds.activation import Activation
from backpropviz.engine.kinds.protocol import Family, Kind, Layer, LossKind, Pattern
from backpropviz.engine.kinds.registry import catalog, layer_kinds, loss_kinds
from backpropviz.engine.nest import NestRule
from backpropviz.engine.network import Network, Node
from backpropviz.engine.nudge import base_point
from backpropviz.engine.optimizers import OPTIMIZERS
from backpropviz.errors import UserError
from backpropviz.frozen import setting_of
from tests.engine.kinds.walk import layer_of, network_of, numbers_of
from tests.engine.layer_cases import Case, played

KINDS = tuple(layer_kinds())
ACTIVATIONS = tuple(k for k, cls in layer_kinds().items() if issubclass(cls, Activation))


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_filled(kind: str) -> None:
    about: Kind = layer_kinds()[kind].about
    assert all((about.title, about.letter, about.word))
    assert about.help.endswith(".")
    assert isinstance(about.family, Family)
    assert isinstance(about.pattern, Pattern)
    assert all(quantity.letter for quantity in about.quantities.values())


@pytest.mark.parametrize("kind", loss_kinds())
def test_every_field_of_a_loss_is_filled(kind: str) -> None:
    about: LossKind = loss_kinds()[kind].about
    assert about.title
    assert "loss" in about.torch(loss_kinds()[kind](), 3)


@pytest.mark.parametrize("cls", OPTIMIZERS, ids=lambda cls: cls.kind)
def test_every_field_of_an_optimizer_is_filled(cls: Any) -> None:
    about, rule = cls.about, cls(**cls.about.usual)
    assert all((about.title, about.torch))
    assert about.torch_settings(rule).startswith(f"lr={rule.learning_rate!r}")
    assert about.code_numbers(rule)["lr"] == rule.learning_rate
    for part in about.parts.values():
        assert all((part.letter, part.title))
    state = rule.initial_state(np.zeros(2))
    assert set(state) <= {name for name, part in about.parts.items() if part.buffer}


@pytest.mark.parametrize("cls", [*layer_kinds().values(), *loss_kinds().values()], ids=str)
def test_every_setting_has_words_and_keeps_its_range(cls: Any) -> None:
    usual = getattr(cls.about, "usual", {})
    for field in fields(cls):
        about = setting_of(cls, field.name)
        assert about.title
        assert about.help.endswith(".")
        if about.least is not None and field.type in {"int", "float"}:
            with pytest.raises(UserError):
                cls(**{**usual, field.name: type(about.least)(about.least - 1)})
        if about.most is not None and field.type == "float":
            with pytest.raises(UserError):
                cls(**{**usual, field.name: about.most + 1.0})


@pytest.mark.parametrize("kind", KINDS)
def test_every_quantity_of_the_nests_has_a_letter(kind: str) -> None:
    layer = layer_of(kind)
    run = played(Case(layer, _shapes(layer), 2, 1))
    known = {"weight", "bias", "input", "output", *layer.about.quantities}
    for nest in (*run.nests.forward, *run.nests.backward):
        name = nest.target.quantity
        assert name in known or name.startswith("input"), name
        assert nest.remark.endswith(".")
        assert (nest.formula is not None) == (nest.rule is NestRule.FUNCTION)


@pytest.mark.parametrize("seed", [1, 2], ids=["distinct", "whole"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_terms_of_every_nest_make_its_array(kind: str, seed: int) -> None:
    layer = layer_of(kind)
    run = played(Case(layer, _shapes(layer), 2, seed))
    random = np.random.default_rng(4)
    for nest in (*run.nests.forward, *run.nests.backward):
        array = run.values[nest.target]
        assert array.shape == nest.shape
        for _ in range(6):
            cell = tuple(int(random.integers(size)) for size in nest.shape)
            found = derive(run.values, nest, nest.target.at(cell))
            assert found.derived == pytest.approx(found.value, rel=1e-12, abs=1e-12)
            if nest.formula is not None:
                given = [np.float64(factor.value) for factor in found.terms[0].operands]
                with np.errstate(all="ignore"):
                    told = float(nest.formula(*given))
                assert told == pytest.approx(found.value, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_every_gradient_is_checked_by_nudging(kind: str) -> None:
    network = network_of(kind)
    images, parameters = numbers_of(network, np.float64)
    point = base_point(network, parameters, images, np.zeros((2, 2)))
    wanted = plan(point, 12, pixels=True)
    found = report(point, wanted, check(point, wanted))
    assert found.is_finished
    assert found.passed
    assert found.outcomes[Outcome.KINK] < len(found.results)


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_a_slope_is_the_derivative_of_its_formula(kind: str) -> None:
    layer: Any = layer_of(kind)
    names = [name for name in layer.curve.value.letters if name != "x"]
    own = layer.curve.value.bound(
        {"x": operand(0)} | {name: operand(k + 1) for k, name in enumerate(names)}
    )
    values = [getattr(layer, layer.letters[n]) if n in layer.letters else math.pi for n in names]
    x = np.array([-7.3, -2.2, -0.4, 0.3, 1.7, 5.2, 8.1])
    with np.errstate(all="ignore"):
        y = own(x, *values)
        slope = derivative(own, operand(0))(x, *values)
    found = layer.pull_back(np.ones_like(x), y if layer.kept == "output" else x)
    np.testing.assert_allclose(layer.apply(x), y, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found, np.broadcast_to(slope, x.shape), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_on_its_corners_a_kink_is_named(kind: str) -> None:
    layer: Any = layer_of(kind)
    places = getattr(layer.about.kinks, "places", ())
    for place in places:
        low, high = {"input": np.array([[place - 1]])}, {"input": np.array([[place + 1.0]])}
        assert list(layer.about.kinks.between("a", layer, low, low, high))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_stands_in_the_editor_s_list_and_fits_into_a_network(kind: str) -> None:
    entry = catalog()[kind]
    assert entry.layer.kind == kind
    assert entry.about is type(entry.layer).about


def test_families_stand_together() -> None:
    families = [entry.about.family for entry in catalog().values()]
    assert families == sorted(families, key=list(Family).index)


def _shapes(layer: Layer) -> tuple[tuple[int, ...], ...]:
    """Inputs that any kind takes: flat for those that want a row."""
    for shapes in (((2, 4, 4),), ((5,),), ((2, 4, 4),) * 2):
        try:
            layer.output_shape(shapes)
        except UserError:
            continue
        return shapes
    raise AssertionError(layer)


def test_the_walk_knows_a_network_for_every_kind() -> None:
    for kind in KINDS:
        network: Network = network_of(kind)
        assert any(node.layer.kind == kind for node in network.nodes)
        assert all(isinstance(node, Node) for node in network.nodes)


def test_nothing_outside_its_home_is_decided_by_the_name_of_a_kind() -> None:
    names = "|".join((*layer_kinds(), *loss_kinds(), *(cls.kind for cls in OPTIMIZERS)))
    asked = re.compile(rf'kind\b.* (?:==|!=|in) [({{[]?[^"\n]*"(?:{names})"|case "(?:{names})"')
    table = re.compile(rf'^\s*"(?:{names})": ')
    package = Path(backpropviz.__file__).parent
    found = [
        f"{path.relative_to(package)}:{number}: {line.strip()}"
        for path in sorted(package.rglob("*.py"))
        if path.parent.name not in {"kinds", "optimizers"} and path.name != "formula.py"
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if asked.search(line) or table.search(line)
    ]
    assert not found, "\n".join(found)
