"""Examples that can be checked by head: passes in whole numbers, and one number put in by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, freeze, shape_text
from backpropviz.engine.kinds.protocol import IMAGE, TARGET
from backpropviz.engine.model import Example, Model
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError

EDITED_IMAGE = "edited image"
"""The source of an example image that was changed by hand."""
EDITED_REMARK = "Edited by hand: what was said of the original numbers may no longer hold."


WHOLE_LEARNING_RATE = 1.0
"""With it the update of a pass in whole numbers is whole, too."""


def first_fraction(tape: Tape) -> Address | None:
    """The first value of the pass or its update that is no whole number; None if all are."""
    for address in tape:
        broken = np.argwhere(~_is_whole(tape[address]))
        if len(broken):
            return address.at(tuple(int(index) for index in broken[0]))
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
    indices = address.indices
    fits = len(indices) == array.ndim and all(
        0 <= i < size for i, size in zip(indices, array.shape, strict=True)
    )
    if not fits:
        raise UserError(
            f"“{address}” is no value of {address.array}, whose shape is "
            f"{shape_text(array.shape)}: give {array.ndim} indices counted from 0."
        )
    if not math.isfinite(value) or abs(value) > float(np.finfo(array.dtype).max):
        raise UserError(
            f"{value} cannot be put into {address}: give a finite {array.dtype} number."
        )
    changed = array.copy()
    changed[indices] = value
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
