"""Geometry that every backend draws alike: rounded polylines, arrowheads, hatching, bounds."""

from __future__ import annotations

from math import ceil, floor, hypot
from typing import Final, TypeAlias

from backpropviz.scene.marks import Box, Hatch, Path, Rect

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
