"""The curves of one or several runs as a picture for export, as the window shows them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final

import numpy as np

from backpropviz.engine.value import Array
from backpropviz.figures.analysis.chart import (
    CURVE_WIDTH,
    Chart,
    ChartAxis,
    Label,
    chart_in,
    curve_marks,
    dots,
    grid_marks,
    labels_beside,
)
from backpropviz.figures.training.curves import (
    FOUR_CHARTS,
    RATIO_GUIDE,
    ChartKind,
    CurveMark,
    Reach,
    RunCurves,
    Series,
    Smoothed,
    Smoothing,
    decimated,
    rows_in,
    series_of,
    smoothed,
)
from backpropviz.figures.training.numbers import foot_marks, percent, short
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Color,
    Ellipse,
    Font,
    Group,
    Line,
    Mark,
    Rect,
    Scene,
    Stroke,
    Text,
)
from backpropviz.scene.text import centered_baseline, elide, text_width
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
    kind: ChartKind, drawn: Sequence[Drawn], reach: Reach, *, is_log: bool
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


def _seen(one: Drawn, reach: Reach, *, is_log: bool) -> Array:
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
    kind: ChartKind, box: Box, reach: Reach, levels: tuple[float, float], *, is_log: bool
) -> Chart:
    """The plane in a box, with ticks for its size."""
    x = ChartAxis(*reach, is_whole=True)
    return chart_in(box, x, ChartAxis(*levels, is_log, is_share=kind.is_share and not is_log))


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
    one: Drawn, values: Array, plane_width: float, reach: Reach, *, is_log: bool
) -> tuple[Array, Array]:
    """Updates and heights to draw: decimated; on a logarithmic scale NaN where not positive."""
    x, y = decimated(one.series.iterations, values, reach, max(16, int(plane_width) // _PER_POINTS))
    if is_log:
        y = np.where(y > 0, y, np.nan)
    return x, y


HEAD: Final = 36
_PADDING: Final = 16
_GAP: Final = 16
DOT_RADIUS: Final = 2.5


@frozen
class CurveOptions:
    """How curves are shown; `reach` are the first and the last update, None for all."""

    smoothing: Smoothing = field(default_factory=Smoothing)
    reach: Reach | None = None
    scales: Mapping[ChartKind, bool] = field(default_factory=dict)

    def is_log(self, kind: ChartKind) -> bool:
        return self.scales.get(kind, kind.begins_log)


def curve_page(
    runs: Sequence[RunCurves],
    options: CurveOptions,
    width: float,
    theme: Theme,
    kinds: Sequence[ChartKind] = FOUR_CHARTS,
) -> Scene:
    """Charts as cards, two beside each other where the width allows."""
    across = 2 if width >= 720 and len(kinds) > 1 else 1
    card_width = (width - _GAP * (across - 1)) / across
    card_height = max(200.0, min(320.0, card_width * 0.42))
    marks: list[Mark] = []
    for number, kind in enumerate(kinds):
        row, column = divmod(number, across)
        card = curve_card(runs, kind, options, (card_width, card_height), theme)
        x, y = column * (card_width + _GAP), row * (card_height + _GAP)
        marks.append(Group(card.marks, round(x), round(y)))
    rows = -(-len(kinds) // across)
    height = rows * (card_height + _GAP) - _GAP
    told = [("", f"Update {mark.iteration:,}: {mark.words}.") for mark in marks_of(runs)]
    if told:
        foot, height = foot_marks(told, width, height + 8, theme)
        marks.extend(foot)
    return Scene(width, height, theme.stage, tuple(marks), "curves")


def curve_card(
    runs: Sequence[RunCurves],
    kind: ChartKind,
    options: CurveOptions,
    size: tuple[float, float],
    theme: Theme,
) -> Scene:
    """One chart with its title, what is smoothed, and the names at the lines' ends."""
    width, height = size
    drawn = drawn_of(series_of(runs, kind, theme), options.smoothing)
    card = Rect(
        *(0.5, 0.5, width - 1, height - 1),
        fill=theme.panel,
        stroke=Stroke(theme.border),
        radius=8.0,
    )
    inner = width - 2 * _PADDING
    title = title_marks(kind, subtitle(kind, drawn, options), inner, theme)
    body = Box(_PADDING, HEAD, inner, height - HEAD - 8)
    marks = (card, *title, *_chart_marks(runs, kind, drawn, options, body, theme))
    return Scene(width, height, theme.stage, marks, f"curves {kind.value}")


