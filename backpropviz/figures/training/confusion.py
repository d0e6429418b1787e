"""Who is taken for whom: true classes in rows, answers in columns, the diagonal apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.figures.training.foot import foot_marks
from backpropviz.figures.training.short_text import percent
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.colormaps import color_at, contrast_color
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import Anchor, Color, Font, Mark, Pixels, Rect, Scene, Stroke, Text
from backpropviz.scene.theme import Theme

MOST_NUMBERED: Final = 20
"""Classes up to which every count is written."""
_LARGEST_CELL, _LEAST_NUMBERED_CELL = 48, 20
_HEAD: Final = 40
_NAME_ROOM: Final = 0.28
_TOTALS: Final = 56
_FONTS: Final = (styles.NUMBER_SMALL, styles.INDEX, styles.NOTE)


@frozen
class _Table:
    """Where the cells are: `x`, `y` of the first, their side, and what fits."""

    x: int
    y: int
    side: int
    classes: int
    is_numbered: bool
    shows_totals: bool

    @property
    def end(self) -> int:
        """Pixels of a side of the table."""
        return self.side * self.classes


def confusion_figure(
    counts: Array, class_names: Sequence[str], width: float, theme: Theme, title: str = ""
) -> Scene:
    """Counts (K, K) by true class and answer; wrong ones in color, the diagonal in its own.

    A cell answers to `confusion:7,2` (true 7, answered 2), a row's name to `class:7`. From 21
    classes on, or where cells are too narrow, the numbers are dropped, and the figure says so.
    """
    names = _names(class_names, len(counts))
    table = _laid(counts, names, width)
    marks = [
        *_headings(counts, table, width, title, theme),
        *_colors(counts, table, theme),
        *_labels(names, table, theme),
        *(_totals(counts, table, theme) if table.shows_totals else ()),
    ]
    if table.is_numbered:
        marks += _numbers(counts, table, theme)
    foot, bottom = foot_marks(
        _remarks(counts, table),
        width,
        table.y + table.end + (28 if _fits(names, table) else 8),
        theme,
    )
    return Scene(width, bottom, theme.stage, (*marks, *foot), "confusion matrix")


def parse_confusion(key: str) -> tuple[int, int] | None:
    """True class and answer of a cell's key, None for another key."""
    kind, _, rest = key.partition(":")
    if kind != "confusion":
        return None
    true, answer = rest.split(",")
    return int(true), int(answer)


def cell_words(key: str, counts: Array, class_names: Sequence[str]) -> str:
    """What a cell counts, in words; nothing for another key."""
    cell = parse_confusion(key)
    if cell is None:
        return ""
    names = _names(class_names, len(counts))
    true, answer = (names[number] for number in cell)
    count = int(counts[cell])
    if cell[0] == cell[1]:
        return f"{count:,} of class {true}, answered right"
    return f"{count:,} of class {true}, taken for {answer}"


def _names(class_names: Sequence[str], classes: int) -> tuple[str, ...]:
    given = tuple(class_names[:classes])
    return (*given, *(str(k) for k in range(len(given), classes)))


