"""Who is taken for whom: true classes in rows, answers in columns, the diagonal apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from backpropviz.engine.model import Preprocessing
from backpropviz.engine.value import Array
from backpropviz.figures.numbers import counted
from backpropviz.figures.thumbnails import photograph
from backpropviz.figures.training.numbers import foot_marks, percent
from backpropviz.files.fit import displayable
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.color import color_at, contrast_color
from backpropviz.scene.marks import (
    Anchor,
    Color,
    Font,
    Group,
    Mark,
    Pixels,
    Rect,
    Scene,
    Stroke,
    Text,
)
from backpropviz.scene.text import centered_baseline, elide, text_width
from backpropviz.scene.theme import Theme

MOST_NUMBERED: Final = 20
"""Classes up to which every count is written."""
_LARGEST_CELL, _LEAST_NUMBERED_CELL = 48, 20
_HEAD: Final = 40
_TOTALS: Final = 56


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
        return self.side * self.classes


def confusion_figure(
    counts: Array, class_names: Sequence[str], width: float, theme: Theme, title: str = ""
) -> Scene:
    """Counts (K, K) by true class and answer; wrong ones in color, the diagonal in its own.

    A cell answers to `confusion:7,2` (true 7, answered 2), a row's name to `class:7`. From 21
    classes on, or where cells are too narrow, the numbers are dropped, and the figure says so.
    """
    names = _names(class_names, len(counts))
    classes = len(counts)
    widest = max(text_width(name, styles.LABEL) for name in names)
    left = math.ceil(min(widest, width * 0.28)) + 28
    for totals in (_TOTALS, 0):
        side = int(min(_LARGEST_CELL, (width - left - totals) // classes))
        if side >= _LEAST_NUMBERED_CELL or not totals:
            break
    side = max(1, side)
    fits = _number_font(counts, side) is not None
    table = _Table(left, _HEAD, side, classes, classes <= MOST_NUMBERED and fits, totals > 0)
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


def _number_font(counts: Array, side: int) -> Font | None:
    longest = str(int(counts.max())) if counts.size else "0"
    return next(
        (
            font
            for font in (styles.NUMBER_SMALL, styles.INDEX, styles.NOTE)
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


MOST_SAMPLES: Final = 60
_SIDE: Final = 56
_GAP: Final = 12
_WORDS: Final = 30
_ANSWER_HEAD: Final = 26


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredSample:
    """A held-out sample by its number: its picture (C,H,W), its class and the answer, in words."""

    number: int
    image: Array
    name: str
    true: str
    answer: str

    @property
    def is_right(self) -> bool:
        return self.true == self.answer


def answer_sheet(
    title: str,
    samples: Sequence[AnsweredSample],
    chosen: int | None,
    preprocessing: Preprocessing,
    width: float,
    theme: Theme,
) -> Scene:
    """Pictures in rows; each answers to `sample:17`. Beyond 60 only their number is told."""
    shown = samples[:MOST_SAMPLES]
    per_line = max(1, int((width - 4 + _GAP) // (_SIDE + _GAP)))
    font = styles.PANEL_TITLE
    head = elide(title, font, width)
    marks: list[Mark] = [Text(0, centered_baseline(10, font), head, font, theme.text)]
    for place, sample in enumerate(shown):
        line, column = divmod(place, per_line)
        x, y = 2 + column * (_SIDE + _GAP), _ANSWER_HEAD + line * (_SIDE + _WORDS)
        is_chosen = sample.number == chosen
        marks.extend(_sample(sample, x, y, preprocessing, theme, is_chosen=is_chosen))
    bottom = float(_ANSWER_HEAD + -(-len(shown) // per_line) * (_SIDE + _WORDS))
    rest = len(samples) - len(shown)
    if rest or not samples:
        text = f"and {counted(rest, 'more sample')}" if rest else "none"
        baseline = centered_baseline(bottom + 8, styles.LABEL)
        marks.append(Text(0, baseline, text, styles.LABEL, theme.text_secondary))
        bottom += 20
    return Scene(width, bottom, theme.stage, tuple(marks), title)


def _sample(
    sample: AnsweredSample,
    x: int,
    y: int,
    preprocessing: Preprocessing,
    theme: Theme,
    *,
    is_chosen: bool,
) -> Iterator[Mark]:
    key = f"sample:{sample.number}"
    picture = photograph(displayable(sample.image, preprocessing), _SIDE, theme)
    yield Rect(x, y, _SIDE, _SIDE, key=key)
    yield Group(picture, x, y)
    if is_chosen:
        yield Rect(x - 1, y - 1, _SIDE + 2, _SIDE + 2, stroke=Stroke(theme.update, 2.0))
    told = sample.true if sample.is_right else f"{sample.true} → {sample.answer}"
    color = theme.text if sample.is_right else theme.breakpoint
    middle, font = x + _SIDE / 2, styles.LABEL_MEDIUM
    yield Text(middle, y + _SIDE + 13, elide(told, font, _SIDE), font, color, Anchor.MIDDLE)
    name = elide(sample.name.rpartition("/")[2], styles.NOTE, _SIDE + _GAP - 2)
    yield Text(middle, y + _SIDE + 24, name, styles.NOTE, theme.text_tertiary, Anchor.MIDDLE)


_ROW: Final = 20
_BAR: Final = 12
_BAR_GAP: Final = 8
_LEAST_BAR: Final = 8.0
_WIDEST_NAME: Final = 0.35
"""Of the room."""


@frozen
class ClassCount:
    """A class and its samples."""

    name: str
    training: int
    held_out: int

    @property
    def total(self) -> int:
        return self.training + self.held_out

    @property
    def text(self) -> str:
        return f"{self.training:,} + {self.held_out:,}" if self.held_out else f"{self.training:,}"


def class_counts_scene(counts: tuple[ClassCount, ...], width: float, theme: Theme) -> Scene:
    """A row a class, as tall as they need; a class without a sample says 0."""
    names = max((text_width(c.name, styles.LABEL_MEDIUM) for c in counts), default=0.0)
    numbers = max((text_width(c.text, styles.INDEX) for c in counts), default=0.0)
    names = max(0.0, min(names, width * _WIDEST_NAME, width - numbers - 3 * _BAR_GAP - _LEAST_BAR))
    left = names + _BAR_GAP
    room = max(_LEAST_BAR, width - left - numbers - 2 * _BAR_GAP)
    most = max((count.total for count in counts), default=0) or 1
    marks: list[Mark] = []
    for number, count in enumerate(counts):
        marks += _row(count, number * _ROW, (names, left, room), room / most, theme)
    height = max(_ROW, _ROW * len(counts))
    return Scene(width, height, theme.panel, tuple(marks), "Samples of each class")


def _row(
    count: ClassCount, top: float, places: tuple[float, float, float], scale: float, theme: Theme
) -> list[Mark]:
    names, left, _ = places
    middle, bar_top = top + _ROW / 2, top + (_ROW - _BAR) / 2
    trained, held = count.training * scale, count.held_out * scale
    font = styles.LABEL_MEDIUM
    name, baseline = elide(count.name, font, names), centered_baseline(middle, font)
    marks: list[Mark] = [Text(names, baseline, name, font, theme.text, Anchor.END)]
    if count.training:
        marks.append(Rect(left, bar_top, trained, _BAR, theme.forward, key=count.name))
    if count.held_out:
        edge = Stroke(theme.forward)
        marks.append(Rect(left + trained, bar_top + 0.5, held, _BAR - 1, theme.forward_tint, edge))
    end = left + trained + held + _BAR_GAP
    baseline = centered_baseline(middle, styles.INDEX)
    marks.append(Text(end, baseline, count.text, styles.INDEX, theme.text_secondary))
    return marks


def balance_words(counts: tuple[ClassCount, ...]) -> str:
    """How uneven the classes are, in words; nothing where they are about alike.

    Classes without a sample are not counted: they belong to the network, not to the data.
    """
    present = [count for count in counts if count.total]
    if len(present) < 2:
        return ""
    least, most = (choose(present, key=lambda c: c.total) for choose in (min, max))
    if most.total < 1.5 * least.total:
        return ""
    return (
        f"Uneven: {most.total:,} of “{most.name}”, but {least.total:,} of “{least.name}”; a "
        "network can seem good by answering the first."
    )


_LEAST_SIDE: Final = 64
_MARGIN: Final = 12
_LINES: Final = 32
"""Below a picture: its class, and its name."""
_SHEET_HEAD: Final = 24
_MOST: Final = 40
"""Pictures at once: more take longer to draw than a person waits at a click."""
_ARROW_ROOM: Final = 20


@frozen(eq=False)
class SampleViews:
    """A sample: its class in words, its name, and its pictures (C,H,W), the unchanged one first."""

    label: str
    name: str
    pictures: tuple[Array, ...]


def sheet_capacity(width: float, height: float, *, versions: int) -> tuple[int, int]:
    """How many samples have room, and how many changed versions of each (0 where none wanted)."""
    if not versions:
        columns, rows, _ = _grid_shape(width, height)
        return columns * rows, 0
    columns = int((width - 2 * _MARGIN + _GAP) // (_LEAST_SIDE + _GAP))
    versions = min(versions, max(1, columns - 2))
    most = int((height - _MARGIN - _SHEET_HEAD) // (_LEAST_SIDE + _LINES))
    choices = range(1, max(1, min(most, _MOST // (versions + 1))) + 1)
    return max(choices, key=lambda n: n * _row_side(n, versions, (width, height)) ** 2), versions


def sample_sheet(
    samples: tuple[SampleViews, ...],
    preprocessing: Preprocessing,
    size: tuple[float, float],
    theme: Theme,
) -> Scene:
    """A grid of samples, or, where they have changed versions, a row a sample."""
    width, height = size
    versions = max((len(sample.pictures) for sample in samples), default=1) - 1
    marks: list[Mark] = []
    if versions:
        side = _row_side(len(samples), versions, size)
        second = _MARGIN + side + _ARROW_ROOM + _GAP
        for left, title in ((_MARGIN, "as it is"), (second, "as the batches may show it")):
            marks.append(Text(left, 16, title, styles.LABEL, theme.text_secondary))
        corners = [(_MARGIN, _SHEET_HEAD + n * (side + _LINES)) for n in range(len(samples))]
    else:
        columns, rows, side = _grid_shape(width, height)
        second = 0
        places = [divmod(number, columns) for number in range(columns * rows)]
        across, down = side + _GAP, side + _LINES
        corners = [(_MARGIN + column * across, _MARGIN + row * down) for row, column in places]
    for sample, (x, y) in zip(samples, corners, strict=False):
        lefts = (x, *(second + place * (side + _GAP) for place in range(versions)))
        drawn: list[Mark] = [
            Group(photograph(displayable(picture, preprocessing), side, theme), left, y)
            for picture, left in zip(sample.pictures, lefts, strict=False)
        ]
        marks += (drawn[0], *_words(sample, (x, y + side, side), theme), *drawn[1:])
    return Scene(width, height, theme.stage, tuple(marks), "Samples")


def _grid_shape(width: float, height: float) -> tuple[int, int, int]:
    """Columns, rows and a picture's side, such that pictures fill as much of the room as can be."""
    most = max(1, int((width - 2 * _MARGIN + _GAP) // (_LEAST_SIDE + _GAP)))
    shapes = []
    for columns in range(max(1, min(5, most), most // 2), most + 1):
        side = max(1, int((width - 2 * _MARGIN + _GAP) / columns - _GAP))
        rows = max(1, min(int((height - _MARGIN) // (side + _LINES)), _MOST // columns))
        shapes.append((columns * rows * side * side, columns, rows, side))
    return max(shapes)[1:]


def _row_side(samples: int, versions: int, size: tuple[float, float]) -> int:
    """A picture's side where each sample has a row of versions."""
    across = size[0] - 2 * _MARGIN - _ARROW_ROOM - versions * _GAP
    down = (size[1] - _MARGIN - _SHEET_HEAD) / samples - _LINES
    return int(max(24.0, min(across / (versions + 1), down)))


def _words(sample: SampleViews, place: tuple[float, float, int], theme: Theme) -> list[Mark]:
    x, y, side = place
    label = elide(sample.label, styles.LABEL_MEDIUM, side)
    # A file's own name, without its ending where that has no room.
    own = sample.name.rpartition("/")[2]
    if text_width(own, styles.NOTE) > side and "." in own[1:]:
        own = own.rpartition(".")[0]
    name = elide(own, styles.NOTE, side)
    return [
        Text(x + side / 2, y + 13, label, styles.LABEL_MEDIUM, theme.text, Anchor.MIDDLE),
        Text(x + side / 2, y + 25, name, styles.NOTE, theme.text_tertiary, Anchor.MIDDLE),
    ]
