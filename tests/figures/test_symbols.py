from __future__ import annotations

import pytest

from backpropviz.engine.value import parse
from backpropviz.figures.symbols import Notation, role_of
from backpropviz.scene.equation import Role, equation_text
from tests.figures.passes import branching, lenet, tiny


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("image", "X"),
        ("conv1.input", "X"),
        ("conv1.output", "o"),
        ("relu1.input", "o"),
        ("pool1.input", "a"),
        ("conv2.input", "p"),
        ("dense1.input", "x"),
        ("conv2.weight[1,2,3,4]", "W[1,2,3,4]"),
        ("conv1.output.grad", "∂L/∂o"),
        ("conv2.input.grad[0,1,2,3]", "∂L/∂p[0,1,2,3]"),
        ("conv1.weight.step", "ΔW"),
        ("conv1.weight.next", "new W"),
        ("conv1.weight.velocity_before", "old v"),
        ("loss", "L"),
    ],
)
def test_an_array_has_one_letter_wherever_it_is_read(address: str, text: str) -> None:
    assert Notation.of(lenet()).short(parse(address)) == text


def test_the_inputs_of_a_join_have_letters_of_their_own() -> None:
    notation = Notation.of(branching())
    assert [notation.short(parse(f"sum.input{k}")) for k in (1, 2)] == ["A", "B"]


def test_without_a_network_letters_follow_the_quantity() -> None:
    notation = Notation()
    names = ("conv1.input", "conv1.output.grad", "conv1.weight", "conv1.bias.grad")
    assert [notation.short(parse(name)) for name in names] == ["X", "∂L/∂o", "W", "∂L/∂b"]


@pytest.mark.parametrize(
    ("address", "layer", "title"),
    [
        ("image", "conv1", "image"),
        ("conv1.input", "conv1", "image"),
        ("pool1.input", "pool1", "relu1.output"),
        ("conv1.output.grad", "conv1", "upstream"),
        ("relu1.input.grad", "conv1", "upstream"),
        ("conv1.weight", "conv1", "filter"),
        ("conv1.weight.grad", "conv1", "filter gradient"),
        ("dense1.weight.grad", "dense1", "weight gradient"),
        ("conv1.bias.grad", "conv1", "bias gradient"),
        ("conv1.input.grad", "conv1", "input gradient"),
        ("conv1.weight.velocity", "conv1", "velocity"),
        ("conv1.weight.next", "conv1", "next filter"),
        ("dense1.weight.next", "dense1", "next weight"),
    ],
)
def test_titles_in_words(address: str, layer: str, title: str) -> None:
    assert Notation.of(lenet()).title(parse(address), layer) == title


@pytest.mark.parametrize(
    ("address", "role"),
    [
        ("conv1.output.grad", Role.BACKWARD),
        ("conv1.weight.grad", Role.BACKWARD),
        ("conv1.input", Role.FORWARD),
        ("conv1.weight", Role.UPDATE),
        ("conv1.weight.step", Role.UPDATE),
        ("conv1.bias.next", Role.UPDATE),
        ("loss", Role.LOSS),
    ],
)
def test_roles(address: str, role: Role) -> None:
    assert role_of(parse(address)) is role


def test_a_quantity_in_an_equation_carries_its_address() -> None:
    address = parse("conv1.weight.grad[0,0,0,1]")
    node = Notation.of(tiny()).node(address, "0,1")
    assert equation_text(node) == "∂L/∂W[0,1]"
    assert getattr(node, "key", "") == str(address)