def _laid(counts: Array, names: Sequence[str], width: float) -> _Table:
    classes = len(counts)
    widest = max(text_width(name, styles.LABEL) for name in names)
    left = math.ceil(min(widest, width * _NAME_ROOM)) + 28
    for totals in (_TOTALS, 0):
        side = int(min(_LARGEST_CELL, (width - left - totals) // classes))
        if side >= _LEAST_NUMBERED_CELL or not totals:
            break
    side = max(1, side)
    fits = _number_font(counts, side) is not None
    return _Table(left, _HEAD, side, classes, classes <= MOST_NUMBERED and fits, totals > 0)


def _number_font(counts: Array, side: int) -> Font | None:
    longest = str(int(counts.max())) if counts.size else "0"
    return next(
        (
            font
            for font in _FONTS
            if text_width(longest, font) <= side - 4 and font.size + 4 <= side
        ),
        None,
    )


def _headings(
    counts: Array, table: _Table, width: float, title: str, theme: Theme
) -> Iterator[Mark]:
    right = sum(counts.diagonal())
    total = int(counts.sum())
    told = f"{right:,} of {total:,} right, {percent(right / total)}" if total else "no answers yet"
    text = f"{title}: {told}" if title else told
    font = styles.ROW
    shown = elide(text, font, width)
    yield Text(0, centered_baseline(10, font), shown, font, theme.text)
    answer = elide("answer", styles.LABEL, width - table.x)
    baseline = centered_baseline(30, styles.LABEL)
    yield Text(table.x, baseline, answer, styles.LABEL, theme.text_secondary)
    if table.x >= text_width("true", styles.LABEL) + 6:
        yield Text(0, baseline, "true", styles.LABEL, theme.text_secondary)


def _colors(counts: Array, table: _Table, theme: Theme) -> Iterator[Mark]:
    """The errors on one scale, then the diagonal on its own, each cell with a key."""
    wrong = counts.astype(np.float64)
    np.fill_diagonal(wrong, 0.0)
    most = max(1.0, float(wrong.max(initial=0.0)))
    yield Pixels(
        *(table.x, table.y, table.end, table.end, wrong, theme.diverging, (-most, most)),
        key_pattern="confusion:{row},{column}",
    )
    for k in range(table.classes):
        x, y = table.x + k * table.side, table.y + k * table.side
        fill = _diagonal_color(counts, k, theme)
        yield Rect(x, y, table.side, table.side, fill=fill, key=f"confusion:{k},{k}")
    if table.side >= 8:
        for k in range(1, table.classes):
            x, y = table.x + k * table.side, table.y + k * table.side
            yield Rect(x, table.y, 1, table.end, fill=theme.border)
            yield Rect(table.x, y, table.end, 1, fill=theme.border)
    frame = (table.x - 0.5, table.y - 0.5, table.end + 1, table.end + 1)
    yield Rect(*frame, stroke=Stroke(theme.border_strong))


def _diagonal_color(counts: Array, k: int, theme: Theme) -> Color:
    """Teal by the share of the class that is right."""
    total = int(counts[k].sum())
    return color_at(theme.sequential, counts[k, k] / total if total else 0.0, (0.0, 1.0))


def _numbers(counts: Array, table: _Table, theme: Theme) -> Iterator[Mark]:
    """A count a cell; zeros stay empty, so that errors are seen."""
    font = _number_font(counts, table.side) or styles.NOTE
    wrong_most = max(1, int((counts - np.diag(counts.diagonal())).max(initial=0)))
    for row, column in zip(*np.nonzero(counts), strict=True):
        count = int(counts[row, column])
        if row == column:
            fill = _diagonal_color(counts, int(row), theme)
        else:
            fill = color_at(theme.diverging, count, (-wrong_most, wrong_most))
        x = table.x + (column + 0.5) * table.side
        baseline = centered_baseline(table.y + (row + 0.5) * table.side, font)
        key = f"confusion:{row},{column}"
        yield Text(x, baseline, str(count), font, contrast_color(fill), Anchor.MIDDLE, key)


def _labels(names: Sequence[str], table: _Table, theme: Theme) -> Iterator[Mark]:
    """Names left of the rows, and below the columns where they fit."""
    font = styles.LABEL
    stride = max(1, math.ceil(14 / table.side))
    for k in range(0, table.classes, stride):
        middle = table.y + (k + 0.5) * table.side
        text = elide(names[k], font, table.x - 8)
        baseline = centered_baseline(middle, font)
        color = theme.text_secondary
        yield Text(table.x - 8, baseline, text, font, color, Anchor.END, f"class:{k}")
    if not _fits(names, table):
        return
    baseline = centered_baseline(table.y + table.end + 12, font)
    for k in range(table.classes):
        x = table.x + (k + 0.5) * table.side
        yield Text(x, baseline, names[k], font, theme.text_secondary, Anchor.MIDDLE)


def _fits(names: Sequence[str], table: _Table) -> bool:
    return all(text_width(name, styles.LABEL) <= table.side - 4 for name in names)


def _totals(counts: Array, table: _Table, theme: Theme) -> Iterator[Mark]:
    """The share of each class that is right, right of its row."""
    font = styles.INDEX
    for k in range(table.classes):
        total = int(counts[k].sum())
        if total:
            text = f"{100 * counts[k, k] / total:.0f} %"
            baseline = centered_baseline(table.y + (k + 0.5) * table.side, font)
            x = table.x + table.end + 8
            yield Text(x, baseline, text, font, theme.text_secondary)


def _remarks(counts: Array, table: _Table) -> Iterator[tuple[str, str]]:
    wrong = int((counts - np.diag(counts.diagonal())).max(initial=0))
    yield "", f"Diagonal: share of the class that is right. Red: wrong answers, up to {wrong:,}."
    if not table.is_numbered:
        yield "", "No numbers: there is no room for them; point at a cell to read its count."
