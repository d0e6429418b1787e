"""Moving a keyboard focus from cell to cell of a scene by looking where the arrow points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from PySide6.QtCore import Qt

from backpropviz.scene.hit import Hit, find, hit
from backpropviz.scene.marks import Box, Scene

DIRECTIONS: Final = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_PROBE = 4.0


def neighbor(scene: Scene, cell: Hit, across: int, down: int) -> Hit | None:
    """The nearest other cell in a direction, or None where nothing lies that way."""
    box = cell.box
    x, y = box.x + box.width / 2, box.y + box.height / 2
    start = (box.width if across else box.height) / 2 + 1.0
    reach = scene.width if across else scene.height
    for offset in _sideways(box, across):
        distance = start
        while distance < reach:
            at_x = x + across * distance + (0 if across else offset)
            at_y = y + down * distance + (offset if across else 0)
            found = hit(scene, at_x, at_y)
            if found is not None and found.key != cell.key:
                return found
            distance += _PROBE
    return None


def first_key(scene: Scene, preferred: str, top: float) -> Hit | None:
    """The preferred cell where it is shown, else the first below `top`, row by row."""
    box = find(scene, preferred) if preferred else None
    if box is not None:
        return Hit(preferred, box)
    return next(_scan(scene, top), None)


def _sideways(box: Box, across: int) -> tuple[float, ...]:
    """Straight ahead first, then a little to either side."""
    breadth = box.height if across else box.width
    return (0.0, -breadth, breadth, -3 * breadth, 3 * breadth)


def _scan(scene: Scene, top: float) -> Iterator[Hit]:
    y = top + _PROBE
    while y < scene.height:
        x = _PROBE
        while x < scene.width:
            found = hit(scene, x, y)
            if found is not None:
                yield found
            x += 4 * _PROBE
        y += 4 * _PROBE
