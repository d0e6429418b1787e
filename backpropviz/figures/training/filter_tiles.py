"""Filters as tiles: which planes of a weight are shown, how large, and how many on a line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np

from backpropviz.engine.value import Address, Array, Shape
from backpropviz.figures.training.filter_values import Limits, TileRow, limit_texts
from backpropviz.figures.training.numbers import GAP, LEAST_RAMP, ramp, short
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.marks import Anchor, Color, Hatch, Mark, Pixels, Rect, Stroke, Text
from backpropviz.scene.text import centered_baseline, elide, text_width
from backpropviz.scene.theme import Theme

_FEW_ROWS: Final = 3


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
        least = 30 if self.rows <= _FEW_ROWS else 25
        return min(self.cell, math.ceil(least / self.rows))

    @property
    def gap(self) -> int:
        """Values' widths between two tiles."""
        return max(1, round(8 / self.cell))

    @property
    def width(self) -> int:
        """Values' widths of a tile: its slices with one between them."""
        return self.slices * (self.columns + 1) - 1

    @property
    def width_px(self) -> int:
        return self.width * self.cell

    @property
    def height_px(self) -> int:
        return self.rows * self.cell

    @property
    def pitch_px(self) -> int:
        return (self.width + self.gap) * self.cell

    def run_px(self, count: int) -> int:
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
    if channel is None and channels > 3:
        channel = 0
    if channels == 1:
        channel = 0
    chosen = None if channel is None else min(max(channel, 0), channels - 1)
    slices = channels if chosen is None else 1
    is_many = slices > 1 or count > 64
    is_large = rows <= _FEW_ROWS or width >= 1100
    wanted = 30 if is_many else 42 if is_large else 36
    cell = min(21, max(1, round(wanted / rows)))
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


LABEL_WIDTH: Final = 84
NUMBER_HEIGHT: Final = 16
ROW_GAP: Final = 5
_STRIP: Final = 6
_STRIP_GAP: Final = 2
_LINE: Final = 15


@frozen(eq=False)
class TileLook:
    """What all tiles of a page share."""

    theme: Theme
    colormap: str
    limits: Limits
    inactive_after: int = 10


@frozen(eq=False)
class TileBand:
    """Filters `first` … `stop` − 1 of one parameter in one row, from `x` to the right."""

    row: TileRow
    weight: Address
    bias: Address | None
    tiles: Tiling
    first: int
    stop: int

    @property
    def height(self) -> int:
        """Pixels of the tiles and of the strip of biases below them."""
        below = _STRIP + _STRIP_GAP if self.bias is not None else 0
        return self.tiles.height_px + below


def band_marks(band: TileBand, x: int, y: int, look: TileLook) -> Iterator[Mark]:
    """The tiles; where the row has no array yet, words in their place."""
    array = band.row.arrays.get(band.weight)
    if array is None:
        width = max(60.0, band.tiles.run_px(band.stop - band.first))
        text = elide(band.row.waiting, styles.ROW, width)
        baseline = centered_baseline(y + band.tiles.height_px / 2, styles.ROW)
        yield Text(x, baseline, text, styles.ROW, look.theme.text_tertiary)
        return
    tiles = band.tiles
    planes = tiles.planes(array)[band.first : band.stop]
    field, empty = mosaic(planes, tiles)
    width = field.shape[1] * tiles.cell
    limit = look.limits.get((band.row.scale, band.weight), 0.0)
    yield _pixels((x, y, width, tiles.height_px), (field, empty), limit, look)
    yield from _frames(band, planes, x, y, look)
    yield from _bias_marks(band, x, y + tiles.height_px + _STRIP_GAP, width, look)


def bias_texts(band: TileBand, look: TileLook) -> tuple[str, ...]:
    """The limits of the biases' own scale, in words and shorter; none where there is no bias."""
    if band.bias is None or band.bias not in band.row.arrays:
        return ()
    limit = f"±{short(look.limits.get((band.row.scale, band.bias), 0.0), 2)}"
    return f"bias {limit}", f"b {limit}"


def number_marks(
    tiles: Tiling, span: range, x: int, y: int, inactive: Array | None, look: TileLook
) -> tuple[Text, ...]:
    """The filters' numbers below their tiles; red where the map has been inactive for long."""
    dead: tuple[int, ...] = ()
    if inactive is not None:
        dead = tuple(np.flatnonzero(inactive >= look.inactive_after).tolist())
    return _filter_marks_numbers(tiles, span, (x, y), dead, look.theme)


