"""The outlines that are read from the font files are those that Qt draws."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QFont, QPainterPath, QRawFont

from backpropviz.scene.glyphs import placed_glyphs, units_per_em
from backpropviz.scene.marks import Font
from backpropviz.scene.text import font_file, text_width

FONTS = (
    Font("Inter", 10),
    Font("Inter", 10, 600),
    Font("Inter Display", 10, 600),
    Font("JetBrains Mono", 10, 500),
    Font("STIX Two Text", 10),
    Font("STIX Two Text", 10, italic=True),
    Font("STIX Two Math", 10),
)


def drawn(path: str) -> QPainterPath:
    """The path as Qt reads its letters."""
    result = QPainterPath()
    for letter, numbers in re.findall(r"([MLQZ])([^MLQZ]*)", path):
        values = list(map(float, numbers.split()))
        if letter == "M":
            result.moveTo(*values)
        elif letter == "L":
            result.lineTo(*values)
        elif letter == "Q":
            result.quadTo(*values)
        else:
            result.closeSubpath()
    return result


@pytest.mark.parametrize("font", FONTS, ids=lambda font: f"{font.family} {font.weight}")
@pytest.mark.usefixtures("qapp")
def test_an_outline_is_the_one_that_qt_draws(font: Font) -> None:
    units = units_per_em(font)
    unhinted = QFont.HintingPreference.PreferNoHinting
    raw_font = QRawFont(str(font_file(font)), units, unhinted)
    text = "AgWé×−∂∑0123456789,.()[]/=→’%&@"
    placed = placed_glyphs(text, font)
    assert placed is not None
    assert len(placed) == len(text)
    for character, glyph in zip(text, placed, strict=True):
        (index,) = raw_font.glyphIndexesForString(character)
        outline = raw_font.pathForGlyph(index)
        box = outline.controlPointRect()
        assert glyph.outline.left == pytest.approx(box.left(), abs=1.5), character
        assert glyph.outline.right == pytest.approx(box.right(), abs=1.5), character
        ours = drawn(glyph.outline.path)
        # Ink counts by its winding, which SVG takes for granted and Qt's own outline carries.
        ours.setFillRule(outline.fillRule())
        assert ours.length() == pytest.approx(outline.length(), rel=0.005), character
        places = [
            QPointF(box.left() + across * box.width() / 16, box.top() + down * box.height() / 16)
            for across in range(1, 16)
            for down in range(1, 16)
        ]
        same = sum(ours.contains(place) == outline.contains(place) for place in places)
        assert same >= 0.98 * len(places), character


def test_each_character_stands_where_the_one_before_ends() -> None:
    font = Font("Inter", 10)
    placed = placed_glyphs("Wi m", font)
    assert placed is not None
    assert [glyph.outline.name for glyph in placed] == [
        "Inter-Regular-57",
        "Inter-Regular-69",
        "Inter-Regular-6d",
    ]
    pixels = [glyph.x * font.size / units_per_em(font) for glyph in placed]
    assert pixels == pytest.approx([0, text_width("W", font), text_width("Wi ", font)])


def test_an_accent_stands_over_its_letter() -> None:
    letter, accent = placed_glyphs("x\u0302", Font("Inter", 10)) or ()
    middle = accent.x + (accent.outline.left + accent.outline.right) / 2
    assert letter.outline.left < middle < letter.outline.right


def test_a_character_that_the_font_lacks_is_no_outline() -> None:
    assert placed_glyphs("a 漢", Font("Inter", 10)) is None
