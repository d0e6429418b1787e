"""The sum that an equation with numbers shows: its terms, what rounding left, and the total."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from backpropviz.scene.text import decimal_of

_NUMBER = r"(?:\d[\d.]*(?:e−?\d+)?)"
_FACTOR = rf"−*{_NUMBER}(?:/−?{_NUMBER})?"
_TERM = re.compile(rf"([+−]*)({_FACTOR}(?:×{_FACTOR})*)((?:«[^»]*»)*)")


@dataclass(frozen=True, slots=True)
class ShownSum:
    """What stands before and after the last `=` or `≈`."""

    terms: tuple[Fraction, ...]
    rounding: Fraction
    total: Fraction

    @property
    def adds_up(self) -> bool:
        """To the last digit."""
        return sum(self.terms) + self.rounding == self.total


def shown_sum(reading: str) -> ShownSum | None:
    """The last stretch of a reading; None where a number is not finite or it is no sum."""
    if "NaN" in reading or "∞" in reading:
        return None
    plain = re.sub(r"«(?:padding|sofar)»", "", reading).replace("•", "0")
    *_, addends, total = re.split("[=≈]", plain)
    if not addends:
        return ShownSum((_product(total),), Fraction(0), _product(total))
    terms: list[Fraction] = []
    rounding = Fraction(0)
    position = 0
    for found in _TERM.finditer(addends):
        assert found.start() == position, addends
        position = found.end()
        value = _product(found[2]) * (-1) ** found[1].count("−")
        if "rounding" in found[3]:
            rounding = value
        else:
            terms.append(value)
    assert position == len(addends), addends
    return ShownSum(tuple(terms), rounding, _product(total))


def _product(text: str) -> Fraction:
    value = Fraction(1)
    for factor in text.split("×"):
        sign = -1 if (len(factor) - len(factor.lstrip("−"))) % 2 else 1
        upper, *lower = factor.lstrip("−").split("/")
        value *= sign * Fraction(decimal_of(upper))
        for part in lower:
            value /= Fraction(decimal_of(part))
    return value
