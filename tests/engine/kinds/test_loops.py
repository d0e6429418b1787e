"""The loops are those of the design: axes, groups, labels and numbers of steps."""

from __future__ import annotations

import pytest

from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.adaptive_pooling import AdaptiveAvgPool2d
from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.join import Add, Concat
from backpropviz.engine.kinds.pooling import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from backpropviz.engine.kinds.prelu import PReLU
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten, Pad
from backpropviz.engine.kinds.softmax import Softmax
from backpropviz.engine.nest import Loops, Nest, NestRule
from tests.engine.layer_cases import Case, played

IMAGE = (2, 5, 5)


def nests(layer: Layer, *shapes: tuple[int, ...]) -> dict[str, Nest]:
    run = played(Case(layer, shapes, 2, 1))
    return {
        n.target.name.removeprefix("layer."): n for n in (*run.nests.forward, *run.nests.backward)
    }


def written(loops: Loops) -> str:
    """channel | element | term, as the design writes loops."""
    names = [axis.name for axis in loops.axes]
    first, second = loops.channel_axes, loops.channel_axes + loops.element_axes
    groups = (names[:first], names[first:second], names[second:])
    return " | ".join(" ".join(group) or "–" for group in groups)


@pytest.mark.parametrize(
    ("layer", "shape", "target", "orders"),
    [
        (Conv2d(3, 2), IMAGE, "output", {"position": "n f | y x | c i j"}),
        (
            Conv2d(3, 2),
            IMAGE,
            "weight.grad",
            {"weight": "f c | i j | n y x", "position": "n f | y x | c i j"},
        ),
        (
            Conv2d(3, 2),
            IMAGE,
            "input.grad",
            {"pixel": "n c | u v | f i j", "position": "n f | y x | c i j"},
        ),
        (Conv2d(3, 2), IMAGE, "bias.grad", {"bias": "– | f | n y x", "position": "n f | y x | –"}),
        (MaxPool2d(2), IMAGE, "output", {"window": "n c | y x | i j"}),
        (
            MaxPool2d(2),
            IMAGE,
            "input.grad",
            {"cell": "n c | u v | i j", "window": "n c | y x | i j"},
        ),
        (AvgPool2d(2), IMAGE, "output", {"window": "n c | y x | i j"}),
        (
            GlobalAvgPool2d(),
            IMAGE,
            "input.grad",
            {"cell": "n c | u v | i j", "window": "n c | y x | i j"},
        ),
        (Dense(3), (4,), "output", {"output": "– | n o | i"}),
        (Dense(3), (4,), "weight.grad", {"weight": "– | o i | n", "output": "– | n o | i"}),
        (Dense(3), (4,), "input.grad", {"input": "– | n i | o", "output": "– | n o | i"}),
        (Dense(3), (4,), "bias.grad", {"bias": "– | o | n", "output": "– | n o | –"}),
        (ReLU(), IMAGE, "output", {"element": "n c | y x | –"}),
        (BatchNorm2d(mode="train"), IMAGE, "mean", {"channel": "– | c | n y x"}),
        (BatchNorm2d(mode="train"), IMAGE, "variance", {"channel": "– | c | n y x"}),
        (BatchNorm2d(mode="train"), IMAGE, "inv_std", {"channel": "– | c | –"}),
        (BatchNorm2d(mode="train"), IMAGE, "normalized", {"element": "n c | y x | –"}),
        (BatchNorm2d(mode="train"), IMAGE, "running_var.next", {"channel": "– | c | –"}),
        (
            BatchNorm2d(),
            IMAGE,
            "weight.grad",
            {"channel": "– | c | n y x", "position": "n c | y x | –"},
        ),
        (BatchNorm2d(mode="train"), IMAGE, "input.grad", {"element": "n c | y x | –"}),
        (BatchNorm2d(), IMAGE, "input.grad", {"element": "n c | y x | –"}),
        (
            PReLU(),
            IMAGE,
            "weight.grad",
            {"weight": "– | o | n c y x", "position": "n c | y x | o"},
        ),
        (
            PReLU(shared=False),
            IMAGE,
            "weight.grad",
            {"weight": "– | c | n y x", "position": "n c | y x | –"},
        ),
        (
            PReLU(shared=False),
            (4,),
            "weight.grad",
            {"weight": "– | i | n", "position": "– | n i | –"},
        ),
        (Softmax(), (4,), "dot", {"sample": "– | n | k"}),
        (Softmax(), (4,), "input.grad", {"element": "– | n k | –"}),
        (AdaptiveAvgPool2d(3), IMAGE, "output", {"window": "n c | y x | u v"}),
        (
            AdaptiveAvgPool2d(3),
            IMAGE,
            "input.grad",
            {"cell": "n c | u v | y x", "window": "n c | y x | u v"},
        ),
        (AdaptiveAvgPool2d(5), IMAGE, "output", {"window": "n c | y x | i j"}),
        (Flatten(), IMAGE, "output", {"element": "– | n i | –"}),
        (Flatten(), IMAGE, "input.grad", {"element": "n c | y x | –"}),
    ],
    ids=str,
)
def test_loops_stand_as_in_a_textbook(
    layer: Layer, shape: tuple[int, ...], target: str, orders: dict[str, str]
) -> None:
    assert {o.label: written(o) for o in nests(layer, shape)[target].orders} == orders


def test_steps_are_counted() -> None:
    found = nests(Conv2d(4, (3, 2), stride=2, padding=1, groups=2), (2, 6, 5))
    rows, columns = 3, 3
    assert found["output"].steps() == 2 * 4 * rows * columns * 1 * 3 * 2
    assert found["weight.grad"].steps(0) == found["weight.grad"].steps(1) == found["output"].steps()
    assert found["input.grad"].steps(0) == 2 * 2 * 6 * 5 * 2 * 3 * 2
    assert found["input.grad"].steps(1) == found["output"].steps()
    assert found["bias.grad"].steps() == 2 * 4 * rows * columns


@pytest.mark.parametrize(
    ("layer", "shapes", "targets"),
    [
        (Flatten(), (IMAGE,), ("output", "input.grad")),
        (Pad(1), (IMAGE,), ("output", "input.grad")),
        (Dropout(), (IMAGE,), ("output", "input.grad")),
        (Concat(), (IMAGE, (3, 5, 5)), ("output", "input1.grad", "input2.grad")),
        (Add(), (IMAGE, IMAGE), ("input1.grad", "input2.grad")),
    ],
    ids=str,
)
def test_copies_take_one_step(
    layer: Layer, shapes: tuple[tuple[int, ...], ...], targets: tuple[str, ...]
) -> None:
    found = nests(layer, *shapes)
    assert {found[t].rule for t in targets} == {NestRule.COPY}
    assert {found[t].steps() for t in targets} == {1}
