"""What a layer makes of one sample: its maps as tiles, or its units as one row."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, shape_text
from backpropviz.figures.number_groups import counted
from backpropviz.figures.training.filter_rows import largest_magnitude
from backpropviz.figures.training.short_text import short
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Anchor, Hatch, Mark, Pixels, Rect, Scene, Stroke, Text
from backpropviz.scene.numbers import full
from backpropviz.scene.theme import Theme

_HEAD: Final = 28
_TILE: Final = 56
_GAP: Final = 8
_NUMBER: Final = 18
_MOST_MAPS: Final = 256
_RAMP: Final = (48, 8)


@frozen
class _Scale:
    colormap: str
    limits: tuple[float, float]
    text: str


def activation_maps(
    output: Address, values: Array, width: float, theme: Theme, limit: float | None = None
) -> Scene:
    """Maps (C, H, W), or units (K), of one sample; `limit` is a locked end of the color scale.

    A value answers to its address, `relu1.output[0,3,7,7]` (sample 0). Maps that are 0 everywhere
    are hatched.
    """
    scale = _scale(values, limit, theme)
    marks = list(_heading(output, values, scale, width, theme))
    maps = values if values.ndim == 3 else values.reshape(1, 1, -1)
    body, bottom = _tiles(output, maps, values.ndim, scale, width, theme)
    return Scene(width, bottom, theme.stage, (*marks, *body), f"{output.layer} of a sample")


def value_words(key: str, layer: str, values: Array | None) -> str:
    """A value of a layer's output by its address; nothing for another key."""
    start = f"{layer}.output[0,"
    if values is None or not key.startswith(start):
        return ""
    place = tuple(int(index) for index in key[len(start) : -1].split(","))
    return f"{key} = {full(values[place])}"


def _scale(values: Array, limit: float | None, theme: Theme) -> _Scale:
    most = largest_magnitude(values) if limit is None else limit
    if bool((values < 0).any()):
        return _Scale(theme.diverging, (-most, most), f"±{short(most)}")
    return _Scale(theme.sequential, (0.0, most), f"0 … {short(most)}")


def _heading(
    output: Address, values: Array, scale: _Scale, width: float, theme: Theme
) -> Iterator[Mark]:
    font, quiet, middle = styles.BODY_STRONG, styles.ROW, _HEAD / 2 - 2
    baseline = centered_baseline(middle, font)
    legend = _RAMP[0] + 8 + text_width(scale.text, styles.INDEX)
    room = width - legend - 16
    name = elide(output.layer, font, room)
    yield Text(0, baseline, name, font, theme.text, key=f"layer:{output.layer}")
    left = text_width(name, font) + 8
    active = float(np.count_nonzero(values) / max(1, values.size))
    told = f"{shape_text(values.shape)}, {100 * active:.0f} % not 0"
    text = elide(told, quiet, room - left)
    if text:
        yield Text(left, baseline, text, quiet, theme.text_secondary)
    x, top = round(width - legend), round(middle - _RAMP[1] / 2)
    ramp = np.linspace(*scale.limits, 49)[np.newaxis]
    yield Pixels(x, top, *_RAMP, ramp, scale.colormap, scale.limits)
    yield Rect(x - 0.5, top - 0.5, _RAMP[0] + 1, _RAMP[1] + 1, stroke=Stroke(theme.border))
    yield Text(x + _RAMP[0] + 8, baseline, scale.text, styles.INDEX, theme.text_secondary)


def _tiles(
    output: Address, maps: Array, dimensions: int, scale: _Scale, width: float, theme: Theme
) -> tuple[list[Mark], float]:
    """All maps in rows of whole pixels, their numbers below."""
    shown = maps[:_MOST_MAPS]
    rows, columns = maps.shape[1:]
    if dimensions < 3:
        cell = max(1, min(14, int(width - 2) // columns))
        per_line, height = 1, max(14, cell)
        tile = (min(int(width - 2), cell * columns), height)
    else:
        cell = max(1, round(_TILE / max(rows, columns)))
        tile = (cell * columns, cell * rows)
        per_line = max(1, int((width + _GAP) // (tile[0] + _GAP)))
    pitch = (tile[0] + _GAP, tile[1] + _NUMBER + 4)
    marks: list[Mark] = []
    for number, plane in enumerate(shown):
        line, column = divmod(number, per_line)
        x, y = 1 + column * pitch[0], _HEAD + 1 + line * pitch[1]
        pattern = str(output.at((0,)))[:-1]
        pattern += f",{number},{{row}},{{column}}]" if dimensions == 3 else ",{column}]"
        marks.append(Pixels(x, y, *tile, plane, scale.colormap, scale.limits, key_pattern=pattern))
        marks.extend(_frame(plane, (x, y, *tile), theme))
        if dimensions == 3:
            baseline = centered_baseline(y + tile[1] + _NUMBER / 2 + 1, styles.INDEX)
            middle = x + tile[0] / 2
            ink = theme.text_tertiary
            marks.append(Text(middle, baseline, str(number), styles.INDEX, ink, Anchor.MIDDLE))
    lines = math.ceil(len(shown) / per_line)
    bottom = float(_HEAD + lines * pitch[1] + 2)
    if len(maps) > len(shown):
        text = f"and {counted(len(maps) - len(shown), 'more map')}"
        baseline = centered_baseline(bottom + 8, styles.LABEL)
        marks.append(Text(0, baseline, text, styles.LABEL, theme.text_secondary))
        bottom += 18
    return marks, bottom


def _frame(plane: Array, box: tuple[float, float, float, float], theme: Theme) -> Iterator[Mark]:
    x, y, width, height = box
    edge = (x - 0.5, y - 0.5, width + 1, height + 1)
    if plane.any():
        yield Rect(*edge, stroke=Stroke(theme.border_strong))
    else:
        stroke, ink = Stroke(theme.border_strong), theme.border_strong
        yield Rect(*edge, None, stroke, 0.0, Hatch.PADDING, ink)
