"""Arrays at the size of an icon: a digit, a photograph, a mosaic of maps, a vector, a number.

At the end: the pictures on the start page's cards, made of real passes by the stage's own marks.

Where many values share a pixel it shows the one of largest magnitude, so that a single large value
stays visible and a NaN is never averaged away. Colors are those of the array's own scale, whatever
part of it is computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kinds.protocol import IMAGE
from backpropviz.engine.nest import Nest
from backpropviz.engine.partial import progress
from backpropviz.engine.tape import Tape, nest_of
from backpropviz.engine.value import Address, Array, parse
from backpropviz.figures.numbers import Scale, Scales
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import Cell, CellState, cells, framed, value_fill
from backpropviz.scene.flow import Grid
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Ellipse,
    Font,
    Hatch,
    Line,
    Mark,
    Pixels,
    Rect,
    Scene,
    Stroke,
    Text,
)
from backpropviz.scene.text import centered_baseline, fitted, shown, text_width
from backpropviz.scene.theme import DARK, Theme

Mask: TypeAlias = NDArray[np.bool_]
PHOTO_SIDE: Final = 8
"""Pictures of at least this side look like photographs; of smaller ones the cells matter."""
_SMALLEST_TILE: Final = 3
"""Pixels of a map's side below which a mosaic shows fewer maps."""
_TINY: Final = 7
"""Planes of at most this side are drawn in whole cells with lines between them."""
_NUMBER_FONTS: Final = (
    styles.NUMBER_MEDIUM,
    styles.NUMBER_SMALL,
    Font("JetBrains Mono", 11, 500),
    styles.NOTE,
)


