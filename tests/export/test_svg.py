from __future__ import annotations

import base64
import re
import subprocess
import sys
from io import BytesIO
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from backpropviz.export.svg import MOST_RECTANGLES, encode_colors, svg
from backpropviz.scene.marks import Box, Group, Mark, Pixels, Rect, Scene, Stroke, Text
from backpropviz.scene.text import text_width
from backpropviz.scene.theme import DARK, LIGHT, ROW, Theme
from tests.golden_files import assert_golden_text
from tests.scene.cell_sheet import sheet_of

NAMESPACE = "{http://www.w3.org/2000/svg}"


def parse(*marks: Mark, title: str = "") -> ET.Element:
    return ET.fromstring(svg(Scene(100, 80, "#FAFAFB", marks, title)))


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_the_sheet_of_cell_states(theme: Theme) -> None:
    assert_golden_text(f"cell-states-{theme.name}.svg", svg(sheet_of(theme)))


def test_the_picture_has_its_size_title_and_background() -> None:
    root = parse(title="conv1 & <more>")
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == (
        "100",
        "80",
        "0 0 100 80",
    )
    assert root.findtext(f"{NAMESPACE}title") == "conv1 & <more>"
    background = root.find(f"{NAMESPACE}rect")
    assert background is not None
    assert background.get("fill") == "#FAFAFB"


def test_keyed_marks_are_titled_with_address_and_value() -> None:
    key = "conv1.weight.grad[0,0,1,1]"
    root = parse(Rect(0, 0, 9, 9, key=key), Text(0, 9, "−0.154", ROW, "#000000", key=key))
    titles = [title.text for title in root.iter(f"{NAMESPACE}title")]
    assert titles == [f"{key} = −0.154"] * 2


def test_pixels_are_rectangles_with_titles_while_they_are_few() -> None:
    values = np.array([[0.5, -1.0]], dtype=np.float32)
    missing = np.array([[False, True]])
    grid = Pixels(0, 0, 8, 4, values, "gray", (0, 1), missing, "#123456", "x[{column}]")
    root = parse(grid)
    cells = [
        rect for rect in root.iter(f"{NAMESPACE}rect") if rect.find(f"{NAMESPACE}title") is not None
    ]
    assert [cell.findtext(f"{NAMESPACE}title") for cell in cells] == [
        "x[0] = 0.5",
        "x[1]: not computed yet",
    ]
    assert [cell.get("fill") for cell in cells] == ["#818282", "#123456"]
    assert [cell.get("x") for cell in cells] == ["0", "4"]


def test_many_pixels_are_an_embedded_sharp_image() -> None:
    side = int(MOST_RECTANGLES**0.5) + 1
    root = parse(Pixels(1, 2, 65, 65, np.zeros((side, side)), "gray", (0, 1)))
    image = root.find(f"{NAMESPACE}image")
    assert image is not None
    assert "pixelated" in str(image.get("style"))
    content = str(image.get("href")).removeprefix("data:image/png;base64,")
    assert base64.b64decode(content).startswith(b"\x89PNG")


def test_the_embedded_image_is_exact() -> None:
    from PySide6.QtGui import QImage

    colors = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    image = QImage.fromData(encode_colors(colors))
    assert (image.width(), image.height()) == (7, 5)
    for row, column in np.ndindex(5, 7):
        assert image.pixelColor(column, row).rgb() & 0xFFFFFF == int.from_bytes(
            colors[row, column].tobytes(), "big"
        )


def test_text_stays_text_of_its_length() -> None:
    text = "a < b & c\x00"
    element = parse(Text(3, 9, text, ROW, "#112233")).find(f"{NAMESPACE}text")
    assert element is not None
    assert element.text == "a < b & c"
    assert float(str(element.get("textLength"))) == pytest.approx(text_width(text, ROW), abs=1e-3)
    assert str(element.get("font-family")).startswith("Inter,")


def test_clips_are_named_by_their_geometry_and_used() -> None:
    text = svg(Scene(99, 99, "#FFFFFF", (Group((Rect(0, 0, 5, 5),), 1, 2, 1.5, Box(0, 0, 9, 8)),)))
    assert '<clipPath id="clip_0_0_9_8">' in text
    assert 'clip-path="url(#clip_0_0_9_8)"' in text
    assert 'transform="translate(1 2) scale(1.5)"' in text
    ET.fromstring(text)


def test_translucent_colors_become_opacities() -> None:
    element = parse(Rect(0, 0, 1, 1, fill="#11223380", stroke=Stroke("#44556640", 2, (4, 3))))
    rect = element.findall(f"{NAMESPACE}rect")[1]
    assert (rect.get("fill"), rect.get("fill-opacity")) == ("#112233", "0.502")
    assert (rect.get("stroke-opacity"), rect.get("stroke-dasharray")) == ("0.251", "4 3")


def test_no_number_is_long_or_exponential() -> None:
    text = svg(Scene(10, 10, "#FFFFFF", (Rect(1e-9, -1e-9, 1 / 3, 2 / 3),)))
    assert 'x="0" y="0" width="0.333" height="0.667"' in text
    assert not re.search(r"\d\.\d{4,}|\de-", text)


def test_svg_needs_no_qt() -> None:
    script = "import sys, backpropviz.export.svg; print('PySide6' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("times", [1, 3])
def test_enlarged_colors_are_those_that_were_given(times: int) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    with Image.open(BytesIO(encode_colors(colors, times))) as image:
        found = np.asarray(image)
    assert np.array_equal(found, colors.repeat(times, axis=0).repeat(times, axis=1))
