"""The outlines of the bundled fonts' characters, read from their files, without Qt.

A picture whose text is outlines looks the same where the fonts are not installed. The files hold
TrueType outlines: quadratic curves in font units, y pointing up; here y points down.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache, cached_property
from typing import Final, TypeAlias
from unicodedata import combining

from backpropviz.assets import resource
from backpropviz.frozen import frozen
from backpropviz.scene.marks import Font
from backpropviz.scene.text import file_stem, text_width

_OnCurve: TypeAlias = tuple[float, float, bool]
_Contour: TypeAlias = list[_OnCurve]

_ON, _X_SHORT, _Y_SHORT, _REPEAT, _X_SAME, _Y_SAME = 1, 2, 4, 8, 16, 32
_WORDS, _ARE_OFFSETS, _ONE_SCALE, _MORE, _TWO_SCALES, _MATRIX = 1, 2, 8, 32, 64, 128


@frozen
class GlyphOutline:
    """A character's shape: a name that is the same in every picture, and a path in font units."""

    name: str
    path: str
    left: float
    right: float


@frozen
class PlacedGlyph:
    """A shape and how far from the text's start it stands, in font units."""

    outline: GlyphOutline
    x: float


@cache
def units_per_em(font: Font) -> int:
    """How many font units the font's size is."""
    return _file(file_stem(font)).units


def placed_glyphs(text: str, font: Font) -> tuple[PlacedGlyph, ...] | None:
    """The shapes of a text's characters, spaces left out; None where the font lacks one."""
    stem, units = file_stem(font), units_per_em(font)
    unit_font = font._replace(size=float(units))
    placed: list[PlacedGlyph] = []
    x = letter = 0.0
    for character in text:
        outline = _outline(stem, character)
        if outline is None:
            return None
        place = x
        if not combining(character):
            letter = x
        elif outline.left >= 0:
            # Inter draws an accent right of where it stands; it belongs over the letter before.
            place = (letter + x) / 2 - (outline.left + outline.right) / 2
        if outline.path:
            placed.append(PlacedGlyph(outline, place))
        x += text_width(character, unit_font)
    return tuple(placed)


@cache
def _outline(stem: str, character: str) -> GlyphOutline | None:
    file = _file(stem)
    index = file.characters.get(ord(character), 0)
    if index == 0:
        return None
    contours = [contour for contour in file.contours(index) if len(contour) > 1]
    xs = [x for contour in contours for x, _, _ in contour] or [0.0]
    path = "".join(map(_path, contours))
    return GlyphOutline(f"{stem}-{ord(character):x}", path, min(xs), max(xs))


@cache
def _file(stem: str) -> _FontFile:
    return _FontFile(resource("fonts", f"{stem}.ttf").read_bytes())


