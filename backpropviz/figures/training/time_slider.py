"""The way through a run: a line of updates, with checkpoints, changes, alerts and a handle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backpropviz.figures.analysis.chart import ChartAxis, chart_in
from backpropviz.figures.track import Ruler
from backpropviz.figures.training.curves import CurveMark
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Ellipse,
    Line,
    Mark,
    Path,
    Rect,
    Scene,
    Stroke,
    Text,
)
from backpropviz.scene.text import centered_baseline, elide, text_width
from backpropviz.scene.theme import Theme

HEIGHT: Final = 92
MARGIN: Final = 16
_FLAGS: Final = 2
_TRACK: Final = (24, 6)
_NUMBERS: Final = 58
_FOOT: Final = 80
_FLAG_SPACING: Final = 12.0
_HANDLE: Final = 8.0
_HINT: Final = (
    "checkpoint: drag the handle to rewind; the run goes on from there with the same seed"
)


@frozen
class SliderState:
    """A run up to `last`, seen after update `shown`; `end` is the last update of the line.

    `epochs` are (number, first update); the marks are those of the curves.
    """

    shown: int
    last: int
    end: int
    epochs: tuple[tuple[int, int], ...] = ()
    checkpoints: tuple[int, ...] = ()
    marks: tuple[CurveMark, ...] = ()
    first: int = 0


@frozen(eq=False)
class SliderFigure:
    """The picture, and what lies under its points."""

    scene: Scene
    ruler: Ruler
    last: int

    def iteration_at(self, x: float) -> int:
        """The update nearest to x, of those that have been made."""
        ruler = self.ruler
        pixels = (ruler.rights[0] - ruler.lefts[0]) / max(1, ruler.starts[1] - ruler.starts[0])
        return min(max(ruler.step_at(x + pixels / 2), ruler.starts[0]), self.last)


def time_slider(state: SliderState, width: float, theme: Theme) -> SliderFigure:
    """The slider in `width` × 92 px.

    Keys: `update:422` (the handle), `checkpoint:400`, `alert:422`, `change:401`.
    """
    end = max(state.end, state.last, state.first + 1)
    right = max(MARGIN + 32.0, width - MARGIN)
    ruler = Ruler((state.first, end), (float(MARGIN),), (right,))
    marks = (
        *_track(state, ruler, theme),
        *_numbers(ruler, theme),
        *_epochs(state, ruler, theme),
        *_flags(state, ruler, theme),
        *_alerts(state, ruler, theme),
        *_foot(state, ruler, theme),
        *_handle(state, ruler, theme),
    )
    title = f"update {state.shown} of {state.last}"
    return SliderFigure(Scene(width, HEIGHT, theme.panel, marks, title), ruler, state.last)


def _track(state: SliderState, ruler: Ruler, theme: Theme) -> Iterator[Mark]:
    """Ahead, made, and seen; the intervals with changed settings in their own color."""
    top, height = _TRACK
    left, right = ruler.lefts[0], ruler.rights[0]
    yield Rect(left, top, right - left, height, fill=theme.hover, radius=3.0)
    parts = ((state.last, theme.update_tint), (state.shown, theme.update))
    for until, color in parts:
        length = ruler.x_of(until) - left
        if length > 0:
            radius = min(3.0, length / 2)
            yield Rect(left, top, round(length), height, fill=color, radius=radius)
    for mark in _changes(state):
        start = ruler.x_of(mark.iteration)
        stop = ruler.x_of(min(mark.until or mark.iteration, state.last))
        wide = max(3.0, stop - start)
        key = f"change:{mark.iteration}"
        yield Rect(round(start), top, round(wide), height, fill=theme.here, key=key)


def _changes(state: SliderState) -> list[CurveMark]:
    return [mark for mark in state.marks if not mark.is_alert and mark.iteration <= state.last]


def _numbers(ruler: Ruler, theme: Theme) -> Iterator[Mark]:
    left, right = ruler.lefts[0], ruler.rights[0]
    axis = ChartAxis(float(ruler.starts[0]), float(ruler.starts[1]), is_whole=True)
    plane = chart_in(Box(left, 0, right - left, 40), axis, ChartAxis(0.0, 1.0))
    baseline = centered_baseline(_NUMBERS, styles.INDEX)
    for value, text in plane.x.ticks:
        half = text_width(text, styles.INDEX) / 2
        x = min(max(plane.x_at(value), left + half), right - half)
        yield Text(x, baseline, text, styles.INDEX, theme.text_secondary, Anchor.MIDDLE)


def _epochs(state: SliderState, ruler: Ruler, theme: Theme) -> Iterator[Mark]:
    """Where each epoch begins, as far as the words have room."""
    font, taken = styles.LABEL, 0.0
    baseline = centered_baseline(43, font)
    for number, first in state.epochs:
        x = ruler.x_of(max(state.first, first - 1))
        text = f"epoch {number:,}"
        width = text_width(text, font)
        if first > 1:
            top = _TRACK[0] + _TRACK[1]
            yield Line(round(x) + 0.5, top, round(x) + 0.5, top + 5, Stroke(theme.border_strong))
        if x >= taken and x + width <= ruler.rights[0]:
            yield Text(round(x), baseline, text, font, theme.text_tertiary)
            taken = x + width + 12


def _flags(state: SliderState, ruler: Ruler, theme: Theme) -> Iterator[Mark]:
    """A flag a checkpoint; where they are close, ticks between flags."""
    after, top = -_FLAG_SPACING, _TRACK[0]
    for iteration in state.checkpoints:
        x = round(ruler.x_of(iteration))
        key = f"checkpoint:{iteration}"
        if x - after >= _FLAG_SPACING:
            after = x
            yield Path(_flag(x, _FLAGS), None, theme.update, closed=True, key=key)
            yield Line(x + 0.5, _FLAGS + 13, x + 0.5, top, Stroke(theme.border_strong))
        else:
            yield Line(x + 0.5, top - 6, x + 0.5, top, Stroke(theme.update), key=key)


def _flag(x: float, y: float) -> tuple[tuple[float, float], ...]:
    return ((x - 4, y), (x + 4, y), (x + 4, y + 13), (x, y + 9), (x - 4, y + 13))


def _alerts(state: SliderState, ruler: Ruler, theme: Theme) -> Iterator[Mark]:
    for mark in state.marks:
        if mark.is_alert and mark.iteration <= state.last:
            x, y = round(ruler.x_of(mark.iteration)), _FLAGS + 1
            points = ((x, y), (x + 6.0, y + 11.0), (x - 6.0, y + 11.0))
            key = f"alert:{mark.iteration}"
            yield Path(points, None, theme.breakpoint, closed=True, key=key)


def _handle(state: SliderState, ruler: Ruler, theme: Theme) -> Iterator[Mark]:
    x, y = ruler.x_of(state.shown), _TRACK[0] + _TRACK[1] / 2
    ring = Stroke(theme.update, 2.5)
    yield Ellipse(x, y, _HANDLE, _HANDLE, theme.panel, ring, f"update:{state.shown}")


def _foot(state: SliderState, ruler: Ruler, theme: Theme) -> Iterator[Mark]:
    """Words of the changes below their places, the newest first; the hint in what is left."""
    left = ruler.rights[0]
    baseline = centered_baseline(_FOOT, styles.LABEL)
    for mark in reversed(_changes(state)):
        text = elide(mark.words, styles.LABEL, 220)
        width = text_width(text, styles.LABEL)
        at = ruler.x_of(mark.iteration)
        x = min(at - width / 2, left - width)
        if x < ruler.lefts[0] or x + width < at - 1:
            continue
        middle = round(at) + 0.5
        tether = Stroke(theme.here, 1.0, (2.0, 2.0))
        yield Line(middle, _NUMBERS + 7, middle, _FOOT - 6, tether)
        key = f"change:{mark.iteration}"
        yield Text(round(x), baseline, text, styles.LABEL, theme.here, key=key)
        left = x - 16
    if state.checkpoints:
        room = Box(ruler.lefts[0], 0, left - ruler.lefts[0], HEIGHT)
        text = elide(_HINT, styles.LABEL, room.width - 16)
        if len(text) > len("checkpoint"):
            yield Path(_flag(room.x + 4, _FOOT - 7), None, theme.update, closed=True)
            baseline = centered_baseline(_FOOT, styles.LABEL)
            yield Text(room.x + 16, baseline, text, styles.LABEL, theme.text_secondary)
