"""Numbers and lists as the sentences about training have them."""

from __future__ import annotations

import math
from collections.abc import Sequence

_MOST_NAMES = 3


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits: 0.0123, 3.1e−8, NaN, ∞."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


def percent(share: float) -> str:
    """A share of 1 in percent: 62.5 %."""
    return f"{number(100 * share)} %"


def counted(count: int, noun: str) -> str:
    """A count with its noun: 1 update, 10 updates."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: Sequence[str]) -> str:
    """The first three names, and how many others there are."""
    shown = ", ".join(names[:_MOST_NAMES])
    others = len(names) - _MOST_NAMES
    return f"{shown} and {others} more" if others > 0 else shown
