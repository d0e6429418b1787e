"""Where the rows of a parameter's tiles go: in columns beside each other, or one below the other.

Nothing here depends on the values, so that a picture stays as it is while a run trains.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from backpropviz.figures.training.filter_tiles import Tiling
from backpropviz.frozen import frozen

BLOCK_GAP: Final = 16
_CAPTION: Final = 224
"""Pixels in which a row's title and scales have room."""


@frozen
class TileLayout:
    """`across` rows stand beside each other, in blocks of `block_px` pixels.

    1 where they are stacked, `per_line` tiles a line.
    """

    tiles: Tiling
    across: int
    per_line: int
    block_px: int

    @property
    def is_stacked(self) -> bool:
        """Whether the rows stand one below the other, so that a filter is compared downward."""
        return self.across == 1


def tile_layout(wished: Tiling, rows: int, width: int, label_width: int) -> TileLayout:
    """All rows side by side where they fit, of tiles no smaller than can be read.

    Else as many as fit in their full size; where not even two do, they are stacked, with labels of
    `label_width` at the left.
    """
    smaller = [replace(wished, cell=c) for c in range(wished.cell, wished.least_cell - 1, -1)]
    for tiles in smaller:
        if rows > 1 and _fits(tiles, rows, width):
            return _beside(tiles, rows, width)
    for across in range(rows - 1, 1, -1):
        if _fits(wished, across, width):
            return _beside(wished, across, width)
    room = width - label_width
    for tiles in smaller:
        if tiles.run_px(tiles.count) <= room:
            return TileLayout(tiles, 1, tiles.count, width)
    fitting = max(1, (room + wished.gap * wished.cell) // wished.pitch_px)
    lines = math.ceil(wished.count / fitting)
    return TileLayout(wished, 1, math.ceil(wished.count / lines), width)


def _beside(tiles: Tiling, across: int, width: int) -> TileLayout:
    """Blocks as wide as their tiles, and as their captions where there is room."""
    most = (width + BLOCK_GAP) // across - BLOCK_GAP
    block_px = min(most, max(_CAPTION, tiles.run_px(tiles.count)))
    return TileLayout(tiles, across, tiles.count, block_px)


def _fits(tiles: Tiling, across: int, width: int) -> bool:
    return across * (tiles.run_px(tiles.count) + BLOCK_GAP) - BLOCK_GAP <= width
