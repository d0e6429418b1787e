"""One plane on the stage: cells with numbers where there is room, else a map; and its outlines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, fields
from functools import cached_property, lru_cache
from math import isfinite
from operator import attrgetter

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.figures.scales import Scale
from backpropviz.figures.stage.planes import Plane
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import Cell, CellState, cells, framed, number_font, value_fill
from backpropviz.scene.colormaps import contrast_color
from backpropviz.scene.fonts import centered_baseline
from backpropviz.scene.layout import Grid, bounds
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Color,
    Font,
    Hatch,
    Mark,
    Pixels,
    Rect,
    Stroke,
    Text,
)
from backpropviz.scene.numbers import shown_group
from backpropviz.scene.theme import Theme

NUMBERED = 30
"""Cells of at least this side (px) carry their number, if it fits."""
LABELLED = 18
"""Cells of at least this side have their row and column numbers beside them."""
_DRAWN_SINGLY = 400
"""Most cells that are drawn one by one."""
_LEAST_DOT_DISTANCE, _MOST_DOTS = 12, 600
_OF_THE_STEP = (CellState.IN_PROGRESS, CellState.CURRENT)
_DRAWN_WITH_STATES = 30
"""Most cells that are drawn each with all that its state has, where most have the plain one."""
_LEAST_FRAMED, _MOST_FRAMED = 16, 4


@frozen
class Outline:
    """A block of cells with a thick edge; rows and columns may reach into the padding."""

    rows: range
    columns: range
    color: Color
    width: float = 2.0
    dash: tuple[float, ...] = ()


@frozen
class Mood:
    """What a single cell shows beside its value."""

    state: CellState
    word: str = ""
    note: str = ""
    accent: Color | None = None


@frozen
class Margins:
    """Rows and columns of padding around a plane."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


NO_MARGINS = Margins()


@frozen(eq=False, slots=False)
class Panel:
    """A plane with everything that is to be seen in it."""

    plane: Plane
    scale: Scale
    margins: Margins = NO_MARGINS
    outlines: tuple[Outline, ...] = ()
    moods: Mapping[tuple[int, int], Mood] = field(default_factory=dict)
    notes: Mapping[tuple[int, int], str] = field(default_factory=dict)
    """Small text at the bottom of large cells: the weight that a gradient belongs to."""
    signed: bool = False

    @cached_property
    def numbers(self) -> dict[tuple[int, int], str]:
        """The text of every value that is computed, all with the same decimals."""
        values = self.plane.values[self.plane.computed].tolist()
        places = zip(*(indices.tolist() for indices in self.plane.computed.nonzero()), strict=True)
        return dict(zip(places, _shown_group(tuple(values), self.signed), strict=True))

    @property
    def texts(self) -> Iterable[str]:
        """All numbers."""
        return self.numbers.values()

    @property
    def rows(self) -> int:
        """Rows with the padding."""
        return self.plane.rows + self.margins.top + self.margins.bottom

    @property
    def columns(self) -> int:
        """Columns with the padding."""
        return self.plane.columns + self.margins.left + self.margins.right


@lru_cache(maxsize=64)
def _shown_group(values: tuple[float, ...], signed: bool) -> tuple[str, ...]:
    return tuple(shown_group(values, signed=signed))


def panel_marks(
    panel: Panel, grid: Grid, theme: Theme, *, is_tile: bool = False
) -> tuple[Mark, ...]:
    """The panel on a grid of its rows and columns; a tile has no row and column numbers.

    From step to step most panels stay as they are, so the marks of the last ones are kept.
    """
    return _kept_marks(_Content(panel, grid, theme, is_tile))


_plane_facts = attrgetter(
    *(f.name for f in fields(Plane) if f.name not in {"values", "computed", "complete"})
)


class _Content:
    """All that a panel's marks depend on, equal where what is seen is equal."""

    __slots__ = ("_key", "grid", "is_tile", "panel", "theme")

    def __init__(self, panel: Panel, grid: Grid, theme: Theme, is_tile: bool) -> None:
        self.panel, self.grid, self.theme, self.is_tile = panel, grid, theme, is_tile
        plane = panel.plane
        self._key = (
            *(plane.values.tobytes(), plane.computed.tobytes(), plane.values.shape),
            _plane_facts(plane),
            *(panel.scale, panel.margins, panel.outlines, panel.signed),
            *(tuple(panel.moods.items()), tuple(panel.notes.items())),
            *(grid, theme.name, is_tile),
        )

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content) and self._key == other._key


@lru_cache(maxsize=256)
def _kept_marks(content: _Content) -> tuple[Mark, ...]:
    panel, grid, theme = content.panel, content.grid, content.theme
    side = min(grid.cell_width, grid.cell_height)
    single = side >= NUMBERED and panel.rows * panel.columns <= _DRAWN_SINGLY
    body = _numbered(panel, grid, theme) if single else _mapped(panel, grid, theme)
    labels = () if content.is_tile or side < LABELLED else _labels(panel, grid, theme)
    return (*body, *_outlines(panel.outlines, panel, grid, theme), *labels)


