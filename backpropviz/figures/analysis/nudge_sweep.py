"""How good a finite difference is: its relative error against the step h, with CS231n's bands.

Large steps err by the curve of the loss and by kinks, small ones by the loss's last digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from backpropviz.engine.bands import Band
from backpropviz.engine.nudge import SWEEP, Difference
from backpropviz.figures.analysis.chart import (
    CURVE_WIDTH,
    Axis,
    Chart,
    Label,
    chart,
    curve_marks,
    dots,
    grid_marks,
    labels_beside,
    level_band,
    power_text,
)
from backpropviz.figures.explanation.stack import baseline
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import elide, text_width, wrap
from backpropviz.scene.marks import Anchor, Box, Color, Ellipse, Mark, Scene, Stroke, Text
from backpropviz.scene.numbers import MINUS
from backpropviz.scene.theme import Theme

_PADDING, _LINE, _NOTE = 16.0, 22.0, 16.0
_WORDS_WIDTH: Final = 118.0
_LOWEST, _HIGHEST = 1e-16, 10.0
_LAST_DIGIT: Final = 1e-15
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
    return min(judged, key=lambda found: (max(_error(found), _LAST_DIGIT), -found.h), default=None)


def sweep_figure(
    differences: Sequence[Difference], width: float, height: float, theme: Theme
) -> Scene:
    """Finite differences of one value for several steps; those of a running sweep as they come."""
    inner = width - 2 * _PADDING
    lines = wrap(_told(differences), styles.SENTENCE, inner)
    top = _PADDING + len(lines) * _LINE + 10 + _NOTE
    outer = Box(_PADDING, top, inner - _WORDS_WIDTH, height - _PADDING - _NOTE - 6 - top)
    steps = [*SWEEP, *(found.h for found in differences)]
    x = Axis(min(steps) / 2, max(steps) * 2, is_log=True)
    plane = chart(outer, x, Axis(_LOWEST, _HIGHEST, is_log=True))
    marks = (
        *_sentence(lines, theme),
        *_axis_title(differences, top - _NOTE - 3, inner, theme),
        *_bands(plane, theme),
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
        return f"The finite difference comes closest at h = {step}: {_off(found)}."
    if any(difference.numeric is not None for difference in differences):
        return "Gradient and finite difference are both 0, whatever the step."
    return "No step of the sweep changes the value." if differences else "Nothing measured yet."


def _off(found: Difference) -> str:
    error = found.error or 0.0
    return f"relative error {small(error)}" if error else "not a digit is different"


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


def _bands(plane: Chart, theme: Theme) -> Iterator[Mark]:
    for band in _SCALE:
        yield level_band(plane, *_limits(band), band_colors(band, theme)[1])


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
