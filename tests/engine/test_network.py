"""A network knows its shapes, and refuses names and inputs that make no sense."""

from __future__ import annotations

import pytest

from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.join import Add
from backpropviz.engine.network import Network, Node
from backpropviz.errors import UserError
from tests.engine.passes import branched, lenet

A = Node("a", ReLU(), ("image",))


def test_shapes_follow_from_the_input() -> None:
    shapes = lenet().shapes
    assert shapes["conv1"] == (6, 28, 28)
    assert shapes["pool2"] == (16, 5, 5)
    assert shapes["flatten"] == (400,)
    assert branched().shapes["concat"] == (10, 6, 7)
    assert branched().shapes["pool"] == (10, 4, 4)


def test_consumers_are_found() -> None:
    network = branched()
    names = {
        name: [(reader.name if reader else None, number) for reader, number in readers]
        for name, readers in network.consumers.items()
    }
    assert names["image"] == [("conv1", 0), ("skip", 0)]
    assert names["add1"] == [("twice", 0), ("twice", 1)]
    assert names["dense"] == [(None, 0)]


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ((), "has no layers"),
        ((Node("1a", ReLU(), ("image",)),), "“1a” cannot name a layer"),
        ((Node("a b", ReLU(), ("image",)),), "“a b” cannot name a layer"),
        ((Node("a.grad", ReLU(), ("image",)),), "“a.grad” cannot name a layer"),
        ((A, Node("a", ReLU(), ("a",))), "“a” is used twice or reserved"),
        ((Node("loss", ReLU(), ("image",)),), "“loss” is used twice or reserved"),
        ((Node("image", ReLU(), ("image",)),), "“image” is used twice or reserved"),
        ((A, Node("b", ReLU(), ())), "b: it has no input"),
        ((Node("b", ReLU(), ("c",)),), "b: its input “c” is no earlier layer; there are image"),
        ((Node("b", ReLU(), ("b",)),), "b: its input “b” is no earlier layer"),
        ((A, Node("b", ReLU(), ("image",))), "nothing uses the output of a"),
        ((Node("b", Add(), ("image",)),), "b: an add layer needs at least two inputs"),
    ],
)
def test_names_and_inputs_are_checked(nodes: tuple[Node, ...], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Network("net", (1, 4, 4), nodes, CrossEntropy())


@pytest.mark.parametrize("shape", [(), (4, 4), (1, 1, 4, 4), (0,), (1, 0, 4)])
def test_the_input_is_an_image_or_flat(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="the input must be channels × height × width"):
        Network("net", shape, (A,), CrossEntropy())
