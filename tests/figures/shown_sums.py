"""What the numbers of an equation add up to, read from its text."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

from backpropviz.scene.equation import RowNode, equation_text
from backpropviz.scene.text import decimal_of

_REMARKS = re.compile(r"\(\S+ more\)|rounding|so far|padding")
_NUMBER = r"−?(?:\d[\d.]*(?:e−?\d+)?|∞|NaN)"


def shown_sum(numbers: RowNode) -> tuple[Fraction, Fraction] | None:
    """What the last stretch of a sum adds up to, and the shown total; None if not finite."""
    text = _REMARKS.sub(" ", equation_text(numbers)).replace("•", "0")
    *_, addends, total = re.split("[=≈]", text)
    if "NaN" in text or "∞" in text:
        return None
    if not addends.strip():
        return _exactly(total), _exactly(total)
    return sum(map(_term, _terms(addends)), Fraction(0)), _exactly(total)


def _terms(text: str) -> list[str]:
    """`1 + 2×3 − 4` → `1`, `2×3`, `−4`."""
    parts = re.split(r"\s([+−])\s", f" + {text.strip()}")
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return [("−1×" if sign == "−" else "") + part for sign, part in pairs if part.strip()]


def _term(text: str) -> Fraction:
    value = Fraction(1)
    for factor in text.split("×"):
        numerator, *denominator = re.findall(_NUMBER, factor)
        value *= _exactly(numerator)
        for part in denominator:
            value /= _exactly(part)
    return value


def _exactly(text: str) -> Fraction:
    return Fraction(decimal_of(text.strip()))


def decimals(texts: list[str]) -> Decimal:
    """The sum of shown numbers."""
    return sum((decimal_of(text) for text in texts if text), Decimal(0))