def _numbered(panel: Panel, grid: Grid, theme: Theme) -> tuple[Mark, ...]:
    texts = panel.numbers
    font = number_font(grid.cell_width, grid.cell_height, texts.values())
    if font is None:
        return _mapped(panel, grid, theme)
    is_plain = panel.margins == NO_MARGINS and not panel.notes and len(panel.moods) <= _MOST_FRAMED
    if is_plain and panel.plane.values.size > _DRAWN_WITH_STATES:
        return _numbered_map(panel, grid, font, theme)
    return cells(
        (
            _cell(panel, grid, row, column, texts.get((row, column), ""))
            for row in range(-panel.margins.top, panel.plane.rows + panel.margins.bottom)
            for column in range(-panel.margins.left, panel.plane.columns + panel.margins.right)
            if not _is_behind_end(panel.plane, row, column)
        ),
        theme,
    )


def _numbered_map(panel: Panel, grid: Grid, font: Font, theme: Theme) -> tuple[Mark, ...]:
    """Many plain cells: one map with lines and numbers, several times faster than cell by cell."""
    box, color = grid.box, theme.border_strong
    columns = (
        Rect(box.x + k * grid.cell_width - 1, box.y, 2, box.height, fill=color)
        for k in range(1, grid.columns)
    )
    rows = (
        Rect(box.x, box.y + k * grid.cell_height - 1, box.width, 2, fill=color)
        for k in range(1, grid.rows)
    )
    numbers = (
        _number(panel, grid.cell(row, column), row, column, font) for row, column in panel.numbers
    )
    special = _special_cells(panel, grid, theme)
    return (*_map(panel, grid, theme), *columns, *rows, *special, *numbers)


def _number(panel: Panel, box: Box, row: int, column: int, font: Font) -> Text:
    value = float(panel.plane.values[row, column])
    fill = value_fill(value, panel.scale.colormap, panel.scale.limits)
    return Text(
        box.x + box.width / 2,
        centered_baseline(box.y + box.height / 2, font),
        panel.numbers[row, column],
        font,
        contrast_color(fill),
        Anchor.MIDDLE,
    )


def _is_behind_end(plane: Plane, row: int, column: int) -> bool:
    inside = 0 <= row < plane.rows and 0 <= column < plane.columns
    return inside and plane.indices(row, column) is None


def _cell(panel: Panel, grid: Grid, row: int, column: int, text: str) -> Cell:
    plane = panel.plane
    box = grid.cell(row + panel.margins.top, column + panel.margins.left)
    if not (0 <= row < plane.rows and 0 <= column < plane.columns):
        return Cell(box, CellState.PADDING, "0")
    key = plane.key_of(row, column)
    mood, note = panel.moods.get((row, column)), panel.notes.get((row, column), "")
    if not plane.computed[row, column]:
        return Cell(box, CellState.NOT_COMPUTED, note=note, key=key)
    value = float(plane.values[row, column])
    if not isfinite(value):
        return Cell(box, CellState.NOT_FINITE, text, key=key)
    fill = value_fill(value, panel.scale.colormap, panel.scale.limits)
    if mood is None:
        return Cell(box, CellState.FINAL, text, fill, note=note, key=key)
    return Cell(box, mood.state, text, fill, mood.word, mood.note or note, mood.accent, key)


def _mapped(panel: Panel, grid: Grid, theme: Theme) -> tuple[Mark, ...]:
    """A map; the few cells with a state of their own lie over it."""
    return (*_map(panel, grid, theme), *_special_cells(panel, grid, theme))


def _map(panel: Panel, grid: Grid, theme: Theme) -> tuple[Mark, ...]:
    plane, margins = panel.plane, panel.margins
    is_whole = bool(plane.computed.all())
    inner = grid.span(margins.top, margins.left, plane.rows, plane.columns)
    pixels = Pixels(
        inner.x,
        inner.y,
        inner.width,
        inner.height,
        plane.values if is_whole else np.where(plane.computed, plane.values, 0.0),
        panel.scale.colormap,
        panel.scale.limits,
        None if is_whole else ~plane.computed,
        theme.stage,
        plane.key_pattern,
        plane.first_row,
        plane.first_column,
        plane.first_index,
        plane.length if plane.wrapped else None,
        None if is_whole else _dotted(panel, grid),
        min(2.5, max(1.0, min(grid.cell_width, grid.cell_height) / 8)),
        theme.text_tertiary,
    )
    padding = () if margins == NO_MARGINS else _padding(grid.box, inner, theme)
    return (*padding, pixels, _edge(inner, theme))


def _edge(box: Box, theme: Theme) -> Rect:
    """A line of whole pixels around a map, beside its values."""
    edges = (box.x - 0.5, box.y - 0.5, box.width + 1, box.height + 1)
    return Rect(*edges, stroke=Stroke(theme.border_strong))