def subtitle(kind: ChartKind, drawn: Sequence[Drawn], options: CurveOptions) -> str:
    """`per layer, log scale, smoothed over 10`."""
    parts = [kind.told]
    if options.is_log(kind):
        parts.append("log scale")
    if any(one.series.is_smoothed for one in drawn):
        parts.append(options.smoothing.words)
    return ", ".join(parts)


def title_marks(kind: ChartKind, told: str, width: float, theme: Theme) -> Iterator[Mark]:
    """The chart's heading."""
    font, quiet = styles.BODY_STRONG, styles.ROW
    baseline = centered_baseline(18, font)
    yield Text(_PADDING, baseline, kind.title, font, theme.text)
    left = text_width(kind.title, font) + 10
    text = elide(told, quiet, width - left)
    if text:
        yield Text(_PADDING + left, baseline, text, quiet, theme.text_secondary)


def _chart_marks(
    runs: Sequence[RunCurves],
    kind: ChartKind,
    drawn: Sequence[Drawn],
    options: CurveOptions,
    body: Box,
    theme: Theme,
) -> Iterator[Mark]:
    if not drawn:
        text = elide(kind.promise, styles.ROW, body.width)
        baseline = centered_baseline(body.y + body.height / 2, styles.ROW)
        left = body.x + (body.width - text_width(text, styles.ROW)) / 2
        yield Text(left, baseline, text, styles.ROW, theme.text_tertiary)
        return
    is_log = options.is_log(kind)
    reach = options.reach or whole_reach(drawn)
    beside = names_width(drawn, body.width)
    box = plane_box(body, beside)
    plane = plane_of(kind, box, reach, heights(kind, drawn, reach, is_log=is_log), is_log=is_log)
    yield from under_marks(plane, kind, marks_of(runs), theme)
    yield from _curves(plane, drawn, reach, theme)
    yield from over_marks(plane, drawn, beside, theme)


def plane_box(body: Box, beside: float) -> Box:
    """What the numbers and the names leave of a chart's body, in whole pixels."""
    return Box(
        round(body.x + LEFT),
        round(body.y + TOP),
        max(8, round(body.width - LEFT - beside)),
        max(8, round(body.height - TOP - BELOW)),
    )


def marks_of(runs: Sequence[RunCurves]) -> tuple[CurveMark, ...]:
    """The changes and alerts of the first run: those of several would not be told apart."""
    return runs[0].marks if runs else ()


def _curves(plane: Chart, drawn: Sequence[Drawn], reach: Reach, theme: Theme) -> Iterator[Mark]:
    width, is_log = plane.box.width, plane.y.is_log
    for one in drawn:
        if one.has_raw:
            x, y = points_of(one, one.series.values, width, reach, is_log=is_log)
            pale = Stroke(one.series.color + RAW_OPACITY, 1.0)
            yield from curve_marks(plane, list(zip(x.tolist(), y.tolist(), strict=True)), pale)
    for one in drawn:
        x, y = points_of(one, one.line, width, reach, is_log=is_log)
        points = list(zip(x.tolist(), y.tolist(), strict=True))
        stroke = Stroke(one.series.color, CURVE_WIDTH, one.series.dash)
        yield from curve_marks(plane, points, stroke)
        if one.series.has_dots:
            yield from dots(plane, points, DOT_RADIUS + 1.0, one.series.color)
            yield from dots(plane, points, DOT_RADIUS - 0.5, theme.panel)


_ROW: Final = 17
_READOUT_PADDING: Final = 8
_READOUT_GAP: Final = 12


@frozen
class CurveReading:
    """A curve's value at the update nearest to the crosshair; `smoothed` is '' where it is it."""

    name: str
    color: Color
    value: str
    smoothed: str


