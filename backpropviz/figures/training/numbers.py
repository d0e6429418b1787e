"""Layers with weights in rows: ratio on a logarithmic axis with its guide; the last update."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from backpropviz.figures.training.curves import RATIO_GUIDE, layer_color
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.marks import (
    Anchor,
    Color,
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
from backpropviz.scene.text import centered_baseline, elide, shown, text_width, with_sign, wrap
from backpropviz.scene.theme import Theme

_SMALLEST_FIXED, _LARGEST_FIXED = 0.01, 1e4


def short(value: float, digits: int = 3, *, signed: bool = False) -> str:
    """About so many significant digits: 1.60, 0.0934, 4.82e−3, 1.22e5; NaN and ∞ as words."""
    if _SMALLEST_FIXED <= abs(value) < _LARGEST_FIXED:
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        return with_sign(f"{value:.{min(decimals, digits + 1)}f}", signed=signed)
    return scientific(value, digits, signed=signed)


def scientific(value: float, digits: int = 3, *, signed: bool = False) -> str:
    """So many significant digits and a power of ten: 1.22e−2, to compare across magnitudes."""
    if value == 0 or not math.isfinite(value):
        return shown(value, signed=signed)
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return with_sign(f"{mantissa}e{int(exponent)}", signed=signed)


def percent(share: float) -> str:
    """A share as `95.7 %`."""
    return "NaN" if math.isnan(share) else f"{100 * share:.1f} %"


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
    numbers = (row.ratio, row.gradient_norm)
    texts = ["not yet" if math.isnan(number) else scientific(number) for number in numbers]
    room = columns[0] - text_width(texts[0], styles.MONO) - 24
    yield _cell(row.name, 20, y, room, theme, is_head=False)
    for text, right in zip(texts, columns, strict=True):
        color = theme.text_tertiary if text == "not yet" else theme.text
        baseline = centered_baseline(middle, styles.MONO)
        yield Text(right, baseline, text, styles.MONO, color, Anchor.END)


def _cell(text: str, x: float, y: float, width: float, theme: Theme, *, is_head: bool) -> Text:
    font = styles.LABEL if is_head else styles.ROW
    color = theme.text_secondary if is_head else theme.text
    baseline = centered_baseline(y + _TABLE_ROW / 2, font)
    return Text(x, baseline, elide(text, font, width), font, color)


_GAP: Final = 32
_COUNTERS_ROW: Final = 56


@frozen
class RunCounter:
    """A number with its name above and a remark beside it; `color` '' is that of text."""

    name: str
    value: str
    remark: str = ""
    color: Color = ""


def counters(entries: Sequence[RunCounter], width: float, theme: Theme) -> Scene:
    """Side by side, in as many rows as the width asks for; a counter answers to `counter:Name`."""
    widths = [min(width, _width(entry)) for entry in entries]
    rows: list[list[int]] = []
    for number in range(len(entries)):
        taken = sum(widths[k] + _GAP for k in rows[-1]) if rows else width + 1
        if taken + widths[number] <= width:
            rows[-1].append(number)
        else:
            rows.append([number])
    marks: list[Mark] = []
    for line, row in enumerate(rows):
        free = width - sum(widths[k] for k in row)
        gap = max(_GAP, min(72.0, free / max(1, len(row) - 1))) if len(row) > 1 else 0.0
        gap = min(gap, free / max(1, len(row) - 1))
        x = 0.0
        for number in row:
            marks.extend(_counter(entries[number], x, line * _COUNTERS_ROW, widths[number], theme))
            x += widths[number] + gap
    return Scene(width, max(1, len(rows)) * _COUNTERS_ROW, theme.stage, tuple(marks), "counters")


def _width(entry: RunCounter) -> float:
    value = text_width(entry.value, styles.COUNTER)
    remark = text_width(entry.remark, styles.ROW) + 8 if entry.remark else 0.0
    return max(96, text_width(entry.name, styles.LABEL_MEDIUM), value + remark)


def _counter(entry: RunCounter, x: float, y: float, width: float, theme: Theme) -> list[Mark]:
    key = f"counter:{entry.name}"
    name = elide(entry.name, styles.LABEL_MEDIUM, width)
    value = elide(entry.value, styles.COUNTER, width)
    marks: list[Mark] = [
        Text(x, y + 14, name, styles.LABEL_MEDIUM, theme.text_secondary, key=key),
        Text(x, y + 40, value, styles.COUNTER, entry.color or theme.text, key=key),
    ]
    left = text_width(value, styles.COUNTER) + 8
    remark = elide(entry.remark, styles.ROW, width - left) if entry.remark else ""
    if remark:
        marks.append(Text(x + left, y + 40, remark, styles.ROW, theme.text_secondary))
    return marks


LEAST_RAMP: Final = 12
GAP: Final = 8
_RAMP: Final = (48, 8)
_LEAST_LIMIT: Final = text_width("±0.00e0+", styles.INDEX)
_LONG_LIMIT: Final = text_width("±0.000 (to 0.00)", styles.INDEX)
_BETWEEN: Final = 14
_COLORS: Final = np.linspace(-1.0, 1.0, 49)[np.newaxis]


@frozen
class Legend:
    """A scale's title, and its limits in words, longest first."""

    title: str
    limits: tuple[str, ...]