def _padding(outer: Box, inner: Box, theme: Theme) -> tuple[Mark, ...]:
    """The hatched rows and columns around a map."""
    strips = (
        Box(outer.x, outer.y, outer.width, inner.y - outer.y),
        Box(outer.x, inner.bottom, outer.width, outer.bottom - inner.bottom),
        Box(outer.x, inner.y, inner.x - outer.x, inner.height),
        Box(inner.right, inner.y, outer.right - inner.right, inner.height),
    )
    hatched = (
        Rect(
            *(strip.x, strip.y, strip.width, strip.height),
            fill=theme.stage,
            hatch=Hatch.PADDING,
            hatch_color=theme.border_strong,
        )
        for strip in strips
        if strip.width > 0 and strip.height > 0
    )
    return (*hatched, _edge(outer, theme))


def _dotted(panel: Panel, grid: Grid) -> Array | None:
    """Cells with a dot since nothing is computed: each one, or of small cells one every few."""
    plane = panel.plane
    step = -(-_LEAST_DOT_DISTANCE // min(grid.cell_width, grid.cell_height))
    on_lattice = slice(step // 2, None, step)
    missing = np.zeros_like(plane.computed)
    missing[on_lattice, on_lattice] = ~plane.computed[on_lattice, on_lattice]
    if plane.length < plane.values.size:
        for row, column in np.argwhere(missing).tolist():
            missing[row, column] = plane.indices(row, column) is not None
    places = np.flatnonzero(missing)
    missing.reshape(-1)[places[_MOST_DOTS:]] = False
    return missing if places.size else None


def _special_cells(panel: Panel, grid: Grid, theme: Theme) -> tuple[Mark, ...]:
    """The cells that the step is in: each framed, or where they are tiny all together."""
    special = [(p, mood) for p, mood in panel.moods.items() if mood.state in _OF_THE_STEP]
    many = 1 if grid.cell_width < _LEAST_FRAMED else _MOST_FRAMED
    if len(special) > many:
        return _framed_together(special, panel, grid, theme)
    return tuple(
        mark
        for (row, column), mood in special
        for mark in _framed_cell(_cell_box(panel, grid, row, column), mood, theme)
    )


def _cell_box(panel: Panel, grid: Grid, row: int, column: int) -> Box:
    return grid.cell(row + panel.margins.top, column + panel.margins.left)


def _framed_cell(box: Box, mood: Mood, theme: Theme) -> tuple[Mark, ...]:
    dash = (4.0, 2.0) if mood.state is CellState.IN_PROGRESS else ()
    width = 2.0 if box.width < _LEAST_FRAMED else 3.0
    return framed(box.inset(-1), mood.accent or theme.here, theme, width, dash)


def _framed_together(
    special: Sequence[tuple[tuple[int, int], Mood]], panel: Panel, grid: Grid, theme: Theme
) -> tuple[Mark, ...]:
    box = bounds([_cell_box(panel, grid, row, column) for (row, column), _ in special])
    open_ones = [mood for _, mood in special if mood.state is CellState.IN_PROGRESS]
    return _framed_cell(box, open_ones[0] if open_ones else special[0][1], theme)


def _outlines(
    outlines: Iterable[Outline], panel: Panel, grid: Grid, theme: Theme
) -> tuple[Mark, ...]:
    marks: list[Mark] = []
    for outline in outlines:
        box = outline_box(outline, panel, grid)
        if box is not None:
            marks.extend(framed(box, outline.color, theme, outline.width, outline.dash))
    return tuple(marks)


def outline_box(outline: Outline, panel: Panel, grid: Grid) -> Box | None:
    """Where an outline lies, cut to what is shown; None where nothing of it is."""
    margins = panel.margins
    rows = _cut(outline.rows, -margins.top, panel.plane.rows + margins.bottom)
    columns = _cut(outline.columns, -margins.left, panel.plane.columns + margins.right)
    if not rows or not columns:
        return None
    return grid.span(
        rows.start + margins.top, columns.start + margins.left, len(rows), len(columns)
    )


def _cut(wanted: range, first: int, stop: int) -> range:
    return range(max(wanted.start, first), min(wanted.stop, stop))


def _labels(panel: Panel, grid: Grid, theme: Theme) -> tuple[Mark, ...]:
    """Row numbers at the left, column numbers above."""
    plane, margins = panel.plane, panel.margins
    columns = [
        _label(
            str(column + plane.first_column),
            grid.cell(0, column + margins.left),
            theme,
            above=True,
        )
        for column in range(plane.columns)
    ]
    if plane.rows == 1:
        return tuple(columns)
    step = plane.whole[1] if plane.wrapped else 1
    rows = [
        _label(
            str((row + plane.first_row) * step), grid.cell(row + margins.top, 0), theme, above=False
        )
        for row in range(plane.rows)
    ]
    return (*columns, *rows)


def _label(text: str, cell: Box, theme: Theme, *, above: bool) -> Text:
    font = styles.INDEX
    if above:
        return Text(
            cell.x + cell.width / 2, cell.y - 8, text, font, theme.text_tertiary, Anchor.MIDDLE
        )
    baseline = centered_baseline(cell.y + cell.height / 2, font)
    return Text(cell.x - 10, baseline, text, font, theme.text_tertiary, Anchor.END)
