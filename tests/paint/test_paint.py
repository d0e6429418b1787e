from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path as FilePath

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage

from backpropviz.errors import UserError
from backpropviz.paint.draw import _IMAGES, image_of, render, upscaled
from backpropviz.paint.families import qfont, register_fonts
from backpropviz.scene.color import color_at, not_finite_color
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Ellipse,
    Font,
    Group,
    Hatch,
    Line,
    Mark,
    Path,
    Pixels,
    Rect,
    Scene,
    Stroke,
    Text,
)
from backpropviz.scene.text import text_width
from backpropviz.scene.theme import LIGHT, NUMBER_LARGE, ROW
from tests.golden_files import assert_golden_image, pixel_bytes
from tests.scene.cell_sheet import cell_sheet

WHITE = "#FFFFFF"


def paint(*marks: Mark, size: tuple[int, int] = (60, 40), scale: float = 1.0) -> QImage:
    return render(Scene(*size, WHITE, marks), scale)


def color(image: QImage, x: int, y: int) -> str:
    return image.pixelColor(x, y).name(QColor.NameFormat.HexRgb).upper()


def ink_columns(image: QImage) -> list[int]:
    width, height = image.width(), image.height()
    return [x for x in range(width) if any(color(image, x, y) != WHITE for y in range(height))]


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_sheet_of_cell_states(scale: float, tmp_path: FilePath) -> None:
    assert_golden_image(f"cell-states-{scale:.0f}x.png", render(cell_sheet(), scale), tmp_path)


def test_every_kind_of_mark(tmp_path: FilePath) -> None:
    assert_golden_image("marks.png", render(all_marks()), tmp_path)


def all_marks() -> Scene:
    values = np.array([[-1.0, 0.0, 1.0], [np.nan, np.inf, 0.5]])
    missing = np.array([[False, False, False], [False, False, True]])
    photo = np.linspace(0, 1, 12).reshape(2, 2, 3)
    wire = Stroke(LIGHT.backward, 2)
    return Scene(
        *(240, 120, LIGHT.stage),
        (
            Rect(10, 10, 30, 20, fill=LIGHT.here_tint, stroke=Stroke(LIGHT.here, 2), radius=6),
            Rect(10.3, 40.3, 30, 20, fill="#0B7A6E80"),
            Rect(50, 10, 40, 50, hatch=Hatch.NOT_FINITE, hatch_color=LIGHT.not_finite),
            Rect(10, 70, 30, 40, stroke=Stroke(LIGHT.loss, 1.5, (4, 3)), radius=6),
            Line(100, 10, 140, 30, Stroke(LIGHT.text, 1.5)),
            Path(((100, 40), (130, 40), (130, 70), (150, 70)), wire, corner_radius=8, arrow=True),
            Path(((60, 70), (90, 70), (90, 100)), fill=LIGHT.update, closed=True),
            Ellipse(120, 95, 16, 10, fill=LIGHT.loss_tint, stroke=Stroke(LIGHT.loss)),
            Pixels(160, 10, 30, 20, values, LIGHT.diverging, (-1, 1), missing, LIGHT.stage),
            Pixels(200, 10, 20, 20, photo, "gray", (0, 1)),
            Text(230, 60, "∂L/∂W = −0.154", ROW, LIGHT.text, Anchor.END),
            Group(
                (Text(0, 12, "clipped here", ROW, LIGHT.text), Rect(0, 16, 60, 4, fill=LIGHT.here)),
                *(160, 70, 1.5, Box(160, 70, 50, 40)),
            ),
        ),
    )


def test_painting_twice_gives_the_same_bytes() -> None:
    first, second = render(all_marks()), render(all_marks())
    assert pixel_bytes(first) == pixel_bytes(second)


def test_a_border_inside_the_cell_is_crisp() -> None:
    image = paint(Rect(5.5, 5.5, 19, 19, fill="#FB8973", stroke=Stroke("#C6CBD2")))
    row = [color(image, x, 15) for x in range(4, 27)]
    assert row == [WHITE, "#C6CBD2", *["#FB8973"] * 18, "#C6CBD2", WHITE, WHITE]


def test_a_halo_and_an_outline_are_centered_on_the_edge() -> None:
    image = paint(Rect(10, 10, 20, 20, fill="#000000", stroke=Stroke("#C2410C", 4)))
    row = [color(image, x, 20) for x in range(6, 16)]
    assert row == [WHITE, WHITE, *["#C2410C"] * 4, *["#000000"] * 4]


def test_translucent_colors_blend_once() -> None:
    image = paint(Rect(5.5, 5.5, 19, 19, stroke=Stroke("#00000080")))
    corner, side = color(image, 5, 5), color(image, 10, 5)
    assert corner == side
    assert side not in {WHITE, "#000000"}


@pytest.mark.parametrize("scale", [1.0, 2.0, 3.0])
def test_values_are_sharp_blocks_of_their_exact_color(scale: float) -> None:
    values = np.array([[-1.0, 0.0], [0.5, 1.0]])
    image = paint(Pixels(4, 8, 16, 16, values, LIGHT.diverging, (-1, 1)), scale=scale)
    for row, column in np.ndindex(2, 2):
        expected = color_at(LIGHT.diverging, float(values[row, column]), (-1, 1))
        left, top = round((4 + 8 * column) * scale), round((8 + 8 * row) * scale)
        last = round(8 * scale) - 1
        corners = {color(image, left + x, top + y) for x in (0, last) for y in (0, last)}
        assert corners == {expected}


