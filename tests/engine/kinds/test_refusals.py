"""What does not fit is refused in a sentence that names the layer and the numbers."""

from __future__ import annotations

from typing import Any, cast

import pytest

from backpropviz.engine.kinds.activation import GELU, LeakyReLU, ReLU
from backpropviz.engine.kinds.adaptive_pooling import AdaptiveAvgPool2d
from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.binary_cross_entropy import BinaryCrossEntropy
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.join import Add, Concat
from backpropviz.engine.kinds.pooling import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten, Pad, Reshape
from backpropviz.engine.kinds.softmax import Softmax
from backpropviz.engine.network import Network, Node, chain
from backpropviz.errors import UserError

IMAGE = (3, 8, 8)


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (Conv2d(2, 3), (10,), "conv.*channels × height × width, but its input is 10"),
        (Conv2d(2, 9), IMAGE, "covers 9×9 cells.*only 8×8"),
        (Conv2d(2, 1, groups=2), IMAGE, "3 input channels cannot be split into groups = 2"),
        (MaxPool2d(9), IMAGE, "covers 9×9"),
        (MaxPool2d(1, padding=1), IMAGE, "covers no cell of the input: use less padding"),
        (AvgPool2d(2, padding=2), IMAGE, "covers no cell of the input: use less padding"),
        (GlobalAvgPool2d(), (4,), "global average-pooling needs channels"),
        (Dense(2), IMAGE, "needs a flat input, but its input is 3×8×8: add a flatten layer"),
        (Reshape((5, -1)), IMAGE, "3×8×8 are 192 values, which do not fill 5×-1"),
        (Reshape((5, 5)), IMAGE, "3×8×8 are 192 values, which do not fill 5×5"),
        (BatchNorm2d(), (4,), "a batch normalization needs channels × height × width"),
        (Softmax(), IMAGE, "a softmax needs one number for each class, but its input is 3×8×8"),
        (AdaptiveAvgPool2d(2), (4,), "adaptive average-pooling needs channels"),
        (Pad(1), (4,), "a padding needs channels"),
        (Add(), IMAGE, "an add layer needs at least two inputs, but 1 is given"),
        (Concat(), IMAGE, "a concat layer needs at least two inputs, but 1 is given"),
    ],
    ids=str,
)
def test_an_input_that_does_not_fit_is_refused(
    layer: Layer, shape: tuple[int, ...], words: str
) -> None:
    with pytest.raises(UserError, match=f"^here: .*{words}"):
        chain("net", shape, {"here": layer}, CrossEntropy())


@pytest.mark.parametrize("layer", [Conv2d(1, 1), MaxPool2d(1), ReLU(), Flatten()], ids=str)
def test_a_second_input_is_refused(layer: Layer) -> None:
    nodes = (Node("a", ReLU(), ("image",)), Node("here", layer, ("image", "a")))
    with pytest.raises(UserError, match=r"here: .* has one input, but 2 are given"):
        Network("net", IMAGE, nodes, CrossEntropy())


def test_joins_refuse_shapes_that_differ() -> None:
    small = Node("small", MaxPool2d(2), ("image",))
    for join, words in ((Add(), "must have one shape"), (Concat(), "differ in channels only")):
        with pytest.raises(UserError, match=f"join: .*{words}, but they are 3×8×8, 3×4×4"):
            Network("n", IMAGE, (small, Node("join", join, ("image", "small"))), CrossEntropy())


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Conv2d(0, 3), "out_channels = 0"),
        (lambda: Conv2d(3, 3, groups=2), "out_channels = 3 cannot be split into groups = 2"),
        (lambda: Conv2d(3, 3, stride=0), "stride = 0 must be"),
        (lambda: Conv2d(3, (3, 0)), r"kernel_size = \(3, 0\) must be"),
        (lambda: Conv2d(3, 3, dilation=0), "dilation = 0 must be"),
        (lambda: Conv2d(3, 3, padding=-1), "padding = -1 must be"),
        (lambda: Conv2d(3, 3, padding="valid"), 'padding = .valid. must be .* or "same"'),
        (lambda: Conv2d(3, 3, 2, "same"), '"same" needs stride 1, but the stride is 2, 2'),
        (lambda: MaxPool2d(2, 0), "stride = 0"),
        (lambda: Dense(0), "out_features = 0"),
        (lambda: Dense(True), "out_features = True"),
        (lambda: Reshape((-1, -1)), r"shape = \[-1, -1\]"),
        (lambda: Reshape((0,)), r"shape = \[0\]"),
        (lambda: LeakyReLU(float("nan")), "negative_slope = nan"),
        (lambda: BatchNorm2d(eps=-1.0), "eps = -1.0 must be 0 or a positive number"),
        (lambda: BatchNorm2d(momentum=float("inf")), "momentum = inf must be a finite number"),
        (lambda: Dropout(1.5), "p = 1.5 must be a probability"),
        (lambda: Dropout(float("nan")), "p = nan must be a probability"),
        (lambda: Dropout(seed=-1), "seed = -1 must be at least 0"),
        (lambda: GELU(cast("Any", "erf")), "approximate = “erf” must be “none” or “tanh”"),
        (lambda: AdaptiveAvgPool2d(0), "output_size = 0 must be"),
        (lambda: AdaptiveAvgPool2d((2, -1)), r"output_size = \(2, -1\) must be"),
        (lambda: Pad(-1), "padding = -1 must be"),
        (lambda: Pad("same"), 'padding = "same" asks for a window'),
        (lambda: Pad(1, float("inf")), "value = inf must be a finite number"),
        (lambda: CrossEntropy(label_smoothing=1.5), "label_smoothing = 1.5 must be from 0 to 1"),
        (lambda: CrossEntropy(class_weights=(1.0, float("nan"))), "class weight nan must be"),
        (lambda: BinaryCrossEntropy(cast("Any", "none")), "“none” must be “mean” or “sum”"),
    ],
)
def test_a_configuration_without_meaning_is_refused(build: object, words: str) -> None:
    assert callable(build)
    with pytest.raises(UserError, match=words):
        build()
