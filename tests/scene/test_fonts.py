from __future__ import annotations

import pytest

from backpropviz.assets import resource_names
from backpropviz.scene import theme as styles
from backpropviz.scene.equation_layout import LETTERS, SIGNS
from backpropviz.scene.marks import Anchor, Box, Font, Text
from backpropviz.scene.text import (
    ELLIPSIS,
    ascent,
    cap_height,
    descent,
    elide,
    file_stem,
    font_file,
    text_box,
    text_width,
    wrap,
)

STYLES = [
    *(value for value in vars(styles).values() if isinstance(value, Font)),
    Font(LETTERS, 17),
    Font(LETTERS, 17, italic=True),
    Font(SIGNS, 17),
]
"""The window's, and those of a formula."""
SAMPLES = (
    "Raising this weight by a little raises the loss, so the update lowers it.",
    "conv1.weight.grad[0,0,1,1] = −0.1008",
    "AVATAR To We fi ffl ≥ → ∂L/∂W ∑ × ÷",
    "+0.154",
)


@pytest.mark.parametrize("font", STYLES, ids=str)
def test_every_style_has_its_file(font: Font) -> None:
    assert font_file(font).exists()


def test_every_font_file_is_used_by_its_name() -> None:
    files = {file_stem(font) for font in STYLES} | {"JetBrainsMono-Medium"}
    assert {name.removesuffix(".ttf") for name in resource_names("fonts", ".ttf")} <= files


@pytest.mark.usefixtures("qapp")
@pytest.mark.parametrize("font", STYLES, ids=str)
@pytest.mark.parametrize("text", SAMPLES)
def test_widths_agree_with_qt(font: Font, text: str) -> None:
    from PySide6.QtGui import QFontMetricsF

    from backpropviz.paint.families import qfont

    metrics = QFontMetricsF(qfont(font, 8))
    assert abs(metrics.horizontalAdvance(text) / 8 - text_width(text, font)) <= 0.5
    if float(font.size).is_integer():
        # At its own size Qt rounds each advance to 1/64 pixel, which adds up in a long line.
        plain = QFontMetricsF(qfont(font)).horizontalAdvance(text)
        assert abs(plain - text_width(text, font)) <= max(0.5, len(text) / 64)


@pytest.mark.usefixtures("qapp")
@pytest.mark.parametrize("font", STYLES, ids=str)
def test_heights_agree_with_qt(font: Font) -> None:
    from PySide6.QtGui import QFontMetricsF

    from backpropviz.paint.families import qfont

    if font.family == "STIX Two Math":
        pytest.skip("Qt counts its tallest operators, which no line of text reaches")
    metrics = QFontMetricsF(qfont(font, 8))
    assert abs(metrics.ascent() / 8 - ascent(font)) <= 0.5
    assert abs(metrics.descent() / 8 - descent(font)) <= 0.5
    assert abs(metrics.capHeight() / 8 - cap_height(font)) <= 0.5


def test_figures_of_the_number_font_are_tabular() -> None:
    widths = {text_width(figure, styles.NUMBER_SMALL) for figure in "0123456789+−. "}
    assert len(widths) == 1


@pytest.mark.parametrize("width", [0, 5, 11, 20, 60, 1000])
def test_elided_text_fits(width: float) -> None:
    text = "conv1.weight.grad"
    short = elide(text, styles.ROW, width)
    assert text_width(short, styles.ROW) <= width
    assert short in {text, ""} or short.endswith(ELLIPSIS)


def test_wrapped_lines_fit_and_lose_no_word() -> None:
    lines = wrap(SAMPLES[0], styles.SENTENCE, 200)
    assert " ".join(lines) == SAMPLES[0]
    assert all(text_width(line, styles.SENTENCE) <= 200 for line in lines)
    assert len(lines) > 1


def test_the_box_of_a_text_follows_its_anchor() -> None:
    width = text_width("8", styles.NUMBER_LARGE)
    box = text_box(Text(100, 50, "8", styles.NUMBER_LARGE, "#000000", Anchor.END))
    assert box == Box(100 - width, 50 - 0.73 * 24, width, (0.73 + 0.3) * 24)


def test_a_family_that_is_not_bundled_is_refused() -> None:
    with pytest.raises(KeyError, match="Comic Sans"):
        file_stem(Font("Comic Sans", 12))
