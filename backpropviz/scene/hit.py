"""Which value lies under a point, and where a value is drawn."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from math import hypot

from backpropviz.frozen import frozen
from backpropviz.scene.flow import bounds
from backpropviz.scene.marks import (
    Box,
    Ellipse,
    Group,
    Line,
    Mark,
    Path,
    Pixels,
    Rect,
    Scene,
    Text,
    path_box,
)
from backpropviz.scene.text import text_box

_REACH = 3.0
"""How near to a line (a wire, a route) a point counts as on it, in pixels."""


@frozen
class Hit:
    """A value's key and where it is drawn."""

    key: str
    box: Box


@frozen
class HitPlace(Hit):
    """One of the places of a key; a text that lies on no keyed cell is told from a cell."""

    is_text: bool


@frozen
class _Frame:
    """A group's coordinates in the scene's: p lies at (dx, dy) + scale · p, shown inside `clip`."""

    dx: float = 0.0
    dy: float = 0.0
    scale: float = 1.0
    clip: Box | None = None

    def inside(self, group: Group) -> _Frame:
        """The frame of a group that lies in this one."""
        clip = self.clip
        if group.clip is not None:
            clip = intersection(clip, self.to_scene(group.clip))
        x, y = self.dx + self.scale * group.dx, self.dy + self.scale * group.dy
        return _Frame(x, y, self.scale * group.scale, clip)

    def to_scene(self, box: Box) -> Box:
        """A box of this frame, in the scene's coordinates."""
        x, y = self.dx + self.scale * box.x, self.dy + self.scale * box.y
        return Box(x, y, self.scale * box.width, self.scale * box.height)

    def to_own(self, x: float, y: float) -> tuple[float, float]:
        """A point of the scene, in this frame's coordinates."""
        return (x - self.dx) / self.scale, (y - self.dy) / self.scale


def hit(scene: Scene, x: float, y: float) -> Hit | None:
    """The topmost keyed mark under a point, with the box of the backmost mark of the same value.

    So a number on a cell answers with the whole cell.
    """
    found: list[Hit] = list(_hits(scene.marks, _Frame(), x, y))
    if not found:
        return None
    key = found[-1].key
    return next(candidate for candidate in found if candidate.key == key)


def find(scene: Scene, key: str) -> Box | None:
    """Where a value is drawn (its backmost mark), or None where the scene does not show it."""
    return next(_boxes_of(scene.marks, _Frame(), key), None)


def places(scene: Scene, keys: Collection[str]) -> tuple[HitPlace, ...]:
    """Where values are drawn, everywhere; of marks of one key that overlap only the backmost."""
    found: dict[str, list[HitPlace]] = {}
    for place in _keyed(scene.marks, _Frame(), frozenset(keys)):
        others = found.setdefault(place.key, [])
        if not any(other.box.inset(-1).holds(place.box) for other in others):
            others.append(place)
    return tuple(place for places_of_key in found.values() for place in places_of_key)


def mark_box(mark: Mark) -> Box:
    """The extent of a mark in its own group's coordinates."""
    if isinstance(mark, Rect | Pixels):
        return Box(mark.x, mark.y, mark.width, mark.height)
    if isinstance(mark, Line):
        x, y = min(mark.x1, mark.x2), min(mark.y1, mark.y2)
        return Box(x, y, abs(mark.x2 - mark.x1), abs(mark.y2 - mark.y1))
    if isinstance(mark, Ellipse):
        left, top = mark.x - mark.radius_x, mark.y - mark.radius_y
        return Box(left, top, 2 * mark.radius_x, 2 * mark.radius_y)
    if isinstance(mark, Path):
        return path_box(mark)
    if isinstance(mark, Text):
        return text_box(mark)
    # A group's extent in its parent's coordinates, cut by its clip.
    if not mark.marks:
        return Box(mark.dx, mark.dy, 0.0, 0.0)
    box = _Frame(mark.dx, mark.dy, mark.scale).to_scene(_group_box_inside(mark))
    return box if mark.clip is None else intersection(mark.clip, box)


def pixel_at(pixels: Pixels, x: float, y: float) -> tuple[int, int] | None:
    """Row and column of the cell under a point in the mark's own coordinates."""
    if not Box(pixels.x, pixels.y, pixels.width, pixels.height).contains(x, y):
        return None
    row = int((y - pixels.y) * pixels.rows / pixels.height)
    column = int((x - pixels.x) * pixels.columns / pixels.width)
    return min(row, pixels.rows - 1), min(column, pixels.columns - 1)


def intersection(first: Box | None, second: Box) -> Box:
    """What two boxes share, of no size where they are apart; without a first, the second."""
    if first is None:
        return second
    x, y = max(first.x, second.x), max(first.y, second.y)
    right, bottom = min(first.right, second.right), min(first.bottom, second.bottom)
    return Box(x, y, max(0.0, right - x), max(0.0, bottom - y))


