"""Text is painted at every size that an export or a zoom asks for."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.paint.draw import render
from backpropviz.scene.marks import Font, Scene, Text
from tests.golden_files import pixel_bytes


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("family", ["Inter", "JetBrains Mono", "STIX Two Text", "STIX Two Math"])
def test_a_digit_covers_the_same_share_of_its_place_at_every_scale(family: str, scale: int) -> None:
    italic = family == "STIX Two Text"
    text = Text(6, 26, "8", Font(family, 24, 400, italic=italic), "#000000")
    image = render(Scene(30, 36, "#FFFFFF", (text,)), scale)
    pixels = np.frombuffer(pixel_bytes(image), np.uint8).reshape(image.height(), image.width(), -1)
    share = float((pixels[..., 1] < 128).mean())
    assert 0.04 < share < 0.2
