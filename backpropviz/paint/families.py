"""The bundled fonts for widgets: registered with Qt, and as QFonts.

Apart from the glyphs of scenes, whose metrics need NumPy: a window paints before that is loaded.
"""

from __future__ import annotations

from functools import cache, lru_cache

from PySide6.QtGui import QFont, QFontDatabase

from backpropviz.assets import resource, resource_names
from backpropviz.scene.theme import Font

UNHINTED = QFont.HintingPreference.PreferNoHinting


@cache
def register_fonts() -> tuple[str, ...]:
    """Make the bundled families known to Qt, once; returns their names."""
    families: dict[str, None] = {}
    for name in resource_names("fonts", ".ttf"):
        identifier = QFontDatabase.addApplicationFont(str(resource("fonts", name)))
        families.update(dict.fromkeys(QFontDatabase.applicationFontFamilies(identifier)))
    return tuple(families)


@cache
def register_family(family: str) -> None:
    """Make one bundled family known to Qt, once."""
    stem = family.replace(" ", "")
    for name in resource_names("fonts", ".ttf"):
        if name.startswith(f"{stem}-"):
            QFontDatabase.addApplicationFont(str(resource("fonts", name)))


@lru_cache(maxsize=256)
def qfont(font: Font, magnification: int = 1) -> QFont:
    """A bundled font for widgets and Qt's own layout: unhinted, no kerning, no ligatures.

    Qt's fonts have whole pixel sizes; the magnification keeps a fraction.
    """
    register_family(font.family)
    result = QFont(font.family)
    result.setPixelSize(max(1, round(font.size * magnification)))
    result.setWeight(QFont.Weight(font.weight))
    result.setItalic(font.italic)
    result.setHintingPreference(UNHINTED)
    result.setKerning(False)
    for tag in ("liga", "clig", "calt", "dlig"):
        result.setFeature(QFont.Tag(tag), 0)
    return result
