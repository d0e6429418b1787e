"""Addresses are read from the right and written back unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backpropviz.engine.value import PARTS, Address, parse
from backpropviz.errors import UserError

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,5}(\.[a-z]{1,3}[0-9])?", fullmatch=True)
QUANTITIES = st.sampled_from(["input", "input2", "output", "weight", "bias", "switches"])
INDICES = st.lists(st.integers(0, 999), max_size=4).map(tuple)


@given(NAMES, QUANTITIES, st.sampled_from(["", *sorted(PARTS)]), INDICES)
def test_an_address_is_read_as_it_is_written(
    layer: str, quantity: str, part: str, indices: tuple[int, ...]
) -> None:
    address = Address(layer, quantity, part, indices)
    assert parse(str(address)) == address
    assert parse(f" {address} ") == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("conv1.weight.grad[3,0,1,1]", Address("conv1", "weight", "grad", (3, 0, 1, 1))),
        ("block.1.conv.output", Address("block.1.conv", "output")),
        ("image[0,0,2,2]", Address("", "image", "", (0, 0, 2, 2))),
        ("loss.grad", Address("", "loss", "grad")),
        ("loss.input.grad", Address("loss", "input", "grad")),
        ("fc.weight.velocity_before[0, 1]", Address("fc", "weight", "velocity_before", (0, 1))),
    ],
)
def test_the_grammar(text: str, address: Address) -> None:
    assert parse(text) == address


@pytest.mark.parametrize(
    "text", ["", "conv1..weight", ".output", "a.b[", "a.b[1", "a.b[]", "a.b[x]", "a b.c", "a[1][2]"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"is not an address: write layer\.quantity"):
        parse(text)
