"""The kinds of layers as a list to choose from: family, title, what it does, usual settings."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Final

from backpropviz.engine.kinds.activation import GELU, LeakyReLU, PReLU, ReLU, Sigmoid, SiLU, Tanh
from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.join import Add, Concat
from backpropviz.engine.kinds.pooling import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    GlobalAvgPool2d,
    MaxPool2d,
)
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.registry import layer_kinds
from backpropviz.engine.kinds.shape import Flatten, Pad, Reshape
from backpropviz.engine.kinds.softmax import Softmax
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


class Family(Enum):
    """What kinds of layers have in common; the value is the heading in a list."""

    LEARNED = "Weights"
    ACTIVATION = "Activation"
    POOLING = "Pooling"
    SHAPE = "Shape"
    NORMALIZATION = "Normalization and regularization"
    JOIN = "Join"


@frozen
class Entry:
    """One kind: `word` begins its names, `layer` has the settings to begin with."""

    family: Family
    title: str
    word: str
    layer: Layer
    help: str

    @property
    def kind(self) -> str:
        """Its name in a network file."""
        return self.layer.kind

    @property
    def is_join(self) -> bool:
        """Whether it reads several layers."""
        return self.family is Family.JOIN


_LEARNED, _ACTIVATION, _POOLING = Family.LEARNED, Family.ACTIVATION, Family.POOLING
_SHAPE, _NORMALIZATION, _JOIN = Family.SHAPE, Family.NORMALIZATION, Family.JOIN

_ENTRIES = (
    Entry(
        _LEARNED,
        "Convolution",
        "conv",
        Conv2d(16, 3, padding=1),
        "Filters that slide over the image; all positions share a filter's weights.",
    ),
    Entry(
        _LEARNED,
        "Dense",
        "dense",
        Dense(32),
        "Every output is a weighted sum of all inputs; needs a flatten before it.",
    ),
    Entry(_ACTIVATION, "ReLU", "relu", ReLU(), "What is negative becomes 0."),
    Entry(_ACTIVATION, "Leaky ReLU", "leaky", LeakyReLU(), "What is negative becomes small."),
    Entry(
        _ACTIVATION,
        "PReLU",
        "prelu",
        PReLU(),
        "What is negative is multiplied with a slope that is learned.",
    ),
    Entry(_ACTIVATION, "GELU", "gelu", GELU(), "A ReLU with a smooth bend, as in transformers."),
    Entry(_ACTIVATION, "SiLU", "silu", SiLU(), "x times its sigmoid, also called swish."),
    Entry(_ACTIVATION, "Sigmoid", "sigmoid", Sigmoid(), "Any number becomes one between 0 and 1."),
    Entry(_ACTIVATION, "Tanh", "tanh", Tanh(), "Any number becomes one between −1 and 1."),
    Entry(
        _ACTIVATION,
        "Softmax",
        "softmax",
        Softmax(),
        "Probabilities that add up to 1; cross-entropy brings its own, so it needs none before.",
    ),
    Entry(
        _POOLING, "Max pooling", "pool", MaxPool2d(2), "The largest value of each window goes on."
    ),
    Entry(_POOLING, "Average pooling", "pool", AvgPool2d(2), "The mean of each window goes on."),
    Entry(
        _POOLING,
        "Global average pooling",
        "mean",
        GlobalAvgPool2d(),
        "Each map becomes its mean, whatever its size.",
    ),
    Entry(
        _POOLING,
        "Adaptive average pooling",
        "pool",
        AdaptiveAvgPool2d(4),
        "Means over as many windows as are asked for.",
    ),
    Entry(_SHAPE, "Flatten", "flatten", Flatten(), "All values of a sample in one row."),
    Entry(_SHAPE, "Reshape", "reshape", Reshape((-1,)), "The same values in another shape."),
    Entry(_SHAPE, "Pad", "pad", Pad(1), "A frame of equal values around each map."),
    Entry(
        _NORMALIZATION,
        "Batch normalization",
        "norm",
        BatchNorm2d(),
        "Each channel is brought to mean 0 and variance 1, then scaled and shifted.",
    ),
    Entry(
        _NORMALIZATION,
        "Dropout",
        "dropout",
        Dropout(0.5),
        "In training a part of the values, chosen at random, becomes 0.",
    ),
    Entry(_JOIN, "Add", "add", Add(), "The sum of several layers: the join of a residual block."),
    Entry(_JOIN, "Concatenate", "concat", Concat(), "The channels of several layers in a row."),
)


UNNUMBERED: Final = ("flatten", "mean")
"""Words of kinds of which a network usually has one."""


@cache
def catalog() -> Mapping[str, Entry]:
    """Every kind of layer, in the order of a list to choose from."""
    return MappingProxyType({entry.kind: entry for entry in _ENTRIES})


def entry_of(kind: str) -> Entry:
    """What the list says of a kind.

    Raises:
        UserError: there is no such kind.
    """
    if kind not in catalog():
        known = ", ".join(layer_kinds())
        raise UserError(f"“{kind}” is not a kind of layer; there are {known}.")
    return catalog()[kind]
