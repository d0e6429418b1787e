"""A panel as marks: cells with numbers where there is room, else a map; outlines and labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from functools import lru_cache
from math import isfinite
from operator import attrgetter

from backpropviz.figures.stage.panel import (
    LABELLED,
    NO_MARGINS,
    NUMBERED,
    Outline,
    Panel,
    cell_box,
    outline_box,
)
from backpropviz.figures.stage.panel_map import MOST_FRAMED, map_marks, special_cells
from backpropviz.figures.stage.planes import Plane
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import Cell, CellState, cells, framed, number_font, value_fill
from backpropviz.scene.colormaps import contrast_color
from backpropviz.scene.fonts import centered_baseline
from backpropviz.scene.layout import Grid
from backpropviz.scene.marks import Anchor, Box, Font, Mark, Rect, Text
from backpropviz.scene.theme import Theme

_DRAWN_SINGLY = 400
"""Most cells that are drawn one by one."""
_DRAWN_WITH_STATES = 30
"""Most cells that are drawn each with all that its state has, where most have the plain one."""


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
    is_plain = panel.margins == NO_MARGINS and not panel.notes and len(panel.moods) <= MOST_FRAMED
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
    special = special_cells(panel, grid, theme)
    return (*map_marks(panel, grid, theme), *columns, *rows, *special, *numbers)


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
    box = cell_box(panel, grid, row, column)
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
    return (*map_marks(panel, grid, theme), *special_cells(panel, grid, theme))


def _outlines(
    outlines: Iterable[Outline], panel: Panel, grid: Grid, theme: Theme
) -> tuple[Mark, ...]:
    marks: list[Mark] = []
    for outline in outlines:
        box = outline_box(outline, panel, grid)
        if box is not None:
            marks.extend(framed(box, outline.color, theme, outline.width, outline.dash))
    return tuple(marks)


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
