"""Passes in whole numbers, and a model with one number put in by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from backpropviz.engine.architecture.presets import (
    EDITED_IMAGE,
    EDITED_REMARK,
    first_fraction,
    with_value,
)
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.pooling import AvgPool2d, MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.model import Example, Model, Preprocessing
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import run
from backpropviz.engine.value import parse
from backpropviz.errors import UserError

IMAGE = [[0, 2, 1], [3, 4, 1], [2, 1, 0]]


def tiny(pooling: Layer) -> Model:
    layers = {"conv1": Conv2d(1, 2), "pool1": pooling}
    own = {
        "weight": np.array([[[[2, 1], [-1, 1]]]], dtype=np.float32),
        "bias": np.array([-1], dtype=np.float32),
    }
    return Model(
        "tiny",
        chain("tiny", (1, 3, 3), layers, SquaredError(half=True)),
        {"conv1": own},
        Preprocessing(1, 3, 3),
        (),
        Sgd(0.01),
        Example("mnist:17", np.array([[IMAGE]], dtype=np.float32), (6.0,)),
        "The 8 wins.",
    )


@pytest.fixture(name="model")
def _model() -> Model:
    return tiny(MaxPool2d(2))


def test_whole_numbers_all_the_way_though_the_update_is_not(model: Model) -> None:
    tape = run(model)
    assert float(tape["conv1.weight.next[0,0,0,0]"]) != round(
        float(tape["conv1.weight.next[0,0,0,0]"])
    )
    assert first_fraction(tape) == parse("conv1.weight.step[0,0,0,0]")


def test_the_first_fraction_is_named(model: Model) -> None:
    assert first_fraction(run(model)) == parse("conv1.weight.step[0,0,0,0]")
    whole = replace(model, optimizer=Sgd(1.0))
    assert first_fraction(run(whole)) is None
    assert first_fraction(run(with_value(whole, parse("image[0,0,1,2]"), 0.5))) == parse(
        "image[0,0,1,2]"
    )
    assert first_fraction(run(with_value(whole, parse("conv1.bias[0]"), -2.0))) == parse("loss")


@pytest.mark.parametrize(
    "change",
    [
        lambda model: with_value(model, parse("image[0,0,1,1]"), 4.5),
        lambda model: with_value(model, parse("conv1.bias[0]"), -2.0),  # the loss is ½
        lambda model: replace(model, network=tiny(AvgPool2d(2)).network),
        lambda model: with_value(model, parse("image[0,0,1,1]"), 3e38),  # overflows
    ],
    ids=["pixel", "loss", "average", "infinite"],
)
@pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered")
def test_one_fraction_is_enough(model: Model, change: Callable[[Model], Model]) -> None:
    found = first_fraction(run(change(replace(model, optimizer=Sgd(1.0)))))
    assert found is not None


def test_everything_follows_an_edited_pixel(model: Model) -> None:
    edited = with_value(model, parse("image[0,0,2,2]"), 5)
    assert edited.example is not None
    assert model.example is not None
    assert edited.example.image[0, 0].tolist() == [[0, 2, 1], [3, 4, 1], [2, 1, 5]]
    assert edited.example.source == EDITED_IMAGE
    assert edited.example.target == (6.0,)
    assert edited.remark == EDITED_REMARK
    assert not edited.example.image.flags.writeable
    assert edited.parameters is model.parameters
    # 2·4 + 1·1 − 1·1 + 1·5 − 1 = 12 wins now.
    tape = run(edited)
    assert tape["pool1.output"].tolist() == [[[[12]]]]
    assert tape["conv1.weight.grad"].tolist() == [[[[24, 6], [6, 30]]]]
    assert run(model)["pool1.output"].tolist() == [[[[8]]]]
    assert model.example.image[0, 0].tolist() == IMAGE
    assert model.remark == "The 8 wins."


def test_the_first_layer_s_input_is_the_image(model: Model) -> None:
    edited = with_value(model, parse("conv1.input[0,0,0,0]"), 7)
    assert run(edited)["image"][0, 0, 0, 0] == 7


def test_everything_follows_an_edited_weight(model: Model) -> None:
    edited = with_value(model, parse("conv1.weight[0,0,1,0]"), 3)
    weight = edited.parameters["conv1"]["weight"]
    assert weight.tolist() == [[[[2, 1], [3, 1]]]]
    assert weight.dtype == np.float32
    assert not weight.flags.writeable
    assert edited.example is model.example
    assert edited.parameters["conv1"]["bias"] is model.parameters["conv1"]["bias"]
    assert model.parameters["conv1"]["weight"].tolist() == [[[[2, 1], [-1, 1]]]]
    assert run(edited)["conv1.output"].tolist() == [[[[14, 17], [16, 11]]]]


@pytest.mark.parametrize(
    ("address", "value", "words"),
    [
        (
            "conv1.output[0,0,0,0]",
            1,
            "it is no pixel and no parameter; edit image or conv1.weight or conv1.bias",
        ),
        ("pool1.input[0,0,0,0]", 1, "cannot be edited: it is no pixel and no parameter"),
        ("loss", 1, "cannot be edited: it is no pixel and no parameter"),
        ("conv1.weight.grad[0,0,0,0]", 1, "cannot be edited: it is no pixel and no parameter"),
        ("image.grad[0,0,0,0]", 1, "cannot be edited: it is no pixel and no parameter"),
        ("conv9.weight[0,0,0,0]", 1, "there is no layer “conv9”; edit image"),
        ("loss.target[0,0,0,0]", 1, "the target is chosen beside the image"),
        ("image", 1, "is no value of image, whose shape is 1×1×3×3: give 4 indices"),
        ("image[0,0,3,0]", 1, "is no value of image"),
        ("conv1.weight[0,0,0,-1]", 1, "is no value of conv1.weight"),
        ("image[0,0,0,0]", math.nan, "nan cannot be put into"),
        ("image[0,0,0,0]", math.inf, "inf cannot be put into"),
        ("conv1.bias[0]", 1e39, "1e.39 cannot be put into .* finite float32 number"),
    ],
)
def test_what_cannot_be_edited_is_refused_in_words(
    model: Model, address: str, value: float, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        with_value(model, parse(address), value)


def test_a_model_without_an_example_has_no_pixels_to_edit(model: Model) -> None:
    bare = replace(model, example=None)
    with pytest.raises(UserError, match="tiny brings no example image: open one"):
        with_value(bare, parse("image[0,0,0,0]"), 1)
    assert with_value(bare, parse("conv1.bias[0]"), 1).parameters["conv1"]["bias"].tolist() == [1]
