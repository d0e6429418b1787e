"""Images in one array of numbers: which axis is which, and which number is white."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isqrt

import numpy as np

from backpropviz.engine.arrays import Array, shape_text
from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.importers.picture import Picture, picture_from_array

_CHANNELS_LAST, _CHANNELS_FIRST = (1, 2, 3, 4), (1, 3, 4)
_LEAST_BYTE_WHITE = 64
"""Bytes of real pictures reach this; values that stay below have a smaller white."""


@frozen(eq=False)
class NumberImages:
    """Images (N,H,W,C) as read, the value of white, and in words how they were understood.

    Values from `black` to `white` are brought to 0…1; bytes with white 255 stay bytes.
    """

    values: Array
    black: float
    white: float
    remarks: tuple[str, ...]

    @property
    def _is_bytes(self) -> bool:
        return self.values.dtype == np.uint8 and self.white == 255

    def picture(self, number: int, name: str) -> Picture:
        """One of them.

        Raises:
            UserError: it holds NaN or infinite values.
        """
        image = self.values[number]
        if self._is_bytes:
            return picture_from_array(image, name)
        if not np.isfinite(image).all():
            raise UserError(f"{name} holds NaN or infinite values: save finite ones.")
        scaled = (image.astype(np.float64) - self.black) / (self.white - self.black)
        picture = picture_from_array(np.clip(scaled, 0, 1).astype(np.float32), name)
        if (self.black, self.white) == (0, 1):
            return picture
        note = f"values {self.black:g}…{self.white:g} scaled to 0…1"
        return replace(picture, notes=(note, *picture.notes))


def number_images(array: Array, name: str, wanted: Preprocessing) -> NumberImages:
    """Understand an array (N,H,W), (N,H,W,C), (N,C,H,W) or (N,D) as images.

    Raises:
        UserError: it is none of these, is empty, or does not hold numbers.
    """
    if array.dtype.kind not in "biuf":
        raise UserError(f"{name} holds {array.dtype} values, but images are numbers: save those.")
    if not array.size:
        raise UserError(f"{name} has the shape {shape_text(array.shape)} and no pixels: fill it.")
    values, words = _channels_last(array, name, wanted)
    if values.dtype == np.bool_:
        values = values.view(np.uint8)
    black, white, guessed = _range(values, name)
    understood = f"{name} {shape_text(array.shape)} {array.dtype}: {words}"
    return NumberImages(values, black, white, (understood, *guessed))


def _channels_last(array: Array, name: str, wanted: Preprocessing) -> tuple[Array, str]:
    if array.ndim == 2:
        return _unrolled(array, name)
    if array.ndim == 3:
        return array[..., None], "gray images × height × width"
    if array.ndim == 4:
        is_last = array.shape[3] in _CHANNELS_LAST
        is_first = array.shape[1] in _CHANNELS_FIRST
        if is_last and is_first:
            is_last = wanted.channels == array.shape[3] or wanted.channels != array.shape[1]
        if is_last:
            return array, "images × height × width × channels"
        if is_first:
            return np.moveaxis(array, 1, 3), "images × channels × height × width"
    raise UserError(
        f"{name} has the shape {shape_text(array.shape)}, which is no set of images: use "
        "images × height × width, with channels last or second."
    )


def _unrolled(array: Array, name: str) -> tuple[Array, str]:
    """Rows of numbers, as tables of pixels have them."""
    count, length = array.shape
    side = isqrt(length)
    if side * side == length:
        return array.reshape(count, side, side, 1), f"each row a gray image of {side}×{side}"
    side = isqrt(length // 3)
    if 3 * side * side == length:
        planes = array.reshape(count, 3, side, side)
        return np.moveaxis(planes, 1, 3), f"each row R, then G, then B of {side}×{side}"
    raise UserError(
        f"{name} has rows of {length:,} numbers, which fill no square image: save it as images × "
        "height × width."
    )


def _range(values: Array, name: str) -> tuple[float, float, tuple[str, ...]]:
    """Black and white of the whole set, and what had to be guessed."""
    low, high = _finite_limits(values)
    if low is None or high is None:
        raise UserError(f"{name} holds nothing but NaN and infinite values: save finite ones.")
    if low < 0:
        if low == high:
            raise UserError(f"{name} holds nothing but {low:g}: save pictures of 0…1 or 0…255.")
        return low, high, (f"it holds values below 0, so {low:g} is black and {high:g} is white",)
    if high <= 1:
        return 0.0, 1.0, ()
    if high < _LEAST_BYTE_WHITE:
        return 0.0, high, (f"no value is above {high:g}, so that is taken for white",)
    for white in (255.0, 65535.0):
        if high <= white:
            return 0.0, white, ()
    return 0.0, high, (f"no value is above {high:g}, so that is taken for white",)


def _finite_limits(values: Array) -> tuple[float | None, float | None]:
    """Found image by image: a mask of the whole set would be as large as the set."""
    lows, highs = [], []
    for image in values:
        finite = image[np.isfinite(image)] if image.dtype.kind == "f" else image
        if finite.size:
            lows.append(float(finite.min()))
            highs.append(float(finite.max()))
    return (min(lows), max(highs)) if lows else (None, None)


def picture_maker(images: NumberImages, names: tuple[str, ...]) -> Callable[[int], Picture]:
    """What decodes the images of an array by number."""

    def picture(number: int) -> Picture:
        return images.picture(number, names[number])

    return picture
