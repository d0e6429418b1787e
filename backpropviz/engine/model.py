"""Models as loaded: a network with its parameters, and how an image is prepared for it."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, Final, Literal, TypeAlias, cast, get_args

import numpy as np

from backpropviz.engine.backprop import Parameters
from backpropviz.engine.kinds.protocol import LayerMode, Moded
from backpropviz.engine.network import Network
from backpropviz.engine.optimizers import Optimizer
from backpropviz.engine.value import Array, Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

Fit: TypeAlias = Literal["crop", "pad", "stretch"]
Resample: TypeAlias = Literal["box", "bilinear", "nearest", "lanczos"]
Invert: TypeAlias = Literal["auto", "yes", "no"]

MAX_SIDE = 4096
# Within these, every input is finite and exact enough in float32.
_SMALLEST, _LARGEST = 1e-6, 1e6


@frozen
class Preprocessing:
    """
    The input's shape and the way to it: fit, resample, channels, invert, pad, scale, normalize.

    `fit`: crop the center, pad with `pad_value` (0 black … 1 white), or stretch.
    `invert`: white on black; `auto` inverts when the border is bright, as on a photo of a digit.
    `white`: what full brightness becomes, 1 for 0…1 or 255 for raw bytes.
    `mean`, `std`: one value a channel, (x − mean) / std; empty for none.
    """

    channels: int
    height: int
    width: int
    fit: Fit = "crop"
    pad_value: float = 0.0
    resample: Resample = "box"
    invert: Invert = "no"
    white: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _check_integer("channels", self.channels, 1, 3)
        if self.channels == 2:
            raise _wrong("channels", self.channels, "use 1 or 3")
        _check_integer("height", self.height, 1, MAX_SIDE)
        _check_integer("width", self.width, 1, MAX_SIDE)
        _check_choice("fit", self.fit, get_args(Fit))
        _check_choice("resample", self.resample, get_args(Resample))
        _check_choice("invert", self.invert, get_args(Invert))
        _check_number("pad_value", self.pad_value, 0, 1)
        _check_number("white", self.white, _SMALLEST, _LARGEST)
        _check_channelwise("mean", self.mean, self.channels, -_LARGEST)
        _check_channelwise("std", self.std, self.channels, _SMALLEST)

    def to_json(self) -> dict[str, object]:
        """Every field by name, in plain JSON types; `from_json` reads it back unchanged."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: object) -> Preprocessing:
        """Read what `to_json` wrote; left-out fields take their defaults, unknown are refused."""
        if not isinstance(data, dict):
            raise UserError(
                f"preprocessing is {reprlib.repr(data)}: use an object with named fields."
            )
        known = [field.name for field in fields(cls)]
        for name in data:
            if name not in known:
                raise UserError(
                    f"preprocessing has an unknown field {reprlib.repr(name)}: "
                    f"use {', '.join(known)}."
                )
        for name in ("channels", "height", "width"):
            if name not in data:
                raise UserError(f"preprocessing lacks {name}: add it.")
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        return cls(**plain)


def _wrong(name: str, value: object, remedy: str) -> UserError:
    return UserError(f"preprocessing: {name} is {reprlib.repr(value)}: {remedy}.")


