"""What a layer makes of one sample: its maps as tiles, or its units as one row."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from backpropviz.engine.value import Address, Array, shape_text
from backpropviz.figures.numbers import counted
from backpropviz.figures.training.filter_values import largest_magnitude
from backpropviz.figures.training.numbers import short
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.marks import Anchor, Color, Hatch, Mark, Pixels, Rect, Scene, Stroke, Text
from backpropviz.scene.text import centered_baseline, elide, full, text_width
from backpropviz.scene.theme import Theme

_HEAD: Final = 28
_GAP: Final = 8
_NUMBER: Final = 18
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
    shown = maps[:256]
    rows, columns = maps.shape[1:]
    if dimensions < 3:
        cell = max(1, min(14, int(width - 2) // columns))
        per_line, height = 1, max(14, cell)
        tile = (min(int(width - 2), cell * columns), height)
    else:
        cell = max(1, round(56 / max(rows, columns)))
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


_CHIP: Final = 22
_CHIPS_TOP: Final = 26
_LINE: Final = 20
_MANY: Final = 128
"""Units from which chips carry no number and are small."""


def activity_figure(
    layer: str, shares: Array, inactive: Array, width: float, theme: Theme, inactive_after: int = 10
) -> Scene:
    """Maps in the order of their channels: active, inactive for a while, inactive for long.

    `shares` is each map's active share of the last batch that was measured, `inactive` the number
    of updates in a row without any. A chip answers to `map:relu2,3`.
    """
    kinds = _kinds(shares, inactive, inactive_after)
    small = len(shares) > _MANY
    side, gap = (8, 2) if small else (_CHIP, 5)
    per_line = max(1, int((width + gap) // (side + gap)))
    marks: list[Mark] = list(_activity_heading(layer, len(shares), width, theme))
    for number, kind in enumerate(kinds):
        line, column = divmod(number, per_line)
        place = (column * (side + gap), _CHIPS_TOP + line * (side + gap))
        marks.extend(_chip(layer, number, int(kind), (*place, side), theme))
    y = _CHIPS_TOP + math.ceil(len(shares) / per_line) * (side + gap) + 4
    for line, (color, text) in enumerate(_words(kinds, inactive, inactive_after, theme)):
        marks.extend(_legend(color, text, y + line * _LINE, width, theme))
    lines = len(set(kinds.tolist()))
    return Scene(width, y + lines * _LINE, theme.panel, tuple(marks), f"activity of {layer}")


def _kinds(shares: Array, inactive: Array, inactive_after: int) -> Array:
    """0 active, 1 inactive for fewer updates, 2 inactive for long."""
    idle = (shares <= 0) | (inactive > 0)
    kinds: Array = np.where(inactive >= inactive_after, 2, np.where(idle, 1, 0))
    return kinds


def _activity_heading(layer: str, count: int, width: float, theme: Theme) -> Iterator[Mark]:
    font = styles.PANEL_TITLE
    text = elide(f"{layer} maps", font, width)
    baseline = centered_baseline(9, font)
    yield Text(0, baseline, text, font, theme.text, key=f"layer:{layer}")
    told = str(count)
    if text_width(text, font) + text_width(told, styles.INDEX) + 12 <= width:
        yield Text(width, baseline, told, styles.INDEX, theme.text_tertiary, Anchor.END)


def _chip(
    layer: str, number: int, kind: int, place: tuple[int, int, int], theme: Theme
) -> Iterator[Mark]:
    x, y, side = place
    ink, ground = {
        0: (theme.forward, theme.forward_tint),
        1: (theme.loss, theme.loss_tint),
        2: (theme.alert_title, theme.alert_fill),
    }[kind]
    key = f"map:{layer},{number}"
    fill = ground if side == _CHIP else ink
    yield Rect(x, y, side, side, fill=fill, radius=4.0 if side == _CHIP else 2.0, key=key)
    font = styles.INDEX
    if side == _CHIP and text_width(str(number), font) <= side:
        baseline = centered_baseline(y + side / 2, font)
        yield Text(x + side / 2, baseline, str(number), font, ink, Anchor.MIDDLE, key)


def _words(
    kinds: Array, inactive: Array, inactive_after: int, theme: Theme
) -> Iterator[tuple[Color, str]]:
    """As many lines as there are kinds, the worst first."""
    counts = {kind: int(np.count_nonzero(kinds == kind)) for kind in (2, 1, 0)}
    if counts[2]:
        updates = counted(inactive_after, "update")
        yield theme.breakpoint, f"{counts[2]:,} inactive for {updates} or more"
    if counts[1]:
        waits = sorted({int(k) for k in inactive[kinds == 1]})
        told = ", ".join(map(str, waits[:4])) + (" …" if len(waits) > 4 else "")
        word = "update" if waits == [1] else "updates"
        yield theme.loss, f"{counts[1]:,} inactive for fewer: {told} {word}"
    if counts[0]:
        yield theme.forward, f"{counts[0]:,} active in the last batch"


def _legend(color: Color, text: str, y: float, width: float, theme: Theme) -> Iterator[Mark]:
    middle = y + _LINE / 2
    yield Rect(0, round(middle) - 5, 10, 10, fill=color, radius=2.0)
    if text_width(text, styles.ROW) > width - 18:
        text = text.replace("inactive for ", "idle ")
    shown = elide(text, styles.ROW, width - 18)
    yield Text(18, centered_baseline(middle, styles.ROW), shown, styles.ROW, theme.text)
