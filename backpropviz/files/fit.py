"""Fit a picture to a network's input and name every change; undo the normalization for display."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.model import Preprocessing, Resample
from backpropviz.errors import UserError
from backpropviz.files.pictures import Picture
from backpropviz.frozen import frozen

_Values: TypeAlias = NDArray[np.float64]
# Rows are converted to float64 in blocks that stay in the cache, too small for BLAS to use threads.
_BLOCK_VALUES = 60_000
# New cells whose weights form one matrix, zeros between them included; fewer where it grows large.
_BAND, _BAND_WEIGHTS = 4, 1_000_000
_LARGEST_KEPT = 1 << 14


def _triangle(distance: _Values) -> _Values:
    return np.maximum(0.0, 1.0 - np.abs(distance))


def _lanczos(distance: _Values) -> _Values:
    inside = np.abs(distance) < 3
    return np.where(inside, np.sinc(distance) * np.sinc(distance / 3), 0.0)


# Kernel and half its width.
_KERNELS: Mapping[str, tuple[Callable[[_Values], _Values], float]] = MappingProxyType(
    {"bilinear": (_triangle, 1.0), "lanczos": (_lanczos, 3.0)}
)


def resize(values: NDArray[Any], height: int, width: int, resample: Resample) -> _Values:
    """Values (H, W, C) resized to (height, width, C), in float64."""
    if resample == "nearest":
        rows = _nearest(values.shape[0], height)
        return values[rows][:, _nearest(values.shape[1], width)].astype(np.float64)

    def along_columns(rows: NDArray[Any]) -> _Values:
        return _along_rows(rows.swapaxes(0, 1), width, resample).swapaxes(0, 1)

    # The axis that shrinks most goes first: the other order could need a huge intermediate.
    if values.shape[0] / height >= values.shape[1] / width:
        return along_columns(_along_rows(values, height, resample))
    return _along_rows(along_columns(values), height, resample)


def _nearest(size: int, new_size: int) -> NDArray[np.intp]:
    return (2 * np.arange(new_size) + 1) * size // (2 * new_size)


def _along_rows(values: NDArray[Any], new_size: int, resample: Resample) -> _Values:
    size = values.shape[0]
    if new_size == size:
        return values.astype(np.float64)
    resized = np.zeros((new_size, *values.shape[1:]))
    flat = resized.reshape(new_size, -1)
    # Kept from one picture of a folder to the next.
    bands = _made_bands if size > _LARGEST_KEPT else _kept_bands
    for band in bands(resample, size, new_size):
        block = max(1, _BLOCK_VALUES // flat.shape[1])
        count = band.weights.shape[1]
        for first in range(0, count, block):
            last = min(count, first + block)
            rows = values[band.start + first : band.start + last].astype(np.float64, order="C")
            weights = band.weights[:, first:last]
            flat[band.cells] += weights @ rows.reshape(last - first, -1)
    return resized


@frozen(eq=False)
class _Band:
    """Weights (new cells, old cells) of neighboring new cells; the first old cell is `start`."""

    cells: slice
    start: int
    weights: _Values


@lru_cache(maxsize=16)
def _kept_bands(resample: Resample, size: int, new_size: int) -> tuple[_Band, ...]:
    return tuple(_made_bands(resample, size, new_size))


def _made_bands(resample: Resample, size: int, new_size: int) -> Iterator[_Band]:
    weigh = _covered if resample == "box" else partial(_kernel_weights, resample)
    most = max(1, min(_BAND, _BAND_WEIGHTS * new_size // size))
    for first in range(0, new_size, most):
        found = [weigh(cell, size, new_size) for cell in range(first, min(first + most, new_size))]
        start = min(begin for begin, _ in found)
        stop = max(begin + len(own) for begin, own in found)
        weights = np.zeros((len(found), stop - start))
        for row, (begin, own) in zip(weights, found, strict=True):
            row[begin - start : begin - start + len(own)] = own
        yield _Band(slice(first, first + len(found)), start, weights)


def _covered(index: int, size: int, new_size: int) -> tuple[int, _Values]:
    first, last = index * size / new_size, (index + 1) * size / new_size
    start, stop = math.floor(first), min(size, math.ceil(last))
    cells = np.arange(start, stop, dtype=np.float64)
    weights = np.minimum(cells + 1, last) - np.maximum(cells, first)
    return start, weights / weights.sum()


def _kernel_weights(resample: str, index: int, size: int, new_size: int) -> tuple[int, _Values]:
    kernel, reach = _KERNELS[resample]
    scale = size / new_size
    center, width = (index + 0.5) * scale, max(scale, 1.0)
    start = max(0, math.floor(center - reach * width))
    stop = min(size, math.ceil(center + reach * width))
    distances = (np.arange(start, stop, dtype=np.float64) + 0.5 - center) / width
    weights = kernel(distances)
    return start, weights / weights.sum()


_Step: TypeAlias = tuple[_Values, tuple[str, ...]]

RED_GREEN_BLUE = (0.299, 0.587, 0.114)


@frozen
class ImageRegion:
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
    region: ImageRegion


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


def _cropped(picture: Picture, wanted: Preprocessing) -> tuple[ImageRegion, tuple[str, ...]]:
    whole = ImageRegion(0, 0, picture.width, picture.height)
    if wanted.fit != "crop":
        return whole, ()
    scale = max(wanted.width / whole.width, wanted.height / whole.height)
    width = _side(wanted.width / scale, whole.width)
    height = _side(wanted.height / scale, whole.height)
    if (width, height) == (whole.width, whole.height):
        return whole, ()
    region = ImageRegion((whole.width - width) // 2, (whole.height - height) // 2, width, height)
    return region, (f"cropped {whole.width}×{whole.height} → {width}×{height} (center)",)


def _side(length: float, most: int) -> int:
    return min(most, max(1, round(length)))


def _resized(picture: Picture, region: ImageRegion, wanted: Preprocessing) -> _Step:
    pixels = picture.pixels[region.top :, region.left :][: region.height, : region.width]
    width, height = wanted.width, wanted.height
    if wanted.fit == "pad":
        scale = min(width / region.width, height / region.height)
        width, height = _side(region.width * scale, width), _side(region.height * scale, height)
    if (width, height) == (region.width, region.height):
        return pixels.astype(np.float64), ()
    values = resize(pixels, height, width, wanted.resample)
    # Lanczos overshoots at edges; the others only by rounding.
    clipped = np.clip(values, 0.0, picture.white)
    overshot = np.abs(clipped - values).max() > 1e-6 * picture.white
    manner = wanted.resample + (", overshoot clipped" if overshot else "")
    is_uneven = region.width * wanted.height != region.height * wanted.width
    verb = "stretched" if wanted.fit == "stretch" and is_uneven else "resized"
    words = f"{verb} {region.width}×{region.height} → {width}×{height} ({manner})"
    return clipped, (words,)


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
    if wanted.invert != "auto":
        return values, ()
    sides = (values[0], values[-1], values[1:-1, 0], values[1:-1, -1])
    ordered = np.sort(np.concatenate(sides), axis=None)
    # The median: a digit that touches the border does not count as background.
    # Not np.median: it imports masked arrays, a tenth of the time until LeNet is ready.
    brightness = (ordered[(ordered.size - 1) // 2] + ordered[ordered.size // 2]) / 2
    is_bright = brightness > white / 2
    return (white - values, ("inverted (bright background)",)) if is_bright else (values, ())


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