class _FontFile:
    """The tables of one file that shapes need."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        (count,) = struct.unpack_from(">H", content, 4)
        records = (struct.unpack_from(">4sLLL", content, 12 + 16 * k) for k in range(count))
        self._starts: Final = {name.decode("latin-1"): start for name, _, start, _ in records}
        self.units: int = struct.unpack_from(">H", content, self._starts["head"] + 18)[0]
        (self._has_long_places,) = struct.unpack_from(">h", content, self._starts["head"] + 50)

    @cached_property
    def characters(self) -> dict[int, int]:
        """The glyph of each code point."""
        start = self._starts["cmap"]
        (count,) = struct.unpack_from(">H", self._content, start + 2)
        found: dict[int, int] = {}
        for k in range(count):
            platform, _, offset = struct.unpack_from(">HHL", self._content, start + 4 + 8 * k)
            (kind,) = struct.unpack_from(">H", self._content, start + offset)
            if platform in {0, 3} and kind == 4:
                found.update(self._short_codes(start + offset))
            elif platform in {0, 3} and kind == 12:
                found.update(self._long_codes(start + offset))
        return found

    def _short_codes(self, start: int) -> Iterator[tuple[int, int]]:
        (doubled,) = struct.unpack_from(">H", self._content, start + 6)
        row = f">{doubled // 2}H"
        ends, firsts, deltas, offsets = (
            struct.unpack_from(row, self._content, start + 14 + k * doubled + (2 if k else 0))
            for k in range(4)
        )
        for k, (end, first) in enumerate(zip(ends, firsts, strict=True)):
            place = start + 16 + 3 * doubled + 2 * k + offsets[k]
            for code in range(first, min(end, 0xFFFE) + 1):
                index = code
                if offsets[k]:
                    at = place + 2 * (code - first)
                    (index,) = struct.unpack_from(">H", self._content, at)
                yield code, (index + deltas[k]) & 0xFFFF if index or not offsets[k] else 0

    def _long_codes(self, start: int) -> Iterator[tuple[int, int]]:
        (count,) = struct.unpack_from(">L", self._content, start + 12)
        for k in range(count):
            first, end, glyph = struct.unpack_from(">LLL", self._content, start + 16 + 12 * k)
            yield from ((code, glyph + code - first) for code in range(first, end + 1))

    def contours(self, index: int) -> list[_Contour]:
        """The closed curves of a glyph, those of its components included."""
        size, kind = (4, ">2L") if self._has_long_places else (2, ">2H")
        ends = struct.unpack_from(kind, self._content, self._starts["loca"] + size * index)
        first, end = ends if self._has_long_places else (2 * ends[0], 2 * ends[1])
        if first == end:
            return []
        start = self._starts["glyf"] + first
        (count,) = struct.unpack_from(">h", self._content, start)
        return self._simple(start + 10, count) if count >= 0 else self._composed(start + 10)

    def _simple(self, at: int, count: int) -> list[_Contour]:
        ends = struct.unpack_from(f">{count}H", self._content, at)
        (instructions,) = struct.unpack_from(">H", self._content, at + 2 * count)
        at += 2 * count + 2 + instructions
        flags: list[int] = []
        while ends and len(flags) <= ends[-1]:
            flag = self._content[at]
            repeated = self._content[at + 1] + 1 if flag & _REPEAT else 1
            flags.extend([flag] * repeated)
            at += 2 if flag & _REPEAT else 1
        xs, at = self._coordinates(at, flags, _X_SHORT, _X_SAME)
        ys, _ = self._coordinates(at, flags, _Y_SHORT, _Y_SAME)
        points = [
            (float(x), -float(y), bool(flag & _ON))
            for x, y, flag in zip(xs, ys, flags, strict=True)
        ]
        starts = (0, *(end + 1 for end in ends))
        return [points[first : end + 1] for first, end in zip(starts, ends, strict=False)]

    def _coordinates(
        self, at: int, flags: list[int], short: int, same: int
    ) -> tuple[list[int], int]:
        result, value = [], 0
        for flag in flags:
            if flag & short:
                value += self._content[at] if flag & same else -self._content[at]
                at += 1
            elif not flag & same:
                value += struct.unpack_from(">h", self._content, at)[0]
                at += 2
            result.append(value)
        return result, at

    def _composed(self, at: int) -> list[_Contour]:
        result: list[_Contour] = []
        flags = _MORE
        while flags & _MORE:
            flags, index = struct.unpack_from(">HH", self._content, at)
            kind = ">hh" if flags & _WORDS else ">bb"
            dx, dy = struct.unpack_from(kind, self._content, at + 4)
            at += 8 if flags & _WORDS else 6
            count = 1 if flags & _ONE_SCALE else 2 if flags & _TWO_SCALES else 0
            count = 4 if flags & _MATRIX else count
            scales = [n / 16384 for n in struct.unpack_from(f">{count}h", self._content, at)]
            at += 2 * count
            a, b, c, d = _matrix(scales)
            dx, dy = (dx, dy) if flags & _ARE_OFFSETS else (0, 0)
            for contour in self.contours(index):
                moved = [(a * x - c * y + dx, -b * x + d * y - dy, on) for x, y, on in contour]
                result.append(moved)
        return result


def _matrix(scales: list[float]) -> tuple[float, float, float, float]:
    match scales:
        case [scale]:
            return scale, 0.0, 0.0, scale
        case [across, down]:
            return across, 0.0, 0.0, down
        case [a, b, c, d]:
            return a, b, c, d
    return 1.0, 0.0, 0.0, 1.0


def _path(contour: _Contour) -> str:
    """A closed curve; between two controls lies the point in their middle."""
    first = next((k for k, point in enumerate(contour) if point[2]), None)
    if first is None:
        middle = _middle(contour[-1], contour[0])
        contour = [middle, *contour]
        first = 0
    ordered = [*contour[first:], *contour[:first], contour[first]]
    drawn = [f"M{_pair(ordered[0])}"]
    control: _OnCurve | None = None
    for point in ordered[1:]:
        if control is None:
            if point[2]:
                drawn.append(f"L{_pair(point)}")
            else:
                control = point
            continue
        end = point if point[2] else _middle(control, point)
        drawn.append(f"Q{_pair(control)} {_pair(end)}")
        control = None if point[2] else point
    return "".join(drawn) + "Z"


def _middle(one: _OnCurve, other: _OnCurve) -> _OnCurve:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2, True


def _pair(point: _OnCurve) -> str:
    return f"{point[0]:.5g} {point[1]:.5g}"
