"""Passes that can be checked by head."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.engine.derivation import derive
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.pooling import AvgPool2d, MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Array, parse
from tests.engine.passes import nests_of

IMAGE = [[0, 2, 1], [3, 4, 1], [2, 1, 0]]
CONV = {"weight": np.array([[[[2.0, 1.0], [-1.0, 1.0]]]]), "bias": np.array([-1.0])}


def tiny(layers: dict[str, Layer], further: dict[str, dict[str, Array]], dtype: type) -> Tape:
    network = chain("tiny", (1, 3, 3), {"conv1": Conv2d(1, 2), **layers}, SquaredError(half=True))
    image: Array = np.array([[IMAGE]], dtype=dtype)
    return record(network, {"conv1": CONV, **further}, image, 6, Sgd(0.5))


def assert_values(tape: Tape, expected: dict[str, object]) -> None:
    for name, values in expected.items():
        assert np.squeeze(tape[name]).tolist() == values, name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tiny_max(dtype: type) -> None:
    # 2·0 + 1·2 − 1·3 + 1·4 − 1 = 2 and so on; the 8 wins; ½(8 − 6)² = 2.
    tape = tiny({"pool1": MaxPool2d(2)}, {}, dtype)
    assert_values(
        tape,
        {
            "conv1.output": [[2, 1], [8, 7]],
            "pool1.output": 8,
            "pool1.switches": 2,
            "loss.difference": 2,
            "loss": 2,
            "loss.grad": 1,
            "loss.input.grad": 2,
            "pool1.output.grad": 2,
            "pool1.input.grad": [[0, 0], [2, 0]],
            "conv1.output.grad": [[0, 0], [2, 0]],
            # 2 times the window that won: 3 4 / 2 1
            "conv1.weight.grad": [[6, 8], [4, 2]],
            "conv1.bias.grad": 2,
            # 2 times the filter, where the winning window lies
            "image.grad": [[0, 0, 0], [4, 2, 0], [-2, 2, 0]],
            "conv1.weight.step": [[-3, -4], [-2, -1]],
            "conv1.weight.next": [[-1, -3], [-3, 0]],
            "conv1.bias.next": -2,
        },
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tiny_average(dtype: type) -> None:
    # (2 + 1 + 8 + 7) / 4 = 4.5; ½(4.5 − 6)² = 1.125; every position gets −1.5/4 = −0.375.
    tape = tiny({"pool1": AvgPool2d(2)}, {}, dtype)
    assert_values(
        tape,
        {
            "pool1.output": 4.5,
            "loss": 1.125,
            "loss.input.grad": -1.5,
            "pool1.input.grad": [[-0.375, -0.375], [-0.375, -0.375]],
            # −0.375 · (0+2+3+4, 2+1+4+1; 3+4+2+1, 4+1+1+0)
            "conv1.weight.grad": [[-3.375, -3.0], [-3.75, -2.25]],
            "conv1.bias.grad": -1.5,
            # −0.375 · (2 3 1 / 1 3 2 / −1 0 1): the filter at all four positions, added up
            "image.grad": [[-0.75, -1.125, -0.375], [-0.375, -1.125, -0.75], [0.375, 0.0, -0.375]],
            "conv1.weight.next": [[3.6875, 2.5], [0.875, 2.125]],
        },
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tiny_dense(dtype: type) -> None:
    # 1·2 − 2·1 + 1·8 + 0·7 + 1 = 9; ½(9 − 6)² = 4.5; upstream 3.
    dense = {"weight": np.array([[1.0, -2.0, 1.0, 0.0]]), "bias": np.array([1.0])}
    layers: dict[str, Layer] = {"flatten": Flatten(), "dense1": Dense(1)}
    tape = tiny(layers, {"dense1": dense}, dtype)
    assert_values(
        tape,
        {
            "flatten.output": [2, 1, 8, 7],
            "dense1.output": 9,
            "loss": 4.5,
            "loss.input.grad": 3,
            "dense1.weight.grad": [6, 3, 24, 21],
            "dense1.bias.grad": 3,
            "dense1.input.grad": [3, -6, 3, 0],
            "conv1.output.grad": [[3, -6], [3, 0]],
            # e.g. 3·0 − 6·2 + 3·3 + 0·4 = −3
            "conv1.weight.grad": [[-3, 12], [-9, 9]],
            "conv1.bias.grad": 0,
            # 3·filter − 6·filter moved right + 3·filter moved down
            "image.grad": [[6, -9, -6], [3, 12, -6], [-3, 3, 0]],
        },
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_overlapping_windows_add_up(dtype: type) -> None:
    network = chain("overlap", (1, 3, 3), {"pool1": MaxPool2d(2, 1)}, SquaredError(half=True))
    image: Array = np.array([[[[3, 4, 2], [1, 5, 0], [8, 6, 4]]]], dtype=dtype)
    tape = record(network, {}, image, np.array([4, 3, 7, 2], dtype=float), Sgd())
    upstream = np.array([1, 2, 1, 4]) / 4
    assert_values(
        tape,
        {
            "pool1.output": [[5, 5], [8, 6]],
            "pool1.switches": [[4, 4], [6, 7]],
            "loss": (1 + 4 + 1 + 16) / 8,
            "pool1.output.grad": upstream.reshape(2, 2).tolist(),
            "pool1.input.grad": [[0, 0, 0], [0, 0.75, 0], [0.25, 1, 0]],
        },
    )
    nest = nests_of(tape)[parse("pool1.input.grad")]
    found = derive(tape, nest, parse("pool1.input.grad[0,0,1,1]"))
    assert sorted(term.value for term in found.terms) == [0, 0, 0.25, 0.5]
    assert sorted(term.operands[1].label for term in found.terms) == ["lost", "lost", "won", "won"]


def test_the_winner_s_terms_read_as_in_a_textbook() -> None:
    tape = tiny({"pool1": MaxPool2d(2)}, {}, np.float64)
    nest = nests_of(tape)[parse("conv1.weight.grad")]
    found = derive(tape, nest, parse("conv1.weight.grad[0,0,0,1]"))
    assert [tuple(str(f.address) for f in term.operands) for term in found.terms] == [
        (f"conv1.output.grad[0,0,{y},{x}]", f"conv1.input[0,0,{y},{x + 1}]")
        for y in range(2)
        for x in range(2)
    ]
    assert [term.value for term in found.terms] == [0, 0, 8, 0]
