"""Color maps: a value between two limits becomes a color; sources are in licenses/colormaps.md.

A map is linear in sRGB between its stops. Values outside the limits take the end colors; NaN and
infinities take a color that no value has.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backpropviz.scene.marks import Color, Pixels

_NOT_FINITE_ON_LIGHT: Final = "#C026D3"
_NOT_FINITE_ON_DARK: Final = "#F0ABFC"

_STOPS: Final[dict[str, tuple[Color, ...]]] = {
    "diverging-light": (
        *("#8386F8", "#A29FFD", "#BFBDFD", "#DCDEFE", "#F6F6F7"),
        *("#FED7CB", "#FEB09E", "#FB8973", "#EE6751"),
    ),
    "diverging-dark": (
        *("#8CCBFF", "#5CA8E7", "#3983C0", "#2A5A85", "#24282E"),
        *("#8A4235", "#C75B44", "#EC8268", "#FFB199"),
    ),
    "sequential-light": ("#FFFFFF", "#5FB8AB"),
    "sequential-dark": ("#191C20", "#8FE3D6"),
    "gray": ("#08090B", "#FAFAFA"),
    "vik": (
        *("#001261", "#033E7D", "#1E6F9D", "#71A8C4", "#C9DDE7"),
        "#ECE5E0",
        *("#EACEBD", "#D39774", "#BE6533", "#8B2706", "#590008"),
    ),
    "PuOr": (
        *("#7F3B08", "#B35806", "#E08214", "#FDB863", "#FEE0B6"),
        "#F7F7F7",
        *("#D8DAEB", "#B2ABD2", "#8073AC", "#542788", "#2D004B"),
    ),
}

NAMES: Final = tuple(_STOPS)
DIVERGING: Final = ("diverging-light", "diverging-dark", "vik", "PuOr")

LAST_LEVEL: Final = 248
"""Indices 0…248 are levels: 124 is the exact center, every eighth a stop; two others are states."""
NOT_FINITE_INDEX: Final = 253
MISSING_INDEX: Final = 254


def rgb(color: Color) -> tuple[int, int, int]:
    """Red, green and blue of `#RRGGBB` or `#RRGGBBAA`, 0…255."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def alpha(color: Color) -> int:
    """Opacity of a color, 0…255; 255 where it names none."""
    return int(color[7:9], 16) if len(color) == 9 else 255


def not_finite_color(name: str) -> Color:
    """The color of NaN and infinities beside that map."""
    return _NOT_FINITE_ON_DARK if name.endswith("-dark") else _NOT_FINITE_ON_LIGHT


@cache
def lookup_table(name: str) -> NDArray[np.uint8]:
    """Colors (256, 3) by the indices that `indices` computes; read-only."""
    stops = np.array([rgb(stop) for stop in _STOPS[name]], dtype=np.float64)
    positions, fractions = (np.linspace(0.0, 1.0, n) for n in (len(stops), LAST_LEVEL + 1))
    channels = [np.interp(fractions, positions, stops[:, c]) for c in range(3)]
    table = np.empty((256, 3), dtype=np.uint8)
    table[: LAST_LEVEL + 1] = np.rint(np.stack(channels, axis=1))
    table[LAST_LEVEL + 1 :] = rgb(not_finite_color(name))
    table.setflags(write=False)
    return table


def indices(
    values: NDArray[np.floating],
    name: str,
    limits: tuple[float, float],
    missing: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Indices into the lookup table, of the values' shape."""
    low, high = limits
    finite = np.isfinite(values)
    if high > low:
        # Halves, since the difference of two large numbers may be none; what lies far outside the
        # limits may still overflow, to the first or the last level.
        with np.errstate(over="ignore"):
            levels = (values / 2 - low / 2) * (LAST_LEVEL / (high / 2 - low / 2))
    else:
        levels = np.where(finite, LAST_LEVEL * _flat_fraction(name), values)
    result: NDArray[np.uint8]
    if finite.all():
        result = _rounded(levels).astype(np.uint8)
    else:
        rounded = _rounded(np.where(finite, levels, 0.0))
        result = np.where(finite, rounded, NOT_FINITE_INDEX).astype(np.uint8)
    if missing is not None:
        result[missing] = MISSING_INDEX
    return result


def _rounded(levels: NDArray[np.floating]) -> NDArray[np.floating]:
    """The nearest level; several times faster on a small array than `np.clip`."""
    rounded: NDArray[np.floating] = np.rint(levels)
    np.maximum(rounded, 0.0, out=rounded)
    np.minimum(rounded, LAST_LEVEL, out=rounded)
    return rounded


def color_at(name: str, value: float, limits: tuple[float, float]) -> Color:
    """The color of one value, `#RRGGBB`."""
    if not math.isfinite(value):
        return not_finite_color(name)
    low, high = limits
    fraction = (value - low) / (high - low) if high > low else _flat_fraction(name)
    return _level_colors(name)[round(min(max(fraction, 0.0), 1.0) * LAST_LEVEL)]


@cache
def _level_colors(name: str) -> tuple[Color, ...]:
    """The lookup table as text, so that a cell and a pixel of one value have one color."""
    return tuple(f"#{r:02X}{g:02X}{b:02X}" for r, g, b in lookup_table(name).tolist())


def contrast(first: Color, second: Color) -> float:
    """Contrast ratio of two opaque colors by WCAG 2: (L₁ + 0.05) / (L₂ + 0.05), 1…21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@lru_cache(maxsize=1024)
def contrast_color(background: Color) -> Color:
    """Black or white, whichever contrasts more: at least 4.58 on any color."""
    on_black = contrast("#000000", background)
    return "#000000" if on_black >= contrast("#FFFFFF", background) else "#FFFFFF"


@lru_cache(maxsize=1024)
def legible(color: Color, background: Color, least: float = 4.5) -> Color:
    """The color itself where it can be read on the background, else black or white."""
    return color if contrast(color, background) >= least else contrast_color(background)


def mix(color: Color, background: Color, opacity: float) -> Color:
    """The opaque color that `color` at that opacity makes on the background."""
    pairs = zip(rgb(color), rgb(background), strict=True)
    return "#" + "".join(f"{round(opacity * a + (1 - opacity) * b):02X}" for a, b in pairs)


@cache
def _luminance(color: Color) -> float:
    """Relative luminance of an sRGB color (WCAG 2)."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in rgb(color))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _flat_fraction(name: str) -> float:
    """Where a value stands between two equal limits: at the map's zero."""
    return 0.5 if name in DIVERGING else 0.0


def pixel_colors(pixels: Pixels) -> NDArray[np.uint8]:
    """Red, green and blue (rows, columns, 3) of the grid's cells."""
    if pixels.values.ndim == 3:
        return true_colors(pixels)
    levels = indices(pixels.values, pixels.colormap, pixels.limits)
    colors: NDArray[np.uint8] = lookup_table(pixels.colormap)[levels]
    return _with_missing(colors, pixels)


def true_colors(pixels: Pixels) -> NDArray[np.uint8]:
    """A photograph's own colors, its values cut to 0…1; NaN is black."""
    scaled = np.rint(np.clip(np.nan_to_num(pixels.values), 0.0, 1.0) * 255)
    return _with_missing(scaled.astype(np.uint8), pixels)


def _with_missing(colors: NDArray[np.uint8], pixels: Pixels) -> NDArray[np.uint8]:
    if pixels.missing is not None:
        colors[pixels.missing] = rgb(pixels.missing_color)
    return colors
