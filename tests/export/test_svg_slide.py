"""A slide as SVG: its parts by name, its text as outlines or as text."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from backpropviz.export.svg import svg_of_slide
from backpropviz.scene.marks import Box, Font, Text
from backpropviz.scene.slide import Drawing, Slide, SlidePart
from backpropviz.scene.text import text_width
from tests.export.made_slides import made_slide

NAMESPACE = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"


def groups(slide: Slide) -> dict[str, ET.Element]:
    root = ET.fromstring(svg_of_slide(slide))
    return {str(part.get("id")): part for part in root if part.get("id")}


def test_each_part_is_a_group_of_its_name_that_says_what_it_is() -> None:
    found = groups(made_slide())
    assert list(found) == ["background", "title", "grid-image", "map", "wires", "sum"]
    assert found["grid-image"].findtext(f"{NAMESPACE}title") == "X: image"
    titles = [title.text for title in found["grid-image"].iter(f"{NAMESPACE}title")]
    assert "x[0,0,1,0] = 3" in titles
    assert found["wires"].find(f"{NAMESPACE}title") is None


def test_a_part_that_has_not_changed_is_written_the_same() -> None:
    first, second = groups(made_slide(0)), groups(made_slide(1))
    same = {name for name in first if ET.tostring(first[name]) == ET.tostring(second[name])}
    assert same == {"background", "map"}


def test_equal_and_odd_names_become_identifiers_of_their_own() -> None:
    box, content = Box(0, 0, 1, 1), Drawing(())
    names = ("a b", "a-b", "4", "!!", "background", '"><x')
    parts = tuple(SlidePart(name, box, content) for name in names)
    found = groups(replace(made_slide(), parts=parts))
    assert list(found)[1:] == ["a-b", "a-b-2", "part-4", "part", "background-2", "x"]


def test_text_is_outlines_that_are_defined_once() -> None:
    root = ET.fromstring(svg_of_slide(made_slide()))
    assert not list(root.iter(f"{NAMESPACE}text"))
    shapes = root.findall(f"{NAMESPACE}defs/{NAMESPACE}path")
    named = {f"#{shape.get('id')}" for shape in shapes}
    used = {str(use.get(LINK)) for use in root.iter(f"{NAMESPACE}use")}
    assert named == used
    assert len(named) == len(shapes)
    labels = {str(group.get("aria-label")) for group in root.iter(f"{NAMESPACE}g")}
    assert {"adds 0", "∂L/∂W gathers term 1 of 4"} <= labels


def test_text_as_text_keeps_the_length_it_was_laid_out_for() -> None:
    document = svg_of_slide(made_slide(), text_as_text=True)
    root = ET.fromstring(document)
    assert not list(root.iter(f"{NAMESPACE}use"))
    texts = {text.text: text for text in root.iter(f"{NAMESPACE}text")}
    heading = texts["∂L/∂W gathers term 1 of 4"]
    expected = text_width(str(heading.text), Font("Inter", 28, 600))
    assert float(str(heading.get("textLength"))) == pytest.approx(expected, abs=1e-3)
    assert heading.get("lengthAdjust") == "spacingAndGlyphs"
    families = set(re.findall(r'font-family="([^"]*)"', document))
    assert {family.rpartition(", ")[2] for family in families} == {
        "sans-serif",
        "serif",
        "monospace",
    }


def test_text_without_a_bundled_glyph_stays_text() -> None:
    mark = Text(10, 20, "漢字", Font("Inter", 12), "#000000")
    part = SlidePart("words", Box(0, 0, 40, 20), Drawing((mark,)))
    root = ET.fromstring(svg_of_slide(replace(made_slide(), parts=(part,))))
    assert [text.text for text in root.iter(f"{NAMESPACE}text")] == ["漢字"]


def test_values_are_one_image_a_map() -> None:
    (image,) = ET.fromstring(svg_of_slide(made_slide())).iter(f"{NAMESPACE}image")
    assert str(image.get("href")).startswith("data:image/png;base64,")
    assert (image.get("width"), image.get("height")) == ("168", "168")


def test_a_transparent_slide_has_no_background() -> None:
    assert "background" not in groups(replace(made_slide(), background=""))


def test_what_xml_cannot_hold_is_left_out() -> None:
    slide = made_slide(title='a\x00b\ufffec\ud800d <&">')
    assert ET.fromstring(svg_of_slide(slide)).findtext(f"{NAMESPACE}title") == 'abcd <&">'
