"""Colors and fonts by name: a theme needs no more, and the first paint loads no more."""

from __future__ import annotations

from typing import TypeAlias

from backpropviz.frozen import frozen

Color: TypeAlias = str
"""`#RRGGBB`, or `#RRGGBBAA` where it is translucent."""


@frozen
class Font:
    """A bundled family with its size in pixels; `weight` is CSS's (400, 500, 600)."""

    family: str
    size: float
    weight: int = 400
    italic: bool = False
