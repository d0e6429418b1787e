"""A small chart: two axes with round ticks, a grid, curves cut at its edge, labels kept apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Final, TypeAlias

from backpropviz.figures.numbers import round_spacing, round_values
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Color,
    Ellipse,
    Font,
    Line,
    Mark,
    Path,
    Rect,
    Stroke,
    Text,
)
from backpropviz.scene.text import MINUS, centered_baseline, elide, text_width, with_sign
from backpropviz.scene.theme import Theme

CURVE_WIDTH: Final = 1.75
TICK_FONT: Final = styles.INDEX
_TICK_GAP, _LABEL_HEIGHT = 8.0, 22.0
_LEAST_ACROSS, _LEAST_DOWN = 12.0, 28.0
"""Free pixels between two numbers of the lower axis; pixels from number to number at the left."""
_MOST_TICKS: Final = 9
_SMALLEST_FIXED, _LARGEST_FIXED = -4, 6
"""Powers of ten between which numbers are written out."""
Point: TypeAlias = tuple[float, float]
Tick: TypeAlias = tuple[float, str]


@frozen
class ChartAxis:
    """Values from `low` to `high`, on a linear or a logarithmic scale, and those with a number.

    Where `is_share`, numbers are written as percent; where `is_whole`, only whole ones are.
    """

    low: float
    high: float
    is_log: bool = False
    ticks: tuple[Tick, ...] = ()
    is_share: bool = False
    is_whole: bool = False

    def share(self, value: float) -> float:
        """Where a value lies: 0 at `low`, 1 at `high`."""
        if self.is_log:
            value = math.log10(value) if value > 0 else -math.inf
            low, high = math.log10(self.low), math.log10(self.high)
            return (value - low) / (high - low)
        return (value - self.low) / (self.high - self.low)

    def value(self, share: float) -> float:
        """The value at a place; the inverse of `share`."""
        if self.is_log:
            low, high = math.log10(self.low), math.log10(self.high)
            return float(10.0 ** (low + share * (high - low)))
        return self.low + share * (self.high - self.low)


@frozen
class Chart:
    """A plane of values in a box of pixels."""

    box: Box
    x: ChartAxis
    y: ChartAxis

    def x_at(self, value: float) -> float:
        return self.box.x + self.box.width * self.x.share(value)

    def y_at(self, value: float) -> float:
        return self.box.bottom - self.box.height * self.y.share(value)

    def value_at(self, x: float) -> float:
        return self.x.value((x - self.box.x) / self.box.width)

    def at(self, point: Point) -> Point:
        return self.x_at(point[0]), self.y_at(point[1])


@frozen
class Label:
    """A word beside a height, such as a curve's name at its end."""

    text: str
    y: float
    color: Color
    font: Font = styles.LABEL_MEDIUM
    key: str = ""


def chart(
    outer: Box, x: ChartAxis, y: ChartAxis, *, signed: tuple[bool, bool] = (False, False)
) -> Chart:
    """Axes with as many ticks as have room, and the plane that their numbers leave of a box.

    `signed` asks for a plus before positive numbers, of the lower and of the left axis.
    """
    top = outer.y + TICK_FONT.size / 2
    height = outer.bottom - _LABEL_HEIGHT - top
    y = replace(y, ticks=_ticks_down(y, height, signed=signed[1]))
    widest = max((text_width(text, TICK_FONT) for _, text in y.ticks), default=0.0)
    left = math.ceil(outer.x + widest + _TICK_GAP)
    width = outer.right - left
    x = replace(x, ticks=_ticks_across(x, width, signed=signed[0]))
    return Chart(Box(left, top, width, height), x, y)


def chart_in(box: Box, x: ChartAxis, y: ChartAxis) -> Chart:
    """A plane that fills a box, its ticks chosen by its size; their numbers stand outside."""
    x = replace(x, ticks=_ticks_across(x, box.width, signed=False))
    return Chart(box, x, replace(y, ticks=_ticks_down(y, box.height, signed=False)))


