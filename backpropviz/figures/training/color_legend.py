"""A color scale in a line: its title, the ramp, and its limits, as long as there is room for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Font, Mark, Pixels, Text
from backpropviz.scene.theme import Theme

LEAST_RAMP: Final = 12
GAP: Final = 8
_RAMP: Final = (48, 8)
_LEAST_LIMIT: Final = text_width("±0.00e0+", styles.INDEX)
_LONG_LIMIT: Final = text_width("±0.000 (to 0.00)", styles.INDEX)
_BETWEEN: Final = 14
_COLORS: Final = np.linspace(-1.0, 1.0, 49)[np.newaxis]


@frozen
class Legend:
    """A scale's title, and its limits in words, longest first."""

    title: str
    limits: tuple[str, ...]


@frozen
class Slots:
    """How wide ramps and limits may be, so that nothing moves when the limits change."""

    ramp: int
    limit: float

    def width(self, legend: Legend) -> float:
        """Pixels of a legend."""
        return text_width(legend.title, styles.LABEL) + GAP + self.ramp + GAP + self.limit


def slots(legends: Sequence[Legend], room: float) -> Slots | None:
    """For legends on one line, None where there is too little room for them."""
    count = len(legends)
    titles = sum(text_width(legend.title, styles.LABEL) + 2 * GAP for legend in legends)
    left = (room - titles - _BETWEEN * (count - 1)) / max(1, count)
    if left < LEAST_RAMP + _LEAST_LIMIT:
        return None
    limit = min(_LONG_LIMIT, max(_LEAST_LIMIT, left - _RAMP[0]))
    return Slots(min(_RAMP[0], int(left - limit)), limit)


def line_width(legends: Sequence[Legend], fitted: Slots) -> float:
    """Pixels of legends on one line."""
    return sum(map(fitted.width, legends)) + _BETWEEN * max(0, len(legends) - 1)


def legend_line(
    legends: Sequence[Legend],
    fitted: Slots,
    place: tuple[float, float],
    look: tuple[Theme, str],
) -> Iterator[Mark]:
    """Legends beside each other, from a place (left, middle), with a theme and a color map."""
    (x, middle), (theme, colormap) = place, look
    for legend in legends:
        baseline = centered_baseline(middle, styles.LABEL)
        yield Text(x, baseline, legend.title, styles.LABEL, theme.text_secondary)
        left = round(x + text_width(legend.title, styles.LABEL) + GAP)
        yield ramp(left, round(middle - _RAMP[1] / 2), fitted.ramp, colormap)
        text = fitting(legend.limits, styles.INDEX, fitted.limit)
        yield Text(left + fitted.ramp + GAP, baseline, text, styles.INDEX, theme.text_secondary)
        x += fitted.width(legend) + _BETWEEN


@lru_cache(maxsize=128)
def ramp(x: int, y: int, width: int, colormap: str) -> Pixels:
    """The color map from −limit to +limit; the same mark again, so that its image is kept."""
    return Pixels(x, y, width, _RAMP[1], _COLORS, colormap, (-1.0, 1.0))


def fitting(texts: Sequence[str], font: Font, width: float) -> str:
    """The first text that fits, else the last one, elided."""
    found = next((text for text in texts if text_width(text, font) <= width), None)
    return elide(texts[-1], font, width) if found is None else found
