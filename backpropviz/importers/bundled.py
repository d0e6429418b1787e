"""The digits and photos that ship, by specification: `mnist:17`, `digits:3`, `photo:chelsea`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from backpropviz.assets import resource
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.importers.decode import picture_from_file
from backpropviz.importers.picture import Picture

PHOTOS = ("astronaut", "camera", "chelsea", "coffee", "rocket")
# File and the value of full white.
_DIGITS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {"mnist": ("mnist_2000.npz", 255), "digits": ("digits_8x8.npz", 16)}
)
# Two letters at least, so that a Windows drive (C:…) stays a path.
_SPECIFICATION = re.compile(r"([A-Za-z][A-Za-z0-9_-]+):(.*)", re.DOTALL)


@frozen(eq=False)
class DigitSet:
    """Bundled digits: images uint8 (N, H, W) with values 0…white, labels uint8 (N,)."""

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    white: int


def split_specification(text: str) -> tuple[str, str] | None:
    """('mnist', '17') for `mnist:17`; None for what can only be a path."""
    match = _SPECIFICATION.fullmatch(text)
    return (match[1], match[2]) if match else None


def is_bundled(name: str) -> bool:
    """Whether `name:…` asks for something that ships."""
    return name == "photo" or name in _DIGITS


def bundled_picture(name: str, item: str) -> Picture:
    """The picture that `name:item` asks for, with its label."""
    if name == "photo":
        return _photo(item)
    if name in _DIGITS:
        return _digit(name, item)
    raise UserError(f"There is no data set '{name}': use mnist:0, digits:0 or photo:{PHOTOS[0]}.")


@cache
def digit_set(name: str) -> DigitSet:
    """All digits of `mnist` (28×28) or `digits` (8×8), read once; the arrays are read-only."""
    file_name, white = _DIGITS[name]
    with np.load(resource("datasets", file_name), allow_pickle=False) as arrays:
        images, labels = arrays["x"], arrays["y"]
    images.flags.writeable = labels.flags.writeable = False
    return DigitSet(name, images, labels, white)


def _photo(item: str) -> Picture:
    if item not in PHOTOS:
        raise UserError(f"There is no photo '{item}': use photo: with {', '.join(PHOTOS)}.")
    picture = picture_from_file(resource("images", f"{item}.webp"), f"photo:{item}")
    return replace(picture, label=item)


def _digit(name: str, item: str) -> Picture:
    digits = digit_set(name)
    last = len(digits.images) - 1
    if not re.fullmatch(r"[0-9]{1,9}", item) or int(item) > last:
        raise UserError(f"There is no {name}:{item}: use an index from 0 to {last}.")
    index = int(item)
    image = digits.images[index, :, :, None]
    source, label = f"{name}:{index}", str(digits.labels[index])
    if digits.white == 255:
        return Picture(image, source, "L", (), label)
    scaled = (image / digits.white).astype(np.float32)
    return Picture(scaled, source, "L", (f"values 0…{digits.white} scaled to 0…1",), label)
