"""Large numbers in a row: how far the run is, how fast, how good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Color, Mark, Scene, Text
from backpropviz.scene.theme import Theme

_GAP: Final = 32
_ROW: Final = 56
_LEAST: Final = 96


@frozen
class Counter:
    """A number with its name above and a remark beside it; `color` '' is that of text."""

    name: str
    value: str
    remark: str = ""
    color: Color = ""


def counters(entries: Sequence[Counter], width: float, theme: Theme) -> Scene:
    """Side by side, in as many rows as the width asks for; a counter answers to `counter:Name`."""
    widths = [min(width, _width(entry)) for entry in entries]
    rows: list[list[int]] = []
    for number in range(len(entries)):
        taken = sum(widths[k] + _GAP for k in rows[-1]) if rows else width + 1
        if taken + widths[number] <= width:
            rows[-1].append(number)
        else:
            rows.append([number])
    marks: list[Mark] = []
    for line, row in enumerate(rows):
        free = width - sum(widths[k] for k in row)
        gap = max(_GAP, min(72.0, free / max(1, len(row) - 1))) if len(row) > 1 else 0.0
        gap = min(gap, free / max(1, len(row) - 1))
        x = 0.0
        for number in row:
            marks.extend(_counter(entries[number], x, line * _ROW, widths[number], theme))
            x += widths[number] + gap
    return Scene(width, max(1, len(rows)) * _ROW, theme.stage, tuple(marks), "counters")


def _width(entry: Counter) -> float:
    value = text_width(entry.value, styles.COUNTER)
    remark = text_width(entry.remark, styles.ROW) + 8 if entry.remark else 0.0
    return max(_LEAST, text_width(entry.name, styles.LABEL_MEDIUM), value + remark)


def _counter(entry: Counter, x: float, y: float, width: float, theme: Theme) -> list[Mark]:
    key = f"counter:{entry.name}"
    name = elide(entry.name, styles.LABEL_MEDIUM, width)
    value = elide(entry.value, styles.COUNTER, width)
    marks: list[Mark] = [
        Text(x, y + 14, name, styles.LABEL_MEDIUM, theme.text_secondary, key=key),
        Text(x, y + 40, value, styles.COUNTER, entry.color or theme.text, key=key),
    ]
    left = text_width(value, styles.COUNTER) + 8
    remark = elide(entry.remark, styles.ROW, width - left) if entry.remark else ""
    if remark:
        marks.append(Text(x + left, y + 40, remark, styles.ROW, theme.text_secondary))
    return marks
