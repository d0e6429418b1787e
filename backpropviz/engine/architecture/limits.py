"""How large a network may be, whether it is read from a file or designed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from backpropviz.engine.arrays import Shape, shape_text
from backpropviz.engine.preprocessing import MAX_SIDE
from backpropviz.errors import UserError

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
