"""Networks to begin with, fitted to an image and a number of classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.configuration import positive
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.join import Add
from backpropviz.engine.kinds.pooling import GlobalAvgPool2d, MaxPool2d
from backpropviz.engine.kinds.protocol import IMAGE, TARGET, Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.model import Example, Model
from backpropviz.engine.network import IMAGE_NAME, Network, Node
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import (
    Address,
    Array,
    Shape,
    cells_of,
    check_inside,
    freeze,
    shape_text,
)
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


class _Builder:
    """Adds layers one after the other; each is numbered within its kind."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._counts: dict[str, int] = {}

    @property
    def last(self) -> str:
        """The name of what the next layer reads."""
        return self.nodes[-1].name if self.nodes else IMAGE_NAME

    def add(self, word: str, layer: Layer, *inputs: str, numbered: bool = True) -> str:
        """Add a layer called by a word and its number; without `inputs` it reads the last one."""
        self._counts[word] = self._counts.get(word, 0) + 1
        name = f"{word}{self._counts[word]}" if numbered else word
        self.nodes.append(Node(name, layer, inputs or (self.last,)))
        return name

    def convolutions(self, channels: tuple[int, ...]) -> None:
        """3×3 convolutions that keep the size, each with a ReLU."""
        for count in channels:
            self.add("conv", Conv2d(count, 3, padding=1))
            self.add("relu", ReLU())

    def flattened(self) -> None:
        """Number the values of a sample through."""
        self.add("flatten", Flatten(), numbered=False)

    def hidden(self, units: int) -> None:
        """A dense layer with a ReLU."""
        self.add("dense", Dense(units))
        self.add("relu", ReLU())


def _lenet(builder: _Builder, shape: Shape, classes: int) -> None:
    """Two convolutions, each pooled, and three dense layers (after LeCun and others, 1998).

    The second convolution is padded where the image is too small for it.
    """
    is_small = min(shape[1:]) < 12
    for channels, padding in ((6, 2), (16, 2 if is_small else 0)):
        builder.add("conv", Conv2d(channels, 5, padding=padding))
        builder.add("relu", ReLU())
        builder.add("pool", MaxPool2d(2))
    builder.flattened()
    builder.hidden(120)
    builder.hidden(84)
    builder.add("dense", Dense(classes))


def _tinyvgg(builder: _Builder, shape: Shape, classes: int) -> None:
    """Blocks of 3×3 convolutions, each halved by pooling (after Simonyan and Zisserman, 2014)."""
    side = min(shape[1:])
    for channels in ((8, 8), (16, 16), (24,), (24,)):
        builder.convolutions(channels)
        if side >= 2:
            builder.add("pool", MaxPool2d(2))
            side //= 2
    builder.flattened()
    builder.hidden(64)
    builder.add("dense", Dense(classes))


def _vgg_small(builder: _Builder, _shape: Shape, classes: int) -> None:
    """Three blocks of two 3×3 convolutions, a dense layer with dropout (after VGG, 2014)."""
    for channels in (32, 64, 128):
        builder.convolutions((channels, channels))
        builder.add("pool", MaxPool2d(2))
    builder.flattened()
    builder.hidden(128)
    builder.add("dropout", Dropout(0.5))
    builder.add("dense", Dense(classes))


def _resnet_tiny(builder: _Builder, _shape: Shape, classes: int) -> None:
    """A stem and three residual blocks, each wider and smaller (after He and others, 2015)."""
    _normalized(builder, Conv2d(16, 3, padding=1, bias=False))
    builder.add("relu", ReLU())
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        _residual_block(builder, channels, stride)
    builder.add("mean", GlobalAvgPool2d(), numbered=False)
    builder.flattened()
    builder.add("dense", Dense(classes))


def _residual_block(builder: _Builder, channels: int, stride: int) -> None:
    """Two convolutions beside the value itself, which is fitted by a 1×1 one if sizes change."""
    source = shortcut = builder.last
    _normalized(builder, Conv2d(channels, 3, stride, 1, bias=False))
    builder.add("relu", ReLU())
    branch = _normalized(builder, Conv2d(channels, 3, padding=1, bias=False))
    if stride != 1:
        projection = builder.add("skip", Conv2d(channels, 1, stride, bias=False), source)
        shortcut = builder.add("skip_norm", BatchNorm2d(), projection)
    builder.add("add", Add(), branch, shortcut)
    builder.add("relu", ReLU())


def _normalized(builder: _Builder, convolution: Conv2d) -> str:
    builder.add("conv", convolution)
    return builder.add("norm", BatchNorm2d())


def _mlp(builder: _Builder, shape: Shape, classes: int) -> None:
    """Three dense layers: each weight belongs to one pixel and one unit."""
    if len(shape) == 3:
        builder.flattened()
    builder.hidden(64)
    builder.hidden(32)
    builder.add("dense", Dense(classes))


