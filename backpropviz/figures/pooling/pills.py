"""A window's own number in a rounded frame: its upstream gradient, or its output."""

from __future__ import annotations

import math
from collections.abc import Iterator

from backpropviz.figures.pooling.pooled_plane import Pixel
from backpropviz.figures.pooling.shown import PoolingShown
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, text_width
from backpropviz.scene.marks import Anchor, Box, Color, Ellipse, Font, Mark, Rect, Stroke, Text
from backpropviz.scene.numbers import fixed
from backpropviz.scene.theme import Theme

PILL_HEIGHT = 20
_EMPTY_WIDTH = 36
_STYLES: tuple[tuple[Font, int], ...] = ((styles.NUMBER_SMALL, 18), (styles.NOTE, 10))
"""Fonts, the larger first, each with the room beside its text."""


@frozen
class Pill:
    """`text` is empty where nothing is computed yet."""

    text: str
    font: Font
    width: int
    is_complete: bool


def pill_of(shown: PoolingShown, window: Pixel, room: float) -> Pill:
    """The longest text, in the largest font, that fits between its neighbors."""
    is_complete = shown.upstream is not None or bool(shown.known.complete[window])
    texts = _texts(shown, window)
    if not texts:
        return Pill("", styles.NUMBER_SMALL, _EMPTY_WIDTH, is_complete)
    options = [(text, font, space) for font, space in _STYLES for text in texts]
    widths = [2 * math.ceil((text_width(t, f) + space) / 2) for t, f, space in options]
    fitting = (k for k, width in enumerate(widths) if width <= room)
    best = next(fitting, len(options) - 1)
    return Pill(options[best][0], options[best][1], widths[best], is_complete)


def _texts(shown: PoolingShown, window: Pixel) -> tuple[str, ...]:
    """The longest first."""
    if shown.upstream is not None:
        text = fixed(float(shown.upstream[window]), shown.decimals, signed=True)
        share = _share(shown, window)
        divided = f"{text} ÷ {share.removeprefix('1/')}"
        return (f"{text} × {share}", divided, text) if share else (text,)
    if not shown.known.computed[window]:
        return ()
    text = fixed(float(shown.known.values[window]), shown.decimals)
    return (text,) if shown.known.complete[window] else (f"{text} so far", text)


def _share(shown: PoolingShown, window: Pixel) -> str:
    """What part of the upstream value each cell takes that takes any; empty if the whole."""
    if shown.is_mean:
        return shown.share_label(*window)
    parts = shown.plane.parts(*window)
    return f"1/{parts}" if parts > 1 else ""


def pill_marks(
    shown: PoolingShown, window: Pixel, pill: Pill, box: Box, theme: Theme
) -> Iterator[Mark]:
    """The frame, dashed while the number is in progress, and the number; a dot where it is none."""
    key = shown.at(shown.window_address, window)
    color, tint = pill_colors(shown, theme)
    edges = (box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1)
    middle = (box.x + box.width / 2, box.y + box.height / 2)
    if not pill.text:
        dashed = Stroke(theme.border_strong, 1.0, (3.0, 3.0))
        yield Rect(*edges, fill=theme.stage, stroke=dashed, radius=9.5, key=key)
        yield Ellipse(*middle, 2.5, 2.5, fill=theme.text_tertiary)
        return
    stroke = Stroke(color) if pill.is_complete else Stroke(color, 1.5, (4.0, 2.0))
    yield Rect(*edges, fill=tint, stroke=stroke, radius=9.5, key=key)
    baseline = centered_baseline(middle[1], pill.font)
    yield Text(middle[0], baseline, pill.text, pill.font, color, Anchor.MIDDLE, key)


def pill_colors(shown: PoolingShown, theme: Theme) -> tuple[Color, Color]:
    """Line and tint."""
    if shown.is_backward:
        return theme.backward, theme.backward_tint
    return theme.forward, theme.forward_tint
