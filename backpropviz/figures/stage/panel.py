"""One plane on the stage, with everything that is to be seen in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import cached_property, lru_cache

from backpropviz.figures.scales import Scale
from backpropviz.figures.stage.planes import Plane
from backpropviz.frozen import frozen
from backpropviz.scene.cells import CellState
from backpropviz.scene.layout import Grid
from backpropviz.scene.marks import Box, Color
from backpropviz.scene.numbers import shown_group

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
