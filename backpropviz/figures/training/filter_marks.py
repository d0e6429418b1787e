"""Lines of filter tiles: a mosaic a row, frames to be pointed at, numbers, and biases below."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.figures.training.filter_rows import Limits, TileRow
from backpropviz.figures.training.filter_tiles import Tiling, mosaic, strip
from backpropviz.figures.training.short_text import short
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Anchor, Color, Hatch, Mark, Pixels, Rect, Stroke, Text
from backpropviz.scene.theme import Theme

LABEL_WIDTH: Final = 84
NUMBER_HEIGHT: Final = 16
ROW_GAP: Final = 5
_STRIP: Final = 6
_STRIP_GAP: Final = 2
_LEAST_WORD: Final = 22
_LINE: Final = 15


@frozen(eq=False)
class TileLook:
    """What all tiles of a page share."""

    theme: Theme
    colormap: str
    limits: Limits
    inactive_after: int


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
        yield _waiting(band, x, y, look)
        return
    tiles = band.tiles
    planes = tiles.planes(array)[band.first : band.stop]
    field, empty = mosaic(planes, tiles)
    width = field.shape[1] * tiles.cell
    limit = look.limits.get((band.row.scale, band.weight), 0.0)
    yield _pixels(x, y, width, tiles.height_px, (field, empty), limit, look)
    yield from _frames(band, planes, x, y, look)
    yield from _bias_marks(band, x, y + tiles.height_px + _STRIP_GAP, width, look)


def _bias_label(band: TileBand, x: int, y: int, width: float, look: TileLook) -> Iterator[Mark]:
    """The limits of the biases' own scale, left of them."""
    texts = bias_texts(band, look)
    if not texts:
        return
    text = elide(texts[0], styles.NOTE, width)
    middle = y + band.tiles.height_px / 2 + _LINE / 2
    baseline = centered_baseline(middle, styles.NOTE)
    yield Text(x, baseline, text, styles.NOTE, look.theme.text_tertiary)


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
    return _numbers(tiles, span, (x, y), dead, look.theme)


@lru_cache(maxsize=128)
def _numbers(
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
    yield from _bias_label(band, x, y, width, look)


def label_mark(text: str, x: int, y: float, width: float, theme: Theme) -> Text:
    """A word left of a row, centered on a height."""
    shown = elide(text, styles.ROW, width)
    return Text(x, centered_baseline(y, styles.ROW), shown, styles.ROW, theme.text_secondary)


def _waiting(band: TileBand, x: int, y: int, look: TileLook) -> Mark:
    width = max(60.0, band.tiles.run_px(band.stop - band.first))
    text = elide(band.row.waiting, styles.ROW, width)
    baseline = centered_baseline(y + band.tiles.height_px / 2, styles.ROW)
    return Text(x, baseline, text, styles.ROW, look.theme.text_tertiary)


def _pixels(
    x: int,
    y: int,
    width: int,
    height: int,
    cells: tuple[Array, Array],
    limit: float,
    look: TileLook,
) -> Pixels:
    return Pixels(
        *(x, y, width, height, cells[0], look.colormap, (-limit, limit)),
        *(cells[1], look.theme.stage),
    )


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
    if min(width, height) >= _LEAST_WORD:
        middle, font = (x + width / 2, y + height / 2), styles.NUMBER_SMALL
        patch = text_width("0", font) + 6
        yield Rect(round(middle[0] - patch / 2), round(middle[1]) - 8, patch, 16, fill=theme.stage)
        baseline = centered_baseline(middle[1], font)
        yield Text(middle[0], baseline, "0", font, theme.text_secondary, Anchor.MIDDLE, key)


def _bias_marks(band: TileBand, x: int, y: int, width: int, look: TileLook) -> Iterator[Mark]:
    if band.bias is None or band.bias not in band.row.arrays:
        return
    values = band.row.arrays[band.bias][band.first : band.stop]
    limit = look.limits.get((band.row.scale, band.bias), 0.0)
    yield _pixels(x, y, width, _STRIP, strip(values, band.tiles), limit, look)
    span = range(band.first, band.stop)
    yield from _bias_areas(band.row.key(band.bias), band.tiles, span, (x, y))


@lru_cache(maxsize=256)
def _bias_areas(name: str, tiles: Tiling, span: range, place: tuple[int, int]) -> tuple[Rect, ...]:
    """Where each bias can be pointed at."""
    (x, y), pitch, length = place, tiles.pitch_px, tiles.width_px
    return tuple(
        Rect(x + at * pitch, y, length, _STRIP, key=f"{name}[{number}]")
        for at, number in enumerate(span)
    )
