"""One plane on the stage, with everything that is to be seen in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, fields, replace
from functools import cached_property, lru_cache
from math import ceil, isfinite, sqrt
from operator import attrgetter

import numpy as np

from backpropviz.engine.value import Array, shape_text
from backpropviz.figures.numbers import Reduced, Scale, Scales
from backpropviz.figures.stage.planes import Plane, plane_name, window_shown
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import (
    Cell,
    CellState,
    cells,
    fitting_notes,
    framed,
    number_font,
    value_fill,
)
from backpropviz.scene.color import contrast_color
from backpropviz.scene.flow import Grid, bounds
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
from backpropviz.scene.text import centered_baseline, elide, shown_group, text_width
from backpropviz.scene.theme import Theme

NUMBERED = 30
"""Cells of at least this side (px) carry their number, if it fits."""
LABELLED = 18
"""Cells of at least this side have their row and column numbers beside them."""


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


PLAIN = Mood(CellState.FINAL)


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
        return self.numbers.values()

    @property
    def rows(self) -> int:
        return self.plane.rows + self.margins.top + self.margins.bottom

    @property
    def columns(self) -> int:
        return self.plane.columns + self.margins.left + self.margins.right


@lru_cache(maxsize=64)
def _shown_group(values: tuple[float, ...], signed: bool) -> tuple[str, ...]:
    return tuple(shown_group(values, signed=signed))


def cell_box(panel: Panel, grid: Grid, row: int, column: int) -> Box:
    """Where a cell of the plane lies on a grid that has the padding, too."""
    return grid.cell(row + panel.margins.top, column + panel.margins.left)


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


_LEAST_DOT_DISTANCE, _MOST_DOTS = 12, 600
_OF_THE_STEP = (CellState.IN_PROGRESS, CellState.CURRENT)
_LEAST_FRAMED = 16
"""In smaller cells (px) a frame is thin, and no two cells have one each."""
MOST_FRAMED = 4
"""Most cells of the step that are framed each; more have one frame around all."""


def map_marks(panel: Panel, grid: Grid, theme: Theme) -> tuple[Mark, ...]:
    """A plane as a map of colors: dots where nothing is computed yet, padding hatched."""
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
        plane.whole[1],
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
    fill, ink = theme.stage, theme.border_strong
    hatched = (
        Rect(b.x, b.y, b.width, b.height, fill, hatch=Hatch.PADDING, hatch_color=ink)
        for b in strips
        if b.width > 0 and b.height > 0
    )
    return (*hatched, _edge(outer, theme))


def _dotted(panel: Panel, grid: Grid) -> Array | None:
    """Cells with a dot since nothing is computed: each one, or of small cells one every few."""
    plane = panel.plane
    step = -(-_LEAST_DOT_DISTANCE // min(grid.cell_width, grid.cell_height))
    step = max(step, ceil(sqrt(plane.values.size / _MOST_DOTS)))
    on_lattice = slice(step // 2, None, step)
    missing = np.zeros_like(plane.computed)
    missing[on_lattice, on_lattice] = ~plane.computed[on_lattice, on_lattice]
    if plane.length < plane.values.size:
        for row, column in np.argwhere(missing).tolist():
            missing[row, column] = plane.indices(row, column) is not None
    places = np.flatnonzero(missing)
    missing.reshape(-1)[places[_MOST_DOTS:]] = False
    return missing if places.size else None


def special_cells(panel: Panel, grid: Grid, theme: Theme) -> tuple[Mark, ...]:
    """The cells that the step is in: each framed, or where they are tiny all together."""
    special = [(p, mood) for p, mood in panel.moods.items() if mood.state in _OF_THE_STEP]
    many = 1 if grid.cell_width < _LEAST_FRAMED else MOST_FRAMED
    if len(special) > many:
        box = bounds([cell_box(panel, grid, row, column) for (row, column), _ in special])
        open_ones = [mood for _, mood in special if mood.state is CellState.IN_PROGRESS]
        return _framed_cell(box, open_ones[0] if open_ones else special[0][1], theme)
    return tuple(
        mark
        for (row, column), mood in special
        for mark in _framed_cell(cell_box(panel, grid, row, column), mood, theme)
    )


def _framed_cell(box: Box, mood: Mood, theme: Theme) -> tuple[Mark, ...]:
    dash = (4.0, 2.0) if mood.state is CellState.IN_PROGRESS else ()
    width = 2.0 if box.width < _LEAST_FRAMED else 3.0
    return framed(box.inset(-1), mood.accent or theme.here, theme, width, dash)


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
    outlined = ((outline, outline_box(outline, panel, grid)) for outline in panel.outlines)
    outlines = (
        mark
        for outline, box in outlined
        if box is not None
        for mark in framed(box, outline.color, theme, outline.width, outline.dash)
    )
    labels = () if content.is_tile or side < LABELLED else _labels(panel, grid, theme)
    return (*body, *outlines, *labels)


def _numbered(panel: Panel, grid: Grid, theme: Theme) -> tuple[Mark, ...]:
    texts = panel.numbers
    font = number_font(grid.cell_width, grid.cell_height, texts.values())
    if font is None:
        return _mapped(panel, grid, theme)
    is_plain = panel.margins == NO_MARGINS and not panel.notes and len(panel.moods) <= MOST_FRAMED
    if is_plain and panel.plane.values.size > _DRAWN_WITH_STATES:
        # Many plain cells: one map with lines and numbers, several times faster than cell by cell.
        box, color = grid.box, theme.border_strong
        xs = (box.x + k * grid.cell_width - 1 for k in range(1, grid.columns))
        ys = (box.y + k * grid.cell_height - 1 for k in range(1, grid.rows))
        columns = (Rect(x, box.y, 2, box.height, fill=color) for x in xs)
        rows = (Rect(box.x, y, box.width, 2, fill=color) for y in ys)
        numbers = (_number(panel, grid.cell(*place), place, font) for place in panel.numbers)
        special = special_cells(panel, grid, theme)
        return (*map_marks(panel, grid, theme), *columns, *rows, *special, *numbers)
    return cells(panel_cells(panel, grid), theme)


def panel_cells(panel: Panel, grid: Grid, *, has_numbers: bool = True) -> Iterator[Cell]:
    """The cells that exist, padding included, row by row."""
    texts = panel.numbers if has_numbers else {}
    own = (mood.note for mood in panel.moods.values())
    notes = fitting_notes((*panel.notes.values(), *own), grid.cell(0, 0))
    for row in range(-panel.margins.top, panel.plane.rows + panel.margins.bottom):
        for column in range(-panel.margins.left, panel.plane.columns + panel.margins.right):
            if not _is_behind_end(panel.plane, row, column):
                yield _cell(panel, grid, row, column, texts.get((row, column), ""), notes)


def _number(panel: Panel, box: Box, place: tuple[int, int], font: Font) -> Text:
    fill = value_fill(float(panel.plane.values[place]), panel.scale.colormap, panel.scale.limits)
    baseline, color = centered_baseline(box.y + box.height / 2, font), contrast_color(fill)
    x = box.x + box.width / 2
    return Text(x, baseline, panel.numbers[place], font, color, Anchor.MIDDLE)


def _is_behind_end(plane: Plane, row: int, column: int) -> bool:
    inside = 0 <= row < plane.rows and 0 <= column < plane.columns
    return inside and plane.indices(row, column) is None


def _cell(
    panel: Panel, grid: Grid, row: int, column: int, text: str, notes: Mapping[str, str]
) -> Cell:
    plane = panel.plane
    box = cell_box(panel, grid, row, column)
    if not (0 <= row < plane.rows and 0 <= column < plane.columns):
        return Cell(box, CellState.PADDING, "0")
    key = plane.key_of(row, column)
    mood = panel.moods.get((row, column), PLAIN)
    note = notes.get(mood.note or panel.notes.get((row, column), ""), "")
    if not plane.computed[row, column]:
        return Cell(box, CellState.NOT_COMPUTED, note=note, key=key)
    if note != mood.note:
        mood = replace(mood, note=note)
    return value_cell(box, float(plane.values[row, column]), text, panel.scale, mood, key)


def value_cell(
    box: Box, value: float, text: str, scale: Scale, mood: Mood = PLAIN, key: str = ""
) -> Cell:
    """A value in its color on a scale; of one that is not finite, only that."""
    if not isfinite(value):
        return Cell(box, CellState.NOT_FINITE, text, key=key)
    fill = value_fill(value, scale.colormap, scale.limits)
    return Cell(box, mood.state, text, fill, mood.word, mood.note, mood.accent, key)


def _mapped(panel: Panel, grid: Grid, theme: Theme) -> tuple[Mark, ...]:
    """A map; the few cells with a state of their own lie over it."""
    return (*map_marks(panel, grid, theme), *special_cells(panel, grid, theme))


def _labels(panel: Panel, grid: Grid, theme: Theme) -> tuple[Mark, ...]:
    """Row numbers at the left, column numbers above."""
    plane, margins = panel.plane, panel.margins
    font, color = styles.INDEX, theme.text_tertiary
    labels = []
    for column in range(plane.columns):
        cell, text = grid.cell(0, column + margins.left), str(column + plane.first_column)
        x = cell.x + cell.width / 2
        labels.append(Text(x, cell.y - 8, text, font, color, Anchor.MIDDLE))
    step = plane.whole[1] if plane.wrapped else 1
    for row in range(plane.rows if plane.rows > 1 else 0):
        cell, text = grid.cell(row + margins.top, 0), str((row + plane.first_row) * step)
        baseline = centered_baseline(cell.y + cell.height / 2, font)
        labels.append(Text(cell.x - 10, baseline, text, font, color, Anchor.END))
    return tuple(labels)


_SHARE, _MOST, _LEAST = 0.3, 160, 14
_GAP, _CAPTION = 10, 17
_LEAST_ROOM = (100, 150)
_TALL = 1.5
_MOST_KEPT = 64
_CAPTIONS = (
    "The whole {shape}, each pixel its largest magnitude",
    "The whole, each pixel its largest magnitude",
    "The whole, by largest magnitude",
    "The whole {shape}",
    "The whole",
)


@frozen
class MapRoom:
    """Where the map of a plane stands, and what is left for the part that is drawn large."""

    caption: Box
    map: Box
    rest: Box


def parted(whole: Plane, room: Box) -> MapRoom | None:
    """The room of a slot divided; None where it is too small for a map.

    The map lies above, so that wires from the part lead down freely; of a high plane at the left.
    """
    if room.width < _LEAST_ROOM[0] or room.height < _LEAST_ROOM[1]:
        return None
    caption = Box(room.x, room.y, room.width, _CAPTION)
    below = Box(room.x, caption.bottom, room.width, room.height - _CAPTION)
    if whole.rows > _TALL * whole.columns:
        width, height = _size(whole, min(_MOST, _SHARE * below.width), below.height)
        left = Box(below.x, below.y, width, height)
        x = left.right + _GAP
        return MapRoom(caption, left, Box(x, below.y, below.right - x, below.height))
    width, height = _size(whole, below.width, min(_MOST, _SHARE * below.height))
    top = Box(below.x, below.y, width, height)
    y = top.bottom + _GAP
    return MapRoom(caption, top, Box(below.x, y, below.width, below.bottom - y))


def _size(whole: Plane, width: float, height: float) -> tuple[int, int]:
    """At most a pixel a cell, in the plane's proportion unless a side would vanish."""
    scale = min(1.0, width / whole.columns, height / whole.rows)
    return max(_LEAST, int(whole.columns * scale)), max(_LEAST, int(whole.rows * scale))


