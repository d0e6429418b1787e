"""Layers, losses and optimizers are found by kind, and go to JSON and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

import backpropviz.engine.kinds as package
from backpropviz.document import to_fields
from backpropviz.engine.kinds.binary_cross_entropy import BinaryCrossEntropy
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.registry import (
    layer_from_fields,
    layer_kinds,
    loss_from_fields,
    loss_kinds,
)
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.optimizers import (
    Adam,
    AdamW,
    RmsProp,
    Sgd,
    optimizer_from_fields,
    optimizer_kinds,
)
from backpropviz.errors import UserError
from tests.engine.layer_cases import Case, cases


def test_every_kind_is_found() -> None:
    assert set(layer_kinds()) >= {
        *("conv2d", "max_pool2d", "avg_pool2d", "global_avg_pool2d", "dense", "flatten"),
        *("reshape", "relu", "leaky_relu", "sigmoid", "tanh", "add", "concat", "batch_norm2d"),
        *("dropout", "prelu", "gelu", "silu", "softmax", "adaptive_avg_pool2d", "pad"),
    }
    assert set(loss_kinds()) == {"cross_entropy", "squared_error", "binary_cross_entropy"}
    assert set(optimizer_kinds()) == {"sgd", "adam", "adamw", "rmsprop"}


def test_a_module_in_the_package_is_all_that_a_layer_needs(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        "from backpropviz.engine.kinds.activation import ReLU\n"
        "class Twin(ReLU):\n    kind = 'twin'\nLAYERS = (Twin,)\n"
    )
    (tmp_path / "twin_of_relu.py").write_text(source, "utf-8")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    layer_kinds.cache_clear()
    try:
        assert layer_from_fields({"kind": "twin"}, "here").kind == "twin"
    finally:
        layer_kinds.cache_clear()


@given(case=cases())
def test_a_layer_goes_to_json_and_back(case: Case) -> None:
    text = json.dumps(to_fields(case.layer))
    back = layer_from_fields(json.loads(text), "layer")
    assert to_fields(back) == to_fields(case.layer)
    assert back == layer_from_fields(to_fields(case.layer), "layer")
    assert back.output_shape(case.shapes) == case.layer.output_shape(case.shapes)


def test_losses_and_optimizers_go_to_json_and_back() -> None:
    weighted = CrossEntropy(label_smoothing=0.1, class_weights=(1.0, 0.5))
    losses = (CrossEntropy("sum"), weighted, SquaredError(half=True), BinaryCrossEntropy("sum"))
    for loss in losses:
        assert loss_from_fields(json.loads(json.dumps(to_fields(loss)))) == loss
    rules = (Sgd(0.1, 0.9, True, 0.001), Adam(betas=(0.5, 0.75)), AdamW(), RmsProp(centered=True))
    for rule in rules:
        assert optimizer_from_fields(json.loads(json.dumps(to_fields(rule)))) == rule


def test_defaults_may_be_left_out() -> None:
    fields = {"kind": "conv2d", "out_channels": 4, "kernel_size": [3, 3]}
    assert layer_from_fields(fields, "conv1") == Conv2d(4, (3, 3))
    assert layer_from_fields({"kind": "max_pool2d", "kernel_size": 2}, "p") == MaxPool2d(2)


@pytest.mark.parametrize(
    ("read", "fields", "sentence"),
    [
        (
            layer_from_fields,
            {"kind": "conv3d"},
            "here: “conv3d” is not a kind of layer; there are ",
        ),
        (layer_from_fields, {}, "here: None is not a kind of layer; there are "),
        (layer_from_fields, {"kind": ["relu"]}, "here: ['relu'] is not a kind of layer"),
        (
            layer_from_fields,
            {"kind": "max_pool2d", "kernel_size": 2, "strid": 2},
            "here: “strid” is not a field of max_pool2d; it has kernel_size, stride, padding, dila",
        ),
        (
            layer_from_fields,
            {"kind": "relu", "slope": 1},
            "here: “slope” is not a field of relu; it has at_zero.",
        ),
        (
            layer_from_fields,
            {"kind": "tanh", "slope": 1},
            "here: “slope” is not a field of tanh; it has none.",
        ),
        (
            layer_from_fields,
            {"kind": "relu", "at_zero": 0.25},
            "here: at_zero = 0.25 must be 0, 0.5 or 1.",
        ),
        (
            layer_from_fields,
            {"kind": "max_pool2d", "kernel_size": 2, "ties": "last"},
            "here: ties = 'last' must be “first” or “all” or “shared”.",
        ),
        (
            layer_from_fields,
            {"kind": "conv2d", "out_channels": 1, "kernel_size": 2, "flip": 1},
            "here: flip = 1 must be true or false.",
        ),
        (
            layer_from_fields,
            {"kind": "dense"},
            "here: dense has no “out_features”: add it.",
        ),
        (
            layer_from_fields,
            {"kind": "dense", "out_features": "ten"},
            "here: out_features = 'ten' must be a whole number.",
        ),
        (
            layer_from_fields,
            {"kind": "dense", "out_features": 10.5},
            "here: out_features = 10.5 must be a whole number.",
        ),
        (
            layer_from_fields,
            {"kind": "dense", "out_features": 10, "bias": 1},
            "here: bias = 1 must be true or false.",
        ),
        (
            layer_from_fields,
            {"kind": "conv2d", "out_channels": 4, "kernel_size": [3, 3, 3]},
            "here: kernel_size = [3, 3, 3] must be a whole number or [a whole number, a whole num",
        ),
        (
            layer_from_fields,
            {"kind": "conv2d", "out_channels": 4, "kernel_size": 3, "stride": 0},
            "here: stride = 0 must be one or two whole numbers of at least 1.",
        ),
        (
            layer_from_fields,
            {"kind": "reshape", "shape": [3, "x"]},
            "here: shape = [3, 'x'] must be a list of which each item is a whole number.",
        ),
        (
            loss_from_fields,
            {"kind": "cross_entropy", "reduction": "none"},
            "here: reduction = 'none' must be “mean” or “sum”.",
        ),
        (
            optimizer_from_fields,
            {"kind": "sgd", "learning_rate": float("nan")},
            "here: learning_rate = nan must be a number.",
        ),
        (
            optimizer_from_fields,
            {"kind": "sgd", "learning_rate": -1},
            "here: learning rate = -1.0 must be 0 or a positive number.",
        ),
    ],
)
def test_wrong_fields_are_named(
    read: Callable[[dict[str, object], str], object], fields: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UserError) as raised:
        read(fields, "here")
    assert str(raised.value).startswith(sentence)
