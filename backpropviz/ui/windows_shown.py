"""The parts of large planes that a stage shows, and how far a turn of the wheel moves them."""

from __future__ import annotations

from collections.abc import Iterator

from backpropviz.figures.stage.close_up import WINDOW_KEY, Window, window_of
from backpropviz.scene.hit import mark_box
from backpropviz.scene.marks import Rect, Scene

_SHARE = 1 / 8
"""What a notch of the wheel, or an arrow, moves of the part's own side."""


def window_at(scene: Scene, x: float, y: float) -> Window | None:
    """The part that is drawn, or whose map lies, under a point."""
    return next((window_of(m.key) for m in _marks(scene) if mark_box(m).contains(x, y)), None)


def main_window_shown(scene: Scene) -> Window | None:
    """The part that arrows scroll: the result's, which stands last."""
    found = [window_of(mark.key) for mark in _marks(scene)]
    return found[-1] if found else None


def scrolled(window: Window, across: float, down: float) -> Window:
    """The part after so many notches to the right and down."""
    return window.moved(_cells(down, len(window.rows)), _cells(across, len(window.columns)))


def _cells(notches: float, side: int) -> int:
    """At least one in the direction, so that slow turns of a fine wheel move it too."""
    wanted = notches * max(1.0, side * _SHARE)
    return round(wanted) or (0 if not notches else 1 if notches > 0 else -1)


def _marks(scene: Scene) -> Iterator[Rect]:
    for mark in scene.marks:
        if isinstance(mark, Rect) and mark.key.startswith(WINDOW_KEY):
            yield mark