def whole_map_marks(
    whole: Plane, shown: Plane, room: MapRoom, scale: Scale, scales: Scales, theme: Theme
) -> tuple[Mark, ...]:
    """Caption, map, and the frame around the part that is drawn large."""
    window, box = window_shown(shown), room.map
    values, known = _reduced(whole, int(box.height), int(box.width), scales)
    pixels = Pixels(
        *(box.x, box.y, box.width, box.height, values),
        *(scale.colormap, scale.limits, None if known is None else ~known, theme.stage),
        window.spot_pattern(int(box.height), int(box.width)),
    )
    # A dark line between light ones, to be seen on any color.
    down, across = box.height / window.whole[0], box.width / window.whole[1]
    x, y = round(box.x + window.columns.start * across), round(box.y + window.rows.start * down)
    width = max(4, round(len(window.columns) * across))
    height = max(4, round(len(window.rows) * down))
    inner = Rect(x, y, width, height, stroke=Stroke(theme.text, 2.0))
    outer = Rect(x - 1.5, y - 1.5, width + 3, height + 3, stroke=Stroke(theme.stage))
    return (
        _caption(whole, room.caption, theme),
        *(window_mark(shown, box, theme), pixels, _edge(box, theme), outer, inner),
    )


def window_mark(shown: Plane, box: Box, theme: Theme) -> Rect:
    """Behind the part that is drawn large: what it is a part of."""
    key = window_shown(shown).key
    return Rect(box.x, box.y, box.width, box.height, fill=theme.stage, key=key)