def test_missing_and_not_finite_values_are_told_from_all_others() -> None:
    pixels = Pixels(0, 0, 3, 1, np.array([[np.nan, 0.0, 1.0]]), "gray", (0, 1))
    image = image_of(
        replace(pixels, missing=np.array([[False, True, False]]), missing_color="#123456")
    )
    assert [color(image, x, 0) for x in range(3)] == [
        not_finite_color("gray"),
        "#123456",
        "#FAFAFA",
    ]


def test_an_image_outlives_its_values() -> None:
    image = image_of(Pixels(0, 0, 9, 9, np.ones((9, 9), dtype=np.float32), "gray", (0, 1)))
    assert {color(image, x, y) for x in range(9) for y in range(9)} == {"#FAFAFA"}
    large = upscaled(image, 8)
    assert (large.width(), color(large, 71, 71)) == (72, "#FAFAFA")


def test_a_photograph_keeps_its_colors() -> None:
    photo = np.array([[[1.0, 0.0, 0.5], [2.0, -1.0, 0.0]]])
    image = image_of(Pixels(0, 0, 2, 1, photo, "gray", (0, 1)))
    assert (color(image, 0, 0), color(image, 1, 0)) == ("#FF0080", "#FF0000")


@pytest.mark.parametrize("anchor", Anchor)
def test_text_stands_where_the_scene_says(anchor: Anchor) -> None:
    text = "80808"
    width = text_width(text, NUMBER_LARGE)
    image = paint(Text(100, 60, text, NUMBER_LARGE, "#000000", anchor), size=(220, 90))
    left = {Anchor.START: 100.0, Anchor.MIDDLE: 100 - width / 2, Anchor.END: 100 - width}[anchor]
    columns = ink_columns(image)
    assert 0 <= columns[0] - left <= 3
    assert 0 <= left + width - columns[-1] <= 4


def test_text_is_as_wide_at_every_scale() -> None:
    mark = Text(5, 20, "conv1.weight", ROW, "#000000")
    once, thrice = (ink_columns(paint(mark, size=(120, 30), scale=scale)) for scale in (1.0, 3.0))
    assert abs((once[-1] - once[0]) - (thrice[-1] - thrice[0]) / 3) <= 1.5


def test_a_letter_without_bundled_glyph_is_still_drawn() -> None:
    image = paint(Text(5, 30, "漢", Font("Inter", 20), "#000000"))
    assert ink_columns(image)


def test_clips_cut_and_are_lifted_again() -> None:
    inner = Group((Rect(0, 0, 60, 40, fill="#000000"),), clip=Box(10, 10, 10, 10))
    image = paint(inner, Rect(40, 30, 5, 5, fill="#FF0000"))
    assert color(image, 9, 15) == WHITE
    assert color(image, 10, 10) == "#000000"
    assert color(image, 20, 15) == WHITE
    assert color(image, 42, 32) == "#FF0000"


def test_nested_clips_intersect() -> None:
    black = Group((Rect(0, 0, 60, 40, fill="#000000"),), clip=Box(0, 0, 30, 40))
    image = paint(Group((black,), dx=10, clip=Box(20, 0, 40, 40)))
    assert [color(image, x, 5) for x in (19, 20, 39, 40)] == [WHITE, "#000000", "#000000", WHITE]


def test_hatching_continues_from_cell_to_cell() -> None:
    look = {"hatch": Hatch.PADDING, "hatch_color": "#000000"}
    whole = paint(Rect(0, 0, 40, 20, **look))  # type: ignore[arg-type]
    parts = paint(Rect(0, 0, 17, 20, **look), Rect(17, 0, 23, 20, **look))  # type: ignore[arg-type]
    assert pixel_bytes(whole) == pixel_bytes(parts)
    assert len({color(whole, x, 10) for x in range(40)}) > 2


def test_threads_have_their_own_glyphs() -> None:
    here = pixel_bytes(render(all_marks()))
    there: list[bytes] = []
    thread = threading.Thread(target=lambda: there.append(pixel_bytes(render(all_marks()))))
    thread.start()
    thread.join()
    assert there == [here]


def test_the_bundled_families_are_known_to_qt() -> None:
    families = {"Inter", "Inter Display", "JetBrains Mono", "STIX Two Text", "STIX Two Math"}
    assert families <= set(register_fonts())
    assert qfont(Font("Inter", 12, 600)).pixelSize() == 12


def test_an_impossible_size_is_told_in_a_sentence() -> None:
    with pytest.raises(UserError, match="too large to draw; choose a smaller scale"):
        render(Scene(100_000, 100_000, WHITE), 4)


def test_the_image_of_a_grid_is_kept_no_longer_than_the_grid() -> None:
    pixels = Pixels(0, 0, 9, 9, np.ones((9, 9)), "gray", (0, 1))
    before = len(_IMAGES)
    first = image_of(pixels)
    assert image_of(pixels) is first
    assert len(_IMAGES) == before + 1
    del pixels
    assert len(_IMAGES) == before
