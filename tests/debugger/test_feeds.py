"""What a value feeds is what the derivations of all values say that they read."""

from __future__ import annotations

from collections import defaultdict
from typing import TypeAlias

import numpy as np
import pytest

from backpropviz.debugger.ancestry import Ancestry, Feed, feeds
from backpropviz.engine.derivation import derive
from backpropviz.engine.kinds.activation import ReLU, Tanh
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.join import Add, Concat
from backpropviz.engine.kinds.pooling import AvgPool2d, MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.nest import Factor, NestRule
from backpropviz.engine.network import Network, Node, chain
from backpropviz.engine.optimizers import Adam, Sgd
from backpropviz.engine.value import Address, parse
from tests.debugger.ancestries import ancestry_of, of_tape, random_addresses
from tests.engine.passes import recorded

EVERY = 10**6
Found: TypeAlias = set[tuple[Address, tuple[int, ...], float]]


def network() -> Network:
    """Small, but with groups, stride, padding, overlap, a join, a concatenation, both poolings."""
    nodes = (
        Node("conv1", Conv2d(2, 3, stride=2, padding=1, groups=2), ("image",)),
        Node("relu1", ReLU(), ("conv1",)),
        Node("pool1", MaxPool2d(2, 1), ("relu1",)),
        Node("pool2", AvgPool2d(2, 1), ("conv1",)),
        Node("add1", Add(), ("pool1", "pool1")),
        Node("concat1", Concat(), ("add1", "pool2")),
        Node("flatten1", Flatten(), ("concat1",)),
        Node("dense1", Dense(3), ("flatten1",)),
    )
    return Network("small", (2, 6, 5), nodes, SquaredError())


@pytest.fixture(scope="module", params=["squared error", "cross-entropy"])
def small(request: pytest.FixtureRequest) -> Ancestry:
    if request.param == "squared error":
        tape = recorded(network(), np.ones((2, 3)), Adam(weight_decay=0.1))
    else:
        layers: dict[str, Layer] = {
            "conv1": Conv2d(3, 3, dilation=2, bias=False),
            "tanh1": Tanh(),
            "pool1": MaxPool2d(3, 2, 1, ceil_mode=True),
            "flatten1": Flatten(),
            "dense1": Dense(4),
        }
        small = chain("chain", (2, 8, 7), layers, CrossEntropy())
        tape = recorded(small, [3, 0], Sgd(0.1, momentum=0.9))
    return of_tape(tape)


def all_uses(ancestry: Ancestry, wanted: set[Address]) -> dict[Address, Found]:
    """By definition: every term of every value, asked for its operands."""
    found: dict[Address, Found] = defaultdict(set)
    for operation in ancestry.operations:
        nest = operation.nest
        if nest.rule is NestRule.COPY:
            continue
        for indices in np.ndindex(nest.shape):
            derivation = derive(ancestry.tape, nest, nest.target.at(indices))
            for term in derivation.terms:
                for cell in made(ancestry, term.operands) & wanted:
                    found[cell].add((derivation.address, term.coordinates, term.value))
            if derivation.initial is not None:
                for cell in made(ancestry, (derivation.initial,)) & wanted:
                    found[cell].add((derivation.address, (), derivation.initial.value))
    return found


def made(ancestry: Ancestry, operands: tuple[Factor, ...]) -> set[Address]:
    return {ancestry.stop(o.address).address for o in operands if o.address is not None}


def listed(found: tuple[Feed, ...]) -> Found:
    return {(use.target, use.coordinates, use.term) for feed in found for use in feed.uses}


def test_uses_are_complete(small: Ancestry) -> None:
    addresses = random_addresses(small.tape, 300)
    wanted = {small.stop(address).address for address in addresses}
    expected = all_uses(small, wanted)
    for address in wanted:
        if address.quantity == "switches":
            continue
        found = feeds(small, address, EVERY)
        assert listed(found) == expected[address], address
        assert sum(feed.count for feed in found) == len(expected[address])


@pytest.mark.parametrize("name", ["lenet", "tiny-max", "tiny-avg", "tiny-dense", "tiny-overlap"])
def test_uses_are_terms_of_the_derivations(name: str) -> None:
    ancestry = ancestry_of(name)
    order = [operation.nest.target for operation in ancestry.operations]
    for address in random_addresses(ancestry.tape, 300, 6):
        own = ancestry.stop(address).address
        found = feeds(ancestry, address, 3)
        places = [order.index(feed.target) for feed in found]
        assert places == sorted(places)
        for feed in found:
            assert feed.rest_count == feed.count - len(feed.uses)
            assert len(feed.uses) == min(3, feed.count)
            for use in feed.uses:
                assert use.value == ancestry.tape.value(use.target)
                derivation = derive(ancestry.tape, ancestry.by_target[feed.target].nest, use.target)
                assert own in made(ancestry, use.operands)
                if not use.coordinates and derivation.initial is not None:
                    assert use.operands == (derivation.initial,)
                    continue
                positions = [derivation.coordinates(k) for k in range(len(derivation.terms))]
                term = derivation.terms[positions.index(use.coordinates)]
                assert (term.value, term.operands) == (use.term, use.operands)


@pytest.mark.parametrize("name", ["lenet", "tiny-overlap"])
def test_the_largest_come_first_and_the_rest_is_told(name: str) -> None:
    ancestry = ancestry_of(name)
    for address in random_addresses(ancestry.tape, 60, 7):
        for every, few in zip(
            feeds(ancestry, address, EVERY), feeds(ancestry, address, 2), strict=True
        ):
            assert few.uses == every.uses[:2]
            assert (few.count, few.total) == (every.count, every.total)
            sizes = [(not use.took_part, -abs(use.term)) for use in every.uses]
            assert sizes == sorted(sizes)
            if every.rule is NestRule.SUM:
                assert every.total == pytest.approx(sum(use.term for use in every.uses), abs=1e-9)
                rest = sum(use.term for use in every.uses[2:])
                assert few.rest_sum == pytest.approx(rest, abs=1e-9)
            else:
                assert every.total is None
                assert few.rest_sum is None


def test_a_filter_weight_meets_every_position_and_a_dense_weight_one() -> None:
    ancestry = ancestry_of("lenet")
    counts = {f.target.name: f.count for f in feeds(ancestry, parse("conv1.weight[0,0,2,2]"))}
    assert counts["conv1.output"] == 28 * 28
    counts = {f.target.name: f.count for f in feeds(ancestry, parse("dense2.weight[3,5]"))}
    assert counts == {"dense2.output": 1, "dense2.input.grad": 1, "dense2.weight.next": 1}


def test_what_lost_a_maximum_is_marked() -> None:
    ancestry = ancestry_of("tiny-max")
    outputs = [parse("conv1.output").at((0, 0, y, x)) for y in range(2) for x in range(2)]
    took = [
        use.took_part
        for address in outputs
        for feed in feeds(ancestry, address)
        if feed.target == parse("pool1.output")
        for use in feed.uses
    ]
    assert took == [False, False, True, False]


def test_copies_are_followed() -> None:
    found = feeds(ancestry_of("lenet"), parse("pool2.output[0,1,2,2]"))
    assert [feed.target.name for feed in found] == ["dense1.output", "dense1.weight.grad"]
