"""How a picture becomes a network's input: a frozen description that is stored with the model."""

from __future__ import annotations

import reprlib
from dataclasses import asdict, fields
from typing import Any, Literal, TypeAlias, get_args

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