def _hits(marks: Iterable[Mark], frame: _Frame, x: float, y: float) -> Iterator[Hit]:
    """Keyed marks under a point, back to front; a group's own key lies behind its marks."""
    if frame.clip is not None and not frame.clip.contains(x, y):
        return
    own_x, own_y = frame.to_own(x, y)
    for mark in marks:
        if isinstance(mark, Group):
            inner = frame.inside(mark)
            if mark.key and mark.marks:
                box = inner.to_scene(_group_box_inside(mark))
                if intersection(inner.clip, box).contains(x, y):
                    yield Hit(mark.key, box)
            yield from _hits(mark.marks, inner, x, y)
        elif isinstance(mark, Pixels):
            place = pixel_at(mark, own_x, own_y) if mark.key_pattern else None
            key = "" if place is None else mark.cell_key(*place)
            if key and place is not None:
                yield Hit(key, frame.to_scene(mark.cell_box(*place)))
        elif mark.key and _covers(mark, own_x, own_y):
            yield Hit(mark.key, frame.to_scene(mark_box(mark)))


def _covers(mark: Rect | Line | Path | Ellipse | Text, x: float, y: float) -> bool:
    if isinstance(mark, Line):
        return _near(((mark.x1, mark.y1), (mark.x2, mark.y2)), x, y)
    if isinstance(mark, Path) and not mark.closed:
        return _near(mark.points, x, y)
    if isinstance(mark, Ellipse):
        across = (x - mark.x) / max(mark.radius_x, 1e-9)
        down = (y - mark.y) / max(mark.radius_y, 1e-9)
        return across * across + down * down <= 1.0
    return mark_box(mark).contains(x, y)


def _near(points: tuple[tuple[float, float], ...], x: float, y: float) -> bool:
    for start, end in pairwise(points):
        # The nearest point of the straight segment lies this share of the way along it.
        run, rise = end[0] - start[0], end[1] - start[1]
        square = run * run + rise * rise
        share = ((x - start[0]) * run + (y - start[1]) * rise) / square if square else 0.0
        share = min(1.0, max(0.0, share))
        if hypot(x - start[0] - share * run, y - start[1] - share * rise) <= _REACH:
            return True
    return False


def _boxes_of(marks: Iterable[Mark], frame: _Frame, key: str) -> Iterator[Box]:
    for mark in marks:
        if isinstance(mark, Group):
            inner = frame.inside(mark)
            if mark.key == key and mark.marks:
                yield inner.to_scene(_group_box_inside(mark))
            yield from _boxes_of(mark.marks, inner, key)
        elif isinstance(mark, Pixels):
            yield from map(frame.to_scene, _pixel_box(mark, key))
        elif mark.key == key:
            yield frame.to_scene(mark_box(mark))


def _keyed(marks: Iterable[Mark], frame: _Frame, keys: frozenset[str]) -> Iterator[HitPlace]:
    """The places of all marks that have one of the keys, back to front, cut by their clips."""
    for mark in marks:
        if isinstance(mark, Group):
            inner = frame.inside(mark)
            if mark.key in keys and mark.marks:
                yield HitPlace(mark.key, inner.to_scene(_group_box_inside(mark)), is_text=False)
            yield from _keyed(mark.marks, inner, keys)
        elif isinstance(mark, Pixels):
            for key in keys:
                boxes = map(frame.to_scene, _pixel_box(mark, key))
                yield from (HitPlace(key, box, is_text=False) for box in boxes)
        elif mark.key and mark.key in keys:
            box = intersection(frame.clip, frame.to_scene(mark_box(mark)))
            if box.width > 0 or box.height > 0:
                yield HitPlace(mark.key, box, isinstance(mark, Text))


def _pixel_box(pixels: Pixels, key: str) -> Iterator[Box]:
    match = _pattern(pixels.key_pattern).fullmatch(key) if pixels.key_pattern else None
    if match is None:
        return
    found = {name: int(text) for name, text in match.groupdict().items()}
    row, column = found.get("row", pixels.first_row), found.get("column", pixels.first_column)
    if "index" in found:
        across = pixels.whole_columns or pixels.columns
        row, column = divmod(found["index"] - pixels.first_index, across)
    row, column = row - pixels.first_row, column - pixels.first_column
    inside = 0 <= row < pixels.rows and 0 <= column < pixels.columns
    if inside and pixels.cell_key(row, column) == key:
        yield pixels.cell_box(row, column)


@lru_cache(maxsize=1024)
def _pattern(key_pattern: str) -> re.Pattern[str]:
    """The key pattern with a number where a row, column or index is filled in."""
    parts = re.split(r"\{(row|column|index)\}", key_pattern)
    seen: set[str] = set()
    for place in range(1, len(parts), 2):
        name = parts[place]
        parts[place] = f"(?P={name})" if name in seen else rf"(?P<{name}>\d+)"
        seen.add(name)
    parts[::2] = [re.escape(text) for text in parts[::2]]
    return re.compile("".join(parts))


def _group_box_inside(group: Group) -> Box:
    """The extent of a group's marks in the group's own coordinates."""
    return bounds([mark_box(mark) for mark in group.marks])
