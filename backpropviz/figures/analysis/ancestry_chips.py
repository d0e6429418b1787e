"""Chips: a value's address with its number in a frame, one after the other in lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Color, Mark, Rect, Stroke, Text
from backpropviz.scene.theme import Theme

CHIP_HEIGHT: Final = 22.0
LINE_HEIGHT: Final = 26.0
_INSET, _GAP = 7.0, 8.0
_SIGN_GAP: Final = 7.0
_NAME, _NUMBER = styles.INDEX, styles.NUMBER_SMALL


@frozen
class Chip:
    """A value: what it is called and what it is; without a key it leads nowhere.

    `short` is its name where the whole one has no room. `sign` stands before it; `is_lit` is the
    one that the path goes on with.
    """

    name: str
    number: str
    color: Color
    key: str = ""
    sign: str = ""
    is_lit: bool = False
    tint: Color | None = None
    short: str = ""

    @property
    def width(self) -> float:
        """The frame's width with the whole name."""
        return 2 * _INSET + self._number_width + text_width(self.name, _NAME)

    @property
    def _number_width(self) -> float:
        gap = 8.0 if self.name else 0.0
        return text_width(self.number, _NUMBER) + gap if self.number else 0.0


def chip_lines(chips: Sequence[Chip], x: float, width: float, theme: Theme) -> tuple[Mark, ...]:
    """Chips from left to right, on as many lines as they need."""
    return tuple(mark for line in _placed(chips, x, width, theme) for mark in line)


def lines_needed(chips: Sequence[Chip], width: float) -> int:
    """How many lines the chips take."""
    return max((line for _, line, _ in _places(chips, width)), default=0) + 1


def _places(chips: Iterable[Chip], width: float) -> Iterator[tuple[Chip, int, float]]:
    """Each chip with its line and where on it its sign begins."""
    line, x = 0, 0.0
    for chip in chips:
        sign = _sign_width(chip)
        if x > 0 and x + sign + chip.width > width:
            line, x = line + 1, 0.0
        yield chip, line, x
        x += sign + min(chip.width, width - sign) + _GAP


def _sign_width(chip: Chip) -> float:
    return text_width(chip.sign, _NUMBER) + _SIGN_GAP if chip.sign else 0.0


def _placed(
    chips: Sequence[Chip], x: float, width: float, theme: Theme
) -> Iterator[tuple[Mark, ...]]:
    for chip, line, start in _places(chips, width):
        middle = line * LINE_HEIGHT + LINE_HEIGHT / 2
        sign = _sign_width(chip)
        if chip.sign:
            baseline = centered_baseline(middle, _NUMBER)
            yield (Text(x + start, baseline, chip.sign, _NUMBER, theme.text_secondary),)
        room = min(chip.width, width - start - sign)
        yield _chip(chip, x + start + sign, middle, room, theme)


def _chip(chip: Chip, x: float, middle: float, width: float, theme: Theme) -> tuple[Mark, ...]:
    y = middle - CHIP_HEIGHT / 2
    stroke = Stroke(chip.color, 1.75) if chip.is_lit else Stroke(theme.border_strong)
    if not chip.key:
        stroke = Stroke(theme.border)
    fill = chip.tint if chip.is_lit and chip.tint else theme.field
    frame = Rect(x, y, width, CHIP_HEIGHT, fill=fill, stroke=stroke, radius=6.0, key=chip.key)
    number_width = text_width(chip.number, _NUMBER)
    # Half a pixel, since sums of the same widths in another order differ by a rounding.
    free = width - 2 * _INSET - number_width - (8.0 if chip.name else 0.0) + 0.5
    whole = text_width(chip.name, _NAME) <= free or not chip.short
    name = elide(chip.name if whole else chip.short, _NAME, free)
    ink = chip.color if chip.key else theme.text_secondary
    left = Text(x + _INSET, centered_baseline(middle, _NAME), name, _NAME, ink, key=chip.key)
    start = x + width - _INSET - number_width
    baseline = centered_baseline(middle, _NUMBER)
    right = Text(start, baseline, chip.number, _NUMBER, theme.text, key=chip.key)
    return frame, left, right
