"""Frames as a page: whole, alone, small, and safe whatever a title says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from backpropviz.debugger.timeline import Depth
from backpropviz.errors import UsageError
from backpropviz.export.formats import FORMATS, ExportOptions
from backpropviz.export.svg import svg_of_slide
from backpropviz.export.web import write_html
from backpropviz.figures.frames import frames
from backpropviz.scene.slide import Slide, as_slide
from backpropviz.scene.theme import DARK, LIGHT, Theme
from tests.export.made_slides import made_slide, made_slides
from tests.export.web_pages import PageReader, rebuilt
from tests.figures.map_views import start

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!--<script>",
    "\"' onload='alert(1)' \"",
    "line\u2028and\u2029paragraph",
    "\u202eright to left\u05d0",
    "half \ud800 a character",
    "</title></style></svg>",
    "\\u003c &amp; {count}",
)


def page_of(slides: list[Slide], folder: Path, options: ExportOptions | None = None) -> str:
    path = folder / "frames.html"
    write_html(iter(slides), len(slides), path, options or ExportOptions())
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
@pytest.mark.parametrize("text_as_text", [False, True])
def test_each_frame_is_put_together_as_the_svg_of_its_slide(
    tmp_path: Path, theme: Theme, text_as_text: bool
) -> None:
    slides = made_slides(theme=theme)
    page = page_of(slides, tmp_path, ExportOptions(text_as_text=text_as_text))
    assert rebuilt(page) == [svg_of_slide(slide, text_as_text=text_as_text) for slide in slides]


def test_a_frame_says_what_its_slide_says(tmp_path: Path) -> None:
    page = PageReader(page_of(made_slides(theme=DARK), tmp_path))
    second = page.deck["frames"][1]
    assert second["title"] == "∂L/∂W gathers term 2 of 4"
    assert second["notes"] == "Term 2 adds 2."
    assert second["address"] == "conv1.weight.grad[0,0,0,1]"
    assert (second["step"], second["theme"]) == ("step 2 of 4", "dark")
    assert page.texts["title"].strip() == "∂L/∂W gathers term 1 of 4"


def test_notes_are_left_out_where_they_are_not_wanted(tmp_path: Path) -> None:
    page = page_of(made_slides(), tmp_path, ExportOptions(notes=False))
    assert "adds 2." not in page


def test_the_page_asks_for_nothing(tmp_path: Path) -> None:
    page = page_of(made_slides(), tmp_path)
    assert not re.search("https?:", page)
    found = PageReader(page).elements
    policy = next(a["content"] for _, a in found if a.get("http-equiv"))
    assert policy.startswith("default-src 'none';")
    assert "unsafe-inline" not in policy.partition("script-src")[2]
    sources = {a.get("src") or a.get("href") for _, a in found if a.get("src") or a.get("href")}
    assert all(str(source).startswith("data:") for source in sources)


def test_the_page_can_be_used_without_seeing_or_pointing(tmp_path: Path) -> None:
    found = PageReader(page_of(made_slides(), tmp_path)).elements
    buttons = [attributes for tag, attributes in found if tag == "button"]
    assert [button["aria-label"] for button in buttons] == [
        "First step",
        "Step back",
        "Step on",
        "Last step",
        "Full screen",
    ]
    assert any(a.get("aria-live") == "polite" for _, a in found)
    slider = next(a for tag, a in found if tag == "input")
    assert (slider["aria-label"], slider["max"]) == ("Step", "4")
    page = (tmp_path / "frames.html").read_text(encoding="utf-8")
    assert ":focus-visible" in page
    assert "prefers-reduced-motion" in page


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_title_is_only_text(tmp_path: Path, text: str) -> None:
    plain = PageReader(page_of([made_slide(title="plain", notes="plain")], tmp_path))
    slide = replace(made_slide(title=text, notes=text), address=text, step=text)
    page = PageReader(page_of([slide], tmp_path))
    tags = [tag for tag, _ in page.elements if tag not in {"use", "path", "g", "text"}]
    assert tags == [tag for tag, _ in plain.elements if tag not in {"use", "path", "g", "text"}]
    handlers = {name for _, a in page.elements for name in a if name.startswith("on")}
    assert handlers == set()
    assert page.deck["frames"][0]["title"] == text


def test_what_frames_share_is_written_once(tmp_path: Path) -> None:
    few, many = (
        len(page_of([made_slide(k % 4) for k in range(count)], tmp_path)) for count in (4, 400)
    )
    assert many - few < 400 * 250


def test_a_hundred_frames_of_a_large_network_are_small(tmp_path: Path) -> None:
    found = frames(start("lenet"), 20000, 20099, Depth.TERM, (960.0, 540.0), LIGHT)
    slides = [as_slide(scene, LIGHT) for scene in found]
    assert len(slides) == 100
    page = page_of(slides, tmp_path)
    assert len(page.encode()) < 3_000_000
    assert rebuilt(page)[57] == svg_of_slide(slides[57])


def test_no_frame_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no frame"):
        page_of([], tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["html", "reveal"])
def test_the_table_of_formats_finds_the_writer(tmp_path: Path, name: str) -> None:
    kind = next(kind for kind in FORMATS if kind.name == name)
    path = tmp_path / f"frames{kind.suffix}"
    kind.write(made_slides(), 4, path, ExportOptions())
    assert path.stat().st_size > 10_000
