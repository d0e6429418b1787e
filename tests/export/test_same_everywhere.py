"""A slide looks the same as PNG, as SVG in other programs without our fonts, and as PDF.

The PNG of the slide is the measure. Cells have its colors within 3 of 255 levels (one in a hundred
may not: an outline is smoothed into a small one); each text's ink has its middle where the PNG's
has it within 1.25 pixels (Qt sets a baseline on whole pixels); and at most 1 in 200 pixels differs
by over a third: edges, which each program smooths in its own way.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from backpropviz.debugger.timeline import Depth
from backpropviz.export.formats import ExportOptions
from backpropviz.export.frames import png_bytes, write_pdf
from backpropviz.export.svg import svg_of_slide
from backpropviz.figures.frames import frames
from backpropviz.scene.marks import Box, Group, Mark, Pixels, Text
from backpropviz.scene.slide import CellGrid, Slide, as_slide
from backpropviz.scene.text import text_box
from backpropviz.scene.theme import DARK, LIGHT
from tests.export.chromium import chromium
from tests.export.made_slides import made_slide
from tests.figures.map_views import start

Picture = NDArray[np.int16]

_LEVELS, _ODD_CELLS, _PLACE, _SHARE = 3, 1 / 100, 1.25, 1 / 140


def _stage(name: str, position: int, dark: bool) -> Slide:
    theme = DARK if dark else LIGHT
    scene = frames(start(name), position, position, Depth.TERM, (1280.0, 720.0), theme).scene(
        position
    )
    return as_slide(scene, theme)


SLIDES: dict[str, Callable[[], Slide]] = {
    "made-light": lambda: made_slide(1, LIGHT),
    "made-dark": lambda: made_slide(2, DARK),
    "tiny": lambda: _stage("tiny-max", 46, dark=False),
    "lenet-dark": lambda: _stage("lenet", 20000, dark=True),
}


@pytest.fixture(params=SLIDES)
def slide(request: pytest.FixtureRequest) -> Slide:
    return SLIDES[request.param]()


def opened(content: bytes) -> Picture:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int16)


def assert_same(slide: Slide, other: Picture) -> None:
    ours = opened(png_bytes(slide.scene))
    assert other.shape == ours.shape
    apart = np.abs(ours - other).max(axis=2)
    assert (apart > 255 / 3).mean() <= _SHARE
    cells = [apart[int(y), int(x)] for x, y in _places_in_cells(slide)]
    assert sum(levels > _LEVELS for levels in cells) <= _ODD_CELLS * len(cells)
    for text, box in _texts(slide.scene.marks):
        assert _ink(other, box) == pytest.approx(_ink(ours, box), abs=_PLACE), text


def _places_in_cells(slide: Slide) -> Iterator[tuple[float, float]]:
    """A place in each cell beside its number and its outline."""
    for part in slide.parts:
        if isinstance(part.content, CellGrid):
            scale = part.content.scale
            for cell in part.content.cells:
                x, y = cell.box.x + 0.12 * cell.box.width, cell.box.y + 0.18 * cell.box.height
                yield part.box.x + scale * x, part.box.y + scale * y
    for mark in slide.scene.marks:
        if isinstance(mark, Pixels) and mark.width / mark.columns >= 4:  # no stripe of a legend
            for row, column in np.ndindex(mark.rows, mark.columns):
                if mark.dots is not None and mark.dots[row, column]:
                    continue
                box = mark.cell_box(row, column)
                yield box.x + 0.5 * box.width, box.y + 0.5 * box.height


def _texts(
    marks: tuple[Mark, ...], dx: float = 0, dy: float = 0, scale: float = 1
) -> Iterator[tuple[str, Box]]:
    for mark in marks:
        if isinstance(mark, Group):
            yield from _texts(
                mark.marks, dx + scale * mark.dx, dy + scale * mark.dy, scale * mark.scale
            )
        elif isinstance(mark, Text) and mark.text.strip() and scale * mark.font.size >= 12:
            box = text_box(mark)
            yield (
                mark.text,
                Box(dx + scale * box.x, dy + scale * box.y, scale * box.width, scale * box.height),
            )


def _ink(picture: Picture, box: Box) -> tuple[float, float]:
    """Where a text's ink has its middle; its ink is what differs from the color around it."""
    piece = picture[int(box.y) : int(box.bottom), int(box.x) : int(box.right)]
    ink = np.abs(piece - np.median(piece, axis=(0, 1))).max(axis=2)
    ys, xs = np.indices(ink.shape)
    total = max(ink.sum(), 1.0)
    return float((ink * xs).sum() / total), float((ink * ys).sum() / total)


