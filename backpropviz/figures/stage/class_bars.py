"""Columns of bars, a row for each class: scores, powers, probabilities, gradients side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.figures.stage.captions import CAPTION_HEIGHT, Caption, caption_marks
from backpropviz.figures.symbols import Notation
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Color,
    Ellipse,
    Line,
    Mark,
    Rect,
    Stroke,
    Text,
)
from backpropviz.scene.numbers import fixed
from backpropviz.scene.theme import Theme

LARGEST_ROW, SMALLEST_ROW = 36, 18
_GAP = 28
_NAMES_WIDEST = 130
_TARGET = "target"


@frozen(eq=False)
class BarColumn:
    """One value a class; `current` is the row in focus, `read` one that the step reads.

    `limits` and `decimals` are those of the whole array, so that they stay while it is computed.
    """

    address: Address
    title: str
    values: Array
    computed: Array
    color: Color
    limits: tuple[float, float]
    decimals: int
    prefix: tuple[int, ...] = ()
    signed: bool = False
    current: int | None = None
    read: int | None = None
    keys: tuple[int, ...] | None = None
    """The class of each value, where they are not all of them in order."""


@frozen
class ClassRows:
    """Whose bars stand in the rows: `names` of all classes, those shown, and the target."""

    names: tuple[str, ...]
    shown: range
    target: int


def rows_shown(count: int, height: float, near: int) -> range:
    """As many classes as fit; a page of them, where they do not all fit."""
    most = max(1, int((height - CAPTION_HEIGHT - 14) // SMALLEST_ROW))
    if count <= most:
        return range(count)
    start = max(0, min(near // most * most, count - most))
    return range(start, start + most)


def row_height(count: int, box: Box) -> int:
    """Height of each of so many rows."""
    room = box.height - CAPTION_HEIGHT - 14
    return min(LARGEST_ROW, int(room // max(1, count)))


def bars_bottom(count: int, box: Box) -> float:
    """Where the last row ends."""
    return box.y + CAPTION_HEIGHT + 14 + count * row_height(count, box)


def bar_marks(
    columns: Sequence[BarColumn], rows: ClassRows, notation: Notation, box: Box, theme: Theme
) -> tuple[Mark, ...]:
    """Names at the left, then a column for each array."""
    names = [rows.names[k] for k in rows.shown]
    widest = max(text_width(name, styles.BODY_MEDIUM) for name in names)
    target_width = text_width(_TARGET, styles.LABEL_MEDIUM)
    left = min(widest, _NAMES_WIDEST) + target_width + 30
    top = box.y + CAPTION_HEIGHT + 14
    height = row_height(len(names), box)
    step = (box.width - left + _GAP) / len(columns)
    marks: list[Mark] = [*_names(rows, Box(box.x, top, left, height), box.width, theme)]
    for number, column in enumerate(columns):
        x = round(box.x + left + number * step)
        place = Box(x, box.y, round(step - _GAP), box.height)
        caption = Caption(column.address, column.title)
        marks.extend(caption_marks(caption, notation, x, box.y, place.width, theme))
        marks.extend(_bars(column, rows, Box(x, top, place.width, height), theme))
    return tuple(marks)


def _names(rows: ClassRows, first: Box, width: float, theme: Theme) -> Iterator[Mark]:
    for number, k in enumerate(rows.shown):
        y = first.y + number * first.height
        baseline = centered_baseline(y + first.height / 2, styles.BODY_MEDIUM)
        is_target = k == rows.target
        if is_target:
            edges = (first.x - 6, y + 1, width + 12, first.height - 2)
            yield Rect(*edges, fill=theme.loss_tint, radius=4.0)
        font = styles.BODY_STRONG if is_target else styles.BODY_MEDIUM
        color = theme.loss if is_target else theme.text
        name = elide(rows.names[k], font, _NAMES_WIDEST)
        yield Text(first.x, baseline, name, font, color)
        if is_target:
            x = first.x + text_width(name, font) + 10
            yield Text(x, baseline, _TARGET, styles.LABEL_MEDIUM, theme.loss)


def _bars(column: BarColumn, rows: ClassRows, first: Box, theme: Theme) -> Iterator[Mark]:
    low, high = column.limits
    span = (high - low) or 1.0
    texts = _texts(column)
    room = max((text_width(text, styles.NUMBER_SMALL) for text in texts), default=0.0)
    width = first.width - room - 10
    axis = first.x + width * (-low / span)
    bottom = first.y + len(rows.shown) * first.height
    yield Line(axis, first.y, axis, bottom, Stroke(theme.border_strong))
    for number, k in enumerate(rows.shown):
        row = Box(first.x, first.y + number * first.height, first.width, first.height)
        yield from _bar(column, k, texts[k], row, (axis, width / span), theme)


def _texts(column: BarColumn) -> list[str]:
    return [
        fixed(float(value), column.decimals, signed=column.signed) if known else ""
        for value, known in zip(column.values, column.computed, strict=True)
    ]


def _bar(
    column: BarColumn, k: int, text: str, row: Box, scale: tuple[float, float], theme: Theme
) -> Iterator[Mark]:
    """A bar from the axis, its number at the right end of the row."""
    middle = row.y + row.height / 2
    category = k if column.keys is None else column.keys[k]
    key = str(column.address.at((*column.prefix, category)))
    yield Rect(row.x, row.y + 1, row.width, row.height - 2, fill=theme.stage + "00", key=key)
    if not column.computed[k]:
        yield Ellipse(row.right - 5, middle, 2.5, 2.5, fill=theme.text_tertiary)
    else:
        yield from _filled(column, k, row, scale)
        baseline = centered_baseline(middle, styles.NUMBER_SMALL)
        font, color = styles.NUMBER_SMALL, theme.text
        yield Text(row.right, baseline, text, font, color, Anchor.END, key)
    for place, color in ((column.read, theme.forward), (column.current, theme.here)):
        if place == k:
            edges = (row.x - 4, row.y + 1.5, row.width + 8, row.height - 3)
            yield Rect(*edges, stroke=Stroke(color, 2.0), radius=4.0)


def _filled(column: BarColumn, k: int, row: Box, scale: tuple[float, float]) -> Iterator[Mark]:
    value = float(column.values[k])
    if not math.isfinite(value) or value == 0:
        return
    axis, unit = scale
    length = max(1.0, abs(value) * unit)
    x = axis if value > 0 else axis - length
    height = max(6, round(row.height * 0.46))
    y = round(row.y + (row.height - height) / 2)
    yield Rect(x, y, length, height, fill=column.color, radius=2.0)