@lru_cache(maxsize=128)
def _filter_marks_numbers(
    tiles: Tiling, span: range, place: tuple[int, int], dead: tuple[int, ...], theme: Theme
) -> tuple[Text, ...]:
    (x, y), found = place, []
    baseline = centered_baseline(y + NUMBER_HEIGHT / 2, styles.INDEX)
    for at, number in enumerate(span):
        color = theme.breakpoint if number in dead else theme.text_tertiary
        middle = x + at * tiles.pitch_px + tiles.width_px / 2
        found.append(Text(middle, baseline, str(number), styles.INDEX, color, Anchor.MIDDLE))
    return tuple(found)


def row_label(band: TileBand, x: int, y: int, width: float, look: TileLook) -> Iterator[Mark]:
    """What a row shows, left of it, and below that the limits of its biases."""
    has_bias = band.bias is not None and band.bias in band.row.arrays
    middle = y + band.tiles.height_px / 2 - (_LINE / 2 if has_bias else 0)
    yield label_mark(band.row.title, x, middle, width, look.theme)
    texts = bias_texts(band, look)
    if texts:
        text, font = elide(texts[0], styles.NOTE, width), styles.NOTE
        baseline = centered_baseline(y + band.tiles.height_px / 2 + _LINE / 2, font)
        yield Text(x, baseline, text, font, look.theme.text_tertiary)


def label_mark(text: str, x: int, y: float, width: float, theme: Theme) -> Text:
    """A word left of a row, centered on a height."""
    shown = elide(text, styles.ROW, width)
    return Text(x, centered_baseline(y, styles.ROW), shown, styles.ROW, theme.text_secondary)


def _pixels(
    box: tuple[int, int, int, int], cells: tuple[Array, Array], limit: float, look: TileLook
) -> Pixels:
    values, empty = cells
    return Pixels(*box, values, look.colormap, (-limit, limit), empty, look.theme.stage)


def _frames(band: TileBand, planes: Array, x: int, y: int, look: TileLook) -> Iterator[Mark]:
    """A frame a plane, which carries its key; hatched where it is exactly 0 or not finite."""
    theme, tiles = look.theme, band.tiles
    name = band.row.key(band.weight)
    quiet = _quiet_frames(name, tiles, range(band.first, band.stop), (x, y), theme.border_strong)
    if not band.row.hatches_zero and np.isfinite(planes.sum()):
        yield from quiet
        return
    flat = planes.reshape(len(quiet), -1)
    zero: Array = np.logical_not(flat.any(axis=1))
    finite: Array = np.asarray(np.isfinite(flat).all(axis=1))
    loud = Stroke(theme.not_finite)
    for place, frame in enumerate(quiet):
        if not finite[place]:
            box = (frame.x, frame.y, frame.width, frame.height)
            yield Rect(*box, None, loud, 0.0, Hatch.NOT_FINITE, theme.not_finite, frame.key)
        elif zero[place] and band.row.hatches_zero:
            yield from _hatched((frame.x, frame.y, frame.width, frame.height), frame.key, theme)
        else:
            yield frame


@lru_cache(maxsize=256)
def _quiet_frames(
    name: str, tiles: Tiling, span: range, place: tuple[int, int], color: Color
) -> tuple[Rect, ...]:
    """The frames of a band, plane by plane: kept, since a run that trains moves none of them."""
    x, y = place
    size = (tiles.columns * tiles.cell - 1, tiles.height_px - 1)
    stroke, pitch, step = Stroke(color), tiles.pitch_px, (tiles.columns + 1) * tiles.cell
    return tuple(
        Rect(
            *(x + at * pitch + piece * step + 0.5, y + 0.5, *size),
            stroke=stroke,
            key=f"{name}[{tiles.indices(number, piece)}]",
        )
        for at, number in enumerate(span)
        for piece in range(tiles.slices)
    )


