"""The color of every cell of a grid of values, for backends that draw cell by cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backpropviz.scene.colormaps import indices, lookup_table, rgb
from backpropviz.scene.marks import Pixels


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
