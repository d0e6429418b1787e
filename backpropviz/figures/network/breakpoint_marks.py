"""A breakpoint's dot, a bookmark, and the pointer to where the program stands."""

from __future__ import annotations

from backpropviz.scene.marks import Color, Ellipse, Line, Mark, Path, Stroke
from backpropviz.scene.theme import Theme


def breakpoint_mark(
    x: float, y: float, theme: Theme, *, enabled: bool, conditional: bool, key: str = ""
) -> tuple[Mark, ...]:
    """A dot, a ring where it is switched off, with two lines where it has a condition."""
    ink = theme.panel if enabled else theme.text_tertiary
    if enabled:
        dot = Ellipse(x, y, 4.5, 4.5, fill=theme.breakpoint, stroke=Stroke(theme.panel), key=key)
    else:
        ring = Stroke(theme.text_tertiary, 1.5)
        dot = Ellipse(x, y, 4, 4, fill=theme.panel, stroke=ring, key=key)
    if not conditional:
        return (dot,)
    reach = 2.0 if enabled else 1.5
    stroke = Stroke(ink, 1.0)
    return dot, *(Line(x - reach, y + dy, x + reach, y + dy, stroke, key) for dy in (-1.25, 1.25))


def bookmark_mark(x: float, top: float, theme: Theme, key: str = "") -> Path:
    """A ribbon of 7 × 10 px."""
    outline = ((-3.5, 0.0), (3.5, 0.0), (3.5, 10.0), (0.0, 7.0), (-3.5, 10.0))
    points = tuple((x + dx, top + dy) for dx, dy in outline)
    return Path(points, Stroke(theme.panel), theme.update, closed=True, key=key)


def pointer_mark(middle: float, theme: Theme, *, hole: Color | None = None) -> tuple[Mark, ...]:
    """The arrow in a gutter, with a hole where a breakpoint lies below it."""
    outline = ((4, -6), (14, -6), (19, 0), (14, 6), (4, 6))
    points = tuple((float(x), middle + dy) for x, dy in outline)
    arrow = Path(points, None, theme.here, closed=True)
    return (arrow,) if hole is None else (arrow, Ellipse(11, middle, 3, 3, fill=hole))
