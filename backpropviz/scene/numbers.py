"""Numbers as text: what is shown is exact where it can be, and never hides a value behind a 0.

Minus is U+2212. A group of values shares its decimals, so that a column can be compared by eye and
a sum checked by hand: `decimal_of` reads a shown text back, and `residue` is what is left of a sum
after its shown terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import numpy as np

MINUS: Final = "\u2212"
INFINITY: Final = "\u221e"

_LARGEST_FIXED: Final = 1e6
_SMALLEST_UNIT: Final = 12


def shown(value: float, digits: int = 3, *, signed: bool = False) -> str:
    """A number with `digits` decimals; integers as integers, the very large and small as 1.2e−7."""
    word = _not_finite(value, signed=signed)
    if word:
        return word
    if value == 0:
        return "0"
    if abs(value) >= _LARGEST_FIXED:
        return _scientific(value, digits, signed=signed)
    if float(value).is_integer():
        return with_sign(f"{value:.0f}", signed=signed)
    return fixed(value, digits, signed=signed)


def fixed(value: float, decimals: int, *, signed: bool = False) -> str:
    """A number with exactly that many decimals, but `0` for zero and 4e−5 rather than 0.000."""
    word = _not_finite(value, signed=signed)
    if word:
        return word
    if value == 0:
        return "0"
    text = f"{value:.{decimals}f}"
    if not text.strip("-0."):
        return _scientific(value, 1, signed=signed)
    return with_sign(text, signed=signed)


def fitted(value: float, characters: int, *, signed: bool = False) -> str:
    """The most precise text (at most six decimals) in so many characters, or '' if none fits."""
    candidates = [shown(value, digits, signed=signed) for digits in range(6, -1, -1)]
    candidates.append(_scientific(value, 2, signed=signed))
    return next((text for text in candidates if len(text) <= characters), "")


def full(value: float | np.floating[Any]) -> str:
    """The shortest text that reads back as the same value of its own float width."""
    word = _not_finite(float(value), signed=False)
    if word:
        return word
    if value == 0:
        return "0"
    # A NumPy scalar prints the digits of its own width, a Python float those of 64 bits.
    text = value.__str__().replace("e+", "e")
    return with_sign(text.removesuffix(".0"), signed=False)


def group_decimals(values: Iterable[float], digits: int = 3, most: int = 6) -> int:
    """Decimals for values shown side by side: 0 if all are integers, else by the largest of them.

    `digits` for 0.1…10, fewer for a larger one (at least 1), more for a smaller one (at most
    `most`).
    """
    finite = [abs(float(value)) for value in values if math.isfinite(value)]
    if all(value.is_integer() for value in finite):
        return 0
    magnitude = math.floor(math.log10(max(finite)))
    wanted = digits - magnitude if magnitude >= 0 else digits - 1 - magnitude
    return min(most, max(1, wanted))


def shown_group(values: Iterable[float], digits: int = 3, *, signed: bool = False) -> list[str]:
    """Texts of values shown side by side, with the same decimals."""
    group = list(values)
    decimals = group_decimals(group, digits)
    return [_in_group(value, decimals, signed=signed) for value in group]


def decimal_of(text: str) -> Decimal:
    """The exact decimal that a shown number says (1.20 is 1.20, 4e−5 is 0.00004)."""
    return Decimal(text.replace(MINUS, "-").replace(INFINITY, "Infinity"))


def residue(total: str, addends: Iterable[str]) -> Decimal:
    """What the shown addends leave of the shown total, in decimal: total − Σ addends."""
    return decimal_of(total) - sum((decimal_of(text) for text in addends), Decimal(0))


def decimal_text(value: Decimal, *, signed: bool = False) -> str:
    """A decimal as it is shown; 0 without decimals or sign."""
    if not value.is_finite():
        return _not_finite(float(value), signed=signed)
    if value == 0:
        return "0"
    if value.adjusted() < -_SMALLEST_UNIT:
        return with_sign(f"{value:.1e}", signed=signed)
    return with_sign(f"{value:f}", signed=signed)


def with_sign(text: str, *, signed: bool) -> str:
    """ASCII number text with U+2212, and a plus where the sign is asked for."""
    plus = "+" if signed and not text.startswith("-") else ""
    return plus + text.replace("-", MINUS)


def _in_group(value: float, decimals: int, *, signed: bool) -> str:
    if math.isfinite(value) and abs(value) >= _LARGEST_FIXED:
        return _scientific(value, 3, signed=signed)
    return fixed(value, decimals, signed=signed)


def _scientific(value: float, digits: int, *, signed: bool) -> str:
    """`digits` significant digits and a plain exponent: 1.2e−7."""
    if value == 0 or not math.isfinite(value):
        return _not_finite(value, signed=signed) or "0"
    mantissa, exponent = f"{value:.{max(digits - 1, 0)}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return with_sign(f"{mantissa}e{int(exponent)}", signed=signed)


def _not_finite(value: float, *, signed: bool) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return with_sign(INFINITY if value > 0 else f"-{INFINITY}", signed=signed)
    return ""
