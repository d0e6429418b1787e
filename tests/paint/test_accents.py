"""An accent stands over its letter in every font, as in x̂ on the timeline."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.paint.draw import render
from backpropviz.scene import theme as styles
from backpropviz.scene.marks import Font, Scene, Text
from backpropviz.scene.text import text_width
from tests.golden_files import pixel_bytes

FONTS = (styles.LABEL, styles.LABEL_MEDIUM, styles.BODY, styles.BODY_STRONG, styles.MONO)
SCALE = 8


def ink(text: str, font: Font) -> tuple[float, float]:
    """Left and right edge of what is painted of a text that begins at 10."""
    image = render(Scene(60, 40, "#FFFFFF", (Text(10, 28, text, font, "#000000"),)), SCALE)
    pixels = np.frombuffer(pixel_bytes(image), np.uint8).reshape(image.height(), image.width(), -1)
    columns = np.flatnonzero((pixels[..., 1] < 128).any(axis=0))
    return float(columns[0]) / SCALE, float(columns[-1] + 1) / SCALE


@pytest.mark.parametrize("font", [*FONTS, Font("STIX Two Text", 20, 400, italic=True)])
@pytest.mark.parametrize("letter", ["x\u0302", "\u03bc\u0302", "v\u0302", "x\u0304"])
def test_an_accent_lies_within_its_letter(font: Font, letter: str) -> None:
    assert text_width(letter, font) == pytest.approx(text_width(letter[0], font))
    left, right = ink(letter, font)
    own_left, own_right = ink(letter[0], font)
    room = 0.12 * font.size
    assert own_left - room <= left
    assert right <= own_right + room
