"""The tiles of one parameter: a block for each row, beside each other or one below the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.figures.training.color_legend import GAP, LEAST_RAMP, ramp
from backpropviz.figures.training.filter_layout import BLOCK_GAP, TileLayout
from backpropviz.figures.training.filter_marks import (
    NUMBER_HEIGHT,
    ROW_GAP,
    TileBand,
    TileLook,
    band_marks,
    bias_texts,
    label_mark,
    number_marks,
    row_label,
)
from backpropviz.figures.training.filter_rows import Limits, TileRow, limit_texts
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Mark, Text

CAPTION_HEIGHT: Final = 18
_LONGEST_RAMP: Final = 48


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
        length = int(min(_LONGEST_RAMP, room - taken))
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
