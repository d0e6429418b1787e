"""Numbers that are shown side by side, numbers in a sentence, decimals that are exact."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import field
from decimal import Decimal
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kinds.protocol import IMAGE
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address, Array
from backpropviz.frozen import frozen
from backpropviz.scene.text import decimal_text, full, shown_group, with_sign
from backpropviz.scene.theme import Theme


def group_texts(values: Iterable[float], digits: int = 3, *, signed: bool = False) -> list[str]:
    """Texts with the same decimals, without zeros at the end that all of them have.

    A group of small numbers shares its power of ten instead: `4.37e−5`, `−0.12e−5`.
    """
    group = [float(value) for value in values]
    largest = max((abs(value) for value in group if math.isfinite(value)), default=0.0)
    # What rounds up to the next power of ten has that one's exponent.
    rounded = f"{largest:.{digits - 1}e}"
    if 0 < float(rounded) < 1e-3:
        exponent = int(rounded.partition("e")[2])
        mantissas = [_mantissa(value, exponent, digits - 1) for value in group]
        shown = iter(without_common_zeros([text for text in mantissas if text]))
        return [
            with_sign(f"{next(shown)}e{exponent}", signed=signed) if text else _alone(value, signed)
            for value, text in zip(group, mantissas, strict=True)
        ]
    return without_common_zeros(shown_group(group, digits, signed=signed))


def _mantissa(value: float, exponent: int, decimals: int) -> str:
    """The text, or '' for what is 0, not finite, or too small to be seen beside the others."""
    if value == 0 or not math.isfinite(value):
        return ""
    # Through decimal text: 10.0**exponent may underflow where the value does not.
    text = f"{Decimal(repr(value)).scaleb(-exponent):.{decimals}f}"
    return text if text.strip("-0.") else ""


def _alone(value: float, signed: bool) -> str:
    if value == 0 or not math.isfinite(value):
        return shown_group([value], signed=signed)[0]
    mantissa, power = f"{value:.0e}".split("e")
    return with_sign(f"{mantissa}e{int(power)}", signed=signed)


def plain_power(text: str) -> str:
    """A number as Python writes it with a plain exponent: `-6.64e-06` → `-6.64e-6`."""
    mantissa, _, power = text.partition("e")
    return f"{mantissa}e{int(power)}" if power else mantissa


def without_common_zeros(texts: Sequence[str]) -> list[str]:
    """`1.0000`, `0.9200` → `1.00`, `0.92`; the shown values stay what they are."""
    decimals = [text for text in texts if "." in text and "e" not in text]
    spare = min((len(text) - len(text.rstrip("0")) for text in decimals), default=0)
    if not spare:
        return list(texts)
    return [text[:-spare].removesuffix(".") if text in decimals else text for text in texts]


def exact_text(value: Decimal) -> str:
    """A decimal with all its digits, with a power of ten where it would be long: `−3.7e−8`."""
    text = decimal_text(value)
    if len(text) <= 7 or not value.is_finite():
        return text
    power = value.adjusted()
    mantissa = value.scaleb(-power).normalize()
    short = with_sign(f"{mantissa:f}e{power}", signed=False)
    return short if len(short) < len(text) else text


def said(value: float, *, signed: bool = False) -> str:
    """A number in a sentence: about four digits, no zeros at the end."""
    return group_texts([value], 4, signed=signed)[0]


def said_exactly(value: float) -> str:
    """A setting such as a learning rate: all its digits."""
    return full(value)


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 pixel`, `4 pixels`, `1,024 pixels`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def round_spacing(least: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999999)


def round_values(low: float, high: float, spacing: float) -> list[float]:
    """The multiples of a spacing from low to high, both included."""
    first, last = math.ceil(low / spacing - 1e-9), math.floor(high / spacing + 1e-9)
    # Without what binary fractions leave behind: 0.30000000000000004 → 0.3.
    return [float(f"{k * spacing:.9g}") for k in range(first, last + 1)]


Reduced: TypeAlias = tuple[Array, NDArray[np.bool_] | None]
"""A value a pixel, and where there is one (None: everywhere)."""
_PHOTO_SIDE = 8
"""Images of at least this side are shown in true gray; the numbers of smaller ones matter more."""


@frozen
class Scale:
    """A color map and the values at its two ends."""

    colormap: str
    limits: tuple[float, float]
    is_diverging: bool


def finite_values(values: Array) -> Array:
    """The values that are finite: as a rule the array itself, and no copy of it."""
    finite = np.isfinite(values)
    return values if finite.all() else values[finite]


@frozen(eq=False)
class Scales:
    """The scales of one pass, worked out when first asked for."""

    tape: Tape
    diverging: str = ""
    known: dict[tuple[Address, str], Scale] = field(default_factory=dict)
    reduced: dict[tuple[str, int, int], Reduced] = field(default_factory=dict)
    """Planes that are complete, by name, in so many rows and columns of pixels."""

    def of(self, address: Address, theme: Theme) -> Scale:
        """The scale of an array; gradients and signed values are centered on 0."""
        array = self.tape.resolve(address.array).array
        key = (array, theme.name)
        if key not in self.known:
            self.known[key] = self._worked_out(array, theme)
        return self.known[key]

    def _worked_out(self, address: Address, theme: Theme) -> Scale:
        values = self.tape[address]
        finite = finite_values(values)
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        largest = max(abs(low), abs(high)) or 1.0
        is_image = address == IMAGE and min(values.shape[-2:]) >= _PHOTO_SIDE
        if is_image and low >= 0:
            return Scale(theme.photo, (0.0, 1.0 if high <= 1 else high), is_diverging=False)
        if address.is_gradient or low < 0 or address.quantity in {"weight", "bias"}:
            diverging = self.diverging or theme.diverging
            return Scale(diverging, (-largest, largest), is_diverging=True)
        return Scale(theme.sequential, (0.0, largest), is_diverging=False)
