"""Decks: what PowerPoint finds in them, and the way back to the moments that they show."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from pptx import Presentation

from backpropviz.debugger.timeline import Depth
from backpropviz.errors import UserError
from backpropviz.export.formats import ExportOptions
from backpropviz.export.pptx import deck_bytes, write
from backpropviz.figures.frames import frames
from backpropviz.figures.slides.compose import compose
from backpropviz.figures.slides.deck import SlideRange
from backpropviz.figures.slides.look import SlideLook, preset
from backpropviz.files import deck as deck_file
from backpropviz.files.deck import deck_moment
from backpropviz.paint.draw import painting_application
from backpropviz.scene.marks import Box, Text
from backpropviz.scene.slide import Drawing, Slide, SlidePart
from backpropviz.scene.theme import DARK, LABEL, LIGHT
from tests.figures.stages import at, of_network

_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_WEIGHT = "conv1.weight.grad[0,0,0,1]"


@pytest.fixture(scope="module", autouse=True)
def _painting() -> None:
    painting_application()


@pytest.fixture(scope="module")
def content() -> bytes:
    """The four terms of one filter value."""
    return deck_bytes(terms(), ExportOptions(session=b"a session"))


def terms(look: SlideLook | None = None, network: str = "tiny-max") -> SlideRange:
    view = of_network(network)
    found = frames(view, _WEIGHT, _WEIGHT, Depth.TERM, (1920, 1080), LIGHT)
    return SlideRange(found, look or SlideLook())


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def slides_of(content: bytes) -> list[Any]:
    """The slides' XML in the order of the deck."""
    deck = Presentation(io.BytesIO(content))
    return [etree.fromstring(slide.part.blob) for slide in deck.slides]


def test_a_deck_opens_with_a_titled_slide_a_frame(content: bytes) -> None:
    deck = Presentation(io.BytesIO(content))
    assert (deck.slide_width, deck.slide_height) == (12192000, 6858000)
    titles = [slide.shapes.title.text_frame.text for slide in deck.slides if slide.shapes.title]
    assert titles == [f"∂L/∂W0,1\u2002gathers term {n} of 4" for n in (1, 2, 3, 4)]


def test_matrices_are_tables_with_the_numbers(content: bytes) -> None:
    deck = Presentation(io.BytesIO(content))
    tables = [
        [[cell.text for cell in row.cells] for row in shape.table.rows]
        for shape in deck.slides[3].shapes
        if shape.has_table
    ]
    upstream, image, gradient = tables
    assert upstream == [["0", "0"], ["2", "0"]]
    assert image == [["0", "2", "1"], ["3", "4", "1"], ["2", "1", "0"]]
    assert gradient == [["6", "8"], ["•", "•"]]


def test_pieces_have_one_name_from_slide_to_slide(content: bytes) -> None:
    named = [[node.get("name") for node in _properties(root)] for root in slides_of(content)]
    for names in named:
        assert all(name.startswith("!!") for name in names)
    shared = set.intersection(*map(set, named))
    assert {"!!grid-1", "!!grid-2", "!!grid-result", "!!product", "!!title"} <= shared
    for root in slides_of(content):
        own = [p.get("name") for p in _properties(root) if not _in_fallback(p)]
        assert len(own) == len(set(own))


def _properties(root: Any) -> list[Any]:
    return [node for node in root.iter(f"{_P}cNvPr") if node.get("id") != "1"]


def _in_fallback(node: Any) -> bool:
    return any(parent.tag == f"{_MC}Fallback" for parent in node.iterancestors())


def test_every_formula_is_an_equation_with_a_picture_behind_it(content: bytes) -> None:
    for root in slides_of(content):
        formulas = list(root.iter(f"{_M}oMath"))
        assert len(formulas) == 1
        choice = next(p for p in formulas[0].iterancestors() if p.tag == f"{_MC}Choice")
        assert choice.get("Requires") == "a14"
        assert choice.nsmap["a14"] == "http://schemas.microsoft.com/office/drawing/2010/main"
        fallback = choice.getnext()
        assert fallback.tag == f"{_MC}Fallback"
        assert len(list(fallback.iter(f"{_P}pic"))) == 1
        text = "".join(formulas[0].itertext())
        assert text.startswith("∂L/∂W0,1=")


def test_equations_are_pictures_where_that_is_wanted() -> None:
    found = deck_bytes(terms(), ExportOptions(native_equations=False))
    for root in slides_of(found):
        assert not list(root.iter(f"{_M}oMath"))
        assert len(list(root.iter(f"{_P}pic"))) == 1


