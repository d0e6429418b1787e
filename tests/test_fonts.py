"""The bundled fonts say all that the program writes, under the names by which it asks for them."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QFont, QFontDatabase, QRawFont, QTextLayout

from backpropviz.assets import resource, resource_names

LATIN = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]))
GREEK = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρςστυφχψω"
SYMBOLS = "←→↑↓↔↦⇄∂∇∈∏∑−×·÷±≤≥≠≈∞√⟨⟩⌊⌋…•‹›–—“”‘’′″½¼¾₀₁₂₃₄₅₆₇₈₉₊₋⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻●○◆▶◀"

pytestmark = pytest.mark.usefixtures("qapp")


@pytest.mark.parametrize("name", resource_names("fonts", ".ttf"))
def test_every_font_has_every_symbol(name: str) -> None:
    font = QRawFont(str(resource("fonts", name)), 16)
    assert font.isValid()
    missing = [c for c in LATIN + GREEK + SYMBOLS if not font.supportsCharacter(ord(c))]
    assert missing == []


@pytest.mark.parametrize("weight", ["Regular", "Medium", "SemiBold"])
def test_every_character_of_the_code_font_fills_one_cell(weight: str) -> None:
    font = QRawFont(str(resource("fonts", f"JetBrainsMono-{weight}.ttf")), 100)
    glyphs = font.glyphIndexesForString(LATIN + GREEK + SYMBOLS)
    assert len({advance.x() for advance in font.advancesForGlyphIndexes(glyphs)}) == 1


@pytest.mark.parametrize(
    ("family", "weight", "style"),
    [
        ("Inter", 400, "Regular"),
        ("Inter", 500, "Medium"),
        ("Inter", 600, "SemiBold"),
        ("Inter Display", 600, "SemiBold"),
        ("JetBrains Mono", 400, "Regular"),
        ("JetBrains Mono", 500, "Medium"),
        ("JetBrains Mono", 600, "SemiBold"),
        ("STIX Two Text", 400, "Regular"),
        ("STIX Two Math", 400, "Regular"),
    ],
)
def test_a_family_and_weight_name_one_file(family: str, weight: int, style: str) -> None:
    font = QFont(family)
    font.setWeight(QFont.Weight(weight))
    raw = QRawFont.fromFont(font)
    assert (raw.familyName(), raw.weight(), raw.styleName()) == (family, weight, style)


def test_italic_is_drawn_as_italic_and_not_slanted() -> None:
    font = QFont("STIX Two Text")
    font.setItalic(True)
    assert QRawFont.fromFont(font).styleName() == "Italic"
    assert "Italic" in QFontDatabase.styles("STIX Two Text")


@pytest.mark.parametrize("name", ["Inter-Regular.ttf", "JetBrainsMono-Regular.ttf"])
@pytest.mark.parametrize("text", ["->", "!=", "fi", "3x3", "0x1"])
def test_the_text_shown_is_the_text_written(name: str, text: str) -> None:
    """No ligature and no contextual form: the shaped glyphs are those of the single characters."""
    path = resource("fonts", name)
    font = QFont("Inter" if name.startswith("Inter") else "JetBrains Mono")
    layout = QTextLayout(text, font)
    layout.beginLayout()
    layout.createLine()
    layout.endLayout()
    shaped = [glyph for run in layout.glyphRuns() for glyph in run.glyphIndexes()]
    assert shaped == QRawFont(str(path), 16).glyphIndexesForString(text)