def _hatched(box: tuple[float, float, float, float], key: str, theme: Theme) -> Iterator[Mark]:
    """A tile of exact zeros, with a real 0 where it has room."""
    x, y, width, height = box
    stroke = Stroke(theme.border_strong)
    yield Rect(*box, theme.stage, stroke, 0.0, Hatch.PADDING, theme.border_strong, key)
    if min(width, height) >= 22:
        yield from zero_marks(x + width / 2, y + height / 2, (width, height), theme, key)


def zero_marks(
    x: float, y: float, room: tuple[float, float], theme: Theme, key: str = ""
) -> Iterator[Mark]:
    """A 0 on a patch that covers the hatching, where it has room."""
    font = styles.NUMBER_SMALL
    patch = text_width("0", font) + 6
    if min(room) >= 12 and room[0] > patch:
        height = min(16, room[1] - 2)
        yield Rect(round(x - patch / 2), round(y - height / 2), patch, height, fill=theme.stage)
        baseline = centered_baseline(y, font)
        yield Text(x, baseline, "0", font, theme.text_secondary, Anchor.MIDDLE, key)


def _bias_marks(band: TileBand, x: int, y: int, width: int, look: TileLook) -> Iterator[Mark]:
    if band.bias is None or band.bias not in band.row.arrays:
        return
    values = band.row.arrays[band.bias][band.first : band.stop]
    limit = look.limits.get((band.row.scale, band.bias), 0.0)
    yield _pixels((x, y, width, _STRIP), strip(values, band.tiles), limit, look)
    span = range(band.first, band.stop)
    yield from _bias_areas(band.row.key(band.bias), band.tiles, span, (x, y))


