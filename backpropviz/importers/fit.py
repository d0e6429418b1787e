"""Fit a picture to a network's input and name every change; undo the normalization for display."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.importers.picture import Picture
from backpropviz.importers.resample import resize

_Values: TypeAlias = NDArray[np.float64]
_Step: TypeAlias = tuple[_Values, tuple[str, ...]]

RED_GREEN_BLUE = (0.299, 0.587, 0.114)


@frozen
class Region:
    """The part of a picture that is used, in its pixels."""

    left: int
    top: int
    width: int
    height: int


@frozen(eq=False)
class Prepared:
    """
    A network's input (1, C, H, W), float32, read-only, and in `steps`, in words and in order, all
    that was done to the picture from its file on. `region` is the part of it that is used.
    """

    array: NDArray[np.float32]
    steps: tuple[str, ...]
    region: Region


def prepare(picture: Picture, preprocessing: Preprocessing) -> Prepared:
    """
    Turn a picture into the network's input as `preprocessing` asks.

    Every change is listed, a change that does nothing is not: a 28×28 digit for a 28×28 network is
    scaled only.
    """
    region, cropped = _cropped(picture, preprocessing)
    values, resized = _resized(picture, region, preprocessing)
    values, mixed = _in_channels(values, preprocessing.channels)
    values, inverted = _inverted(values, picture.white, preprocessing)
    values, padded = _padded(values, picture.white, preprocessing)
    values, scaled = _scaled(values, picture.white, preprocessing.white)
    values, normalized = _normalized(values, preprocessing)
    array = np.ascontiguousarray(values.transpose(2, 0, 1)[None], dtype=np.float32)
    array.flags.writeable = False
    done = cropped + resized + mixed + inverted + padded + scaled + normalized
    return Prepared(array, picture.notes + picture.remarks + done, region)


def displayable(array: NDArray[Any], preprocessing: Preprocessing) -> _Values:
    """
    The input (1, C, H, W) or (C, H, W) as a picture in 0…1: (H, W) if gray, else (H, W, 3).

    Undoes the normalization and the scale, value = (x·std + mean) / white, nothing else; what an
    edit has put outside 0…1 is clipped.
    """
    planes = array[0] if array.ndim == 4 and array.shape[0] == 1 else array
    if planes.ndim != 3 or planes.shape[0] != preprocessing.channels:
        raise UserError(
            f"An array of shape {array.shape} is no picture with {preprocessing.channels} "
            "channels: use (1, C, H, W)."
        )
    mean, std = _normalization(preprocessing)
    values = (planes.transpose(1, 2, 0).astype(np.float64) * std + mean) / preprocessing.white
    clipped = np.clip(values, 0.0, 1.0)
    return clipped[:, :, 0] if preprocessing.channels == 1 else clipped


def _cropped(picture: Picture, wanted: Preprocessing) -> tuple[Region, tuple[str, ...]]:
    whole = Region(0, 0, picture.width, picture.height)
    if wanted.fit != "crop":
        return whole, ()
    scale = max(wanted.width / whole.width, wanted.height / whole.height)
    width = _side(wanted.width / scale, whole.width)
    height = _side(wanted.height / scale, whole.height)
    if (width, height) == (whole.width, whole.height):
        return whole, ()
    region = Region((whole.width - width) // 2, (whole.height - height) // 2, width, height)
    return region, (f"cropped {whole.width}×{whole.height} → {width}×{height} (center)",)


def _side(length: float, most: int) -> int:
    return min(most, max(1, round(length)))


def _resized(picture: Picture, region: Region, wanted: Preprocessing) -> _Step:
    pixels = picture.pixels[region.top :, region.left :][: region.height, : region.width]
    width, height = _resized_to(region, wanted)
    if (width, height) == (region.width, region.height):
        return pixels.astype(np.float64), ()
    values = resize(pixels, height, width, wanted.resample)
    # Lanczos overshoots at edges; the others only by rounding.
    clipped = np.clip(values, 0.0, picture.white)
    overshot = np.abs(clipped - values).max() > 1e-6 * picture.white
    manner = wanted.resample + (", overshoot clipped" if overshot else "")
    verb = "stretched" if wanted.fit == "stretch" and _is_uneven(region, wanted) else "resized"
    words = f"{verb} {region.width}×{region.height} → {width}×{height} ({manner})"
    return clipped, (words,)


def _is_uneven(region: Region, wanted: Preprocessing) -> bool:
    return region.width * wanted.height != region.height * wanted.width


def _resized_to(region: Region, wanted: Preprocessing) -> tuple[int, int]:
    if wanted.fit != "pad":
        return wanted.width, wanted.height
    scale = min(wanted.width / region.width, wanted.height / region.height)
    width = _side(region.width * scale, wanted.width)
    return width, _side(region.height * scale, wanted.height)


def _in_channels(values: _Values, channels: int) -> _Step:
    if values.shape[2] == channels:
        return values, ()
    if channels == 3:
        return np.repeat(values, 3, axis=2), ("gray repeated as R, G and B",)
    red, green, blue = RED_GREEN_BLUE
    gray = red * values[:, :, 0] + green * values[:, :, 1] + blue * values[:, :, 2]
    return gray[:, :, None], (f"gray = {red} R + {green} G + {blue} B",)


def _inverted(values: _Values, white: float, wanted: Preprocessing) -> _Step:
    if wanted.invert == "yes":
        return white - values, ("inverted",)
    if wanted.invert == "auto" and _border_brightness(values) > white / 2:
        return white - values, ("inverted (bright background)",)
    return values, ()


def _border_brightness(values: _Values) -> float:
    """The median: a digit that touches the border does not count as background."""
    sides = (values[0], values[-1], values[1:-1, 0], values[1:-1, -1])
    ordered = np.sort(np.concatenate(sides), axis=None)
    # Not np.median: it imports masked arrays, a tenth of the time until LeNet is ready.
    return float((ordered[(ordered.size - 1) // 2] + ordered[ordered.size // 2]) / 2)


def _padded(values: _Values, white: float, wanted: Preprocessing) -> _Step:
    height, width, channels = values.shape
    if (height, width) == (wanted.height, wanted.width):
        return values, ()
    padded = np.full((wanted.height, wanted.width, channels), wanted.pad_value * white)
    top, left = (wanted.height - height) // 2, (wanted.width - width) // 2
    padded[top : top + height, left : left + width] = values
    shade = {0.0: "black", 1.0: "white"}.get(wanted.pad_value, f"gray {wanted.pad_value:g}")
    return padded, (f"padded {width}×{height} → {wanted.width}×{wanted.height} ({shade})",)


def _scaled(values: _Values, white: float, wanted_white: float) -> _Step:
    if white == wanted_white:
        return values, ()
    words = f"values 0…{white:g} scaled to 0…{wanted_white:g}"
    return values * wanted_white / white, (words,)


def _normalized(values: _Values, wanted: Preprocessing) -> _Step:
    mean, std = _normalization(wanted)
    if not mean.any() and (std == 1).all():
        return values, ()
    return (values - mean) / std, (f"normalized (x − {_listed(mean)}) / {_listed(std)}",)


def _normalization(preprocessing: Preprocessing) -> tuple[_Values, _Values]:
    mean = np.array(preprocessing.mean or (0.0,) * preprocessing.channels)
    return mean, np.array(preprocessing.std or (1.0,) * preprocessing.channels)


def _listed(values: _Values) -> str:
    texts = [f"{value:g}".replace("-", "−") for value in values]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
