"""Layers with weights in rows: ratio on a logarithmic axis with its guide; the last update."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from backpropviz.figures.training.curves import RATIO_GUIDE, layer_color
from backpropviz.figures.training.short_text import scientific
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Anchor, Color, Ellipse, Line, Mark, Rect, Scene, Stroke, Text
from backpropviz.scene.theme import Theme

_ROW: Final = 44
_TABLE_ROW: Final = 28
_AXIS: Final = (56, 4)
_LOW: Final = -5.0
_HIGH: Final = -1.0
"""Powers of ten at the ends of the axis."""


@frozen
class LayerFacts:
    """A layer with weights: its shape in words, and what the last update did; NaN where unknown."""

    name: str
    shape: str
    ratio: float = math.nan
    gradient_norm: float = math.nan
    remark: str = ""


def ratio_list(rows: Sequence[LayerFacts], width: float, theme: Theme) -> Scene:
    """Name, shape, ratio as a number and as a dot between 1e−5 and 1e−1; `layer:conv1` a row."""
    marks: list[Mark] = []
    for place, row in enumerate(rows):
        marks.extend(_ratio_row(row, place, width, theme))
    return Scene(width, max(1, len(rows)) * _ROW, theme.panel, tuple(marks), "update / weight")


def _ratio_row(row: LayerFacts, place: int, width: float, theme: Theme) -> Iterator[Mark]:
    y, color = place * _ROW, layer_color(place, theme)
    yield Rect(0, y, width, _ROW, key=f"layer:{row.name}")
    yield Rect(0, y + 8, 10, 10, fill=color, radius=2.0)
    upper, lower = y + 13, y + 31
    value = scientific(row.ratio, 2) if not math.isnan(row.ratio) else "not yet"
    room = width - 24 - text_width(value, styles.MONO) - 8
    name = elide(row.name, styles.BODY, room)
    yield Text(24, centered_baseline(upper, styles.BODY), name, styles.BODY, theme.text)
    ink = theme.text if math.isfinite(row.ratio) else theme.text_tertiary
    baseline = centered_baseline(upper, styles.MONO)
    yield Text(width, baseline, value, styles.MONO, ink, Anchor.END)
    shape = elide(row.shape, styles.INDEX, width - 24 - _AXIS[0] - 12)
    if shape:
        baseline = centered_baseline(lower, styles.INDEX)
        yield Text(24, baseline, shape, styles.INDEX, theme.text_secondary)
    if width >= 24 + _AXIS[0]:
        yield from _axis(row.ratio, width - _AXIS[0], lower, color, theme)


def _axis(ratio: float, x: float, middle: float, color: Color, theme: Theme) -> Iterator[Mark]:
    """The bar, the guide as a tick, the dot; one beyond the ends stands at them, half open."""
    width, height = _AXIS
    yield Rect(x, round(middle) - 2, width, height, fill=theme.hover, radius=2.0)
    guide = round(x + width * _share(RATIO_GUIDE)) + 0.5
    yield Line(guide, middle - 6, guide, middle + 6, Stroke(theme.text_tertiary, 1.0, (2.0, 2.0)))
    if math.isfinite(ratio) and ratio > 0:
        share = _share(ratio)
        at = x + 4 + (width - 8) * min(1.0, max(0.0, share))
        is_inside = 0 <= share <= 1
        fill = color if is_inside else theme.panel
        yield Ellipse(at, round(middle), 4, 4, fill, Stroke(color, 1.5))


def _share(ratio: float) -> float:
    return (math.log10(ratio) - _LOW) / (_HIGH - _LOW)


def update_table(rows: Sequence[LayerFacts], width: float, theme: Theme) -> Scene:
    """The last update in numbers: ratio and gradient norm of each layer."""
    titles = ("update / weight", "gradient norm")
    columns = (width - max(110.0, width * 0.36), width)
    marks: list[Mark] = [_cell("layer", 0, 0, width * 0.3, theme, is_head=True)]
    for title, right in zip(titles, columns, strict=True):
        room = width * 0.36 - 8
        text = elide(title, styles.LABEL, room)
        baseline = centered_baseline(_TABLE_ROW / 2, styles.LABEL)
        marks.append(Text(right, baseline, text, styles.LABEL, theme.text_secondary, Anchor.END))
    for place, row in enumerate(rows):
        marks.extend(_table_row(row, place, columns, width, theme))
    height = (len(rows) + 1) * _TABLE_ROW
    return Scene(width, height, theme.panel, tuple(marks), "last update")


def _table_row(
    row: LayerFacts, place: int, columns: tuple[float, float], width: float, theme: Theme
) -> Iterator[Mark]:
    y = (place + 1) * _TABLE_ROW
    middle = y + _TABLE_ROW / 2
    yield Rect(0, y, width, _TABLE_ROW, key=f"layer:{row.name}")
    yield Rect(0, round(middle) - 5, 10, 10, fill=layer_color(place, theme), radius=2.0)
    texts = [_number(row.ratio), _number(row.gradient_norm)]
    room = columns[0] - text_width(texts[0], styles.MONO) - 24
    yield _cell(row.name, 20, y, room, theme, is_head=False)
    for text, right in zip(texts, columns, strict=True):
        color = theme.text_tertiary if text == "not yet" else theme.text
        baseline = centered_baseline(middle, styles.MONO)
        yield Text(right, baseline, text, styles.MONO, color, Anchor.END)


def _number(value: float) -> str:
    return "not yet" if math.isnan(value) else scientific(value)


def _cell(text: str, x: float, y: float, width: float, theme: Theme, *, is_head: bool) -> Text:
    font = styles.LABEL if is_head else styles.ROW
    color = theme.text_secondary if is_head else theme.text
    baseline = centered_baseline(y + _TABLE_ROW / 2, font)
    return Text(x, baseline, elide(text, font, width), font, color)
