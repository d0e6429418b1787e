"""How much room text takes, from the advance widths of the bundled fonts, without Qt.

Text is set glyph by glyph: no kerning, no ligatures, no hinting. So a scene means the same in every
backend. `packaging/font_metrics.py` writes the numbers that are read here.
"""

from __future__ import annotations

import json
import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, TypedDict

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


class _Entry(TypedDict):
    """One font file in metrics.json, in font units; advances map to the characters that have it."""

    units: int
    ascent: int
    descent: int
    cap_height: int
    x_height: int
    advances: dict[str, str]


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
        return known if known is not None else _foreign_advance(character)


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
    entry = _table()[stem]
    units = entry["units"]
    advances = {
        character: int(advance) / units
        for advance, characters in entry["advances"].items()
        for character in characters
    }
    return _Metrics(
        ascent=entry["ascent"] / units,
        descent=entry["descent"] / units,
        cap_height=entry["cap_height"] / units,
        x_height=entry["x_height"] / units,
        advances=advances,
    )


@cache
def _table() -> dict[str, _Entry]:
    table: dict[str, _Entry] = json.loads(resource("fonts", "metrics.json").read_bytes())
    return table


def _foreign_advance(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    return 1.0 if unicodedata.east_asian_width(character) in "WF" else 0.62
