"""One filter large: its weights, its gradient and its change, each value with its number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from backpropviz.engine.value import Address, Shape
from backpropviz.figures.thumbnails import reduced
from backpropviz.figures.training.filter_tiles import TileLook, zero_marks
from backpropviz.figures.training.filter_values import FilterPlane, TileRow, largest_magnitude
from backpropviz.figures.training.numbers import GAP, ramp, short
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.color import color_at, contrast_color
from backpropviz.scene.marks import Anchor, Hatch, Mark, Pixels, Rect, Scene, Stroke, Text
from backpropviz.scene.text import centered_baseline, elide, fitted, fixed, text_width
from backpropviz.scene.theme import Theme

_MARGIN: Final = 16
_TITLE: Final = 26
_CAPTION: Final = 22
_BELOW: Final = 22
_BETWEEN: Final = 24
_NUMBERED: Final = (56, 32)
_CHARACTERS: Final = 7
_MOST_PLAIN: Final = 240
"""Pixels of a plane's side whose cells are too small for numbers."""


@frozen
class _Grid:
    """A cell's pixels, and how many planes stand beside each other."""

    cell: tuple[int, int]
    across: int
    width: int
    height: int

    @property
    def has_numbers(self) -> bool:
        return self.cell == _NUMBERED


def filter_close_up(
    rows: Sequence[TileRow], plane: FilterPlane, room: float, look: TileLook
) -> Scene:
    """A plane in all rows that have it, in at most so much width; as wide as it needs.

    Keys: each value answers to its address, with the prefix of its row.
    """
    shown = [row for row in rows if plane.weight in row.arrays]
    grid = _grid(plane, len(shown), room - 2 * _MARGIN)
    step = grid.width + _BETWEEN
    width = 2 * _MARGIN + grid.across * step - _BETWEEN
    block = _CAPTION + grid.height + _BELOW
    lines = -(-len(shown) // grid.across)
    marks = list(_title(plane, width - 2 * _MARGIN, look.theme))
    for number, row in enumerate(shown):
        line, column = divmod(number, grid.across)
        place = (_MARGIN + column * step, _MARGIN + _TITLE + line * block)
        marks.extend(_block(row, plane, grid, place, look))
    height = 2 * _MARGIN + _TITLE + lines * block - GAP
    return Scene(width, height, look.theme.panel, tuple(marks), "filter")


def _grid(plane: FilterPlane, count: int, room: float) -> _Grid:
    """With numbers if at least one plane has room for them."""
    width, height = plane.columns * _NUMBERED[0], plane.rows * _NUMBERED[1]
    if width <= room and height <= 2 * _MOST_PLAIN:
        across = max(1, min(count, int((room + _BETWEEN) // (width + _BETWEEN))))
        return _Grid(_NUMBERED, across, width, height)
    side = max(4, _MOST_PLAIN // max(plane.rows, plane.columns))
    width, height = plane.columns * side, plane.rows * side
    across = max(1, min(count, int((room + _BETWEEN) // (width + _BETWEEN))))
    return _Grid((side, side), across, width, height)


def _title(plane: FilterPlane, width: float, theme: Theme) -> Iterator[Mark]:
    number = plane.first[0]
    name = plane.weight.layer
    name += f", unit {number}" if plane.of_image else f", filter {number}"
    told = "as an image" if plane.of_image else f"input channel {plane.first[1]}"
    middle = _MARGIN + _TITLE / 2 - 4
    name = elide(name, styles.BODY_STRONG, width)
    baseline = centered_baseline(middle, styles.BODY_STRONG)
    yield Text(_MARGIN, baseline, name, styles.BODY_STRONG, theme.text)
    left = text_width(name, styles.BODY_STRONG) + GAP
    told = elide(told, styles.ROW, width - left)
    if told:
        yield Text(_MARGIN + left, baseline, told, styles.ROW, theme.text_secondary)


def _block(
    row: TileRow, plane: FilterPlane, grid: _Grid, place: tuple[int, int], look: TileLook
) -> Iterator[Mark]:
    x, y = place
    limit = look.limits.get((row.scale, plane.weight), 0.0)
    yield from _caption(row.title, limit, (x, y, grid.width), look)
    y += _CAPTION
    values = plane.values(row.arrays[plane.weight])
    inside = "{index}" if plane.of_image else "{row},{column}"
    yield Pixels(
        *(x, y, grid.width, grid.height, values, look.colormap, (-limit, limit)),
        key_pattern=row.key(plane.weight, ",".join((*map(str, plane.first), inside))),
    )
    if grid.has_numbers:
        yield from _numbers(row, plane, grid, (x, y), look)
    stroke = Stroke(look.theme.border_strong)
    yield Rect(x - 0.5, y - 0.5, grid.width + 1, grid.height + 1, stroke=stroke)
    yield from _bias(row, plane, (x, y + grid.height), grid.width, look)


def _caption(
    title: str, limit: float, place: tuple[int, int, int], look: TileLook
) -> Iterator[Mark]:
    """The row's title and, where it fits, the color scale."""
    x, y, width = place
    theme, middle = look.theme, y + _CAPTION / 2 - 2
    title = elide(title, styles.ROW, width)
    yield Text(x, centered_baseline(middle, styles.ROW), title, styles.ROW, theme.text_secondary)
    left = round(x + text_width(title, styles.ROW) + GAP)
    words = f"±{short(limit)}"
    length = min(48, int(x + width - left - GAP - text_width(words, styles.INDEX)))
    if length >= 8:
        yield ramp(left, round(middle) - 4, length, look.colormap)
        baseline = centered_baseline(middle, styles.INDEX)
        yield Text(left + length + GAP, baseline, words, styles.INDEX, theme.text_secondary)


def _numbers(
    row: TileRow, plane: FilterPlane, grid: _Grid, place: tuple[int, int], look: TileLook
) -> Iterator[Mark]:
    (x, y), (width, height) = place, grid.cell
    limit = look.limits.get((row.scale, plane.weight), 0.0)
    font, values = styles.NUMBER_SMALL, plane.values(row.arrays[plane.weight])
    is_small, signed = largest_magnitude(values) < 0.01, bool(row.part or row.prefix)
    for at_row, line in enumerate(values.tolist()):
        baseline = centered_baseline(y + (at_row + 0.5) * height, font)
        for at_column, value in enumerate(line):
            text = _number(value, is_small=is_small, signed=signed)
            color = contrast_color(color_at(look.colormap, value, (-limit, limit)))
            middle = x + (at_column + 0.5) * width
            yield Text(middle, baseline, text, font, color, Anchor.MIDDLE)


def _number(value: float, *, is_small: bool, signed: bool) -> str:
    """Decimals as in the other cells; two significant digits where all of them are small."""
    text = short(value, 2, signed=signed) if is_small else fixed(value, 3, signed=signed)
    return text if len(text) <= _CHARACTERS else fitted(value, _CHARACTERS, signed=signed)


def _bias(
    row: TileRow, plane: FilterPlane, place: tuple[int, int], width: int, look: TileLook
) -> Iterator[Mark]:
    """The bias of the same filter, which has no place among the weights."""
    bias = Address(plane.weight.layer, "bias")
    if bias not in row.arrays or plane.weight.quantity != "weight":
        return
    number = plane.first[0]
    value = float(row.arrays[bias][number])
    signed = bool(row.part or row.prefix)
    text = elide(f"bias {short(value, signed=signed)}", styles.INDEX, width)
    baseline = centered_baseline(place[1] + _BELOW / 2 + 2, styles.INDEX)
    key = row.key(bias, str(number))
    yield Text(place[0], baseline, text, styles.INDEX, look.theme.text_secondary, key=key)


TITLE_HEIGHT: Final = 20
_STRIP: Final = 8
_STRIP_GAP: Final = 4
_BLOCK_GAP: Final = 28
_TALLEST: Final = 240


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
        beside = _STRIP + _STRIP_GAP if self.with_bias else 0
        return self.drawn[1] * self.cell + beside

    @property
    def height_px(self) -> int:
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
            cell = min(14, room // columns, max(1, 168 // rows))
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
    title = elide(_matrix_marks_title(row, bias, title_width, look), styles.ROW, title_width)
    baseline = centered_baseline(y + TITLE_HEIGHT / 2 - 2, styles.ROW)
    if title:
        yield Text(x, baseline, title, styles.ROW, look.theme.text_secondary)
    y += TITLE_HEIGHT
    if weight not in row.arrays:
        yield from _waiting(row, shape, (x, y), look.theme)
        return
    yield from _plane(row, weight, shape, (x, y), look)
    if bias is not None and bias in row.arrays:
        left = x + shape.width_px - _STRIP
        yield from _bias_column(row, bias, shape, (left, y), look)


def _matrix_marks_title(row: TileRow, bias: Address | None, width: float, look: TileLook) -> str:
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
    row: TileRow, address: Address, shape: Matrix, place: tuple[int, int], look: TileLook
) -> Iterator[Mark]:
    x, y = place
    values = row.arrays[address].reshape(shape.rows, shape.columns)
    width, height = shape.drawn[1] * shape.cell, shape.height_px
    limit = look.limits.get((row.scale, address), 0.0)
    known = np.ones(values.shape, np.bool_) if shape.is_reduced else None
    shown = values if known is None else reduced(values, known, *shape.drawn)[0]
    inside = "{column}" if shape.rows == 1 else "{row},{column}"
    yield Pixels(
        *(x, y, width, height, shown, look.colormap, (-limit, limit)),
        key_pattern="" if shape.is_reduced else row.key(address, inside),
    )
    theme = look.theme
    frame = (x - 0.5, y - 0.5, width + 1, height + 1)
    stroke = Stroke(theme.border_strong if np.isfinite(limit) else theme.not_finite)
    if row.hatches_zero and not values.any():
        key = row.key(address)
        yield Rect(*frame, theme.stage, stroke, 0.0, Hatch.PADDING, theme.border_strong, key)
        yield from zero_marks(x + width / 2, y + height / 2, (width, height), theme)
    elif shape.is_reduced:
        yield Rect(*frame, stroke=stroke, key=row.key(address))
    else:
        yield Rect(*frame, stroke=stroke)


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
