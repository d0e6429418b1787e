"""The bundled fonts in Qt as glyphs for scenes.

A scene's text is set glyph by glyph at the advances of `scene.fonts`, unhinted, so that it takes
exactly the room it was given; Qt's shaping (kerning, ligatures, font matching) has no part in it.
Text with a character that the bundled fonts lack falls back to Qt's own layout and fonts.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from unicodedata import combining

from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QGlyphRun, QPainter, QRawFont

from backpropviz.paint.families import UNHINTED, qfont
from backpropviz.scene.marks import Anchor, Font, Text
from backpropviz.scene.text import font_file, text_start, text_width

_MAGNIFICATION = 8
_LARGEST_GLYPH = 60


def draw_text(painter: QPainter, text: Text, color: QColor, scale: float = 1.0) -> None:
    """Paint one line of text on its baseline; `scale` is in device pixels per pixel."""
    font, anchor = text.font, text.anchor
    run, width = _OF_THIS_THREAD.set_text(text.text, font)
    if run is None:
        draw_selectable_text(painter, text, color)
        return
    left = 0.0 if anchor is Anchor.START else width if anchor is Anchor.END else width / 2
    origin = QPointF(text.x - left, text.y)
    if font.size * scale > _LARGEST_GLYPH:
        # Qt paints no glyph run of a font made from a file above 64 pixels, and says nothing.
        raw_font = run.rawFont()
        for glyph, place in zip(run.glyphIndexes(), run.positions(), strict=True):
            outline = raw_font.pathForGlyph(glyph)
            painter.fillPath(outline.translated(origin + place), color)
        return
    painter.setPen(color)
    painter.drawGlyphRun(origin, run)


def draw_selectable_text(painter: QPainter, text: Text, color: QColor) -> None:
    """Paint through Qt's layout: a PDF then holds text with its font, not outlines."""
    painter.save()
    try:
        painter.translate(text_start(text), text.y)
        painter.scale(1 / _MAGNIFICATION, 1 / _MAGNIFICATION)
        painter.setPen(color)
        painter.setFont(qfont(text.font, _MAGNIFICATION))
        painter.drawText(QPointF(0.0, 0.0), text.text)
    finally:
        painter.restore()


class _Typeface:
    """One font's glyphs and their advances by character, asked of Qt once."""

    def __init__(self, font: Font) -> None:
        self._raw_font = QRawFont(str(font_file(font)), font.size, UNHINTED)
        self._font = font
        self._known: dict[str, tuple[int, float]] = {}
        self._row = lru_cache(maxsize=512)(self._row_at)

    def run(self, text: str) -> QGlyphRun | None:
        """The glyphs of a text; None where the font lacks one."""
        glyphs = [self._known.get(character) or self._asked(character) for character in text]
        indices = [index for index, _ in glyphs]
        if 0 in indices:
            return None
        # Most numbers stand in a monospaced font, so that their glyphs share the places.
        run = QGlyphRun(self._row(tuple(advance for _, advance in glyphs)))
        run.setGlyphIndexes(indices)
        if any(map(combining, text)):
            run.setPositions(list(self._with_accents(text, run)))
        return run

    def _with_accents(self, text: str, run: QGlyphRun) -> Iterator[QPointF]:
        """Places with each accent over its letter, as in x̂.

        Inter draws its accents right of where they stand and leaves the rest to shaping; a font
        that draws them over the letter before is right as it is.
        """
        letter = QPointF(0.0, 0.0)
        for character, glyph, place in zip(text, run.glyphIndexes(), run.positions(), strict=True):
            ink = self._raw_font.boundingRect(glyph)
            if combining(character) and ink.left() >= 0:
                middle = (letter.x() + place.x()) / 2
                yield QPointF(middle - ink.center().x(), place.y())
                continue
            yield place
            letter = letter if combining(character) else place

    def _asked(self, character: str) -> tuple[int, float]:
        """A glyph's index, 0 where the font has none, and its advance."""
        indices = self._raw_font.glyphIndexesForString(character)
        index = indices[0] if len(indices) == 1 else 0
        known = self._known[character] = (index, text_width(character, self._font))
        return known

    def _row_at(self, advances: tuple[float, ...]) -> QGlyphRun:
        """Places for glyphs with these advances, without the glyphs."""
        run = QGlyphRun()
        run.setRawFont(self._raw_font)
        run.setPositions([QPointF(x, 0.0) for x in (0.0, *accumulate(advances[:-1]))])
        return run


class _Glyphs(threading.local):
    """Typefaces and glyph runs; Qt ties a raw font to the thread that made it."""

    def __init__(self) -> None:
        self.set_text = lru_cache(maxsize=8192)(self._set_text)
        self.typeface = lru_cache(maxsize=256)(_Typeface)

    def _set_text(self, text: str, font: Font) -> tuple[QGlyphRun | None, float]:
        """The glyphs of a text (None where the font lacks one), and its width."""
        return self.typeface(font).run(text), text_width(text, font)


_OF_THIS_THREAD = _Glyphs()
