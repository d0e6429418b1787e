"""Networks to begin with, fitted to an image and a number of classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from backpropviz.engine.arrays import Shape, shape_text
from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.configuration import positive
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.join import Add
from backpropviz.engine.kinds.pooling import GlobalAvgPool2d, MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.network import IMAGE_NAME, Network, Node
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
