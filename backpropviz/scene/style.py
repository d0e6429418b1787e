"""Colors and fonts by name: a theme needs no more, and the first paint loads no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Color: TypeAlias = str
"""`#RRGGBB`, or `#RRGGBBAA` where it is translucent."""


@dataclass(frozen=True, slots=True)
class Font:
    """A bundled family with its size in pixels; `weight` is CSS's (400, 500, 600)."""

    family: str
    size: float
    weight: int = 400
    italic: bool = False
