"""Parts of a panel, one below the other, each as high as its text needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from backpropviz.frozen import frozen
from backpropviz.scene.equation import Node
from backpropviz.scene.equation_layout import EquationStyle, Laid, layout_aligned
from backpropviz.scene.fonts import wrap
from backpropviz.scene.marks import Color, Font, Group, Line, Mark, Stroke, Text

_BASELINE: Final = 0.72
"""Where a line's baseline lies, as a share of a line of 1.45 times the font's size."""


@frozen
class Part:
    """Marks that begin at y = 0, the height that they take, and how far they were scaled down."""

    marks: tuple[Mark, ...]
    height: float
    scale: float = 1.0


def space(height: float) -> Part:
    """Nothing."""
    return Part((), height)


def paragraph(
    text: str,
    font: Font,
    line_height: float,
    color: Color,
    width: float,
    x: float = 0.0,
    key: str = "",
) -> Part:
    """A text on as many lines as it needs."""
    lines = wrap(text, font, width)
    marks = tuple(
        Text(x, baseline(k * line_height, line_height, font), line, font, color, key=key)
        for k, line in enumerate(lines)
    )
    return Part(marks, len(lines) * line_height)


def baseline(top: float, line_height: float, font: Font) -> float:
    """The baseline of a line of that height, on a whole pixel."""
    return float(round(top + (line_height - font.size) / 2 + _BASELINE * 1.2 * font.size))


def hairline(width: float, color: Color, x: float = 0.0) -> Part:
    """A rule."""
    return Part((Line(x, 0.5, x + width, 0.5, Stroke(color)),), 1.0)


def equations(trees: Sequence[Node], style: EquationStyle, width: float, x: float) -> list[Part]:
    """Equations whose relations stand in one column; one that is too wide is made smaller."""
    return [_equation(laid, width, x) for laid in layout_aligned(trees, style, width)]


def _equation(laid: Laid, width: float, x: float) -> Part:
    scale = min(1.0, width / laid.width) if laid.width else 1.0
    ascent, descent = round(laid.ascent * scale), round(laid.descent * scale)
    group = Group(laid.marks, dx=x, dy=float(ascent), scale=scale)
    return Part((group,), float(ascent + descent), scale)


def stacked(parts: Iterable[Part], top: float = 0.0) -> Part:
    """Parts one below the other, as one."""
    marks: list[Mark] = []
    y = top
    for part in parts:
        if part.marks:
            marks.append(Group(part.marks, dy=y))
        y += part.height
    return Part(tuple(marks), y)