def test_notes_alternative_texts_and_the_master_that_keynote_wants(content: bytes) -> None:
    deck = Presentation(io.BytesIO(content))
    last = deck.slides[3]
    assert f"{_WEIGHT}, step 47 of 105" in last.notes_slide.notes_text_frame.text
    told = [node.get("descr") for node in _properties(etree.fromstring(last.part.blob))]
    assert "image, 3 by 3: 0, 2, 1; 3, 4, 1; 2, 1, 0" in told
    root = etree.fromstring(members(content)["ppt/presentation.xml"])
    tags = [etree.QName(child).localname for child in root]
    assert tags[tags.index("sldMasterIdLst") + 1] == "notesMasterIdLst"
    assert root.find(f"{_P}sldSz").get("type") is None
    assert not any("printerSettings" in name for name in members(content))
    without = deck_bytes(terms(), ExportOptions(notes=False))
    assert not any("notesSlide" in name for name in members(without))


def test_steps_morph_and_fade_elsewhere(content: bytes) -> None:
    for root in slides_of(content):
        tags = [etree.QName(child).localname for child in root]
        assert tags[tags.index("clrMapOvr") + 1] == "AlternateContent"
        assert root.find(f"{_MC}AlternateContent/{_MC}Fallback/{_P}transition/{_P}fade") is not None
    plain = slides_of(deck_bytes(terms(), ExportOptions(morph=False)))
    assert all(root.find(f"{_MC}AlternateContent") is None for root in plain)


def test_no_text_is_below_the_floor(content: bytes) -> None:
    for root in slides_of(content):
        sizes = [int(node.get("sz")) for node in root.iter(f"{_A}rPr") if node.get("sz")]
        # Indices are set at 25 points and lowered: programs draw them at two thirds.
        assert min(sizes) >= 1800
        assert len(sizes) > 20


def test_the_package_is_sound(content: bytes) -> None:
    """Every part has a type, every relationship a target, every id is given once."""
    found = members(content)
    types = etree.fromstring(found["[Content_Types].xml"])
    extensions = {node.get("Extension") for node in types if node.get("Extension")}
    names = {node.get("PartName") for node in types if node.get("PartName")}
    for name in found:
        if name != "[Content_Types].xml":
            assert f"/{name}" in names or name.rpartition(".")[2] in extensions, name
    for name, text in found.items():
        if name.endswith(".rels"):
            base = Path(name).parent.parent
            for node in etree.fromstring(text):
                target = node.get("Target")
                path = target.lstrip("/") if target.startswith("/") else str(base / target)
                assert _normal(path) in found, (name, target)
        if re.fullmatch(r"ppt/slides/slide\d+\.xml", name):
            root = etree.fromstring(text)
            ids = [p.get("id") for p in root.iter(f"{_P}cNvPr")]
            assert len(ids) == len(set(ids))
            _assert_in_order(root)


def _normal(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)


_ORDER = {
    f"{_P}sp": ["nvSpPr", "spPr", "style", "txBody"],
    f"{_P}pic": ["nvPicPr", "blipFill", "spPr"],
    f"{_P}graphicFrame": ["nvGraphicFramePr", "xfrm", "graphic"],
    f"{_A}tc": ["txBody", "tcPr"],
    f"{_A}tcPr": ["lnL", "lnR", "lnT", "lnB", "noFill", "solidFill", "pattFill"],
    f"{_A}ln": ["noFill", "solidFill", "prstDash", "custDash", "round", "headEnd", "tailEnd"],
    f"{_A}rPr": ["ln", "noFill", "solidFill", "latin"],
    f"{_P}spPr": ["xfrm", "custGeom", "prstGeom", "noFill", "solidFill", "pattFill", "ln"],
    f"{_P}sld": ["cSld", "clrMapOvr", "AlternateContent", "transition", "timing"],
}
"""The children of elements in the order of ECMA-376's schemas."""


def _assert_in_order(root: Any) -> None:
    for node in root.iter(*_ORDER):
        known = _ORDER[node.tag]
        places = [known.index(etree.QName(child).localname) for child in node]
        assert places == sorted(places), (node.tag, [c.tag for c in node])


def test_the_same_slides_make_the_same_file(content: bytes) -> None:
    assert deck_bytes(terms(), ExportOptions(session=b"a session")) == content


