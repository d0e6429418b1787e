"""How good a finite difference is: its relative error against the step h, with CS231n's bands.

Large steps err by the curve of the loss and by kinks, small ones by the loss's last digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from backpropviz.engine.nudge import SWEEP, Band, Difference, NudgeCost
from backpropviz.figures.analysis.chart import (
    CURVE_WIDTH,
    Chart,
    ChartAxis,
    Label,
    chart,
    curve_marks,
    dots,
    grid_marks,
    labels_beside,
    level_band,
    power_text,
)
from backpropviz.figures.numbers import counted
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.flow import PanelPart, baseline, paragraph, space, stacked
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Color,
    Ellipse,
    Line,
    Mark,
    Rect,
    Scene,
    Stroke,
    Text,
)
from backpropviz.scene.text import MINUS, elide, text_width, wrap
from backpropviz.scene.theme import Theme

_PADDING, _LINE, _NOTE = 16.0, 22.0, 16.0
_WORDS_WIDTH: Final = 118.0
_LOWEST, _HIGHEST = 1e-16, 10.0
_SCALE: Final = (Band.HAPPY, Band.KINKS_ONLY, Band.UNCOMFORTABLE, Band.WRONG)


def band_colors(band: Band, theme: Theme) -> tuple[Color, Color]:
    """The ink and the tint of a verdict."""
    good = (theme.ok, theme.ok + "1F")
    return {
        Band.BOTH_ZERO: good,
        Band.ROUNDING: good,
        Band.HAPPY: good,
        Band.KINKS_ONLY: (theme.loss, theme.loss_tint),
        Band.UNCOMFORTABLE: (theme.here, theme.here_tint),
        Band.WRONG: (theme.breakpoint, theme.alert_fill),
    }[band]


def small(number: float) -> str:
    """A relative error or a step: `3.1e−9`."""
    text = f"{number:.1e}" if number else "0"
    mantissa, _, power = text.partition("e")
    mantissa = mantissa.removesuffix(".0")
    return f"{mantissa}e{int(power)}".replace("-", MINUS) if power else text


def best(differences: Sequence[Difference]) -> Difference | None:
    """The step of the smallest error; None where there is no error to compare.

    Errors in the last digit alone are equal, since there luck decides: the largest step counts.
    """
    judged = [found for found in differences if found.error is not None]
    return min(judged, key=lambda found: (max(_error(found), 1e-15), -found.h), default=None)


def sweep_figure(
    differences: Sequence[Difference], width: float, height: float, theme: Theme
) -> Scene:
    """Finite differences of one value for several steps; those of a running sweep as they come."""
    inner = width - 2 * _PADDING
    lines = wrap(_told(differences), styles.SENTENCE, inner)
    top = _PADDING + len(lines) * _LINE + 10 + _NOTE
    outer = Box(_PADDING, top, inner - _WORDS_WIDTH, height - _PADDING - _NOTE - 6 - top)
    steps = [*SWEEP, *(found.h for found in differences)]
    x = ChartAxis(min(steps) / 2, max(steps) * 2, is_log=True)
    plane = chart(outer, x, ChartAxis(_LOWEST, _HIGHEST, is_log=True))
    marks = (
        *_sentence(lines, theme),
        *_axis_title(differences, top - _NOTE - 3, inner, theme),
        *(level_band(plane, *_limits(band), band_colors(band, theme)[1]) for band in _SCALE),
        *grid_marks(plane, theme),
        *_band_words(plane, theme),
        *_course(differences, plane, theme),
        *_ends(plane, height - _PADDING - _NOTE, theme),
    )
    return Scene(width, height, theme.panel, marks, "sweep of h")


def _told(differences: Sequence[Difference]) -> str:
    found = best(differences)
    if found is not None:
        exponent = round(math.log10(found.h))
        is_power = math.isclose(found.h, 10.0**exponent)
        step = power_text(exponent) if is_power else small(found.h)
        error = found.error or 0.0
        off = f"relative error {small(error)}" if error else "not a digit is different"
        return f"The finite difference comes closest at h = {step}: {off}."
    if any(difference.numeric is not None for difference in differences):
        return "Gradient and finite difference are both 0, whatever the step."
    return "No step of the sweep changes the value." if differences else "Nothing measured yet."


def _sentence(lines: Sequence[str], theme: Theme) -> Iterator[Mark]:
    font = styles.SENTENCE
    for k, line in enumerate(lines):
        yield Text(_PADDING, baseline(_PADDING + k * _LINE, _LINE, font), line, font, theme.text)


def _axis_title(
    differences: Sequence[Difference], top: float, width: float, theme: Theme
) -> Iterator[Mark]:
    font = styles.LABEL
    is_hollow = any(found.numeric is not None and not found.error for found in differences)
    text = "relative error" + (" (hollow: exactly 0)" if is_hollow else "")
    shown = elide(text, font, width)
    yield Text(_PADDING, baseline(top, _NOTE, font), shown, font, theme.text_secondary)


def _limits(band: Band) -> tuple[float, float]:
    number = _SCALE.index(band)
    low = _SCALE[number - 1].largest_error if number else _LOWEST
    return low, min(_HIGHEST, band.largest_error)


def _band_words(plane: Chart, theme: Theme) -> Iterator[Mark]:
    labels = []
    for band in _SCALE:
        low, high = _limits(band)
        middle = plane.y_at(math.sqrt(low * high))
        labels.append(Label(band.words, middle, band_colors(band, theme)[0]))
    room = (plane.box.y, plane.box.bottom)
    yield from labels_beside(labels, plane.box.right + 8, _WORDS_WIDTH - 8, room)


def _course(differences: Sequence[Difference], plane: Chart, theme: Theme) -> Iterator[Mark]:
    """The V of the errors; a difference without any lies hollow on the lower edge."""
    judged = [found for found in differences if found.numeric is not None]
    points = [(found.h, max(_LOWEST, min(_HIGHEST, _error(found)))) for found in judged]
    yield from curve_marks(plane, points, Stroke(theme.backward, CURVE_WIDTH))
    hollow = [p for p, found in zip(points, judged, strict=True) if not found.error]
    full = [p for p, found in zip(points, judged, strict=True) if found.error]
    yield from dots(plane, full, 3.5, theme.backward)
    stroke = Stroke(theme.backward, CURVE_WIDTH)
    for x, y in map(plane.at, hollow):
        yield Ellipse(x, y, 3.5, 3.5, fill=theme.panel, stroke=stroke)
    found_best = best(differences)
    if found_best is not None:
        x, y = plane.at((found_best.h, max(_LOWEST, _error(found_best))))
        yield Ellipse(x, y, 8, 8, stroke=Stroke(theme.here, 2.0))


def _error(found: Difference) -> float:
    error = found.error or 0.0
    return math.inf if math.isnan(error) else error


def _ends(plane: Chart, top: float, theme: Theme) -> Iterator[Mark]:
    """What the two sides of the V are, as far as there is room."""
    font, ink = styles.LABEL, theme.text_secondary
    y, box = baseline(top, _NOTE, font), plane.box
    left, right = "small h: rounding of the loss", "large h: curve and kinks"
    middle = "step h"
    widths = [text_width(word, font) for word in (left, middle, right)]
    if sum(widths) + 32 <= box.width:
        center = (box.x + widths[0] + box.right - widths[2]) / 2
        yield Text(center, y, middle, font, ink, Anchor.MIDDLE)
    if widths[0] + widths[2] + 16 > box.width:
        left, right = "rounding", "curve, kinks"
    yield Text(box.x, y, elide(left, font, box.width / 2 - 4), font, ink)
    yield Text(box.right, y, elide(right, font, box.width / 2 - 4), font, ink, Anchor.END)


_MANY: Final = 1000
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
    what = "the one parameter" if cost.parameters == 1 else f"all {cost.parameters:,} parameters"
    return (
        f"Nudging {what} would take {passes}, about {duration_text(cost.nudging_s)}; "
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


def _chart(bars: tuple[_Bar, ...], width: float, theme: Theme) -> PanelPart:
    numbers = max(text_width(duration_text(bar.seconds), styles.NUMBER_SMALL) for bar in bars)
    room = width - numbers - 12
    seconds = [bar.seconds for bar in bars if bar.seconds > 0] or [1e-3]
    low = max((mark for mark, _ in _MARKS if mark < min(seconds)), default=min(seconds) / 10)
    high = min((mark for mark, _ in _MARKS if mark >= max(seconds)), default=max(seconds))
    ticks = tuple(mark for mark in _MARKS if low <= mark[0] <= high)
    scale = ChartAxis(low, high, is_log=True, ticks=ticks)
    bottom = len(bars) * _ROW
    marks: list[Mark] = [*_grid(scale, room, bottom, theme)]
    for number, bar in enumerate(bars):
        marks.extend(_bar_marks(bar, scale, number * _ROW, width, room, theme))
    return PanelPart(tuple(marks), bottom + _AXIS)


def _grid(scale: ChartAxis, room: float, bottom: float, theme: Theme) -> Iterator[Mark]:
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
    bar: _Bar, scale: ChartAxis, top: float, width: float, room: float, theme: Theme
) -> Iterator[Mark]:
    y = baseline(top, 20, styles.BODY_MEDIUM)
    title = elide(bar.title, styles.BODY_MEDIUM, width)
    font = styles.BODY_MEDIUM
    yield Rect(_PADDING, y - 13, text_width(title, font) + 3, 18, fill=theme.panel)
    yield Text(_PADDING, y, title, font, theme.text)
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
