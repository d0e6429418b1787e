"""The crosshair of a chart: a line at an update, and what every curve has there in numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from backpropviz.figures.analysis.chart import Chart
from backpropviz.figures.training.curve_plane import Drawn
from backpropviz.figures.training.curves import ChartKind, CurveMark
from backpropviz.figures.training.short_text import percent, short
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Anchor, Color, Ellipse, Font, Line, Mark, Rect, Stroke, Text
from backpropviz.scene.theme import Theme

_ROW: Final = 17
_PADDING: Final = 8
_GAP: Final = 12
_LARGEST_WIDTH: Final = 240.0
_NEAR_PX: Final = 4.0


@frozen
class Reading:
    """A curve's value at the update nearest to the crosshair; `smoothed` is '' where it is it."""

    name: str
    color: Color
    value: str
    smoothed: str


def reading_at(drawn: Sequence[Drawn], iteration: float, kind: ChartKind) -> tuple[Reading, ...]:
    """What each curve has at an update; one that has not begun, or has ended, is left out."""
    found = []
    for one in drawn:
        place = nearest(one, iteration)
        if place is not None:
            value = float(one.series.values[place])
            line = float(one.line[place])
            smoothed = _text(line, kind) if one.is_averaged else ""
            found.append(Reading(one.series.name, one.series.color, _text(value, kind), smoothed))
    return tuple(found)


def nearest(one: Drawn, iteration: float) -> int | None:
    """The row nearest to an update; None beyond the ends by more than the rows are apart."""
    x = one.series.iterations
    if not len(x):
        return None
    right = min(int(np.searchsorted(x, math.ceil(iteration))), len(x) - 1)
    left = max(0, right - 1)
    place = left if abs(x[left] - iteration) <= abs(x[right] - iteration) else right
    spacing = (x[-1] - x[0]) / max(1, len(x) - 1)
    return place if abs(float(x[place]) - iteration) <= max(1.0, float(spacing)) else None


def _text(value: float, kind: ChartKind) -> str:
    return percent(value) if kind.is_share and math.isfinite(value) else short(value)


def crosshair_marks(plane: Chart, iteration: float, theme: Theme) -> Iterator[Mark]:
    """A line at an update that is shown."""
    x = plane.x_at(iteration)
    if plane.box.x <= x <= plane.box.right:
        middle = round(x) + 0.5
        stroke = Stroke(theme.text_secondary, 1.0)
        yield Line(middle, plane.box.y, middle, plane.box.bottom, stroke)


def readout_marks(
    plane: Chart,
    iteration: float,
    readings: Sequence[Reading],
    marks: Sequence[CurveMark],
    theme: Theme,
) -> Iterator[Mark]:
    """A card beside the crosshair, on the side that has room."""
    title = f"update {round(iteration):,}"
    notes = [m.words for m in marks if _is_near(plane, m, iteration)]
    width = _width(title, readings, notes)
    height = 2 * _PADDING + _ROW * (1 + len(readings) + len(notes))
    at = plane.x_at(iteration)
    x = at + _GAP if at + _GAP + width <= plane.box.right + 60 else at - _GAP - width
    x, y = round(max(2.0, x)), round(plane.box.y + 2)
    fill, stroke = theme.panel, Stroke(theme.border_strong)
    yield Rect(x + 0.5, y + 0.5, width - 1, height - 1, fill=fill, stroke=stroke, radius=6.0)
    inner = width - 2 * _PADDING
    y += _PADDING
    yield _line(title, styles.PANEL_TITLE, x + _PADDING, y, inner, theme.text)
    for reading in readings:
        y += _ROW
        yield from _row(reading, x + _PADDING, y, inner, theme)
    for note in notes:
        y += _ROW
        yield _line(note, styles.LABEL, x + _PADDING, y, inner, theme.here)


def _is_near(plane: Chart, mark: CurveMark, iteration: float) -> bool:
    if mark.until is not None and mark.iteration <= iteration <= mark.until:
        return True
    return abs(plane.x_at(mark.iteration) - plane.x_at(iteration)) <= _NEAR_PX


def _width(title: str, readings: Sequence[Reading], notes: Sequence[str]) -> int:
    widest = text_width(title, styles.PANEL_TITLE)
    for reading in readings:
        numbers = text_width(reading.value + reading.smoothed, styles.INDEX) + 12
        widest = max(widest, 14 + text_width(reading.name, styles.LABEL) + 12 + numbers)
    widest = max([widest, *(text_width(note, styles.LABEL) for note in notes)])
    return math.ceil(min(_LARGEST_WIDTH, widest) + 2 * _PADDING)


def _line(text: str, font: Font, x: float, y: float, width: float, color: Color) -> Text:
    return Text(x, centered_baseline(y + _ROW / 2, font), elide(text, font, width), font, color)


def _row(reading: Reading, x: float, y: float, width: float, theme: Theme) -> Iterator[Mark]:
    """Dot, name, the update's own value, and at the right the line's."""
    middle = y + _ROW / 2
    yield Ellipse(x + 4, middle, 4, 4, fill=reading.color)
    baseline = centered_baseline(middle, styles.INDEX)
    right = x + width
    if reading.smoothed:
        yield Text(
            *(right, baseline, reading.smoothed, styles.INDEX, theme.text_tertiary, Anchor.END)
        )
        right -= text_width(reading.smoothed, styles.INDEX) + 12
    yield Text(right, baseline, reading.value, styles.INDEX, theme.text, Anchor.END)
    right -= text_width(reading.value, styles.INDEX) + 8
    yield _line(reading.name, styles.LABEL, x + 14, y, right - x - 14, theme.text_secondary)


def spoken(readings: Sequence[Reading], iteration: float) -> str:
    """The readout as a sentence, for those who hear it."""
    parts = ", ".join(f"{reading.name} {reading.value}" for reading in readings)
    return f"Update {round(iteration):,}: {parts}." if parts else f"Update {round(iteration):,}."
