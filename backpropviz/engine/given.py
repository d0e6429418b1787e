"""What a person hands to the Python functions, brought to what the engine takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

from backpropviz.engine.arrays import Array, Shape, shape_text
from backpropviz.engine.model import Model
from backpropviz.engine.optimizer import Optimizer, optimizer_from_fields
from backpropviz.engine.run import read_target
from backpropviz.errors import UserError


class SupportsArray(Protocol):
    """What NumPy can read: a tensor of another library."""

    def __array__(self) -> Array:
        """Its numbers."""


Target: TypeAlias = float | str | Sequence[Any] | SupportsArray | None
"""A class by number or name, one number, or several; of a batch one each."""


def given_image(image: object, shape: Shape, title: str) -> Array:
    """Numbers as a batch (N,C,H,W); one image may do without N, a gray one without C.

    Raises:
        UserError: these are no numbers, or not those of an image.
    """
    if type(image).__module__.partition(".")[0] == "PIL":
        raise UserError(
            "a Pillow picture is not yet as the network takes it: save it, and give its file to "
            "bv.load_image or in its place."
        )
    found = _numbers(image, "image")
    for left_out in range(1, 2 + (shape[0] == 1)):
        if found.shape == shape[left_out - 1 :]:
            return found.reshape(1, *shape)
    if found.ndim != len(shape) + 1:
        raise UserError(
            f"{title} takes an image of {shape_text(shape)} or a batch of them, but this is "
            f"{shape_text(found.shape)}."
        )
    return found


def given_target(target: Target, model: Model) -> int | tuple[Any, ...] | None:
    """A class or numbers; names of classes become their numbers.

    Raises:
        UserError: it is neither.
    """
    if isinstance(target, str):
        return read_target(target, model)
    if target is None:
        return None
    if isinstance(target, list | tuple) and any(isinstance(item, str) for item in target):
        named = (read_target(i, model) if isinstance(i, str) else i for i in target)
        return tuple(named)
    found = _numbers(target, "target")
    if found.ndim:
        return tuple(found.tolist())
    return int(found) if found.dtype.kind in "iu" else (float(found),)


def given_optimizer(optimizer: Optimizer | str | None) -> Optimizer | None:
    """An optimizer, or its name with PyTorch's usual settings.

    Raises:
        UserError: there is none of this name.
    """
    if isinstance(optimizer, str):
        return optimizer_from_fields({"kind": optimizer})
    if optimizer is None or (hasattr(optimizer, "nests") and not isinstance(optimizer, type)):
        return optimizer
    raise UserError(
        f"{optimizer!r} is no optimizer: give a name such as “adam”, or one of "
        "backpropviz.engine.optimizer, such as Adam(learning_rate=0.001)."
    )


def _numbers(given: object, noun: str) -> Array:
    """An array of numbers from an array, a list or a tensor, which may require a gradient."""
    detached = given.detach() if hasattr(given, "detach") else given
    try:
        found = np.asarray(detached.cpu() if hasattr(detached, "cpu") else detached)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"the {noun} cannot be read as numbers: {error}") from None
    if found.dtype.kind not in "biuf":
        raise UserError(
            f"the {noun} is a {type(given).__name__} and no numbers: give an array, a list or a "
            "tensor."
        )
    return found.astype(np.int64) if found.dtype.kind == "b" else found
