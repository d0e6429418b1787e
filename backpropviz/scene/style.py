"""Colors and fonts by name: a theme needs no more, and the first paint loads no more."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

Color: TypeAlias = str
"""`#RRGGBB`, or `#RRGGBBAA` where it is translucent."""


class Font(NamedTuple):
    """A bundled family with its size in pixels; `weight` is CSS's (400, 500, 600).

    A tuple, since a frame looks up a thousand texts by their fonts and a tuple is hashed in C.
    """

    family: str
    size: float
    weight: int = 400
    italic: bool = False
