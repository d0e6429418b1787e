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
from backpropviz.importers.picture import DARK, Picture, percent, picture_from_array

_CHANNELS_LAST, _CHANNELS_FIRST = (1, 2, 3, 4), (1, 3, 4)
_MOST_BEYOND = 0.25
"""Of the scale of another part: more than that beyond it is a scale of its own."""
_LEAST_BYTE_WHITE = 64
"""Bytes of real pictures reach this; values that stay below have a smaller white."""


@frozen
class Scale:
    """The values that are black and white, and in words why, where that had to be guessed."""

    black: float
    white: float
    remarks: tuple[str, ...] = ()


@frozen(eq=False)
class NumberImages:
    """Images (N,H,W,C) as read, the scale of their values, and in words how they were understood.

    Values from black to white are brought to 0…1; bytes with white 255 stay bytes.
    """

    values: Array
    scale: Scale
    remarks: tuple[str, ...]

    @property
    def _is_bytes(self) -> bool:
        return self.values.dtype == np.uint8 and (self.scale.black, self.scale.white) == (0, 255)

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
        black, white = self.scale.black, self.scale.white
        # Halved, since the difference of two large numbers could be infinite.
        scaled = (image.astype(np.float64) / 2 - black / 2) / (white / 2 - black / 2)
        picture = picture_from_array(np.clip(scaled, 0, 1).astype(np.float32), name)
        if (black, white) == (0, 1):
            return picture
        note = f"values {black:g}…{white:g} scaled to 0…1"
        return replace(picture, notes=(note, *picture.notes))


def number_images(
    array: Array, name: str, wanted: Preprocessing, scale: Scale | None = None
) -> NumberImages:
    """Understand an array (N,H,W), (N,H,W,C), (N,C,H,W) or (N,D) as images.

    `scale` is that of the images to train on, which those to validate with share.

    Raises:
        UserError: it is none of these, is empty, does not hold numbers, or is of another scale.
    """
    if array.dtype.kind not in "biuf":
        raise UserError(f"{name} holds {array.dtype} values, but images are numbers: save those.")
    if not array.size:
        raise UserError(f"{name} has the shape {shape_text(array.shape)} and no pixels: fill it.")
    values, words = _channels_last(array, name, wanted)
    if values.dtype == np.bool_:
        values = values.view(np.uint8)
    low, high = _finite_limits(values)
    if low is None or high is None:
        raise UserError(f"{name} holds nothing but NaN and infinite values: save finite ones.")
    own = _scale(low, high, is_whole=values.dtype.kind in "iu")
    if low == high and low < 0:
        raise UserError(f"{name} holds nothing but {low:g}: save pictures of 0…1 or 0…255.")
    told = own.remarks if scale is None else _shared_words(name, low, high, own, scale)
    scale = scale or own
    understood = f"{name} {shape_text(array.shape)} {array.dtype}: {words}"
    return NumberImages(
        values, scale, (understood, *told, *_brightness_words(name, low, high, scale))
    )


def _scale(low: float, high: float, *, is_whole: bool) -> Scale:
    """Black and white of a whole set by its smallest and largest value."""
    if low < 0:
        words = f"it holds values below 0, so {low:g} is black and {high:g} is white"
        return Scale(low, high, (words,))
    if high <= 1:
        return Scale(0.0, 1.0, ("it holds nothing but 0 and 1, so 1 is white",) if is_whole else ())
    for white in (255.0, 65535.0):
        if _LEAST_BYTE_WHITE <= high <= white:
            return Scale(0.0, white)
    return Scale(0.0, high, (f"no value is above {high:g}, so that is taken for white",))


def _shared_words(name: str, low: float, high: float, own: Scale, shared: Scale) -> tuple[str, ...]:
    """What of another part's values lies outside the scale of the images to train on.

    Raises:
        UserError: they are clearly of another scale, as bytes are beside numbers up to 1.
    """
    black, white = shared.black, shared.white
    span = white / 2 - black / 2
    is_beyond = max(high / 2 - white / 2, black / 2 - low / 2) > _MOST_BEYOND * span
    is_unit = own == Scale(0.0, 1.0) and white >= _LEAST_BYTE_WHITE
    if is_beyond or is_unit:
        raise UserError(
            f"{name} holds values {low:g}…{high:g}, but those to train on are {black:g} (black) to "
            f"{white:g} (white): save both parts in one range."
        )
    if high > white or low < black:
        return (f"{name} holds values {low:g}…{high:g}: what is beyond {black:g}…{white:g} is cut",)
    return ()


def _brightness_words(name: str, low: float, high: float, scale: Scale) -> tuple[str, ...]:
    """Said of pixels that are all one value, or all dark: few networks learn from such."""
    if low == high:
        return (f"every pixel in {name} is {low:g}",)
    share = (high / 2 - scale.black / 2) / (scale.white / 2 - scale.black / 2)
    if share <= DARK:
        return (f"dark: the brightest value in {name} ({high:g}) is {percent(share)} of white",)
    return ()


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