def reading_at(
    drawn: Sequence[Drawn], iteration: float, kind: ChartKind
) -> tuple[CurveReading, ...]:
    """What each curve has at an update; one that has not begun, or has ended, is left out."""
    found = []
    for one in drawn:
        place = nearest(one, iteration)
        if place is not None:
            value = float(one.series.values[place])
            line = float(one.line[place])
            smoothed = _text(line, kind) if one.is_averaged else ""
            found.append(
                CurveReading(one.series.name, one.series.color, _text(value, kind), smoothed)
            )
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
    readings: Sequence[CurveReading],
    marks: Sequence[CurveMark],
    theme: Theme,
) -> Iterator[Mark]:
    """A card beside the crosshair, on the side that has room."""
    title = f"update {round(iteration):,}"
    notes = [m.words for m in marks if _is_near(plane, m, iteration)]
    widest = text_width(title, styles.PANEL_TITLE)
    for reading in readings:
        numbers = text_width(reading.value + reading.smoothed, styles.INDEX) + 12
        widest = max(widest, 14 + text_width(reading.name, styles.LABEL) + 12 + numbers)
    widest = max([widest, *(text_width(note, styles.LABEL) for note in notes)])
    width = math.ceil(min(240.0, widest) + 2 * _READOUT_PADDING)
    height = 2 * _READOUT_PADDING + _ROW * (1 + len(readings) + len(notes))
    at = plane.x_at(iteration)
    x = (
        at + _READOUT_GAP
        if at + _READOUT_GAP + width <= plane.box.right + 60
        else at - _READOUT_GAP - width
    )
    x, y = round(max(2.0, x)), round(plane.box.y + 2)
    fill, stroke = theme.panel, Stroke(theme.border_strong)
    yield Rect(x + 0.5, y + 0.5, width - 1, height - 1, fill=fill, stroke=stroke, radius=6.0)
    inner = width - 2 * _READOUT_PADDING
    y += _READOUT_PADDING
    yield _line(title, styles.PANEL_TITLE, x + _READOUT_PADDING, y, inner, theme.text)
    for reading in readings:
        y += _ROW
        yield from _row(reading, x + _READOUT_PADDING, y, inner, theme)
    for note in notes:
        y += _ROW
        yield _line(note, styles.LABEL, x + _READOUT_PADDING, y, inner, theme.here)


def _is_near(plane: Chart, mark: CurveMark, iteration: float) -> bool:
    if mark.until is not None and mark.iteration <= iteration <= mark.until:
        return True
    return abs(plane.x_at(mark.iteration) - plane.x_at(iteration)) <= 4.0


def _line(text: str, font: Font, x: float, y: float, width: float, color: Color) -> Text:
    return Text(x, centered_baseline(y + _ROW / 2, font), elide(text, font, width), font, color)


def _row(reading: CurveReading, x: float, y: float, width: float, theme: Theme) -> Iterator[Mark]:
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


def spoken(readings: Sequence[CurveReading], iteration: float) -> str:
    """The readout as a sentence, for those who hear it."""
    parts = ", ".join(f"{reading.name} {reading.value}" for reading in readings)
    return f"Update {round(iteration):,}: {parts}." if parts else f"Update {round(iteration):,}."


class CurveCache:
    """Keeps the last line of every curve of every chart."""

    def __init__(self) -> None:
        self._kept: dict[tuple[ChartKind, str], tuple[Series, Smoothed]] = {}

    def drawn(
        self, kind: ChartKind, series: Sequence[Series], smoothing: Smoothing
    ) -> tuple[Drawn, ...]:
        return tuple(self._one(kind, one, smoothing) for one in series)

    def _one(self, kind: ChartKind, series: Series, smoothing: Smoothing) -> Drawn:
        if not series.is_smoothed or smoothing.is_none:
            return Drawn(series, series.values)
        key = kind, series.key
        kept = self._kept.get(key)
        before = Smoothed(smoothing)
        if kept is not None and kept[1].smoothing == smoothing and _grew(kept[0], series):
            before = kept[1]
        found = before.extended(series.values)
        self._kept[key] = series, found
        return Drawn(series, found.values)


def _grew(before: Series, now: Series) -> bool:
    """Whether a curve goes on from what it was: same beginning, same last known row."""
    count = len(before.iterations)
    if not count or count > len(now.iterations):
        return False
    places = (0, count - 1)
    return all(
        before.iterations[k] == now.iterations[k]
        and (before.values[k] == now.values[k] or before.values[k] != before.values[k])
        for k in places
    )
