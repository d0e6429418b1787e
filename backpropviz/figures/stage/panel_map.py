"""A panel as a map of colors, with its padding, and the cells of the step framed over it."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.figures.stage.panel import NO_MARGINS, Mood, Panel, cell_box
from backpropviz.scene.cells import CellState, framed
from backpropviz.scene.layout import Grid, bounds
from backpropviz.scene.marks import Box, Hatch, Mark, Pixels, Rect, Stroke
from backpropviz.scene.theme import Theme

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
        return _framed_together(special, panel, grid, theme)
    return tuple(
        mark
        for (row, column), mood in special
        for mark in _framed_cell(cell_box(panel, grid, row, column), mood, theme)
    )


def _framed_cell(box: Box, mood: Mood, theme: Theme) -> tuple[Mark, ...]:
    dash = (4.0, 2.0) if mood.state is CellState.IN_PROGRESS else ()
    width = 2.0 if box.width < _LEAST_FRAMED else 3.0
    return framed(box.inset(-1), mood.accent or theme.here, theme, width, dash)


def _framed_together(
    special: Sequence[tuple[tuple[int, int], Mood]], panel: Panel, grid: Grid, theme: Theme
) -> tuple[Mark, ...]:
    box = bounds([cell_box(panel, grid, row, column) for (row, column), _ in special])
    open_ones = [mood for _, mood in special if mood.state is CellState.IN_PROGRESS]
    return _framed_cell(box, open_ones[0] if open_ones else special[0][1], theme)
