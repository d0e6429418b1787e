"""One pass of a model on an image, with the settings that a person can change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backpropviz.engine.arrays import Array
from backpropviz.engine.mode import TRAIN, Mode, chosen_mode
from backpropviz.engine.model import Model
from backpropviz.engine.network import Network
from backpropviz.engine.optimizer import Optimizer
from backpropviz.engine.record import DTYPES, record
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.number_text import real_number

REDUCTIONS = ("mean", "sum")
_MOST_NAMES = 12


@frozen
class Settings:
    """What a pass depends on beside the model and the image; None: as the model says."""

    target: int | tuple[float, ...] | None = None
    float_bits: int = 32
    reduction: str | None = None
    optimizer: Optimizer | None = None
    mode: str | None = None
    dropout_seed: int | None = None

    def __post_init__(self) -> None:
        """Refuse a width, a reduction or a mode that does not exist."""
        if self.float_bits not in DTYPES:
            raise UserError(f"float width {self.float_bits} is not known: use 32 or 64.")
        if self.reduction not in {None, *REDUCTIONS}:
            raise UserError(f"reduction “{self.reduction}” is not known: use mean or sum.")
        _ = chosen_mode(TRAIN, self.mode, self.dropout_seed)


def run(model: Model, image: Array | None = None, settings: Settings | None = None) -> Tape:
    """Record one step, in training unless another mode is chosen or the model's own.

    Image and target default to the model's example.

    Raises:
        UserError: image or target do not fit, or the model brings no example to fall back on.
    """
    wanted = settings or Settings()
    images = _image(model, image).astype(DTYPES[wanted.float_bits])
    target = wanted.target if wanted.target is not None else _example_target(model, image)
    network = with_reduction(model.network, wanted.reduction)
    optimizer, mode = wanted.optimizer or model.optimizer, pass_mode(model, wanted)
    return record(network, model.parameters, images, target, optimizer, mode=mode)


def pass_mode(model: Model, settings: Settings) -> Mode:
    """The mode in which a pass is recorded."""
    return chosen_mode(model.mode, settings.mode, settings.dropout_seed)


def read_target(text: str, model: Model) -> int | tuple[float, ...]:
    """A target as a person writes it: a class by name or number, or numbers separated by commas.

    Raises:
        UserError: it is neither; whether it fits the network is checked when the pass is recorded.
    """
    wanted = text.strip()
    if wanted in model.class_names:
        return model.class_names.index(wanted)
    read = [real_number(piece) for piece in wanted.split(",")]
    numbers = tuple(number for number in read if number is not None)
    if len(numbers) < len(read):
        raise UserError(f"target “{text:.60}” is not understood: give {_what_fits(model)}.")
    if is_classifier(model) and len(numbers) == 1 and numbers[0].is_integer():
        return int(numbers[0])
    return numbers


def is_classifier(model: Model) -> bool:
    """Whether the target is a class."""
    return model.network.loss.about.is_of_classes


def with_reduction(network: Network, reduction: str | None) -> Network:
    """The network with another batch reduction of its loss."""
    if reduction is None or reduction == network.loss.reduction:
        return network
    loss: Any = network.loss
    return replace(network, loss=replace(loss, reduction=reduction))


def _image(model: Model, image: Array | None) -> Array:
    if image is not None:
        return image
    if model.example is None:
        raise UserError(f"{model.title} brings no example image: give one.")
    return model.example.image


def _example_target(model: Model, image: Array | None) -> object:
    if image is None and model.example is not None:
        return model.example.target
    raise UserError("a target is needed for this image: give a class or numbers.")


def _what_fits(model: Model) -> str:
    if not is_classifier(model):
        return "numbers separated by commas"
    names = model.class_names
    if not names or len(names) > _MOST_NAMES:
        return "the number of a class, counted from 0"
    return f"a class: {', '.join(names)}"
