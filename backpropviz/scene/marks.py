"""What a picture is made of: immutable marks in logical pixels, y pointing down.

A mark knows colors, sizes and text, and neither the engine nor Qt. Its `key` is the address (as
text) of the value it shows, or empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from backpropviz.frozen import frozen
from backpropviz.scene.style import Color, Font

if TYPE_CHECKING:
    # Only annotations name it, so that the window can paint before NumPy is loaded.
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Anchor",
    "Box",
    "Color",
    "Ellipse",
    "Font",
    "Group",
    "Hatch",
    "Line",
    "Mark",
    "Path",
    "Pixels",
    "Rect",
    "Scene",
    "Stroke",
    "Text",
]


@frozen
class Box:
    """An axis-parallel rectangle: a clip, an extent, a layout slot."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """x + width."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """y + height."""
        return self.y + self.height

    def contains(self, x: float, y: float) -> bool:
        """Whether the point lies inside, left and top edge included."""
        return self.x <= x < self.right and self.y <= y < self.bottom

    def inset(self, margin: float) -> Box:
        """The box with `margin` taken from each side (negative: added)."""
        return Box(
            self.x + margin, self.y + margin, self.width - 2 * margin, self.height - 2 * margin
        )


class Anchor(Enum):
    """Which point of a text its x names."""

    START = "start"
    MIDDLE = "middle"
    END = "end"


class Hatch(Enum):
    """A pattern of lines that tells a cell's state without color."""

    PADDING = "padding"  # 45°, pitch 6
    NOT_FINITE = "not-finite"  # reversed, pitch 6


class Stroke(NamedTuple):
    """A line's look; `dash` alternates drawn and empty lengths in pixels."""

    color: Color
    width: float = 1.0
    dash: tuple[float, ...] = ()


@frozen
class Rect:
    """A rectangle, filled, hatched, outlined (the outline is centered on the edge)."""

    x: float
    y: float
    width: float
    height: float
    fill: Color | None = None
    stroke: Stroke | None = None
    radius: float = 0.0
    hatch: Hatch | None = None
    hatch_color: Color | None = None
    key: str = ""


@frozen
class Line:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    stroke: Stroke
    key: str = ""


@frozen
class Path:
    """A polyline with rounded corners, or a closed polygon; `arrow` puts a head at its end."""

    points: tuple[tuple[float, float], ...]
    stroke: Stroke | None = None
    fill: Color | None = None
    closed: bool = False
    corner_radius: float = 0.0
    arrow: bool = False
    key: str = ""


@frozen
class Ellipse:
    """An ellipse by center and radii: a ring, a dot."""

    x: float
    y: float
    radius_x: float
    radius_y: float
    fill: Color | None = None
    stroke: Stroke | None = None
    key: str = ""


@frozen
class Text:
    """One line of text on a baseline at `y`; no line breaks, no markup."""

    x: float
    y: float
    text: str
    font: Font
    color: Color
    anchor: Anchor = Anchor.START
    key: str = ""


class _Remembered:
    """What a backend may remember something of, for as long as it is there."""

    __slots__ = ("__weakref__",)


@frozen(eq=False)
class Pixels(_Remembered):
    """A grid of values colored by a map: a backend may draw an image or a rectangle a cell.

    `values` is 2-D (rows, columns), or 3-D (rows, columns, 3) in 0…1 for a true-color photograph.
    `missing` marks the cells that are not computed yet. `limits` are the values at the two ends of
    the color map. `key_pattern` names a cell: `{row}`, `{column}` and `{index}` (row · columns +
    column) are filled in; a part of a larger grid counts as that does, `whole_columns` a row.
    `dots` are the cells with a dot of `dot_radius` in their middle.
    """

    x: float
    y: float
    width: float
    height: float
    values: NDArray[np.floating]
    colormap: str
    limits: tuple[float, float]
    missing: NDArray[np.bool_] | None = None
    missing_color: Color = "#FAFAFB"
    key_pattern: str = ""
    first_row: int = 0
    first_column: int = 0
    first_index: int = 0
    length: int | None = None
    dots: NDArray[np.bool_] | None = None
    dot_radius: float = 0.0
    dot_color: Color = "#8A8F98"
    whole_columns: int = 0

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.values.shape[0])

    @property
    def columns(self) -> int:
        """Number of columns."""
        return int(self.values.shape[1])

    def cell_key(self, row: int, column: int) -> str:
        """The address of one cell, as text."""
        row, column = row + self.first_row, column + self.first_column
        index = row * (self.whole_columns or self.columns) + column
        if self.length is not None and index >= self.length:
            return ""
        return self.key_pattern.format(row=row, column=column, index=index + self.first_index)

    def cell_box(self, row: int, column: int) -> Box:
        """Where one cell lies."""
        width, height = self.width / self.columns, self.height / self.rows
        return Box(self.x + column * width, self.y + row * height, width, height)

    @property
    def dot_centers(self) -> tuple[tuple[float, float], ...]:
        """Where the dots are, row by row."""
        if self.dots is None:
            return ()
        width, height = self.width / self.columns, self.height / self.rows
        rows, columns = self.dots.nonzero()
        xs = (self.x + (columns + 0.5) * width).tolist()
        return tuple(zip(xs, (self.y + (rows + 0.5) * height).tolist(), strict=True))


@frozen
class Group:
    """Marks that are moved, scaled and clipped together.

    A child's point p lies at (dx, dy) + scale · p. `clip` is in the parent's coordinates.
    """

    marks: tuple[Mark, ...]
    dx: float = 0.0
    dy: float = 0.0
    scale: float = 1.0
    clip: Box | None = None
    key: str = ""


Mark: TypeAlias = Rect | Line | Path | Ellipse | Text | Pixels | Group


@frozen
class Scene:
    """One picture: its size, its background and its marks from back to front."""

    width: float
    height: float
    background: Color
    marks: tuple[Mark, ...] = ()
    title: str = ""

    def walk(self) -> Iterator[Mark]:
        """Every mark that is not a group, back to front, in its own group's coordinates."""
        yield from _walk(self.marks)


def _walk(marks: tuple[Mark, ...]) -> Iterator[Mark]:
    for mark in marks:
        if isinstance(mark, Group):
            yield from _walk(mark.marks)
        else:
            yield mark
