"""A decoded picture: pixels, where they came from, and what was done to them on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backpropviz.errors import UserError
from backpropviz.frozen import frozen

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]

MAX_PIXELS = 64_000_000
_CHANNELS = (1, 2, 3, 4)
_BLOCK_PIXELS = 1 << 18
DARK = 0.25
"""A picture that nowhere is brighter than this share of white is said to be dark."""


@frozen(eq=False)
class Picture:
    """
    Upright, opaque pixels (H, W, 1 or 3): uint8 with white 255, or float32 with white 1.

    `source` is the file name or the specification (`mnist:17`), `mode` the color mode it was stored
    in, `label` the class a bundled sample is known to show, `notes` each change made while reading,
    `remarks` what is odd about a file's values and was left as it is.
    """

    pixels: Pixels
    source: str
    mode: str
    notes: tuple[str, ...] = ()
    label: str | None = None
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.pixels.flags.writeable = False

    @property
    def remark(self) -> str:
        """The remarks as a sentence; empty where nothing is odd."""
        if not self.remarks:
            return ""
        return f"In {self.source}, {'; '.join(self.remarks).removeprefix('dark: ')}."

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        return int(self.pixels.shape[2])

    @property
    def white(self) -> float:
        """The stored value of full brightness: 255 or 1."""
        return 255.0 if self.pixels.dtype == np.uint8 else 1.0


def picture_from_array(
    values: NDArray[Any], source: str = "pasted picture", *, label: str | None = None
) -> Picture:
    """
    A picture from gray (H, W) or (H, W, 1), gray and alpha (…, 2), RGB (…, 3) or RGBA (…, 4).

    Integers of 8 bits keep their values; others are brought to 0…1, which a note tells.
    Alpha is laid over white (bytes stay bytes, rounded). The array is copied.
    """
    values = np.asarray(values)
    _refuse_shape(values, source)
    layered = values if values.ndim == 3 else values[:, :, None]
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[layered.shape[2]]
    pixels, notes = _in_range(layered, source)
    picture = Picture(pixels, source, mode, notes, label)
    return _over_white(picture) if layered.shape[2] in (2, 4) else picture


def brightness_remarks(picture: Picture) -> tuple[str, ...]:
    """What is odd about the values: one alone, or none that is bright, as 12 bits in 16."""
    low, high = float(picture.pixels.min()), float(picture.pixels.max())
    if low == high:
        shade = {0.0: "black", picture.white: "white"}.get(
            low, f"{percent(low / picture.white)} gray"
        )
        return (f"every pixel is {shade}",)
    share = high / picture.white
    return (f"dark: the brightest value is {percent(share)} of white",) if share <= DARK else ()


def percent(share: float) -> str:
    """`6 %`; below 1 % with two digits."""
    return f"{100 * share:.2g} %" if share < 0.01 else f"{100 * share:.0f} %"


def with_notes(picture: Picture, mode: str, before: tuple[str, ...]) -> Picture:
    """The same pixels, known by the mode of their file and with what its decoder did before."""
    return replace(picture, mode=mode, notes=(*before, *picture.notes))


def refuse_size(width: int, height: int, source: str) -> None:
    """Refuse pictures without pixels and those too large to decode in reasonable memory."""
    if width < 1 or height < 1:
        raise UserError(f"{source} is {width}×{height} and has no pixels: choose another picture.")
    if width * height > MAX_PIXELS:
        raise UserError(
            f"{source} is {width:,}×{height:,}, more than {MAX_PIXELS // 10**6} million pixels: "
            "make it smaller first."
        )


def _refuse_shape(values: NDArray[Any], source: str) -> None:
    gray = values.ndim == 2
    if not gray and not (values.ndim == 3 and values.shape[2] in _CHANNELS):
        raise UserError(
            f"{source} has shape {values.shape}, which is no picture: "
            "use height × width, with 1 to 4 channels last."
        )
    refuse_size(values.shape[1], values.shape[0], source)


def _in_range(values: NDArray[Any], source: str) -> tuple[Pixels, tuple[str, ...]]:
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255), ()
    if values.dtype == np.uint8:
        return values.astype(np.uint8), ()
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return _scaled(values, 0.0, 65535.0), ("16-bit scaled to 0…1",)
    if values.dtype.kind in "iuf":
        return _stretched(values, source)
    raise UserError(f"{source} holds {values.dtype} values, which are no brightness: use numbers.")


def _stretched(values: NDArray[Any], source: str) -> tuple[Pixels, tuple[str, ...]]:
    """Numbers without a known white: take 1, 255 or 65535 where that fits, else their own range."""
    if not np.isfinite(values).all():
        raise UserError(f"{source} holds NaN or infinite values: replace them before opening it.")
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        return values.astype(np.float32), ()
    for white in (255.0, 65535.0):
        if low >= 0 and high <= white:
            return _scaled(values, 0.0, white), (f"values 0…{white:.0f} scaled to 0…1",)
    if low == high:
        raise UserError(f"{source} holds nothing but {low:g}, so its white is unknown: use 0…255.")
    return _scaled(values, low, high), (f"values {low:g}…{high:g} scaled to 0…1",)


def _scaled(values: NDArray[Any], black: float, white: float) -> NDArray[np.float32]:
    # Halved operands keep the range finite for values near the largest float64.
    span = white / 2 - black / 2
    scaled = (values.astype(np.float64) / 2 - black / 2) / span
    return np.clip(scaled, 0.0, 1.0).astype(np.float32)


def _over_white(picture: Picture) -> Picture:
    colors, alpha = picture.pixels[:, :, :-1], picture.pixels[:, :, -1:]
    if (alpha == picture.white).all():
        return replace(picture, pixels=colors.copy())
    pixels = np.empty_like(colors, order="C")
    channels = pixels.shape[2]
    layered = picture.pixels.reshape(-1, channels + 1)
    _lay_over_white(pixels.reshape(-1, channels), layered, picture.white)
    return replace(picture, pixels=pixels, notes=(*picture.notes, "alpha over white"))


def _lay_over_white(shown: Pixels, layered: Pixels, white: float) -> None:
    """color·α + white·(1 − α), in blocks, since a large picture would need gigabytes at once."""
    for start in range(0, len(shown), _BLOCK_PIXELS):
        block = layered[start : start + _BLOCK_PIXELS].astype(np.float32)
        opacity = block[:, -1:] / np.float32(white)
        mixed = white - (white - block[:, :-1]) * opacity
        rounded = np.rint(mixed) if shown.dtype == np.uint8 else np.clip(mixed, 0, 1)
        shown[start : start + _BLOCK_PIXELS] = rounded
