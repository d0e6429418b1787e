"""How much room text takes, from the advance widths of the bundled fonts, without Qt.

Text is set glyph by glyph: no kerning, no ligatures, no hinting. So a scene means the same in every
backend. `packaging/font_metrics.py` writes the numbers that are read here.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from backpropviz.assets import resource
from backpropviz.frozen import frozen
from backpropviz.scene.marks import Anchor, Box, Font, Text

ELLIPSIS: Final = "…"

_FILES: Final[dict[tuple[str, int, bool], str]] = {
    ("Inter", 400, False): "Inter-Regular",
    ("Inter", 500, False): "Inter-Medium",
    ("Inter", 600, False): "Inter-SemiBold",
    ("Inter Display", 600, False): "InterDisplay-SemiBold",
    ("JetBrains Mono", 400, False): "JetBrainsMono-Regular",
    ("JetBrains Mono", 500, False): "JetBrainsMono-Medium",
    ("JetBrains Mono", 600, False): "JetBrainsMono-SemiBold",
    ("STIX Two Math", 400, False): "STIXTwoMath-Regular",
    ("STIX Two Text", 400, False): "STIXTwoText-Regular",
    ("STIX Two Text", 400, True): "STIXTwoText-Italic",
}


@frozen
class _Metrics:
    """One font file, in units of the em."""

    ascent: float
    descent: float
    cap_height: float
    x_height: float
    advances: dict[str, float]

    def advance(self, character: str) -> float:
        """Width of a character; one that no bundled font has is estimated by its kind."""
        known = self.advances.get(character)
        if known is not None:
            return known
        if unicodedata.combining(character):
            return 0.0
        return 1.0 if unicodedata.east_asian_width(character) in "WF" else 0.62


@lru_cache(maxsize=16384)
def text_width(text: str, font: Font) -> float:
    """Sum of the advance widths, in pixels."""
    return sum(map(_metrics(file_stem(font)).advance, text)) * font.size


def ascent(font: Font) -> float:
    """From the baseline up to the top of the line."""
    return _metrics(file_stem(font)).ascent * font.size


def descent(font: Font) -> float:
    """From the baseline down to the bottom of the line, positive."""
    return _metrics(file_stem(font)).descent * font.size


def cap_height(font: Font) -> float:
    """Height of a capital letter or a digit."""
    return _metrics(file_stem(font)).cap_height * font.size


def x_height(font: Font) -> float:
    """Height of a small letter without ascender."""
    return _metrics(file_stem(font)).x_height * font.size


def centered_baseline(middle: float, font: Font) -> float:
    """The baseline that centers capitals and digits on a height."""
    return middle + cap_height(font) / 2


def elide(text: str, font: Font, width: float) -> str:
    """The text, or as much of its start as fits with an ellipsis; '' where not even that fits."""
    if text_width(text, font) <= width:
        return text
    left = width - text_width(ELLIPSIS, font)
    if left < 0:
        return ""
    count = 0
    for character in text:
        left -= text_width(character, font)
        if left < 0:
            break
        count += 1
    return text[:count].rstrip() + ELLIPSIS


def wrap(text: str, font: Font, width: float) -> tuple[str, ...]:
    """Lines of whole words no wider than `width`; a longer word has a line to itself, elided."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(joined, font) <= width:
            lines[-1] = joined
        else:
            lines.append(elide(word, font, width))
    return tuple(lines)


def text_start(text: Text) -> float:
    """The x at which the first glyph stands."""
    if text.anchor is Anchor.START:
        return text.x
    width = text_width(text.text, text.font)
    return text.x - (width if text.anchor is Anchor.END else width / 2)


def text_box(text: Text) -> Box:
    """Where a text's ink may lie: its advance width, from cap height to descent."""
    above, below = cap_height(text.font), descent(text.font)
    width = text_width(text.text, text.font)
    return Box(text_start(text), text.y - above, width, above + below)


@cache
def file_stem(font: Font) -> str:
    """The bundled file's name without suffix; the nearest weight and slant of the family."""
    candidates = [key for key in _FILES if key[0] == font.family]
    if not candidates:
        raise KeyError(f"{font.family} is not bundled")
    nearest = min(candidates, key=lambda key: (key[2] != font.italic, abs(key[1] - font.weight)))
    return _FILES[nearest]


def font_file(font: Font) -> Path:
    """The bundled file that a font is drawn with."""
    return resource("fonts", f"{file_stem(font)}.ttf")


@cache
def _metrics(stem: str) -> _Metrics:
    """From metrics.json, in font units; its advances map to the characters that have each."""
    entry = _table()[stem]
    units = entry["units"]
    advances = {
        character: int(advance) / units
        for advance, characters in entry["advances"].items()
        for character in characters
    }
    above, below, capital, small = (
        entry[name] / units for name in ("ascent", "descent", "cap_height", "x_height")
    )
    return _Metrics(above, below, capital, small, advances)


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(resource("fonts", "metrics.json").read_bytes())
    return table


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

    def text(value: float) -> str:
        if math.isfinite(value) and abs(value) >= _LARGEST_FIXED:
            return _scientific(value, 3, signed=signed)
        return fixed(value, decimals, signed=signed)

    return list(map(text, group))


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