def thumbnail(
    values: Array, size: int, theme: Theme, scale: Scale, computed: Mask | None = None
) -> tuple[Mark, ...]:
    """A sample's array in a square of `size` px at the origin.

    `values` are a number (), a vector (n), a plane (H, W) or maps (C, H, W). Where `computed` is
    false there is no value, whatever `values` holds.
    """
    known = np.ones(values.shape, bool) if computed is None else computed
    if not known.any():
        return not_computed(size, theme)
    if values.ndim == 0:
        return number(float(values), size, theme)
    maps, mask = _as_maps(values), _as_maps(known)
    if len(maps) == 1 and max(maps.shape[1:]) <= _TINY:
        rows, columns = maps.shape[1:]
        # A vector has no proportion to keep: it fills the square.
        longest = (rows, columns) if values.ndim == 1 else (max(rows, columns),) * 2
        cell = tuple(max(1, (size - 1) // count) for count in longest)
        return _cells(maps[0], mask[0], size, (cell[0], cell[1]), theme, scale)
    return _mosaic(maps, mask, size, theme, scale)


def not_computed(size: int, theme: Theme) -> tuple[Mark, ...]:
    """What stands where no value of an array is known: dots in a dashed frame."""
    frame = Rect(
        *(0.5, 0.5, size - 1, size - 1),
        fill=theme.stage,
        stroke=Stroke(theme.border_strong, 1.0, (3.0, 3.0)),
    )
    places = [size / 2 + step * size / 4 for step in (-1, 0, 1)]
    dots = (
        Ellipse(x, y, size / 28, size / 28, fill=theme.text_tertiary)
        for y in places
        for x in places
    )
    return (frame, *dots)


def number(value: float, size: int, theme: Theme) -> tuple[Mark, ...]:
    """One value as its number in a frame."""
    finite = math.isfinite(value)
    frame = Rect(
        *(0.5, 0.5, size - 1, size - 1),
        fill=theme.stage,
        stroke=Stroke(theme.border_strong if finite else theme.not_finite),
        hatch=None if finite else Hatch.NOT_FINITE,
        hatch_color=None if finite else theme.not_finite,
    )
    text, font = _fitting(value, size - 4)
    color = theme.text if finite else theme.not_finite
    baseline = centered_baseline(size / 2, font)
    return frame, Text(size / 2, baseline, text, font, color, Anchor.MIDDLE)


def photograph(values: Array, size: int, theme: Theme) -> tuple[Mark, ...]:
    """A picture with values 0…1: (H, W, 3) in its own colors, (H, W) in true gray."""
    side = max(values.shape[:2])
    height, width = (max(1, round(size * extent / side)) for extent in values.shape[:2])
    x, y = (size - width) // 2, (size - height) // 2
    small = resized(values, height, width)
    picture = Pixels(x, y, width, height, small, theme.photo, (0.0, 1.0))
    return picture, _frame(x, y, width, height, theme)


def resized(values: Array, height: int, width: int) -> Array:
    """A picture (H, W) or (H, W, 3) in another size; pixels that share a place are averaged."""
    return _mean(_mean(values, height, 0), width, 1)


def _fitting(value: float, width: float) -> tuple[str, Font]:
    """The value in the largest font in which two decimals fit."""
    text = shown(value, 2)
    for font in _NUMBER_FONTS:
        if text_width(text, font) <= width:
            return text, font
    smallest = _NUMBER_FONTS[-1]
    return fitted(value, int(width / text_width("0", smallest))), smallest


def _as_maps(values: Array) -> Array:
    """Any array as maps (C, H, W); a vector is wrapped into one, short rows ending in nothing."""
    if values.ndim == 3:
        return values
    if values.ndim == 2:
        return values[np.newaxis]
    flat = values.reshape(-1)
    columns = _row_length(flat.size)
    rows = math.ceil(flat.size / columns)
    filling = np.zeros(rows * columns - flat.size, flat.dtype)
    return np.concatenate([flat, filling]).reshape(1, rows, columns)


def _row_length(length: int) -> int:
    """The divisor at or above the square root if one is near, else the rounded-up root."""
    root = math.ceil(math.sqrt(length))
    near = (columns for columns in range(root, 4 * root) if length % columns == 0)
    return next(near, root)


def _cells(
    plane: Array, known: Mask, size: int, cell: tuple[int, int], theme: Theme, scale: Scale
) -> tuple[Mark, ...]:
    """A small plane in cells of whole pixels (height, width), lines between them."""
    rows, columns = plane.shape
    width, height = cell[1] * columns, cell[0] * rows
    x, y = (size - width) // 2, (size - height) // 2
    stroke = Stroke(theme.border_strong)
    across = [x + cell[1] * column + 0.5 for column in range(1, columns)]
    down = [y + cell[0] * row + 0.5 for row in range(1, rows)]
    lines = (
        *(Line(middle, y, middle, y + height, stroke) for middle in across),
        *(Line(x, middle, x + width, middle, stroke) for middle in down),
    )
    drawn = _pixels((x, y, width, height), plane, known, theme, scale)
    return drawn, *(lines if min(cell) >= 8 else ()), _frame(x, y, width, height, theme)


def _mosaic(maps: Array, known: Mask, size: int, theme: Theme, scale: Scale) -> tuple[Mark, ...]:
    """As many maps as have room, row by row; a single one fills the square."""
    columns = min(math.ceil(math.sqrt(len(maps))), size // (_SMALLEST_TILE + 1)) or 1
    rows = min(math.ceil(len(maps) / columns), columns)
    gap = 1 if columns > 1 else 0
    width, height = (size - 2 * gap) // columns - gap, (size - 2 * gap) // rows - gap
    tile_height, tile_width = _proportioned(maps.shape[1:], height, width)
    field = np.zeros((size, size))
    mask = np.zeros((size, size), bool)
    left, top = (
        _centered(size, columns, width, tile_width, gap),
        _centered(size, rows, height, tile_height, gap),
    )
    for index in range(min(len(maps), rows * columns)):
        row, column = divmod(index, columns)
        y, x = top + row * (height + gap), left + column * (width + gap)
        place = (slice(y, y + tile_height), slice(x, x + tile_width))
        field[place], mask[place] = reduced(maps[index], known[index], tile_height, tile_width)
    return _pixels((0, 0, size, size), field, mask, theme, scale), _frame(0, 0, size, size, theme)


def _proportioned(shape: tuple[int, ...], height: int, width: int) -> tuple[int, int]:
    """A map's proportion inside a slot, given up by at most half so that the slot is used."""
    share = shape[0] / shape[1]
    return (
        max(1, min(height, round(width * share * 1.5))),
        max(1, min(width, round(height / share * 1.5))),
    )


def _centered(size: int, count: int, slot: int, tile: int, gap: int) -> int:
    return (size - count * (slot + gap) + gap) // 2 + (slot - tile) // 2


def reduced(plane: Array, known: Mask, rows: int, columns: int) -> tuple[Array, Mask]:
    """The plane in so many pixels, each the value of largest magnitude in its part."""
    if not known.any():
        return np.zeros((rows, columns)), np.zeros((rows, columns), bool)
    parts = [_starts(plane.shape[0], rows), _starts(plane.shape[1], columns)]
    complete = bool(known.all())
    high = _over(np.maximum, plane if complete else np.where(known, plane, -np.inf), parts)
    low = _over(np.minimum, plane if complete else np.where(known, plane, np.inf), parts)
    largest = np.where(high >= -low, high, low)
    if complete:
        return largest, np.ones((rows, columns), bool)
    seen = _over(np.logical_or, known, parts)
    return np.where(seen, largest, 0.0), seen


def _starts(length: int, count: int) -> NDArray[np.intp]:
    """Where each of `count` parts begins; more parts than values repeat them."""
    return np.arange(count) * length // count


def _over(ufunc: np.ufunc, plane: Array, parts: list[NDArray[np.intp]]) -> Array:
    """The plane reduced along both axes; a part without a value of its own takes its neighbor's."""
    # Repeating values is for the end, when there are least of them.
    for axis in sorted((0, 1), key=lambda axis: len(parts[axis]) / plane.shape[axis]):
        starts = parts[axis]
        if len(starts) >= plane.shape[axis]:
            plane = plane.take(starts, axis)
        else:
            plane = ufunc.reduceat(plane, starts, axis=axis)
    return plane


def _mean(values: Array, count: int, axis: int) -> Array:
    starts = _starts(values.shape[axis], count)
    lengths = np.maximum(np.diff(np.append(starts, values.shape[axis])), 1)
    shape = [1] * values.ndim
    shape[axis] = count
    return np.add.reduceat(values, starts, axis=axis) / lengths.reshape(shape)


def _pixels(
    box: tuple[int, int, int, int], values: Array, known: Mask, theme: Theme, scale: Scale
) -> Pixels:
    missing = None if known.all() else ~known
    shown_values = values if missing is None else np.where(known, values, 0.0)
    return Pixels(*(*box, shown_values), *(scale.colormap, scale.limits, missing, theme.stage))


def _frame(x: int, y: int, width: int, height: int, theme: Theme) -> Rect:
    return Rect(x + 0.5, y + 0.5, width - 1, height - 1, stroke=Stroke(theme.border_strong))


StartCard = Literal["example", "digit", "own"]
SIZE: Final = (360, 168)
_WEIGHT_GRADIENT: Final = parse("conv1.weight.grad")
_UPSTREAM: Final = parse("conv1.output.grad")
_CELL: Final = 32
_TERMS_SHOWN: Final = 7
"""The picture stops after the third of the four terms of weight [0,1]."""
_MAP: Final = 112
_PHOTO_WIDTH: Final = 200


@lru_cache(maxsize=8)
def start_card(kind: StartCard, theme: Theme) -> Scene:
    """A card's picture of 360 × 168 px, from what ships with the program.

    The bundled network or photograph is read at the first call.
    """
    if kind == "own":
        from backpropviz.files.pictures import bundled_picture

        picture = bundled_picture("photo", "chelsea")
        return own_card(picture.pixels / picture.white, theme)
    from backpropviz.engine.record import run
    from backpropviz.files.networks import load_network

    if kind == "digit":
        return digit_card(run(load_network("lenet")))
    return example_card(run(load_network("tiny-max")), theme)


def example_card(tape: Tape, theme: Theme) -> Scene:
    """The 3×3 image, the upstream gradient and the filter gradient half way."""
    scales = Scales(tape)
    left, top = 25, (SIZE[1] - 3 * _CELL) // 2
    image = Grid(left, top, 3, 3, _CELL, _CELL)
    upstream = Grid(168, (SIZE[1] - 2 * _CELL) // 2, 2, 2, _CELL, _CELL)
    gradient = Grid(273, upstream.y, 2, 2, _CELL, _CELL)
    signs = (("×", 145), ("=", 252))
    font = styles.BODY
    middle = centered_baseline(SIZE[1] / 2, font)
    marks = (
        *_image_cells(tape, scales, image, theme),
        *framed(image.span(0, 1, 2, 2), theme.forward, theme, 2.0),
        *framed(image.cell(1, 1), theme.forward, theme, 3.0),
        *cells(_upstream_cells(tape, scales, upstream, theme), theme),
        *cells(_gradient_cells(tape, scales, gradient, theme), theme),
        *(Text(x, middle, sign, font, theme.text_secondary, Anchor.MIDDLE) for sign, x in signs),
    )
    return Scene(*SIZE, theme.stage, marks, "the 3×3 example")


def _image_cells(tape: Tape, scales: Scales, grid: Grid, theme: Theme) -> tuple[Mark, ...]:
    values, scale = tape[IMAGE][0, 0], scales.of(IMAGE, theme)
    return cells(
        (
            Cell(grid.cell(row, column), CellState.FINAL, shown(float(value)), _fill(value, scale))
            for (row, column), value in np.ndenumerate(values)
        ),
        theme,
    )


def _upstream_cells(tape: Tape, scales: Scales, grid: Grid, theme: Theme) -> Iterator[Cell]:
    # One scale for both gradients, so that 2 looks smaller than 8.
    values, scale = tape[_UPSTREAM][0, 0], scales.of(_WEIGHT_GRADIENT, theme)
    winner = int(tape["pool1.switches"].reshape(-1)[0])
    for index, value in enumerate(values.reshape(-1)):
        state = CellState.WINNER if index == winner else CellState.LOSER
        box = grid.cell(*divmod(index, grid.columns))
        yield Cell(box, state, shown(float(value)), _fill(value, scale))


def _gradient_cells(tape: Tape, scales: Scales, grid: Grid, theme: Theme) -> Iterator[Cell]:
    scale = scales.of(_WEIGHT_GRADIENT, theme)
    state = progress(tape, _nest(tape, _WEIGHT_GRADIENT), 0, _TERMS_SHOWN)
    for index, value in enumerate(state.values.reshape(-1)):
        box = grid.cell(*divmod(index, grid.columns))
        if not state.computed.reshape(-1)[index]:
            yield Cell(box, CellState.NOT_COMPUTED)
            continue
        complete = state.complete.reshape(-1)[index]
        own = CellState.FINAL if complete else CellState.IN_PROGRESS
        yield Cell(box, own, shown(float(value)), _fill(value, scale))


def _fill(value: float, scale: Scale) -> str:
    return value_fill(float(value), scale.colormap, scale.limits)


def _nest(tape: Tape, target: Address) -> Nest:
    found = nest_of(tape, target)
    if found is None:
        raise ValueError(f"{target} is given")
    return found


def digit_card(tape: Tape) -> Scene:
    """A digit, what flows back to the map that is pulled hardest, the six filters' gradients.

    It is dark in both themes.
    """
    theme, scales = DARK, Scales(tape)
    top = (SIZE[1] - _MAP) // 2
    image, upstream = Box(30, top, _MAP, _MAP), Box(152, top, _MAP, _MAP)
    marks: list[Mark] = [*_plane(tape, scales, IMAGE, 0, image, theme)]
    pixel = _MAP // tape[IMAGE].shape[-1]
    # Weight [3,1] of a 5×5 filter with padding 2 meets all but the first row and last column.
    met = Box(image.x, image.y + pixel, image.width - pixel, image.height - pixel)
    marks.extend(framed(met, theme.forward, theme, 2.0))
    gradients = tape[_WEIGHT_GRADIENT]
    steepest = int(np.abs(gradients).sum(axis=(1, 2, 3)).argmax())
    marks.extend(_plane(tape, scales, _UPSTREAM, steepest, upstream, theme))
    for index in range(len(gradients)):
        row, column = divmod(index, 2)
        tile = Box(278 + 34 * column, top + 43 * row, 25, 25)
        marks.extend(_plane(tape, scales, _WEIGHT_GRADIENT, index, tile, theme))
    return Scene(*SIZE, theme.stage, tuple(marks), "LeNet on a handwritten digit")


def _plane(
    tape: Tape, scales: Scales, address: Address, index: int, box: Box, theme: Theme
) -> Iterator[Mark]:
    """One plane of an array: a channel of the first sample, or the filter of that number."""
    values = tape[address]
    plane = values[index, 0] if address == _WEIGHT_GRADIENT else values[0, index]
    scale = scales.of(address, theme)
    yield Pixels(box.x, box.y, box.width, box.height, plane, scale.colormap, scale.limits)
    edge = Stroke(theme.border_strong)
    yield Rect(box.x - 0.5, box.y - 0.5, box.width + 1, box.height + 1, stroke=edge)


def own_card(photo: Array, theme: Theme) -> Scene:
    """A photograph (H, W, 3) with values 0…1, and maps that shrink from layer to layer."""
    picture = resized(_cropped(photo, _PHOTO_WIDTH / SIZE[1]), 2 * SIZE[1], 2 * _PHOTO_WIDTH)
    marks: list[Mark] = [Pixels(0, 0, _PHOTO_WIDTH, SIZE[1], picture, theme.photo, (0.0, 1.0))]
    stack = ((224, 88, 10, 3), (254, 70, 11, 4), (286, 48, 12, 5), (320, 24, 13, 6))
    for left, height, width, count in stack:
        for number in reversed(range(count)):
            shift = 2.0 * number
            marks.append(
                Rect(
                    *(left + shift, SIZE[1] / 2 - height / 2 - shift + count, width, height),
                    fill=theme.forward_tint,
                    stroke=Stroke(theme.forward),
                    radius=2,
                )
            )
    return Scene(*SIZE, theme.stage, tuple(marks), "your image or network")


def _cropped(photo: Array, proportion: float) -> Array:
    """The middle of a picture, width : height as wanted."""
    height, width = photo.shape[:2]
    wanted_width = min(width, round(height * proportion))
    wanted_height = min(height, round(width / proportion))
    left, top = (width - wanted_width) // 2, (height - wanted_height) // 2
    return photo[top : top + wanted_height, left : left + wanted_width]