@frozen
class Slots:
    """How wide ramps and limits may be, so that nothing moves when the limits change."""

    ramp: int
    limit: float

    def width(self, legend: Legend) -> float:
        return text_width(legend.title, styles.LABEL) + GAP + self.ramp + GAP + self.limit


def slots(legends: Sequence[Legend], room: float) -> Slots | None:
    """For legends on one line, None where there is too little room for them."""
    count = len(legends)
    titles = sum(text_width(legend.title, styles.LABEL) + 2 * GAP for legend in legends)
    left = (room - titles - _BETWEEN * (count - 1)) / max(1, count)
    if left < LEAST_RAMP + _LEAST_LIMIT:
        return None
    limit = min(_LONG_LIMIT, max(_LEAST_LIMIT, left - _RAMP[0]))
    return Slots(min(_RAMP[0], int(left - limit)), limit)


def line_width(legends: Sequence[Legend], fitted: Slots) -> float:
    """Pixels of legends on one line."""
    return sum(map(fitted.width, legends)) + _BETWEEN * max(0, len(legends) - 1)


def legend_line(
    legends: Sequence[Legend], fitted: Slots, place: tuple[float, float], look: tuple[Theme, str]
) -> Iterator[Mark]:
    """Legends beside each other, from a place (left, middle), with a theme and a color map."""
    (x, middle), (theme, colormap) = place, look
    for legend in legends:
        baseline = centered_baseline(middle, styles.LABEL)
        yield Text(x, baseline, legend.title, styles.LABEL, theme.text_secondary)
        left = round(x + text_width(legend.title, styles.LABEL) + GAP)
        yield ramp(left, round(middle - _RAMP[1] / 2), fitted.ramp, colormap)
        text = fitting(legend.limits, styles.INDEX, fitted.limit)
        yield Text(left + fitted.ramp + GAP, baseline, text, styles.INDEX, theme.text_secondary)
        x += fitted.width(legend) + _BETWEEN


@lru_cache(maxsize=128)
def ramp(x: int, y: int, width: int, colormap: str) -> Pixels:
    """The color map from −limit to +limit; the same mark again, so that its image is kept."""
    return Pixels(x, y, width, _RAMP[1], _COLORS, colormap, (-1.0, 1.0))


def fitting(texts: Sequence[str], font: Font, width: float) -> str:
    """The first text that fits, else the last one, elided."""
    found = next((text for text in texts if text_width(text, font) <= width), None)
    return elide(texts[-1], font, width) if found is None else found


LINE: Final = 18


def foot_marks(
    remarks: Iterable[tuple[str, str]], width: float, y: float, theme: Theme
) -> tuple[list[Mark], float]:
    """(sign, words) side by side as far as they fit, and where they end.

    The sign is `hatch`, `red` or nothing.
    """
    marks: list[Mark] = []
    x, bottom = 0.0, y
    for sign, words in remarks:
        lead = 16 if sign == "hatch" else 0
        needed = lead + text_width(words, styles.LABEL)
        if x and x + needed > width:
            x, bottom = 0.0, bottom + LINE
        lines = wrap(words, styles.LABEL, width - lead)
        for number, line in enumerate(lines):
            bottom += LINE if number else 0
            marks.extend(_line(sign if not number else "", line, (x, bottom, lead), theme))
        x = x + needed + 20.0 if len(lines) == 1 else width
    return marks, bottom + LINE


def _line(sign: str, text: str, place: tuple[float, float, int], theme: Theme) -> Iterator[Mark]:
    x, y, lead = place
    middle = y + LINE / 2
    if sign == "hatch":
        box = (round(x) + 0.5, round(middle) - 4.5, 9, 9)
        stroke = Stroke(theme.border_strong)
        yield Rect(*box, theme.stage, stroke, 0.0, Hatch.PADDING, theme.border_strong)
    color = theme.breakpoint if sign == "red" else theme.text_secondary
    yield Text(x + lead, centered_baseline(middle, styles.LABEL), text, styles.LABEL, color)
