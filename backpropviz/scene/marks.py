"""What a picture is made of: immutable marks in logical pixels, y pointing down.

A mark knows colors, sizes and text, and neither the engine nor Qt. Its `key` is the address (as
text) of the value it shows, or empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from math import ceil, floor, hypot
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from backpropviz.frozen import frozen
from backpropviz.scene.theme import Color, Font

if TYPE_CHECKING:
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
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def contains(self, x: float, y: float) -> bool:
        """Whether the point lies inside, left and top edge included."""
        return self.x <= x < self.right and self.y <= y < self.bottom

    def holds(self, other: Box) -> bool:
        """Whether all of another box lies inside."""
        across = self.x <= other.x and other.right <= self.right
        return across and self.y <= other.y and other.bottom <= self.bottom

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
        return int(self.values.shape[0])

    @property
    def columns(self) -> int:
        return int(self.values.shape[1])

    def cell_key(self, row: int, column: int) -> str:
        """The address of one cell, as text."""
        row, column = row + self.first_row, column + self.first_column
        index = row * (self.whole_columns or self.columns) + column
        if self.length is not None and index >= self.length:
            return ""
        return self.key_pattern.format(row=row, column=column, index=index + self.first_index)

    def cell_box(self, row: int, column: int) -> Box:
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


Point: TypeAlias = tuple[float, float]
Segment: TypeAlias = tuple[Point, ...]
"""One point: a straight line to it; two: a quadratic curve by its control point and end."""

HATCH_STEP: Final = 8.5
"""From line to line along the axes: a pitch of 6, and a whole number of pixels every two lines."""
HATCH_PHASE: Final = 0.7
"""Where the first line crosses the axes."""
HATCH_WIDTH: Final = 1.05
HATCH_OPACITY: Final[dict[Hatch, float]] = {Hatch.PADDING: 0.82, Hatch.NOT_FINITE: 0.24}


def segments(path: Path) -> tuple[Point, tuple[Segment, ...]]:
    """Where the pen starts, and the segments after it, corners rounded."""
    points = path.points
    if path.corner_radius <= 0 or len(points) < 3:
        return points[0], tuple((point,) for point in points[1:])
    corners = points[1:-1] if not path.closed else (*points[1:], points[0])
    following = points[2:] if not path.closed else (*points[2:], points[0], points[1])
    start = points[0] if not path.closed else _toward(points[0], points[1], path.corner_radius)
    result: list[Segment] = []
    before = points[0]
    for corner, after in zip(corners, following, strict=True):
        result.append((_toward(corner, before, path.corner_radius),))
        result.append((corner, _toward(corner, after, path.corner_radius)))
        before = corner
    if not path.closed:
        result.append((points[-1],))
    return start, tuple(result)


def arrowhead(path: Path) -> tuple[Point, Point, Point] | None:
    """The triangle at the path's end, its tip on the last point; None where there is none."""
    if not path.arrow or path.stroke is None or len(path.points) < 2:
        return None
    tip, before = path.points[-1], path.points[-2]
    length = hypot(tip[0] - before[0], tip[1] - before[1])
    if length == 0:
        return None
    along = ((tip[0] - before[0]) / length, (tip[1] - before[1]) / length)
    size = arrow_length(path)
    foot = (tip[0] - along[0] * size, tip[1] - along[1] * size)
    half = size / 2
    left = (foot[0] - along[1] * half, foot[1] + along[0] * half)
    right = (foot[0] + along[1] * half, foot[1] - along[0] * half)
    return tip, left, right


def arrow_length(path: Path) -> float:
    """Length of the arrowhead, which grows with the line's width."""
    return 4.0 + 2.0 * path.stroke.width if path.stroke is not None else 0.0


def without_arrow_overlap(path: Path) -> Path:
    """The path with its last point drawn back under the arrowhead, so that the tip stays sharp."""
    if arrowhead(path) is None:
        return path
    tip, before = path.points[-1], path.points[-2]
    shortened = _toward(tip, before, arrow_length(path) * 0.6)
    return Path((*path.points[:-1], shortened), path.stroke, None, False, path.corner_radius)


def hatch_lines(rect: Rect) -> tuple[tuple[Point, Point], ...]:
    """The hatching of a rectangle, cut at its edges; neighbors continue each other's lines.

    The lines are x + y = c (padding) or x − y = c (not finite), c in steps of `HATCH_STEP`.
    """
    if rect.hatch is None or rect.width <= 0 or rect.height <= 0:
        return ()
    step = HATCH_STEP
    # Mirrored in y, the reversed hatch is the same family of lines.
    mirrored = rect.hatch is Hatch.NOT_FINITE
    top = -(rect.y + rect.height) if mirrored else rect.y
    low, high = rect.x + top, rect.x + top + rect.width + rect.height
    first, last = ceil((low - HATCH_PHASE) / step), floor((high - HATCH_PHASE) / step)
    levels = (HATCH_PHASE + step * k for k in range(first, last + 1))
    lines = (_diagonal(level, rect.x, top, rect.width, rect.height) for level in levels)
    if mirrored:
        return tuple(((a[0], -a[1]), (b[0], -b[1])) for a, b in lines)
    return tuple(lines)


def path_box(path: Path) -> Box:
    """The box around a path's points."""
    xs, ys = zip(*path.points, strict=True)
    return Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def _diagonal(level: float, x: float, y: float, width: float, height: float) -> tuple[Point, Point]:
    """The part of the line x + y = level inside a box, lower left to upper right."""
    left = max(x, level - y - height)
    right = min(x + width, level - y)
    return (left, level - left), (right, level - right)


def _toward(start: Point, goal: Point, distance: float) -> Point:
    """The point at that distance from start to goal, at most half way."""
    length = hypot(goal[0] - start[0], goal[1] - start[1])
    share = min(distance / length, 0.5) if length > 0 else 0.0
    return start[0] + (goal[0] - start[0]) * share, start[1] + (goal[1] - start[1]) * share
