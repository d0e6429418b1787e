"""A recorded pass: what it refuses, and how its arrays are found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backpropviz.engine.initialize import initialize
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from tests.engine.passes import branched, recorded

NETWORK = branched()
PARAMETERS = initialize(NETWORK)
IMAGES = np.zeros((1, *NETWORK.input_shape), dtype=np.float32)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (IMAGES[0], "takes images of 2×6×7, but these are 2×6×7 .batch first."),
        (IMAGES[:, :, 1:], "takes images of 2×6×7, but these are 1×2×5×7"),
        (IMAGES[:0], "the batch is empty"),
        (IMAGES.astype(np.int64), "must be float32 or float64, not int64"),
    ],
)
def test_images_that_do_not_fit_are_refused(images: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        record(NETWORK, PARAMETERS, images, 1, Sgd())


def test_parameters_that_do_not_fit_are_refused() -> None:
    without = {layer: dict(own) for layer, own in PARAMETERS.items()}
    del without["dense"]["bias"]
    with pytest.raises(UserError, match="dense: the parameter “bias” is missing"):
        record(NETWORK, without, IMAGES, 1, Sgd())
    without["dense"]["bias"] = np.zeros(3)
    with pytest.raises(UserError, match=r"dense\.bias must be 5, but it is 3"):
        record(NETWORK, without, IMAGES, 1, Sgd())


def test_every_array_is_read_only() -> None:
    tape = recorded(NETWORK, [1, 2])
    assert not any(tape[address].flags.writeable for address in tape)


def test_a_value_is_found_by_text_and_by_address() -> None:
    tape = recorded(NETWORK, [1, 2])
    address = parse("conv1.weight.grad[3,0,1,1]")
    assert tape[address] == tape["conv1.weight.grad"][3, 0, 1, 1]
    assert tape.value(address) == float(tape["conv1.weight.grad"][3, 0, 1, 1])
    known: object = "conv1.weight.grad[3,0,1,1]"
    unknown: object = "conv9.weight"
    assert known in tape
    assert unknown not in tape
    assert tape.batch == 2
    assert tape.loss == float(tape["loss"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("conv9.weight", "“conv9.weight” is not in this pass: the layers are conv1, relu1"),
        ("conv1.bias", "conv1 has .*weight"),
        ("conv1.weight[0,0,0,3]", "outside conv1.weight, whose shape is 4×2×3×3: give 4 indices"),
        ("conv1.weight[0,0,0,-1]", "outside conv1.weight"),
        ("conv1.weight[0]", "outside conv1.weight"),
    ],
)
def test_an_address_without_a_value_is_refused(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        _ = recorded(NETWORK, [1, 2])[text]