@frozen
class Preset:
    """A network to begin with: its title, what it is, the smallest side, how it is built."""

    title: str
    description: str
    least_side: int
    build: Callable[[_Builder, Shape, int], None]


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "lenet": Preset(
            "LeNet", "Two convolutions, each pooled, and three dense layers.", 4, _lenet
        ),
        "tinyvgg": Preset(
            "TinyVGG", "Blocks of 3×3 convolutions, each halved by pooling.", 1, _tinyvgg
        ),
        "vgg-small": Preset(
            "VGG-small",
            "Three blocks of two 3×3 convolutions, a dense layer with dropout.",
            8,
            _vgg_small,
        ),
        "resnet-tiny": Preset(
            "ResNet-tiny",
            "A stem and three residual blocks, each wider and smaller.",
            1,
            _resnet_tiny,
        ),
        "mlp": Preset(
            "MLP", "Three dense layers: each weight belongs to one pixel and one unit.", 1, _mlp
        ),
    }
)
"""The networks that `preset` knows, by name."""


def preset(name: str, input_shape: Shape, classes: int) -> Network:
    """A network for images of channels × height × width and so many classes.

    Raises:
        UserError: there is no such preset, or the image is too small for it.
    """
    if name not in PRESETS:
        raise UserError(f"“{name}” is no preset; there are {', '.join(PRESETS)}.")
    positive("classes", classes)
    chosen = PRESETS[name]
    if name != "mlp" and (len(input_shape) != 3 or min(input_shape[1:]) < chosen.least_side):
        raise UserError(
            f"{chosen.title} needs images of at least {chosen.least_side}×{chosen.least_side}, "
            f"but these are {shape_text(input_shape)}: use larger ones or another preset."
        )
    builder = _Builder()
    chosen.build(builder, input_shape, classes)
    return Network(name, input_shape, tuple(builder.nodes), CrossEntropy())


EDITED_IMAGE = "edited image"
"""The source of an example image that was changed by hand."""
EDITED_REMARK = "Edited by hand: what was said of the original numbers may no longer hold."


WHOLE_LEARNING_RATE = 1.0
"""With it the update of a pass in whole numbers is whole, too."""


def first_fraction(tape: Tape) -> Address | None:
    """The first value of the pass or its update that is no whole number; None if all are."""
    for address in tape:
        for cell in cells_of(~_is_whole(tape[address])):
            return address.at(cell)
    return None


def _is_whole(array: Array) -> Array:
    if array.dtype.kind != "f":
        return np.ones(array.shape, dtype=bool)
    return np.asarray(np.isfinite(array) & (array == np.rint(array)))


def with_value(model: Model, address: Address, value: float) -> Model:
    """The model with one cell of its example image, or one parameter, changed.

    `image[…]` may also be called by the input of a layer that reads it.

    Raises:
        UserError: it is no such value, the model has no example, or the number does not fit.
    """
    if address.array in _names_of_image(model):
        if model.example is None:
            raise UserError(f"{model.title} brings no example image: open one before editing it.")
        image = _with_cell(model.example.image, address, value)
        target = model.example.target
        return replace(model, example=Example(EDITED_IMAGE, image, target), remark=EDITED_REMARK)
    own = model.parameters.get(address.layer, {})
    if address.part or address.quantity not in own:
        raise UserError(f"“{address}” cannot be edited: {_why(model, address)}.")
    array = _with_cell(own[address.quantity], address, value)
    parameters = {**model.parameters, address.layer: {**own, address.quantity: array}}
    return replace(model, parameters=parameters, remark=EDITED_REMARK)


def _names_of_image(model: Model) -> Iterator[Address]:
    yield IMAGE
    for consumer, number in model.network.consumers[IMAGE_NAME]:
        yield model.network.input_address(consumer, number)


def _with_cell(array: Array, address: Address, value: float) -> Array:
    check_inside(address, array.shape)
    if not math.isfinite(value) or abs(value) > float(np.finfo(array.dtype).max):
        raise UserError(
            f"{value} cannot be put into {address}: give a finite {array.dtype} number."
        )
    changed = array.copy()
    changed[address.indices] = value
    return freeze(changed)


def _why(model: Model, address: Address) -> str:
    """What keeps it from being edited, and what to edit instead."""
    parameters = [
        f"{node.name}.{name}"
        for node in model.network.nodes
        for name in model.network.parameter_shapes(node)
    ]
    if address.array == TARGET:
        return "the target is chosen beside the image"
    known = address.layer in {"", "loss", *model.network.by_name}
    reason = "it is no pixel and no parameter" if known else f"there is no layer “{address.layer}”"
    return f"{reason}; edit {IMAGE}{''.join(f' or {name}' for name in parameters[:3])}"