def _check_integer(name: str, value: object, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _wrong(name, value, f"use a whole number from {least} to {most}")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in choices:
        raise _wrong(name, value, f"use {', '.join(choices)}")


def _check_number(name: str, value: object, least: float, most: float = _LARGEST) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise _wrong(name, value, f"use a number from {least:g} to {most:g}")


def _check_channelwise(name: str, values: object, channels: int, least: float) -> None:
    if not isinstance(values, tuple) or len(values) not in (0, channels):
        raise _wrong(name, values, f"give {channels} numbers in a list, one a channel, or none")
    for value in values:
        _check_number(name, value, least)


MODES: Final[tuple[LayerMode, ...]] = ("train", "eval")
LARGEST_DROPOUT_SEED: Final = 2**32 - 1


@frozen
class Mode:
    """Whether a pass trains, and what its dropouts are drawn from: a seed, the update's number."""

    training: bool = False
    seed: int = 0
    iteration: int = 0

    @property
    def name(self) -> LayerMode:
        """`train` or `eval`, as PyTorch's modules call it."""
        return "train" if self.training else "eval"

    def layer_seed(self, place: int) -> int:
        """The seed of the `place`-th layer: another for every layer of every update."""
        words = np.random.SeedSequence((self.seed, self.iteration, place)).generate_state(1)
        return int(words[0])


EVAL = Mode()
"""Use: running statistics, nothing dropped."""
TRAIN = Mode(training=True, iteration=1)
"""Training: the batch's own statistics, and the masks that a first update draws with the seed 0."""


def chosen_mode(own: Mode, name: str | None, dropout_seed: int | None) -> Mode:
    """A model's own mode with what is chosen in its place.

    Raises:
        UserError: there is no such mode, or the seed is out of range.
    """
    if name not in {None, *MODES}:
        raise UserError(f"mode “{name}” is not known: use train or eval.")
    seed = own.seed if dropout_seed is None else dropout_seed
    if not 0 <= seed <= LARGEST_DROPOUT_SEED:
        raise UserError(f"dropout seed {seed} must lie in 0 to {LARGEST_DROPOUT_SEED:,}.")
    if (name or own.name) == "eval":
        return replace(EVAL, seed=seed)
    return replace(TRAIN, seed=seed)


def has_modes(network: Network) -> bool:
    """Whether a pass differs between training and use."""
    return bool(network.moded_places)


def recorded_mode(network: Network) -> LayerMode | None:
    """The mode that a pass's layers are in; None where no layer knows one."""
    if not network.moded_places:
        return None
    return "eval" if with_mode(network, EVAL) is network else "train"


def training_refusal(network: Network, batch: int) -> str:
    """Why a batch of so many images cannot be trained on; empty where it can."""
    for place in network.moded_places:
        node = network.nodes[place]
        layer = cast("Moded", node.layer)
        found = layer.training_refusal(network.site(node.name, batch).inputs[0])
        if found:
            return f"{node.name}: {found}"
    return ""


def draws_masks(network: Network) -> bool:
    """Whether a pass in training draws at random what it drops."""
    moded = (cast("Moded", network.nodes[place].layer) for place in network.moded_places)
    return any(
        layer.in_mode(training=True, seed=1) != layer.in_mode(training=True, seed=2)
        for layer in moded
    )


def with_mode(network: Network, mode: Mode) -> Network:
    """The network in a mode; one without layers that ask for it is the same object."""
    nodes = list(network.nodes)
    for place in network.moded_places:
        layer = nodes[place].layer
        seed = mode.layer_seed(place)
        changed = cast("Moded", layer).in_mode(training=mode.training, seed=seed)
        if changed != layer:
            nodes[place] = replace(nodes[place], layer=changed)
    if all(a is b for a, b in zip(nodes, network.nodes, strict=True)):
        return network
    return Network(network.name, network.input_shape, tuple(nodes), network.loss)


_MOST_NAMES = 12


@frozen(eq=False)
class Example:
    """An image that comes with a model, already as the network takes it: (1,C,H,W)."""

    source: str
    image: Array
    target: int | tuple[float, ...]


@frozen(eq=False)
class Model:
    """A network ready to be shown an image; `class_names` is empty for a regression."""

    title: str
    network: Network
    parameters: Parameters
    preprocessing: Preprocessing
    class_names: tuple[str, ...]
    optimizer: Optimizer
    example: Example | None = None
    remark: str = ""
    """One sentence: what it was trained on and how well it does."""
    mode: Mode = TRAIN
    """In which mode a pass is recorded unless another one is chosen."""

    def __repr__(self) -> str:
        """One line: a model's arrays would fill screens."""
        layers = ", ".join(node.name for node in self.network.nodes[:_MOST_NAMES])
        more = ", …" if len(self.network.nodes) > _MOST_NAMES else ""
        return f"<Model “{self.title}”: {self.parameter_count:,} parameters in {layers}{more}>"

    @property
    def parameter_count(self) -> int:
        shapes = (s for n in self.network.nodes for s in self.network.parameter_shapes(n).values())
        return sum(math.prod(shape) for shape in shapes)


MOST_LAYERS: Final = 2000
MOST_PARAMETERS: Final = 250_000_000
MOST_OUTPUTS: Final = 500_000_000
LARGEST_SIZE: Final = 1_000_000
LARGEST_WINDOW: Final = 1024
"""A window far larger than any input would keep the machine busy for nothing."""
LONGEST_NAME: Final = 100
LONGEST_CLASS_NAME: Final = 200
LONGEST_LIST: Final = 100
WINDOW_FIELDS: Final = ("kernel_size", "stride", "padding", "dilation")


def check_settings(name: str, settings: Mapping[str, object]) -> None:
    """Refuse numbers and lists of a layer that no machine could hold.

    Raises:
        UserError: the sentence names the layer and the field.
    """
    for field, value in settings.items():
        most = LARGEST_WINDOW if field in WINDOW_FIELDS else LARGEST_SIZE
        _check_value(f"{name}: {field}", value, most)


def _check_value(place: str, value: object, most: int) -> None:
    if isinstance(value, list | tuple):
        if len(value) > LONGEST_LIST:
            raise UserError(f"{place} has {len(value)} items: use at most {LONGEST_LIST}.")
        for item in value:
            _check_value(place, item, most)
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > most:
        raise UserError(f"{place} = {value} is too large: use at most {most:,}.")


def check_input_shape(shape: Shape) -> None:
    """Refuse what is no gray or color image of a size that pictures can be brought to."""
    if len(shape) != 3 or shape[0] not in {1, 3}:
        raise UserError(
            f"the input {shape_text(shape)} must be channels × height × width with 1 channel for "
            "gray or 3 for RGB."
        )
    if not all(1 <= side <= MAX_SIDE for side in shape[1:]):
        raise UserError(
            f"the input is {shape[1]}×{shape[2]} pixels: use 1 to {MAX_SIDE} for either side."
        )


def refuse_size(name: str, shape: Shape, parameters: int, outputs: int) -> None:
    """Refuse a layer up to which a network has too many parameters or outputs.

    Raises:
        UserError: they would not fit into memory; the sentence begins with the layer's name.
    """
    if outputs > MOST_OUTPUTS or parameters > MOST_PARAMETERS:
        raise UserError(
            f"{name}: its output is {shape_text(shape)}; up to here there are {parameters:,} "
            f"parameters and {outputs:,} outputs, of which at most {MOST_PARAMETERS:,} and "
            f"{MOST_OUTPUTS:,} fit into memory: make it smaller."
        )
