"""The pictures on the start page's cards, made of real passes by the marks that the stage uses."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal

import numpy as np

from backpropviz.engine.kinds.protocol import IMAGE
from backpropviz.engine.nest import Nest
from backpropviz.engine.partial import progress
from backpropviz.engine.tape import Tape, nest_of
from backpropviz.engine.value import Address, Array, parse
from backpropviz.figures.numbers import Scale, Scales
from backpropviz.figures.thumbnails import resized
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import Cell, CellState, cells, framed, value_fill
from backpropviz.scene.flow import Grid
from backpropviz.scene.marks import Anchor, Box, Mark, Pixels, Rect, Scene, Stroke, Text
from backpropviz.scene.text import centered_baseline, shown
from backpropviz.scene.theme import DARK, Theme

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
    marks: list[Mark] = [
        Pixels(0, 0, _PHOTO_WIDTH, SIZE[1], picture, theme.photo, (0.0, 1.0)),
    ]
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