def test_dark_and_other_pages_make_decks_too() -> None:
    for look in (
        SlideLook(theme=DARK),
        SlideLook(preset("slide-4x3")),
        SlideLook(is_transparent=True),
    ):
        root = slides_of(deck_bytes(terms(look), ExportOptions()))[0]
        background = root.find(f"{_P}cSld/{_P}bg")
        assert (background is None) is look.is_transparent
    wide = Presentation(
        io.BytesIO(deck_bytes(terms(SlideLook(preset("slide-4x3"))), ExportOptions()))
    )
    assert (wide.slide_width, wide.slide_height) == (9144000, 6858000)


def test_maps_become_pictures() -> None:
    root = slides_of(deck_bytes(list(_some(terms(network="lenet"), 1)), ExportOptions()))[0]
    names = [node.get("name") for node in _properties(root) if not _in_fallback(node)]
    assert "!!grid-1" in names
    assert len(list(root.iter(f"{_P}pic"))) >= 3


def _some(found: SlideRange, count: int) -> Iterator[Slide]:
    for number in range(count):
        yield found.slide(number)


def test_slides_of_two_sizes_are_refused(tmp_path: Path) -> None:
    mixed = [terms().slide(0), terms(SlideLook(preset("square"))).slide(0)]
    path = tmp_path / "mixed.pptx"
    with pytest.raises(UserError, match="one size"):
        write(mixed, 2, path, ExportOptions())
    with pytest.raises(UserError, match="no frame"):
        write([], 0, path, ExportOptions())
    assert not path.exists()


def test_names_are_inert() -> None:
    mark = Text(5, 5, "bell \x07", LABEL, "#000000")
    part = SlidePart('a"<&>', Box(0, 0, 10, 10), Drawing((mark,)), "]]>\x00")
    slide = Slide(100, 100, "#FFFFFF", LIGHT, (part,), "<b>&amp;", notes="</a:t>\x07")
    content = deck_bytes([slide], ExportOptions())
    assert len(slides_of(content)) == 1


def test_a_slide_leads_back_to_its_moment(tmp_path: Path) -> None:
    path = tmp_path / "deck.pptx"
    write(terms(), 4, path, ExportOptions(session=b"\x00session\xff"))
    for number in (1, 4):
        found = deck_moment(path, number)
        assert found.session == b"\x00session\xff"
        assert found.place["place"]["coordinates"][-2:] == list(divmod(number - 1, 2))
    deck = Presentation(str(path))
    order = deck.part._element.sldIdLst
    order.insert(0, order[3])
    order.remove(order[1])
    deck.save(str(path))
    places = [deck_moment(path, number).place["place"]["coordinates"] for number in (1, 2, 3)]
    assert [tuple(place[-2:]) for place in places] == [(1, 1), (0, 1), (1, 0)]


def test_what_leads_nowhere_is_told(tmp_path: Path) -> None:
    path = tmp_path / "deck.pptx"
    write(terms(), 4, path, ExportOptions())
    with pytest.raises(UserError, match="does not know the moments"):
        deck_moment(path, 1)
    write(terms(), 4, path, ExportOptions(session=b"s"))
    for number in (0, 5, -1):
        with pytest.raises(UserError, match="4 slides"):
            deck_moment(path, number)
    deck = Presentation(str(path))
    deck.slides.add_slide(deck.slide_layouts[0])
    deck.save(str(path))
    with pytest.raises(UserError, match="added later"):
        deck_moment(path, 5)
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(UserError, match="no PowerPoint file"):
        deck_moment(path, 1)


def test_damaged_decks_get_a_sentence(tmp_path: Path) -> None:
    write(terms(), 4, path := tmp_path / "deck.pptx", ExportOptions(session=b"s" * 300))
    whole = path.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 300)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with suppress(UserError):
            assert deck_moment(path, 1).session


def test_a_formula_of_several_lines_keeps_its_shape() -> None:
    view = at(of_network("lenet"), "conv1.weight.grad", 5 * 784, Depth.ELEMENT)
    slide = compose(view, SlideLook())
    formula = next(part for part in slide.parts if part.name == "formula")
    assert formula.box.height > 100
    root = slides_of(deck_bytes([slide], ExportOptions()))[0]
    assert not list(root.iter(f"{_M}oMath"))


def test_parts_of_others_are_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deck.pptx"
    write(terms(), 4, path, ExportOptions(session=b"s"))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("customXml/item2.xml", b" " * 10**7)
    read: list[str] = []
    whole = deck_file._member

    def remembered(archive: zipfile.ZipFile, name: str) -> bytes:
        read.append(name)
        return whole(archive, name)

    monkeypatch.setattr(deck_file, "_member", remembered)
    assert deck_moment(path, 1).session == b"s"
    assert read == ["ppt/presentation.xml", "customXml/item1.xml"]
