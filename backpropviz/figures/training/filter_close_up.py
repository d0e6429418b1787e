"""One filter large: its weights, its gradient and its change, each value with its number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from backpropviz.engine.address import Address
from backpropviz.figures.training.color_legend import GAP, ramp
from backpropviz.figures.training.filter_planes import FilterPlane
from backpropviz.figures.training.filter_rows import Limits, TileRow, largest_magnitude
from backpropviz.figures.training.short_text import short
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.colormaps import color_at, contrast_color
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Anchor, Mark, Pixels, Rect, Scene, Stroke, Text
from backpropviz.scene.numbers import fitted, fixed
from backpropviz.scene.theme import Theme

_MARGIN: Final = 16
_TITLE: Final = 26
_CAPTION: Final = 22
_BELOW: Final = 22
_BETWEEN: Final = 24
_NUMBERED: Final = (56, 32)
_CHARACTERS: Final = 7
_DECIMALS: Final = 3
_LEAST_FIXED: Final = 0.01
_LEAST_CELL: Final = 4
_MOST_PLAIN: Final = 240
"""Pixels of a plane's side whose cells are too small for numbers."""


@frozen(eq=False)
class CloseUpLook:
    """Colors, and the limits that the page's own tiles have."""

    theme: Theme
    colormap: str
    limits: Limits


@frozen
class _Grid:
    """A cell's pixels, and how many planes stand beside each other."""

    cell: tuple[int, int]
    across: int
    width: int
    height: int

    @property
    def has_numbers(self) -> bool:
        """Whether each cell has room for its number."""
        return self.cell == _NUMBERED


def filter_close_up(
    rows: Sequence[TileRow], plane: FilterPlane, room: float, look: CloseUpLook
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
    side = max(_LEAST_CELL, _MOST_PLAIN // max(plane.rows, plane.columns))
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
    row: TileRow, plane: FilterPlane, grid: _Grid, place: tuple[int, int], look: CloseUpLook
) -> Iterator[Mark]:
    x, y = place
    limit = look.limits.get((row.scale, plane.weight), 0.0)
    yield from _caption(row.title, limit, (x, y, grid.width), look)
    y += _CAPTION
    values = plane.values(row.arrays[plane.weight])
    yield Pixels(
        *(x, y, grid.width, grid.height, values, look.colormap, (-limit, limit)),
        key_pattern=_pattern(row, plane),
    )
    if grid.has_numbers:
        yield from _numbers(row, plane, grid, (x, y), look)
    stroke = Stroke(look.theme.border_strong)
    yield Rect(x - 0.5, y - 0.5, grid.width + 1, grid.height + 1, stroke=stroke)
    yield from _bias(row, plane, (x, y + grid.height), grid.width, look)


def _pattern(row: TileRow, plane: FilterPlane) -> str:
    inside = "{index}" if plane.of_image else "{row},{column}"
    return row.key(plane.weight, ",".join((*map(str, plane.first), inside)))


def _caption(
    title: str, limit: float, place: tuple[int, int, int], look: CloseUpLook
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
    row: TileRow, plane: FilterPlane, grid: _Grid, place: tuple[int, int], look: CloseUpLook
) -> Iterator[Mark]:
    (x, y), (width, height) = place, grid.cell
    limit = look.limits.get((row.scale, plane.weight), 0.0)
    font, values = styles.NUMBER_SMALL, plane.values(row.arrays[plane.weight])
    is_small, signed = largest_magnitude(values) < _LEAST_FIXED, bool(row.part or row.prefix)
    for at_row, line in enumerate(values.tolist()):
        baseline = centered_baseline(y + (at_row + 0.5) * height, font)
        for at_column, value in enumerate(line):
            text = _number(value, is_small=is_small, signed=signed)
            color = contrast_color(color_at(look.colormap, value, (-limit, limit)))
            middle = x + (at_column + 0.5) * width
            yield Text(middle, baseline, text, font, color, Anchor.MIDDLE)


def _number(value: float, *, is_small: bool, signed: bool) -> str:
    """Decimals as in the other cells; two significant digits where all of them are small."""
    text = short(value, 2, signed=signed) if is_small else fixed(value, _DECIMALS, signed=signed)
    return text if len(text) <= _CHARACTERS else fitted(value, _CHARACTERS, signed=signed)


def _bias(
    row: TileRow, plane: FilterPlane, place: tuple[int, int], width: int, look: CloseUpLook
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