def padded(values: Iterable[float], share: float, least: float) -> tuple[float, float]:
    """The range of the finite values, wider by a share at both ends, and at least so wide."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    margin = max((high - low) * share, (least - (high - low)) / 2)
    return low - margin, high + margin


def grid_marks(plane: Chart, theme: Theme) -> Iterator[Mark]:
    """Level lines with their numbers at the left, and the numbers of the lower axis."""
    box, ink = plane.box, theme.text_tertiary
    for value, text in plane.y.ticks:
        y = plane.y_at(value)
        yield Line(box.x, round(y) + 0.5, box.right, round(y) + 0.5, Stroke(theme.border))
        baseline = centered_baseline(round(y), TICK_FONT)
        yield Text(box.x - _TICK_GAP, baseline, text, TICK_FONT, ink, Anchor.END)
    baseline = centered_baseline(box.bottom + _LABEL_HEIGHT / 2 + 2, TICK_FONT)
    for value, text in plane.x.ticks:
        x = round(plane.x_at(value))
        yield Line(x + 0.5, box.bottom, x + 0.5, box.bottom + 4, Stroke(theme.border_strong))
        middle = min(x, box.right - text_width(text, TICK_FONT) / 2)
        yield Text(middle, baseline, text, TICK_FONT, ink, Anchor.MIDDLE)
    edge = Stroke(theme.border_strong)
    yield Line(box.x, round(box.bottom) + 0.5, box.right, round(box.bottom) + 0.5, edge)


def curve_marks(plane: Chart, points: Sequence[Point], stroke: Stroke) -> Iterator[Mark]:
    """A line through the points, broken where a value is none and cut at the plane's edge."""
    for run in _runs(plane, points):
        yield Path(tuple(run), stroke)


def dots(plane: Chart, points: Iterable[Point], radius: float, fill: Color) -> Iterator[Mark]:
    """A dot at each point that lies in the plane."""
    room = plane.box.inset(-0.5)
    for x, y in map(plane.at, points):
        if math.isfinite(x) and math.isfinite(y) and room.contains(x, y):
            yield Ellipse(x, y, radius, radius, fill=fill)


def level_band(plane: Chart, low: float, high: float, fill: Color) -> Mark:
    """The part of the plane between two values of the left axis."""
    box = plane.box
    top = max(box.y, plane.y_at(high))
    bottom = min(box.bottom, plane.y_at(low))
    return Rect(box.x, top, box.width, max(0.0, bottom - top), fill=fill)


def labels_beside(
    labels: Sequence[Label], x: float, width: float, room: tuple[float, float]
) -> Iterator[Mark]:
    """Words at an x, each as near to its height as those above and below leave room for.

    `room` is the top and the bottom between which they stand.
    """
    order = sorted(range(len(labels)), key=lambda k: labels[k].y)
    heights = [labels[k].font.size + 5 for k in order]
    middles = spread([labels[k].y for k in order], heights, room)
    for k, middle in zip(order, middles, strict=True):
        label = labels[k]
        text = elide(label.text, label.font, width)
        if text:
            baseline = centered_baseline(middle, label.font)
            yield Text(x, baseline, text, label.font, label.color, key=label.key)


def spread(
    middles: Sequence[float], heights: Sequence[float], room: tuple[float, float]
) -> list[float]:
    """Ascending places moved apart so that boxes of these heights do not meet, inside the room."""
    found: list[float] = []
    edge = room[0]
    for middle, height in zip(middles, heights, strict=True):
        found.append(max(middle, edge + height / 2))
        edge = found[-1] + height / 2
    edge = room[1]
    for k in range(len(found) - 1, -1, -1):
        found[k] = min(found[k], edge - heights[k] / 2)
        edge = found[k] - heights[k] / 2
    return found


def power_text(exponent: int) -> str:
    """`1e−5`."""
    return f"1e{exponent}".replace("-", MINUS)


