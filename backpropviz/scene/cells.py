"""A cell in each of its states; every state is told without color too.

A cell is drawn in two layers, since a thick outline lies over the neighbors' borders: `body` (fill,
hatching, border), then `overlay` (outline, words, number). `cells` does so for many at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from backpropviz.scene import theme as styles
from backpropviz.scene.cell_state import (
    HATCHED,
    LARGE_CELL,
    Cell,
    CellState,
    accent_color,
    fill_color,
    outline_width,
    value_fill,
)
from backpropviz.scene.cell_text import note_marks, number_font, number_marks, word_marks
from backpropviz.scene.fonts import centered_baseline, text_width
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Color,
    Ellipse,
    Hatch,
    Line,
    Mark,
    Path,
    Rect,
    Stroke,
    Text,
)
from backpropviz.scene.theme import Theme

__all__ = [
    "LARGE_CELL",
    "Cell",
    "CellState",
    "body",
    "cell",
    "cells",
    "framed",
    "number_font",
    "outline",
    "overlay",
    "tie_frame",
    "value_fill",
]

_HALO: Final = 1.5


def cell(cell: Cell, theme: Theme) -> tuple[Mark, ...]:
    """One cell that no neighbor overlaps."""
    return *body(cell, theme), *overlay(cell, theme)


def cells(many: Iterable[Cell], theme: Theme) -> tuple[Mark, ...]:
    """Cells that may touch: all bodies, then outlines and text, thick outlines last."""
    several = sorted(many, key=outline_width)
    bodies = (mark for cell in several for mark in body(cell, theme))
    overlays = (mark for cell in several for mark in overlay(cell, theme))
    return *bodies, *overlays


def body(cell: Cell, theme: Theme) -> tuple[Mark, ...]:
    """Fill, hatching, border: what lies inside the cell."""
    box, state = cell.box, cell.state
    stroke = _border(state, theme)
    hatch, hatch_color = _hatching(state, theme)
    # The border is one pixel inside the box, so that its line is crisp.
    rect = Rect(
        *(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1),
        fill=fill_color(cell, theme),
        stroke=stroke,
        hatch=hatch,
        hatch_color=hatch_color,
        key=cell.key,
    )
    return rect, *_sign_of_state(cell, theme)


def overlay(cell: Cell, theme: Theme) -> tuple[Mark, ...]:
    """Outline, ring, number, word and note: what may reach over the neighbors."""
    return (
        *outline(cell, theme),
        *number_marks(cell, theme),
        *word_marks(cell, theme),
        *note_marks(cell, theme),
    )


def outline(cell: Cell, theme: Theme) -> tuple[Mark, ...]:
    """The thick outline on the cell's edge with a halo on both sides, if the state has one."""
    if cell.state is CellState.TIE:
        return tie_frame(cell.box, theme, _tie_tag(cell))
    width = outline_width(cell)
    if not width:
        return ()
    dash = (8.0, 4.0) if cell.state is CellState.IN_PROGRESS else ()
    return framed(cell.box, accent_color(cell, theme), theme, width, dash)


_LEAST_ROUNDED = 20


def framed(
    box: Box, color: Color, theme: Theme, width: float, dash: tuple[float, ...] = ()
) -> tuple[Mark, ...]:
    """An outline centered on a box's edge with a halo: an operand, an extent, a hovered cell."""
    edges = (box.x, box.y, box.width, box.height)
    halo = Rect(*edges, stroke=Stroke(theme.halo, width + 2 * _HALO))
    # Round corners cost several times more to paint, and are not seen on a small cell.
    radius = 2.0 if min(box.width, box.height) >= _LEAST_ROUNDED else 0.0
    return halo, Rect(*edges, stroke=Stroke(color, width, dash), radius=radius)


def tie_frame(window: Box, theme: Theme, tag: str = "tie: first wins") -> tuple[Mark, ...]:
    """The dashed frame around a whole window whose winner was tied, with its tag below."""
    frame = window.inset(-4)
    edges = (frame.x, frame.y, frame.width, frame.height)
    dashed = Rect(*edges, stroke=Stroke(theme.loss, 1.5, (4.0, 3.0)), radius=6.0)
    if not tag:
        return (dashed,)
    font = styles.CORNER_WORD
    width = round(text_width(tag, font)) + 11
    left = round(window.x + (window.width - width) / 2) + 0.5
    pill = Rect(
        *(left, window.bottom - 4.5, width, 18),
        fill=theme.loss_tint,
        stroke=Stroke(theme.loss),
        radius=4.0,
    )
    baseline = centered_baseline(window.bottom + 4.5, font)
    return dashed, pill, Text(left + width / 2, baseline, tag, font, theme.loss, Anchor.MIDDLE)


def _border(state: CellState, theme: Theme) -> Stroke:
    if state is CellState.NOT_COMPUTED:
        return Stroke(theme.border_strong, 1.0, (3.0, 3.0))
    if state is CellState.ABSENT:
        return Stroke(theme.border)
    return Stroke(theme.not_finite if state is CellState.NOT_FINITE else theme.border_strong)


def _hatching(state: CellState, theme: Theme) -> tuple[Hatch | None, Color | None]:
    if state is CellState.NOT_FINITE:
        return Hatch.NOT_FINITE, theme.not_finite
    if state in HATCHED:
        return Hatch.PADDING, theme.border_strong
    return None, None


def _sign_of_state(cell: Cell, theme: Theme) -> tuple[Mark, ...]:
    """The dot of a value not computed, the cross of an absent one, the corner of an override."""
    box = cell.box
    x, y = box.x + box.width / 2, box.y + box.height / 2
    side = min(box.width, box.height)
    if cell.state is CellState.NOT_COMPUTED:
        radius = min(2.5, side / 6)
        return (Ellipse(x, y, radius, radius, fill=theme.text_tertiary),)
    if cell.state is CellState.ABSENT:
        arm, stroke = min(8.0, side / 4), Stroke(theme.text_tertiary, 1.5)
        falling = Line(x - arm, y - arm, x + arm, y + arm, stroke)
        return falling, Line(x - arm, y + arm, x + arm, y - arm, stroke)
    if cell.state is CellState.OVERRIDDEN:
        size, right, top = min(15.0, side / 3), box.right - 1, box.y + 1
        corner = ((right - size, top), (right, top), (right, top + size))
        return (Path(corner, fill=theme.update, closed=True),)
    return ()


def _tie_tag(cell: Cell) -> str:
    """The tag, shortened or left out where the window is too narrow for it."""
    width = cell.box.width
    tags = (cell.word,) if cell.word else ("tie: first wins", "first wins")
    fitting = (tag for tag in tags if text_width(tag, styles.CORNER_WORD) + 14 <= width)
    return next(fitting, "")
