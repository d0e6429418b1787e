"""The curves of one or several runs as a picture for export, as the window shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final

from backpropviz.figures.analysis.chart import CURVE_WIDTH, Chart, curve_marks, dots
from backpropviz.figures.training.curve_plane import (
    BELOW,
    LEFT,
    RAW_OPACITY,
    TOP,
    Drawn,
    drawn_of,
    heights,
    names_width,
    over_marks,
    plane_of,
    points_of,
    under_marks,
    whole_reach,
)
from backpropviz.figures.training.curves import (
    FOUR_CHARTS,
    ChartKind,
    CurveMark,
    RunCurves,
    series_of,
)
from backpropviz.figures.training.foot import foot_marks
from backpropviz.figures.training.smoothing import Smoothing
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Box, Group, Mark, Rect, Scene, Stroke, Text
from backpropviz.scene.theme import Theme

HEAD: Final = 36
_PADDING: Final = 16
_GAP: Final = 16
_TWO_COLUMNS: Final = 720
DOT_RADIUS: Final = 2.5


@frozen
class CurveOptions:
    """How curves are shown; `reach` are the first and the last update, None for all."""

    smoothing: Smoothing = field(default_factory=Smoothing)
    reach: tuple[float, float] | None = None
    scales: Mapping[ChartKind, bool] = field(default_factory=dict)

    def is_log(self, kind: ChartKind) -> bool:
        """Whether a chart's scale is logarithmic."""
        return self.scales.get(kind, kind.begins_log)


def curve_page(
    runs: Sequence[RunCurves],
    options: CurveOptions,
    width: float,
    theme: Theme,
    kinds: Sequence[ChartKind] = FOUR_CHARTS,
) -> Scene:
    """Charts as cards, two beside each other where the width allows."""
    across = 2 if width >= _TWO_COLUMNS and len(kinds) > 1 else 1
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
    yield from _curves(plane, drawn, reach, is_log=is_log, theme=theme)
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


def _curves(
    plane: Chart,
    drawn: Sequence[Drawn],
    reach: tuple[float, float],
    *,
    is_log: bool,
    theme: Theme,
) -> Iterator[Mark]:
    width = plane.box.width
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