def _ticks_across(axis: ChartAxis, width: float, *, signed: bool) -> tuple[Tick, ...]:
    for most in range(_MOST_TICKS, 0, -1):
        ticks = _ticks(axis, most, signed=signed)
        widest = max((text_width(text, TICK_FONT) for _, text in ticks), default=0.0)
        edge = width - widest / 2
        places = [min(axis.share(value) * width, edge) for value, _ in ticks]
        if all(b - a >= widest + _LEAST_ACROSS for a, b in pairwise(places)):
            return ticks
    return ()


def _ticks_down(axis: ChartAxis, height: float, *, signed: bool) -> tuple[Tick, ...]:
    for most in range(_MOST_TICKS, 0, -1):
        ticks = _ticks(axis, most, signed=signed)
        places = [axis.share(value) * height for value, _ in ticks]
        if all(b - a >= _LEAST_DOWN for a, b in pairwise(places)):
            return ticks
    return ()


def _ticks(axis: ChartAxis, most: int, *, signed: bool) -> tuple[Tick, ...]:
    """At most so many intervals between round values."""
    if axis.is_log:
        low = math.ceil(math.log10(axis.low) - 1e-9)
        high = math.floor(math.log10(axis.high) + 1e-9)
        step = max(1, -(-(high - low) // most))
        first = -(-low // step) * step
        return tuple((10.0**k, power_text(k)) for k in range(first, high + 1, step))
    if axis.is_share:
        hundredfold = ChartAxis(100 * axis.low, 100 * axis.high)
        return tuple(
            (value / 100, f"{text} %") for value, text in _ticks(hundredfold, most, signed=signed)
        )
    spacing = round_spacing((axis.high - axis.low) / most)
    if axis.is_whole:
        spacing = max(1.0, spacing)
    values = round_values(axis.low, axis.high, spacing)
    power = math.floor(math.log10(spacing) + 1e-9)
    return tuple(zip(values, _texts(values, power, signed=signed), strict=True))


def _texts(values: Sequence[float], power: int, *, signed: bool) -> list[str]:
    """Numbers that differ in the digit of a power of ten, with no digit after it.

    The very large and small share a power of ten: `+0.5e−9`.
    """
    largest = max(map(abs, values), default=0.0)
    top = math.floor(math.log10(largest)) if largest else 0
    if power >= _SMALLEST_FIXED and top < _LARGEST_FIXED:
        return [_number(value, max(0, -power), "", signed=signed) for value in values]
    mantissas = (float(Decimal(repr(value)).scaleb(-top)) for value in values)
    return [_number(m, max(0, top - power), f"e{top}", signed=signed) for m in mantissas]


def _number(value: float, decimals: int, ending: str, *, signed: bool) -> str:
    return "0" if value == 0 else with_sign(f"{value:.{decimals}f}{ending}", signed=signed)


def _runs(plane: Chart, points: Sequence[Point]) -> Iterator[list[Point]]:
    """The connected parts of a line that lie in the plane."""
    run: list[Point] = []
    for a, b in pairwise(map(plane.at, points)):
        part = _cut(a, b, plane.box)
        if part is None:
            continue
        if run and run[-1] != part[0]:
            yield run
            run = []
        run = run or [part[0]]
        run.append(part[1])
    if run:
        yield run


def _cut(a: Point, b: Point, box: Box) -> tuple[Point, Point] | None:
    """The part of a segment inside a box (Liang and Barsky); None where there is none."""
    if not all(map(math.isfinite, (*a, *b))):
        return None
    first, last = 0.0, 1.0
    dx, dy = b[0] - a[0], b[1] - a[1]
    sides = (
        (-dx, a[0] - box.x),
        (dx, box.right - a[0]),
        (-dy, a[1] - box.y),
        (dy, box.bottom - a[1]),
    )
    for toward, distance in sides:
        if toward == 0:
            if distance < 0:
                return None
            continue
        share = distance / toward
        first, last = (max(first, share), last) if toward < 0 else (first, min(last, share))
    if first > last:
        return None
    start = a if first == 0 else (a[0] + first * dx, a[1] + first * dy)
    end = b if last == 1 else (a[0] + last * dx, a[1] + last * dy)
    return start, end
