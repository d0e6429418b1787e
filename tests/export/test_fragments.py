"""Fragments come and go as the frames do."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from backpropviz.errors import UsageError
from backpropviz.export.fragments import fragments
from backpropviz.export.svg import svg_of_slide
from backpropviz.scene.slide import Slide
from tests.export.made_slides import made_slide, made_slides

NAMESPACE = "{http://www.w3.org/2000/svg}"


def shown(document: str, index: int) -> list[str]:
    """The markup that Reveal.js shows once the fragment of an index has come; −1: none has."""
    root = ET.fromstring(document)
    return [
        ET.tostring(part).decode()
        for child in root
        if child.tag not in {f"{NAMESPACE}defs", f"{NAMESPACE}title"}
        for part in _seen(child, index)
    ]


def _seen(element: ET.Element, index: int) -> list[ET.Element]:
    kinds = str(element.get("class") or "").split()
    if "fragment" not in kinds:
        return [element]
    own = int(str(element.get("data-fragment-index")))
    if "fade-out" in kinds:
        is_seen = index < own
    elif "current-visible" in kinds:
        is_seen = index == own
    else:
        is_seen = index >= own
    assert (element.get("visibility") == "hidden") == ("fade-out" not in kinds)
    return [part for child in element for part in _seen(child, index)] if is_seen else []


def _slides() -> list[Slide]:
    """The sum's steps; a part stays for two of them, and two parts are there only at times."""
    slides = made_slides(5)
    slides[2] = replace(slides[2], parts=(*slides[2].parts[:4], slides[1].parts[4]))
    slides[3] = replace(slides[3], parts=slides[3].parts[:3])
    return slides


def test_each_step_shows_its_frame() -> None:
    slides = _slides()
    document = fragments(slides)
    for number, slide in enumerate(slides):
        parts = shown(document, number - 1)
        expected = ET.fromstring(svg_of_slide(slide))
        wanted = [ET.tostring(part).decode() for part in expected if part.get("id")]
        assert list(map(_plain, parts)) == list(map(_plain, wanted))


def _plain(part: str) -> str:
    element = ET.fromstring(part)
    element.set("id", str(element.get("id")).partition("-at-")[0])
    element.tail = None
    return ET.tostring(element).decode()


def test_the_kinds_of_fragments() -> None:
    root = ET.fromstring(fragments(_slides()))
    found = [
        (group.get("class"), group.get("data-fragment-index"), group.get("data-step"))
        for group in root.iter(f"{NAMESPACE}g")
        if group.get("class")
        and any(str(child.get("id")).startswith("sum") for child in group.iter())
    ]
    assert found == [
        ("fragment fade-out", "0", "2"),
        ("fragment", "0", "2"),
        ("fragment fade-out", "2", "4"),
        ("fragment", "3", "5"),
    ]


def test_what_never_changes_is_no_fragment_and_identifiers_are_unique() -> None:
    root = ET.fromstring(fragments(made_slides()))
    assert [child.get("id") for child in root if child.get("id")] == ["background", "map"]
    names = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(names) == len(set(names))


def test_the_picture_is_as_wide_as_its_place_and_keeps_its_shape() -> None:
    root = ET.fromstring(fragments([made_slide()]))
    assert (root.get("width"), root.get("height")) == ("100%", None)
    assert root.get("viewBox") == "0 0 960 540"


def test_no_frame_is_no_picture() -> None:
    with pytest.raises(UsageError, match="no frame"):
        fragments([])
