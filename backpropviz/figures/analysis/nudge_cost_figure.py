"""Why not nudge every parameter? The time that it would take beside that of one backward pass."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from backpropviz.engine.nudge_cost import NudgeCost
from backpropviz.figures.analysis.chart import Axis
from backpropviz.figures.explanation.stack import Part, baseline, paragraph, space, stacked
from backpropviz.figures.number_groups import counted
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Anchor, Color, Line, Mark, Rect, Scene, Stroke, Text
from backpropviz.scene.theme import Theme

_MANY: Final = 1000
_PADDING: Final = 16.0
_ROW, _BAR, _AXIS = 52.0, 14.0, 22.0
_MINUTE, _HOUR, _DAY, _YEAR = 60.0, 3600.0, 86400.0, 31557600.0
_MARKS: Final = (
    *((1e-6, "1 µs"), (1e-5, "10 µs"), (1e-4, "100 µs"), (1e-3, "1 ms"), (1e-2, "10 ms")),
    *((0.1, "100 ms"), (1.0, "1 s"), (10.0, "10 s"), (_MINUTE, "1 min"), (_HOUR, "1 h")),
    *((_DAY, "1 day"), (30 * _DAY, "30 days"), (_YEAR, "1 year"), (100 * _YEAR, "100 years")),
)


@frozen
class _Bar:
    """A duration with what it is of, and whether it was measured."""

    title: str
    remark: str
    seconds: float
    color: Color


def duration_text(seconds: float) -> str:
    """About two or three digits: `740 µs`, `32 s`, `2.1 h`, `3.4 years`."""
    units = (
        *((1e-3, 1e-6, "µs"), (1.0, 1e-3, "ms"), (_MINUTE, 1.0, "s"), (_HOUR, _MINUTE, "min")),
        *((_DAY, _HOUR, "h"), (_YEAR, _DAY, "days"), (math.inf, _YEAR, "years")),
    )
    size, unit = next((size, unit) for below, size, unit in units if seconds < below)
    number = seconds / size
    return f"{number:,.0f} {unit}" if number >= 10 else f"{number:.2g} {unit}"


def cost_sentence(cost: NudgeCost) -> str:
    """What nudging takes, and what the backward pass takes."""
    passes = counted(cost.forward_passes, "forward pass", "forward passes")
    back = "one backward pass" if cost.batches == 1 else f"{cost.batches:,} backward passes"
    takes = "takes" if cost.batches == 1 else "take"
    seconds = cost.batches * cost.backward_s
    return (
        f"Nudging {_all(cost)} would take {passes}, about {duration_text(cost.nudging_s)}; "
        f"the {back} {takes} {duration_text(seconds)}."
    )


def cost_figure(cost: NudgeCost, width: float, theme: Theme) -> Scene:
    """Three bars on one scale of time, each line of which is several times the one before."""
    inner = width - 2 * _PADDING
    bars = _bars(cost, theme)
    parts = (
        paragraph(cost_sentence(cost), styles.SENTENCE, 22, theme.text, inner, _PADDING),
        space(12),
        _chart(bars, inner, theme),
        space(8),
        paragraph(_ratio(cost), styles.BODY, 20, theme.text_secondary, inner, _PADDING),
    )
    column = stacked(parts, _PADDING)
    height = column.height + _PADDING
    return Scene(width, height, theme.panel, column.marks, "cost of nudging")


def _all(cost: NudgeCost) -> str:
    if cost.parameters == 1:
        return "the one parameter"
    return f"all {cost.parameters:,} parameters"


def _bars(cost: NudgeCost, theme: Theme) -> tuple[_Bar, ...]:
    batches = "" if cost.batches == 1 else f", for each of {cost.batches:,} batches"
    forward = "One forward pass" if cost.batches == 1 else "A forward pass for each batch"
    back = "One backward pass" if cost.batches == 1 else "A backward pass for each batch"
    remark = f"extrapolated: two passes of {duration_text(cost.forward_s)} a parameter{batches}"
    gives = counted(cost.parameters, "gradient")
    return (
        _Bar("Nudging every parameter", remark, cost.nudging_s, theme.forward),
        _Bar(back, f"measured: gives all {gives}", cost.batches * cost.backward_s, theme.backward),
        _Bar(forward, "measured: needed once", cost.batches * cost.forward_s, theme.forward),
    )


def _ratio(cost: NudgeCost) -> str:
    times = cost.times_slower
    ratio = f"{times:,.0f}" if times >= 10 else f"{times:.2g}"
    return (
        f"Nudging would take {ratio} times as long as one forward and one backward pass, and its "
        f"results would be less exact. {_on_more_data(cost)}The scale is logarithmic: equal steps "
        "multiply the time."
    )


def _on_more_data(cost: NudgeCost) -> str:
    """One pass is for one image (or batch); a training runs through many of them."""
    if cost.batches > 1:
        return ""
    return (
        f"That is for this one pass: for the data of {_MANY:,} passes it would be "
        f"{duration_text(_MANY * cost.nudging_s)} by nudging and "
        f"{duration_text(_MANY * cost.backprop_s)} by backpropagation. "
    )


def _chart(bars: tuple[_Bar, ...], width: float, theme: Theme) -> Part:
    numbers = max(text_width(duration_text(bar.seconds), styles.NUMBER_SMALL) for bar in bars)
    room = width - numbers - 12
    scale = _scale(bars)
    bottom = len(bars) * _ROW
    marks: list[Mark] = [*_grid(scale, room, bottom, theme)]
    for number, bar in enumerate(bars):
        marks.extend(_bar_marks(bar, scale, number * _ROW, width, room, theme))
    return Part(tuple(marks), bottom + _AXIS)


def _scale(bars: tuple[_Bar, ...]) -> Axis:
    """From the last mark below the shortest time to the first above the longest."""
    seconds = [bar.seconds for bar in bars if bar.seconds > 0] or [1e-3]
    low = max((mark for mark, _ in _MARKS if mark < min(seconds)), default=min(seconds) / 10)
    high = min((mark for mark, _ in _MARKS if mark >= max(seconds)), default=max(seconds))
    ticks = tuple(mark for mark in _MARKS if low <= mark[0] <= high)
    return Axis(low, high, is_log=True, ticks=ticks)


def _grid(scale: Axis, room: float, bottom: float, theme: Theme) -> Iterator[Mark]:
    font = styles.INDEX
    free_from = -math.inf
    for value, text in scale.ticks:
        x = round(_PADDING + room * scale.share(value)) + 0.5
        yield Line(x, 0, x, bottom, Stroke(theme.border))
        start = max(_PADDING, x - text_width(text, font) / 2)
        if start >= free_from:
            yield Text(start, baseline(bottom + 2, 16, font), text, font, theme.text_tertiary)
            free_from = start + text_width(text, font) + 10


def _bar_marks(
    bar: _Bar, scale: Axis, top: float, width: float, room: float, theme: Theme
) -> Iterator[Mark]:
    y = baseline(top, 20, styles.BODY_MEDIUM)
    title = elide(bar.title, styles.BODY_MEDIUM, width)
    yield from _backed(title, y, theme)
    x = _PADDING + text_width(title, styles.BODY_MEDIUM) + 10
    room_left = _PADDING + width - x
    whole = text_width(bar.remark, styles.LABEL) <= room_left
    # A number cut in two would be another number.
    remark = bar.remark if whole else elide(bar.remark.split(":")[0], styles.LABEL, room_left)
    if len(remark) > 2:
        ground = Rect(x - 2, y - 12, text_width(remark, styles.LABEL) + 4, 16, fill=theme.panel)
        yield ground
        yield Text(x, y, remark, styles.LABEL, theme.text_secondary)
    length = max(2.0, room * scale.share(bar.seconds)) if bar.seconds > 0 else 0.0
    yield Rect(_PADDING, top + 24, length, _BAR, fill=bar.color, radius=2.0)
    font = styles.NUMBER_SMALL
    number_y = baseline(top + 24, _BAR, font)
    text = duration_text(bar.seconds)
    start = _PADDING + length + 8
    yield Rect(start - 3, top + 23, text_width(text, font) + 6, 16, fill=theme.panel)
    yield Text(start, number_y, text, font, theme.text, Anchor.START)


def _backed(title: str, y: float, theme: Theme) -> Iterator[Mark]:
    """A text on a ground of its own, since grid lines run behind it."""
    font = styles.BODY_MEDIUM
    yield Rect(_PADDING, y - 13, text_width(title, font) + 3, 18, fill=theme.panel)
    yield Text(_PADDING, y, title, font, theme.text)
