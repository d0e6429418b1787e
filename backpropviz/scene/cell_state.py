"""What a cell shows, and the look that follows from its state alone."""

from __future__ import annotations

from enum import Enum
from typing import Final

from backpropviz.frozen import frozen
from backpropviz.scene.colormaps import color_at
from backpropviz.scene.marks import Box, Color, Font
from backpropviz.scene.theme import Theme


class CellState(Enum):
    """What is known of a cell's value, and its part in the current step."""

    FINAL = "final"
    IN_PROGRESS = "in progress"
    CURRENT = "current"
    MET = "met"
    OPERAND = "operand"
    NOT_COMPUTED = "not computed"
    PADDING = "padding"
    ABSENT = "absent"
    WINNER = "winner"
    LOSER = "loser"
    TIE = "tie"
    OVERRIDDEN = "overridden"
    NOT_FINITE = "not finite"


@frozen
class Cell:
    """What a cell shows.

    `fill` is the color of its value (needed by the states that have one). `word` stands in the
    corner, or in a tie's tag; `note` is small text at the bottom, such as `was 1` or `o = 8`.
    `accent` replaces the outline's color: a met cell or an operand is forward or backward, and
    a winner backward, or forward where only the choice matters. `font` sets the number in one size
    with its neighbors.
    """

    box: Box
    state: CellState
    text: str = ""
    fill: Color | None = None
    word: str = ""
    note: str = ""
    accent: Color | None = None
    key: str = ""
    font: Font | None = None


HATCHED: Final = (CellState.PADDING, CellState.LOSER, CellState.NOT_FINITE)
LARGE_CELL: Final = 64
"""Side from which a cell has room for a large number, a corner word and a note."""

_OUTLINE_WIDTH: Final = {
    CellState.IN_PROGRESS: 3.0,
    CellState.CURRENT: 3.0,
    CellState.MET: 2.0,
    CellState.OPERAND: 4.0,
    CellState.WINNER: 3.0,
}
_ON_STAGE: Final = (
    CellState.PADDING,
    CellState.NOT_FINITE,
    CellState.NOT_COMPUTED,
    CellState.ABSENT,
)


def is_large(box: Box) -> bool:
    """Whether a cell has room for more than a number."""
    return min(box.width, box.height) >= LARGE_CELL


def value_fill(value: float, colormap: str, limits: tuple[float, float]) -> Color:
    """The color of a value, to be a cell's `fill`."""
    return color_at(colormap, value, limits)


def fill_color(cell: Cell, theme: Theme) -> Color:
    """What lies under a cell's text: its value's color, or the surface where it has no value."""
    if cell.state is CellState.LOSER:
        return color_at(theme.diverging, 0.0, (-1.0, 1.0))
    if cell.state in _ON_STAGE:
        return theme.stage
    return cell.fill or theme.stage


def accent_color(cell: Cell, theme: Theme) -> Color:
    """The color of the thick outline, and of a winner's ring and word."""
    if cell.accent is not None:
        return cell.accent
    if cell.state in {CellState.IN_PROGRESS, CellState.CURRENT}:
        return theme.here
    return theme.backward if cell.state is CellState.WINNER else theme.forward


def outline_width(cell: Cell) -> float:
    """Width of the thick outline; 0 where the state has none, at most 2 where the cell is small."""
    full = _OUTLINE_WIDTH.get(cell.state, 0.0)
    only_the_choice = cell.state is CellState.WINNER and cell.accent is not None
    is_small = min(cell.box.width, cell.box.height) < 24
    return min(full, 2.0) if only_the_choice or is_small else full
