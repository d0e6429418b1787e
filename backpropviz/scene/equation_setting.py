"""What the boxes of an equation are made of: style, inherited setting, and letters on a baseline.

Vertical shifts are rounded to whole pixels, so that bars and baselines stay crisp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from backpropviz.frozen import frozen
from backpropviz.scene.equation import Role
from backpropviz.scene.marks import Color, Font, Mark, Text

Measure: TypeAlias = Callable[[str, Font], float]
"""The advance width of a text in a font, in pixels."""

LETTERS, SIGNS, DIGITS, REMARKS = "STIX Two Text", "STIX Two Math", "JetBrains Mono", "Inter"

ASCENT, DESCENT = 0.74, 0.24
"""Extent of a line of letters, in em."""

_DEEPER = {DIGITS: 0.3, REMARKS: 0.25}  # em below the baseline where it is more than DESCENT

_AXIS, _RULE = 0.258, 0.068  # em, as in the MATH table of STIX Two Math


@frozen
class EquationStyle:
    """How an equation looks: sizes in pixels and the theme's color for each role."""

    colors: Mapping[Role, Color]
    tint: Color
    size: float = 17.0
    index_size: float = 11.5
    big_size: float = 23.0
    number_size: float = 13.0
    result_size: float = 15.0
    remark_size: float = 12.0
    faded_opacity: float = 0.6


Draw: TypeAlias = Callable[[float, float], Mark]


class Box(NamedTuple):
    """A laid out part: its extent around its baseline, its own mark, and parts at (dx, dy)."""

    width: float
    ascent: float
    descent: float
    draw: Draw | None = None
    parts: tuple[tuple[float, float, Box], ...] = ()


class Setting(NamedTuple):
    """What a part inherits from the parts around it."""

    style: EquationStyle
    measure: Measure
    size: float
    role: Role = Role.INK
    key: str = ""
    is_script: bool = False
    is_faded: bool = False

    def color(self, role: Role | None = None) -> Color:
        """The color of a role, here and now."""
        color = self.style.colors[role or self.role]
        return f"{color[:7]}{round(255 * self.style.faded_opacity):02X}" if self.is_faded else color

    def within(self, role: Role | None, key: str = "") -> Setting:
        """The setting inside a part with its own role or key."""
        if role is None and not key:
            return self
        return self._replace(role=role or self.role, key=key or self.key)

    def script(self) -> Setting:
        """The setting of indices and limits; theirs are no smaller."""
        if self.is_script:
            return self
        ratio = self.style.index_size / self.style.size
        return self._replace(size=self.size * ratio, is_script=True)

    @property
    def axis(self) -> float:
        """Height of fraction bars and of the middle of signs above the baseline."""
        return float(round(_AXIS * self.size))

    @property
    def rule(self) -> float:
        """Thickness of a fraction bar."""
        return max(1.0, float(round(_RULE * self.size)))


def marks_of(box: Box, x: float, y: float) -> Iterator[Mark]:
    """The marks of a box whose baseline starts at (x, y), back to front."""
    if box.draw is not None:
        yield box.draw(x, y)
    for dx, dy, part in box.parts:
        yield from marks_of(part, x + dx, y + dy)


def around(parts: list[tuple[float, float, Box]]) -> Box:
    """The box that encloses parts placed at (dx, dy)."""
    width = max(dx + box.width for dx, _, box in parts)
    ascent = max(box.ascent - dy for _, dy, box in parts)
    descent = max(box.descent + dy for _, dy, box in parts)
    return Box(width, ascent, descent, None, tuple(parts))


def beside(left: Box, right: Box) -> Box:
    """Two boxes that touch."""
    return around([(0.0, 0.0, left), (left.width, 0.0, right)])


@lru_cache(maxsize=256)
def font(family: str, size: float, weight: int = 400, italic: bool = False) -> Font:
    """A font, made once."""
    return Font(family, size, weight, italic)


def letters(
    text: str, face: Font, setting: Setting, role: Role | None = None, key: str = ""
) -> Box:
    """A text on the baseline."""
    color, name = setting.color(role), key or setting.key

    def draw(x: float, y: float) -> Mark:
        return Text(x, y, text, face, color, key=name)

    descent = _DEEPER.get(face.family, DESCENT) * face.size
    return Box(setting.measure(text, face), ASCENT * face.size, descent, draw)