@lru_cache(maxsize=256)
def _bias_areas(name: str, tiles: Tiling, span: range, place: tuple[int, int]) -> tuple[Rect, ...]:
    (x, y), pitch, length = place, tiles.pitch_px, tiles.width_px
    return tuple(
        Rect(x + at * pitch, y, length, _STRIP, key=f"{name}[{number}]")
        for at, number in enumerate(span)
    )


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
            return _filter_layout_beside(tiles, rows, width)
    for across in range(rows - 1, 1, -1):
        if _fits(wished, across, width):
            return _filter_layout_beside(wished, across, width)
    room = width - label_width
    for tiles in smaller:
        if tiles.run_px(tiles.count) <= room:
            return TileLayout(tiles, 1, tiles.count, width)
    fitting = max(1, (room + wished.gap * wished.cell) // wished.pitch_px)
    lines = math.ceil(wished.count / fitting)
    return TileLayout(wished, 1, math.ceil(wished.count / lines), width)


def _filter_layout_beside(tiles: Tiling, across: int, width: int) -> TileLayout:
    """Blocks as wide as their tiles, and as their captions where there is room."""
    most = (width + BLOCK_GAP) // across - BLOCK_GAP
    block_px = min(most, max(_CAPTION, tiles.run_px(tiles.count)))
    return TileLayout(tiles, across, tiles.count, block_px)


def _fits(tiles: Tiling, across: int, width: int) -> bool:
    return across * (tiles.run_px(tiles.count) + BLOCK_GAP) - BLOCK_GAP <= width


CAPTION_HEIGHT: Final = 18


@frozen(eq=False)
class Blocks:
    """A weight and its bias in all rows; `inactive` counts updates for each filter.

    `has_legends` puts each row's color scale in its caption; else the heading has it.
    """

    rows: Sequence[TileRow]
    weight: Address
    bias: Address | None
    layout: TileLayout
    label_width: int
    has_legends: bool
    measured: Limits
    inactive: Array | None
    look: TileLook

    def band(self, row: TileRow, span: range) -> TileBand:
        """Some tiles of a row."""
        return TileBand(row, self.weight, self.bias, self.layout.tiles, span.start, span.stop)

    @property
    def band_height(self) -> int:
        """Pixels of one row of tiles with their biases."""
        return self.band(self.rows[0], range(0)).height


def block_marks(blocks: Blocks, y: int) -> tuple[list[Mark], int]:
    """All rows from a height on, and where they end."""
    return _stacked(blocks, y) if blocks.layout.is_stacked else _beside(blocks, y)


def _beside(blocks: Blocks, y: int) -> tuple[list[Mark], int]:
    """A block a row: a caption, its tiles, their numbers."""
    across, width = blocks.layout.across, blocks.layout.block_px
    height = CAPTION_HEIGHT + blocks.band_height + NUMBER_HEIGHT
    span = range(blocks.layout.tiles.count)
    marks: list[Mark] = []
    for place, row in enumerate(blocks.rows):
        line, column = divmod(place, across)
        left, top = column * (width + BLOCK_GAP), y + line * (height + ROW_GAP)
        marks.extend(_caption(blocks, row, (left, top), width))
        top += CAPTION_HEIGHT
        marks.extend(band_marks(blocks.band(row, span), left, top, blocks.look))
        top += blocks.band_height
        marks.extend(_numbers(blocks, span, left, top))
    lines = math.ceil(len(blocks.rows) / across)
    return marks, y + lines * (height + ROW_GAP) - ROW_GAP


def _stacked(blocks: Blocks, y: int) -> tuple[list[Mark], int]:
    """The same filters in each row, their numbers below; then the next filters."""
    label, tiles = blocks.label_width, blocks.layout.tiles
    word = "unit" if tiles.image else "filter"
    marks: list[Mark] = []
    for first in range(0, tiles.count, blocks.layout.per_line):
        span = range(first, min(first + blocks.layout.per_line, tiles.count))
        y += ROW_GAP if first else 0
        for row in blocks.rows:
            band = blocks.band(row, span)
            marks.extend(row_label(band, 0, y, label - 8, blocks.look))
            marks.extend(band_marks(band, label, y, blocks.look))
            y += band.height + ROW_GAP
        y -= ROW_GAP
        middle = y + NUMBER_HEIGHT / 2
        marks.append(label_mark(word, 0, middle, label - 8, blocks.look.theme))
        marks.extend(_numbers(blocks, span, label, y))
        y += NUMBER_HEIGHT
    return marks, y


def _numbers(blocks: Blocks, span: range, x: int, y: int) -> tuple[Text, ...]:
    return number_marks(blocks.layout.tiles, span, x, y, blocks.inactive, blocks.look)


def _caption(blocks: Blocks, row: TileRow, place: tuple[int, int], width: float) -> Iterator[Mark]:
    """What a block shows, on which color scale, and the scale of its biases, as far as it fits."""
    (x, y), theme = place, blocks.look.theme
    middle = y + CAPTION_HEIGHT / 2 - 1
    title = elide(row.title, styles.ROW, width)
    yield Text(x, centered_baseline(middle, styles.ROW), title, styles.ROW, theme.text_secondary)
    beside = text_width(title, styles.ROW) + GAP
    yield from _scales(blocks, row, (x + beside, middle), width - beside)


def _scales(
    blocks: Blocks, row: TileRow, place: tuple[float, float], room: float
) -> Iterator[Mark]:
    """The ramp with its limits, and the limits of the biases, which have a scale of their own."""
    (x, middle), theme = place, blocks.look.theme
    limit, bias = _scale_texts(blocks, row, room)
    if limit:
        taken = text_width(limit, styles.INDEX) + GAP + _bias_width(bias)
        length = int(min(48, room - taken))
        yield ramp(round(x), round(middle) - 4, length, blocks.look.colormap)
        x = round(x) + length + GAP
        baseline = centered_baseline(middle, styles.INDEX)
        yield Text(x, baseline, limit, styles.INDEX, theme.text_secondary)
        x += text_width(limit, styles.INDEX) + GAP
    if bias:
        baseline = centered_baseline(middle, styles.NOTE)
        yield Text(x, baseline, bias, styles.NOTE, theme.text_tertiary)


def _scale_texts(blocks: Blocks, row: TileRow, room: float) -> tuple[str, str]:
    """The limits of the weights and of the biases, in the longest words that fit beside a ramp."""
    scale = (row.scale, blocks.weight)
    limits: tuple[str, ...] = ()
    if blocks.has_legends and blocks.weight in row.arrays:
        limits = limit_texts(scale, blocks.look.limits, blocks.measured)
    biases = bias_texts(blocks.band(row, range(0)), blocks.look)
    for bias, limit in product((*biases, ""), limits or ("",)):
        beside = LEAST_RAMP + 1 + GAP + text_width(limit, styles.INDEX) if limit else 0.0
        if beside + _bias_width(bias) <= room:
            return limit, bias
    return "", ""


def _bias_width(text: str) -> float:
    return GAP + text_width(text, styles.NOTE) if text else 0.0