def _caption(whole: Plane, box: Box, theme: Theme) -> Text:
    font, shape = styles.LABEL, shape_text(whole.whole)
    texts = [text.format(shape=shape) for text in _CAPTIONS]
    words = next((t for t in texts if text_width(t, font) <= box.width), texts[-1])
    return Text(box.x, box.y + 10, elide(words, font, box.width), font, theme.text_tertiary)


def _reduced(whole: Plane, rows: int, columns: int, scales: Scales) -> Reduced:
    """A value a pixel, and where there is one (None: everywhere); of what is complete kept."""
    is_complete = whole.complete.all() and whole.length == whole.values.size
    if whole.address is None or not is_complete:
        return _strongest(whole, rows, columns)
    key = (plane_name(whole), rows, columns)
    if key not in scales.reduced:
        if len(scales.reduced) >= _MOST_KEPT:
            scales.reduced.clear()
        scales.reduced[key] = _strongest(whole, rows, columns)
    return scales.reduced[key]


def _strongest(whole: Plane, rows: int, columns: int) -> Reduced:
    # Only a plane that is cut has a map: the first step of a network does not wait for it.
    from backpropviz.figures.thumbnails import reduced

    values, known = reduced(whole.values, whole.computed, rows, columns)
    return values, None if known.all() else known
