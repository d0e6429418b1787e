"""The outlines that are read from the font files are those that Qt draws."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QFont, QRawFont

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


@pytest.mark.parametrize("font", FONTS, ids=lambda font: f"{font.family} {font.weight}")
@pytest.mark.usefixtures("qapp")
def test_an_outline_has_the_extent_that_qt_gives_it(font: Font) -> None:
    units = units_per_em(font)
    unhinted = QFont.HintingPreference.PreferNoHinting
    raw_font = QRawFont(str(font_file(font)), units, unhinted)
    text = "AgWé×−∂∑0123456789,.()[]/=→’%&@"
    placed = placed_glyphs(text, font)
    assert placed is not None
    assert len(placed) == len(text)
    for character, glyph in zip(text, placed, strict=True):
        (index,) = raw_font.glyphIndexesForString(character)
        box = raw_font.pathForGlyph(index).controlPointRect()
        assert glyph.outline.left == pytest.approx(box.left(), abs=1.5), character
        assert glyph.outline.right == pytest.approx(box.right(), abs=1.5), character


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
