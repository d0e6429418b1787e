"""Remarks below a picture, each behind the sign it explains, wrapped into the width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, text_width, wrap
from backpropviz.scene.marks import Hatch, Mark, Rect, Stroke, Text
from backpropviz.scene.theme import Theme

LINE: Final = 18
_GAP: Final = 20.0
_SIGN: Final = 16


def foot_marks(
    remarks: Iterable[tuple[str, str]], width: float, y: float, theme: Theme
) -> tuple[list[Mark], float]:
    """(sign, words) side by side as far as they fit, and where they end.

    The sign is `hatch`, `red` or nothing.
    """
    marks: list[Mark] = []
    x, bottom = 0.0, y
    for sign, words in remarks:
        lead = _SIGN if sign == "hatch" else 0
        needed = lead + text_width(words, styles.LABEL)
        if x and x + needed > width:
            x, bottom = 0.0, bottom + LINE
        lines = wrap(words, styles.LABEL, width - lead)
        for number, line in enumerate(lines):
            bottom += LINE if number else 0
            marks.extend(_line(sign if not number else "", line, (x, bottom, lead), theme))
        x = x + needed + _GAP if len(lines) == 1 else width
    return marks, bottom + LINE


def _line(sign: str, text: str, place: tuple[float, float, int], theme: Theme) -> Iterator[Mark]:
    x, y, lead = place
    middle = y + LINE / 2
    if sign == "hatch":
        box = (round(x) + 0.5, round(middle) - 4.5, 9, 9)
        stroke = Stroke(theme.border_strong)
        yield Rect(*box, theme.stage, stroke, 0.0, Hatch.PADDING, theme.border_strong)
    color = theme.breakpoint if sign == "red" else theme.text_secondary
    yield Text(x + lead, centered_baseline(middle, styles.LABEL), text, styles.LABEL, color)
