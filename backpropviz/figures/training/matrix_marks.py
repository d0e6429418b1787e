"""A weight as a matrix of pixels: dense layers, 1×1 convolutions, and parameters in one row."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, Shape
from backpropviz.figures.network.thumbnails import reduced
from backpropviz.figures.training.filter_marks import TileLook
from backpropviz.figures.training.filter_rows import TileRow
from backpropviz.figures.training.short_text import short
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Anchor, Hatch, Mark, Pixels, Rect, Stroke, Text
from backpropviz.scene.theme import Theme

TITLE_HEIGHT: Final = 20
_STRIP: Final = 8
_STRIP_GAP: Final = 4
_BLOCK_GAP: Final = 28
_TALLEST: Final = 240
_WISHED_HEIGHT: Final = 168
_LARGEST_CELL: Final = 14


@frozen
class Matrix:
    """So many rows and columns of values, `per_pixel` (down, across) of them in one square cell.

    `with_bias` leaves room for a column of biases at the right.
    """

    rows: int
    columns: int
    cell: int
    per_pixel: tuple[int, int]
    with_bias: bool
    across: int

    @property
    def drawn(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        down, across = self.per_pixel
        return math.ceil(self.rows / down), math.ceil(self.columns / across)

    @property
    def is_reduced(self) -> bool:
        """Whether a cell stands for several values."""
        return self.per_pixel != (1, 1)

    @property
    def width_px(self) -> int:
        """Pixels of the matrix and its biases."""
        beside = _STRIP + _STRIP_GAP if self.with_bias else 0
        return self.drawn[1] * self.cell + beside

    @property
    def height_px(self) -> int:
        """Pixels of the matrix."""
        return self.drawn[0] * self.cell

    @property
    def pitch_px(self) -> int:
        """Pixels from one matrix to the one beside it."""
        return self.width_px + _BLOCK_GAP


def matrix(shape: Shape, blocks: int, width: float, *, with_bias: bool) -> Matrix:
    """A weight (O, I) or (O, I, 1, 1), or a vector as one row: as many side by side as fit."""
    rows, columns = (1, shape[0]) if len(shape) == 1 else (shape[0], math.prod(shape[1:]))
    beside = _STRIP + _STRIP_GAP if with_bias else 0
    for across in range(blocks, 0, -1):
        room = int((width + _BLOCK_GAP) / across) - _BLOCK_GAP - beside
        if room >= columns:
            cell = min(_LARGEST_CELL, room // columns, max(1, _WISHED_HEIGHT // rows))
            down = math.ceil(rows / _TALLEST)
            return Matrix(rows, columns, cell, (down, 1), with_bias, across)
    per = math.ceil(columns / max(1, int(width) - beside))
    return Matrix(rows, columns, 1, (math.ceil(rows / _TALLEST), per), with_bias, 1)


def matrix_marks(
    row: TileRow,
    addresses: tuple[Address, Address | None],
    shape: Matrix,
    place: tuple[int, int],
    look: TileLook,
) -> Iterator[Mark]:
    """The weight and its biases at a place; words where they are not computed yet."""
    weight, bias = addresses
    x, y = place
    title_width = max(shape.width_px, 0)
    title = elide(_title(row, bias, title_width, look), styles.ROW, title_width)
    baseline = centered_baseline(y + TITLE_HEIGHT / 2 - 2, styles.ROW)
    if title:
        yield Text(x, baseline, title, styles.ROW, look.theme.text_secondary)
    y += TITLE_HEIGHT
    array = row.arrays.get(weight)
    if array is None:
        yield from _waiting(row, shape, (x, y), look.theme)
        return
    yield from _plane(row, weight, array.reshape(shape.rows, shape.columns), shape, (x, y), look)
    if bias is not None and bias in row.arrays:
        left = x + shape.width_px - _STRIP
        yield from _bias_column(row, bias, shape, (left, y), look)


def _title(row: TileRow, bias: Address | None, width: float, look: TileLook) -> str:
    """The row's title, with the limits of the biases' own scale where they have room."""
    if bias is None or bias not in row.arrays:
        return row.title
    limit = look.limits.get((row.scale, bias), 0.0)
    told = f"{row.title}, bias ±{short(limit, 2)}"
    return told if text_width(told, styles.ROW) <= width else row.title


def _waiting(row: TileRow, shape: Matrix, place: tuple[int, int], theme: Theme) -> Iterator[Mark]:
    x, y = place
    width, height = shape.width_px, shape.height_px
    stroke = Stroke(theme.border_strong, 1.0, (3.0, 3.0))
    yield Rect(x + 0.5, y + 0.5, width - 1, height - 1, stroke=stroke)
    text = elide(row.waiting, styles.ROW, width - 8)
    if text and height >= 16:
        baseline = centered_baseline(y + height / 2, styles.ROW)
        middle = x + width / 2
        yield Text(middle, baseline, text, styles.ROW, theme.text_tertiary, Anchor.MIDDLE)


def _plane(
    row: TileRow,
    address: Address,
    values: Array,
    shape: Matrix,
    place: tuple[int, int],
    look: TileLook,
) -> Iterator[Mark]:
    x, y = place
    width, height = shape.drawn[1] * shape.cell, shape.height_px
    limit = look.limits.get((row.scale, address), 0.0)
    known = np.ones(values.shape, np.bool_) if shape.is_reduced else None
    shown = values if known is None else reduced(values, known, *shape.drawn)[0]
    yield Pixels(
        *(x, y, width, height, shown, look.colormap, (-limit, limit)),
        key_pattern="" if shape.is_reduced else _pattern(row, address, shape),
    )
    theme = look.theme
    frame = (x - 0.5, y - 0.5, width + 1, height + 1)
    stroke = Stroke(theme.border_strong if np.isfinite(limit) else theme.not_finite)
    if row.hatches_zero and not values.any():
        key = row.key(address)
        yield Rect(*frame, theme.stage, stroke, 0.0, Hatch.PADDING, theme.border_strong, key)
        yield from _zero(x + width / 2, y + height / 2, (width, height), theme)
    elif shape.is_reduced:
        yield Rect(*frame, stroke=stroke, key=row.key(address))
    else:
        yield Rect(*frame, stroke=stroke)


def _pattern(row: TileRow, address: Address, shape: Matrix) -> str:
    inside = "{column}" if shape.rows == 1 else "{row},{column}"
    return row.key(address, inside)


def _zero(x: float, y: float, room: tuple[int, int], theme: Theme) -> Iterator[Mark]:
    font = styles.NUMBER_SMALL
    patch = text_width("0", font) + 6
    if min(room) >= 12 and room[0] > patch:
        height = min(16, room[1] - 2)
        yield Rect(round(x - patch / 2), round(y - height / 2), patch, height, fill=theme.stage)
        baseline = centered_baseline(y, font)
        yield Text(x, baseline, "0", font, theme.text_secondary, Anchor.MIDDLE)


def _bias_column(
    row: TileRow, bias: Address, shape: Matrix, place: tuple[int, int], look: TileLook
) -> Iterator[Mark]:
    """Each bias beside its row of the matrix."""
    x, y = place
    values = row.arrays[bias].reshape(-1, 1)
    limit = look.limits.get((row.scale, bias), 0.0)
    if shape.per_pixel[0] > 1:
        values = reduced(values, np.ones(values.shape, np.bool_), shape.drawn[0], 1)[0]
    yield Pixels(
        *(x, y, _STRIP, shape.height_px, values, look.colormap, (-limit, limit)),
        key_pattern=row.key(bias, "{row}") if shape.per_pixel[0] == 1 else "",
    )
    frame = (x - 0.5, y - 0.5, _STRIP + 1, shape.height_px + 1)
    yield Rect(*frame, stroke=Stroke(look.theme.border_strong))
