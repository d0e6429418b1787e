"""The plane of one chart of a run: its reach, its grid, its marks, and the names at its right.

The window draws the curves between `under_marks` and `over_marks` itself; the figure that is
exported draws all three, so that both look alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.figures.analysis.chart import (
    Axis,
    Chart,
    Label,
    chart_in,
    grid_marks,
    labels_beside,
)
from backpropviz.figures.training.curves import RATIO_GUIDE, ChartKind, CurveMark, Series
from backpropviz.figures.training.decimated import decimated, rows_in
from backpropviz.figures.training.smoothing import Smoothing, smoothed
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import text_width
from backpropviz.scene.marks import Box, Line, Mark, Rect, Stroke, Text
from backpropviz.scene.theme import Theme

LEFT: Final = 48
TOP: Final = 8
BELOW: Final = 24
"""Pixels beside the plane for the numbers of its axes."""
RAW_OPACITY: Final = "40"
NAME_GAP: Final = 8
_MOST_NAMES: Final = 0.32
"""Share of the width that the names may take."""
_SAMPLE: Final = 512
_PER_POINTS: Final = 2
"""Pixels of a column of a long curve, which has two points."""
_LOWEST: Final = 1e-12
"""Of the largest value: what lies further down a logarithmic scale is not shown."""
_OUTLIERS: Final = 2.0
"""Percent of raw values, at each end, that may leave the plane."""


@frozen(eq=False)
class Drawn:
    """A series and the line through it: its average, or its own values."""

    series: Series
    line: Array

    @property
    def is_averaged(self) -> bool:
        """Whether the line is something else than the values."""
        return self.series.is_smoothed and self.line is not self.series.values

    @property
    def has_raw(self) -> bool:
        """Whether the values lie pale behind the line."""
        return self.series.has_raw and self.is_averaged


def drawn_of(series: Sequence[Series], smoothing: Smoothing) -> tuple[Drawn, ...]:
    """All series with their lines."""
    return tuple(
        Drawn(one, smoothed(one.values, smoothing) if one.is_smoothed else one.values)
        for one in series
    )


def whole_reach(drawn: Sequence[Drawn]) -> tuple[float, float]:
    """From the first to the last update that any curve has."""
    kept = [one.series.iterations for one in drawn if len(one.series.iterations)]
    low = min((float(x[0]) for x in kept), default=0.0)
    high = max((float(x[-1]) for x in kept), default=1.0)
    low = 0.0 if low <= 1 else low
    return low, max(high, low + 1.0)


def heights(
    kind: ChartKind, drawn: Sequence[Drawn], reach: tuple[float, float], *, is_log: bool
) -> tuple[float, float]:
    """The values that the plane shows: all of the lines, and nearly all raw ones."""
    if kind.is_share and not is_log:
        return 0.0, 1.0
    found = [_seen(one, reach, is_log=is_log) for one in drawn]
    values = np.concatenate(found) if found else np.zeros(0)
    if not values.size:
        return (1e-4, 1.0) if is_log else (0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if is_log:
        if kind is ChartKind.RATIO:
            low, high = min(low, RATIO_GUIDE / 2), max(high, RATIO_GUIDE * 2)
        # An average decays for ever where a gradient has become 0: that is no news.
        return _decades(max(low, high * _LOWEST), high)
    if 0 < low < high / 2:
        low = 0.0
    margin = max((high - low) * 0.06, abs(high) * 1e-3, 1e-12)
    return (low if low == 0 else low - margin), high + margin


def _seen(one: Drawn, reach: tuple[float, float], *, is_log: bool) -> Array:
    """The values of a curve inside the reach that the plane must hold."""
    line = _usable(decimated(one.series.iterations, one.line, reach, _SAMPLE)[1], is_log=is_log)
    if not line.size:
        return line
    ends = [line.min(), line.max()]
    if one.has_raw:
        # A sample tells where nearly all values lie as well as all of them do.
        first, last = rows_in(one.series.iterations, reach)
        stride = max(1, (last - first) // _SAMPLE)
        raw = _usable(one.series.values[first:last:stride], is_log=is_log)
        ends += np.percentile(raw, [_OUTLIERS, 100 - _OUTLIERS]).tolist() if raw.size else []
    return np.array(ends)


def _usable(values: Array, *, is_log: bool) -> Array:
    found: Array = values[np.isfinite(values)]
    return found[found > 0] if is_log else found


def _decades(low: float, high: float) -> tuple[float, float]:
    bottom, top = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    if top - bottom < 2:
        bottom, top = bottom - 1, max(top, bottom + 1)
    return 10.0**bottom, 10.0**top


def names_width(drawn: Sequence[Drawn], width: float) -> float:
    """Pixels right of the plane that the names of the curves take."""
    font = styles.LABEL_MEDIUM
    widest = max((text_width(one.series.name, font) for one in drawn), default=0.0)
    return math.ceil(min(widest + 2 * NAME_GAP, width * _MOST_NAMES)) if widest else NAME_GAP


def plane_of(
    kind: ChartKind,
    box: Box,
    reach: tuple[float, float],
    levels: tuple[float, float],
    *,
    is_log: bool,
) -> Chart:
    """The plane in a box, with ticks for its size."""
    x = Axis(*reach, is_whole=True)
    return chart_in(box, x, Axis(*levels, is_log, is_share=kind.is_share and not is_log))


def under_marks(
    plane: Chart, kind: ChartKind, marks: Sequence[CurveMark], theme: Theme
) -> Iterator[Mark]:
    """What lies behind the curves: tinted spans, the grid, changes and alerts, the guide."""
    box = plane.box
    for mark in marks:
        if mark.until is not None:
            left = max(box.x, plane.x_at(mark.iteration))
            right = min(box.right, plane.x_at(mark.until))
            if right > left:
                yield Rect(left, box.y, right - left, box.height, fill=theme.here_tint)
    yield from grid_marks(plane, theme)
    for mark in marks:
        x = round(plane.x_at(mark.iteration)) + 0.5
        if box.x <= x <= box.right:
            color = theme.breakpoint if mark.is_alert else theme.here
            yield Line(x, box.y, x, box.bottom, Stroke(color, 1.0, (3.0, 3.0)))
    if kind is ChartKind.RATIO and plane.y.low < RATIO_GUIDE < plane.y.high:
        yield from _guide(plane, theme)


def _guide(plane: Chart, theme: Theme) -> Iterator[Mark]:
    box, y = plane.box, round(plane.y_at(RATIO_GUIDE)) + 0.5
    yield Line(box.x, y, box.right, y, Stroke(theme.text_secondary, 1.0, (5.0, 4.0)))
    font = styles.LABEL
    is_below = y + 18 <= box.bottom
    baseline = y + 13 if is_below else y - 5
    if text_width("guide 1e\u22123", font) + 8 <= box.width:
        yield Text(box.x + 4, baseline, "guide 1e\u22123", font, theme.text_tertiary)


def over_marks(plane: Chart, drawn: Sequence[Drawn], width: float, theme: Theme) -> Iterator[Mark]:
    """The names of the curves, each at the height of its line's end, as far as they have room."""
    box = plane.box
    most = max(1, int((box.height + 12) // (styles.LABEL_MEDIUM.size + 5)))
    labels = [
        Label(one.series.name, _end(plane, one), one.series.color, key=f"curve:{one.series.key}")
        for one in drawn
    ]
    if len(labels) > most:
        rest = len(labels) - most + 1
        labels = [*labels[: most - 1], Label(f"+ {rest} more", box.bottom, theme.text_tertiary)]
    room = (box.y - 6, box.bottom + 6)
    yield from labels_beside(labels, box.right + NAME_GAP, width - NAME_GAP, room)


def _end(plane: Chart, one: Drawn) -> float:
    """Where a line stands at its last value that is shown."""
    x = one.series.iterations
    last = rows_in(x, (plane.x.low, plane.x.high))[1]
    seen = one.line[max(0, last - 64) : last]
    finite = seen[np.isfinite(seen)]
    if not finite.size or (plane.y.is_log and finite[-1] <= 0):
        return plane.box.bottom
    return min(max(plane.y_at(float(finite[-1])), plane.box.y), plane.box.bottom)


def points_of(
    one: Drawn, values: Array, plane_width: float, reach: tuple[float, float], *, is_log: bool
) -> tuple[Array, Array]:
    """Updates and heights to draw: decimated; on a logarithmic scale NaN where not positive."""
    x, y = decimated(one.series.iterations, values, reach, max(16, int(plane_width) // _PER_POINTS))
    if is_log:
        y = np.where(y > 0, y, np.nan)
    return x, y
