"""Filters as tiles: which planes of a weight are shown, how large, and how many on a line."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from backpropviz.engine.arrays import Array, Shape
from backpropviz.frozen import frozen

_TILE: Final = 36
"""Pixels of a tile's side, about; more where it has few values, or where there is much room."""
_LARGE_TILE: Final = 42
_TILE_OF_MANY: Final = 30
_LEAST_TILE: Final = 25
_LEAST_OF_FEW: Final = 30
_FEW_ROWS: Final = 3
_MANY: Final = 64
_WIDE: Final = 1100
_GAP: Final = 8
_LARGEST_CELL: Final = 21
_MOST_SLICES: Final = 3


@frozen
class Tiling:
    """`count` filters of `slices` planes (rows, columns); a value takes `cell` pixels.

    `channel` is the input channel that is shown, None where all are. A dense weight that is seen as
    images has `image` = (C, H, W).
    """

    count: int
    slices: int
    rows: int
    columns: int
    cell: int
    channels: int
    channel: int | None
    image: Shape = ()

    @property
    def least_cell(self) -> int:
        """Pixels of a value below which a tile is no longer made smaller to save a line."""
        least = _LEAST_OF_FEW if self.rows <= _FEW_ROWS else _LEAST_TILE
        return min(self.cell, math.ceil(least / self.rows))

    @property
    def gap(self) -> int:
        """Values' widths between two tiles."""
        return max(1, round(_GAP / self.cell))

    @property
    def width(self) -> int:
        """Values' widths of a tile: its slices with one between them."""
        return self.slices * (self.columns + 1) - 1

    @property
    def width_px(self) -> int:
        """Pixels of a tile."""
        return self.width * self.cell

    @property
    def height_px(self) -> int:
        """Pixels of a tile."""
        return self.rows * self.cell

    @property
    def pitch_px(self) -> int:
        """Pixels from one tile to the next."""
        return (self.width + self.gap) * self.cell

    def run_px(self, count: int) -> int:
        """Pixels of so many tiles side by side."""
        return count * self.pitch_px - self.gap * self.cell

    def indices(self, number: int, piece: int) -> str:
        """The indices of a plane: `3,0`; of a dense unit seen as an image: `3`."""
        if self.image:
            return str(number)
        return f"{number},{piece if self.channel is None else self.channel}"

    def planes(self, weight: Array) -> Array:
        """The planes (count, slices, rows, columns) of an array of the weight's shape."""
        array = weight.reshape(self.count, *self.image) if self.image else weight
        return array if self.channel is None else array[:, self.channel : self.channel + 1]


def tiling(
    shape: Shape, channel: int | None, image: Shape = (), width: float = 0.0
) -> Tiling | None:
    """How a weight of that shape is cut into tiles; None where it is a matrix or a vector.

    `channel` is the wanted input channel, None for all: up to three side by side, else the first.
    In much `width` tiles are larger.
    """
    if image:
        shape = (shape[0], *image)
    if len(shape) != 4 or math.prod(shape[2:]) == 1:
        return None
    count, channels, rows, columns = shape
    if channel is None and channels > _MOST_SLICES:
        channel = 0
    if channels == 1:
        channel = 0
    chosen = None if channel is None else min(max(channel, 0), channels - 1)
    slices = channels if chosen is None else 1
    is_many = slices > 1 or count > _MANY
    is_large = rows <= _FEW_ROWS or width >= _WIDE
    wanted = _TILE_OF_MANY if is_many else _LARGE_TILE if is_large else _TILE
    cell = min(_LARGEST_CELL, max(1, round(wanted / rows)))
    return Tiling(count, slices, rows, columns, cell, channels, chosen, image)


def mosaic(planes: Array, tiles: Tiling) -> tuple[Array, Array]:
    """Planes (n, slices, rows, columns) in one field, and where the field has no value."""
    count = len(planes)
    step = tiles.columns + 1
    field = np.zeros((tiles.rows, count, tiles.width + tiles.gap), planes.dtype)
    empty = np.ones(field.shape, np.bool_)
    for piece in range(tiles.slices):
        place = slice(piece * step, piece * step + tiles.columns)
        field[:, :, place] = planes[:, piece].transpose(1, 0, 2)
        empty[:, :, place] = False
    width = count * (tiles.width + tiles.gap) - tiles.gap
    flat: Array = field.reshape(tiles.rows, -1)[:, :width]
    return flat, empty.reshape(tiles.rows, -1)[:, :width]


def strip(values: Array, tiles: Tiling) -> tuple[Array, Array]:
    """One value a tile as a row as wide as the mosaic."""
    field = np.zeros((len(values), tiles.width + tiles.gap), values.dtype)
    empty = np.ones(field.shape, np.bool_)
    field[:, : tiles.width] = values[:, np.newaxis]
    empty[:, : tiles.width] = False
    width = field.size - tiles.gap
    flat: Array = field.reshape(1, -1)[:, :width]
    return flat, empty.reshape(1, -1)[:, :width]
