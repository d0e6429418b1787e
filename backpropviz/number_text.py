"""Numbers as people type them: the one way from text to a whole number or a finite one."""

from __future__ import annotations

import math
import re
from typing import Final

LARGEST_WHOLE: Final = 10**15
"""What a float64 holds exactly, and no file of ours exceeds."""
_LONGEST: Final = 400
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,30}")
_GROUPED: Final = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3}){1,9}")
_NUMBER: Final = re.compile(
    r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,5})?|[+-]?inf(inity)?", re.IGNORECASE
)
_SIGNS: Final = str.maketrans({"−": "-", "∞": "inf", "\u2009": None, "\u202f": None})


def whole_number(text: str, least: int = 0, most: int = LARGEST_WHOLE) -> int | None:
    """A whole number within bounds, `1,000` included; None for anything else.

    `²` and other digits that only look like numbers are none, and no text is too long for it.
    """
    if len(text) > _LONGEST:
        return None
    plain = text.strip().translate(_SIGNS)
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    if not _WHOLE.fullmatch(plain):
        return None
    number = int(plain)
    return number if least <= number <= most else None


def is_whole_number(text: str) -> bool:
    """Whether it is written as a whole number that is not negative, of whatever size."""
    plain = text.strip().replace(",", "")
    return plain.isascii() and plain.isdigit()


def real_number(text: str, *, infinite: bool = False) -> float | None:
    """A number with or without a point; None for anything else, and unless wanted for infinity."""
    if len(text) > _LONGEST:
        return None
    plain = text.strip().translate(_SIGNS)
    if not _NUMBER.fullmatch(plain):
        return None
    number = float(plain)
    return number if infinite or math.isfinite(number) else None