@pytest.fixture
def without_our_fonts(tmp_path: Path) -> dict[str, str]:
    """An environment in which programs find the machine's fonts, but none of ours."""
    families = ("Inter", "Inter Display", "JetBrains Mono", "STIX Two Text", "STIX Two Math")
    pattern = '<pattern><patelt name="family"><string>{}</string></patelt></pattern>'
    configuration = tmp_path / "fonts.conf"
    configuration.write_text(
        "<fontconfig><dir>/usr/share/fonts</dir>"
        f"<cachedir>{tmp_path}/cache</cachedir>"
        f"<selectfont><rejectfont>{''.join(map(pattern.format, families))}"
        "</rejectfont></selectfont></fontconfig>"
    )
    return {**os.environ, "FONTCONFIG_FILE": str(configuration)}


def test_svg_by_librsvg_without_our_fonts_installed(
    slide: Slide, tmp_path: Path, without_our_fonts: dict[str, str]
) -> None:
    if shutil.which("rsvg-convert") is None:
        pytest.skip("rsvg-convert is not installed here; the SVG is not drawn by it.")
    path = tmp_path / "slide.svg"
    path.write_text(svg_of_slide(slide), encoding="utf-8")
    done = subprocess.run(
        ["rsvg-convert", str(path)], capture_output=True, check=True, env=without_our_fonts
    )
    assert_same(slide, opened(done.stdout))


def test_svg_by_chromium(slide: Slide, tmp_path: Path) -> None:
    path = tmp_path / "slide.svg"
    path.write_text(svg_of_slide(slide), encoding="utf-8")
    with chromium(tmp_path / "profile") as tab:
        tab.resize(int(slide.width), int(slide.height))
        tab.open(path.as_uri())
        assert_same(slide, opened(tab.screenshot()))


def test_text_as_text_keeps_its_place_in_a_browser_without_our_fonts(
    tmp_path: Path, without_our_fonts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FONTCONFIG_FILE", without_our_fonts["FONTCONFIG_FILE"])
    slide = made_slide(1)
    path = tmp_path / "slide.svg"
    path.write_text(svg_of_slide(slide, text_as_text=True), encoding="utf-8")
    with chromium(tmp_path / "profile") as tab:
        tab.open(path.as_uri())
        widths = tab.value(
            "[...document.querySelectorAll('text[textLength]')].map(t => ["
            "t.getEndPositionOfChar(t.lastChild.data.length - 1).x"
            " - t.getStartPositionOfChar(0).x, Number(t.getAttribute('textLength'))])"
        )
    assert len(widths) >= 3
    for drawn, wanted in widths:
        assert drawn == pytest.approx(wanted, abs=1)


def test_pdf_by_poppler(slide: Slide, tmp_path: Path) -> None:
    if shutil.which("pdftoppm") is None:
        pytest.skip("pdftoppm is not installed here; the PDF is not drawn by it.")
    path = tmp_path / "slide.pdf"
    write_pdf([slide], 1, path, ExportOptions())
    resolution = f"{72 / slide.points_per_pixel:g}"
    target = (str(path), str(tmp_path / "page"))
    command = ["pdftoppm", "-png", "-r", resolution, "-singlefile", *target]
    subprocess.run(command, check=True, capture_output=True)
    drawn = opened((tmp_path / "page.png").read_bytes())
    assert_same(slide, drawn[: int(slide.height), : int(slide.width)])
