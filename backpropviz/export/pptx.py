"""A PowerPoint deck: a slide a frame, its matrices tables, its formulas equations, its words text.

The same piece has the same name on every slide, so that Morph (and Keynote's Magic Move) carries
one into the next. A deck remembers the moments that it shows: see `moments`.
"""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

from backpropviz.errors import UserError
from backpropviz.export.formats import ExportOptions
from backpropviz.export.pptx_shapes import EMU_PER_POINT, SlideSheet
from backpropviz.files.atomic import write_bytes
from backpropviz.named_file import MOMENTS_NAMESPACE
from backpropviz.scene.equation_layout import EquationStyle, role_colors
from backpropviz.scene.slide import Slide

if TYPE_CHECKING:
    from pptx.presentation import Presentation as Deck

_NAMESPACES: Final = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
_MORPH: Final = (
    '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:p14="http://schemas.microsoft.com/office/powerpoint/2010/main" '
    'xmlns:p159="http://schemas.microsoft.com/office/powerpoint/2015/09/main">'
    '<mc:Choice Requires="p159"><p:transition spd="slow" p14:dur="600">'
    '<p159:morph option="byObject"/></p:transition></mc:Choice>'
    '<mc:Fallback><p:transition spd="slow"><p:fade/></p:transition></mc:Fallback>'
    "</mc:AlternateContent>"
)
_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)
_CUSTOM_XML: Final = "application/xml"
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LAYOUT: Final = "Title Only"
_FONT: Final = "Inter"


def write(slides: Iterable[Slide], _count: int, path: Path, options: ExportOptions) -> None:
    """Write a deck, whole or not at all.

    Raises:
        UserError: there is no slide, slides differ in size, or the disk refuses.
    """
    write_bytes(path, deck_bytes(slides, options))


def deck_bytes(slides: Iterable[Slide], options: ExportOptions) -> bytes:
    """The content of a deck's file.

    Raises:
        UserError: there is no slide, or slides differ in size.
    """
    deck, size = None, (0.0, 0.0)
    moments: list[tuple[int, Slide]] = []
    for slide in slides:
        own = slide.width, slide.height
        if deck is None:
            deck, size = _new_deck(slide), own
        elif own != size:
            raise UserError(
                "All slides of a deck have one size: export frames of other sizes apart."
            )
        moments.append((_add(deck, slide, options), slide))
    if deck is None:
        raise UserError("There is no frame to write; choose a range with at least one step.")
    _order_masters(deck)
    if options.session:
        _add_moments(deck, moments, options.session)
    buffer = io.BytesIO()
    deck.save(buffer)
    return _undated(buffer)


def _undated(written: io.BytesIO) -> bytes:
    """The same without the time at which it was written: the same slides make the same file."""
    result = io.BytesIO()
    with zipfile.ZipFile(written) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, _FIRST_DAY), old.read(name), zipfile.ZIP_DEFLATED)
    return result.getvalue()


def _new_deck(first: Slide) -> Deck:
    """An empty deck of the slides' size: one layout, our type, nothing of a printer."""
    from pptx import Presentation

    deck = Presentation()
    for name, relation in list(deck.part.rels.items()):
        if relation.reltype.endswith("/printerSettings"):
            deck.part.rels.pop(name)
    emu = first.points_per_pixel * EMU_PER_POINT
    before = int(deck.slide_width or 1)
    size: Any = deck.part._element.sldSz  # noqa: SLF001  (python-pptx has no other way)
    size.set("cx", str(round(first.width * emu)))
    size.set("cy", str(round(first.height * emu)))
    size.attrib.pop("type", None)
    for layout in list(deck.slide_layouts):
        if layout.name != _LAYOUT:
            deck.slide_layouts.remove(layout)
    wider = int(deck.slide_width or 1) / before
    for shape in (*deck.slide_master.shapes, *deck.slide_layouts[0].shapes):
        shape.left, shape.width = round(shape.left * wider), round(shape.width * wider)
    _use_fonts(deck)
    return deck


def _use_fonts(deck: Deck) -> None:
    """Text that a person adds looks like the rest."""
    for relation in deck.slide_master.part.rels.values():
        if relation.reltype.endswith("/theme"):
            theme: Any = relation.target_part
            theme._blob = theme.blob.replace(  # noqa: SLF001
                b'<a:latin typeface="Calibri"', f'<a:latin typeface="{_FONT}"'.encode()
            )


def _add(deck: Deck, slide: Slide, options: ExportOptions) -> int:
    """Add a slide, and say what number the file gives it."""
    from pptx.dml.color import RGBColor
    from pptx.oxml import parse_xml

    added = deck.slides.add_slide(deck.slide_layouts[0])
    tree: Any = added.shapes._spTree  # noqa: SLF001
    for placeholder in list(added.placeholders):
        tree.remove(placeholder._element)  # noqa: SLF001

    def add_picture(content: bytes) -> str:
        _, relation = added.part.get_or_add_image_part(io.BytesIO(content))
        return str(relation)

    style = EquationStyle(role_colors(slide.theme), slide.theme.here_tint)
    sheet = SlideSheet(slide, add_picture, style, native_equations=options.native_equations)
    shapes = _NOT_XML.sub("\ufffd", "".join(sheet.shapes()))
    for shape in parse_xml(f"<p:all {_NAMESPACES}>{shapes}</p:all>"):
        tree.append(shape)
    if slide.background:
        fill = added.background.fill
        fill.solid()
        rgb: Any = RGBColor
        fill.fore_color.rgb = rgb(*bytes.fromhex(slide.background[1:7]))
    if options.morph:
        _add_morph(added._element)  # noqa: SLF001
    if options.notes and slide.notes:
        frame = added.notes_slide.notes_text_frame
        if frame is not None:
            frame.text = slide.notes
    return int(added.slide_id)


def _add_morph(element: Any) -> None:
    """The transition stands right after the color map."""
    from pptx.oxml import parse_xml

    element.clrMapOvr.addnext(parse_xml(_MORPH))


def _order_masters(deck: Deck) -> None:
    """Name the master of the notes in the presentation, which Keynote insists on."""
    from pptx.oxml import parse_xml

    element: Any = deck.part._element  # noqa: SLF001
    notes = [r for r in deck.part.rels.values() if r.reltype.endswith("/notesMaster")]
    tag = "{http://schemas.openxmlformats.org/presentationml/2006/main}notesMasterIdLst"
    if notes and element.find(tag) is None:
        inner = f'<p:notesMasterId r:id="{notes[0].rId}"/>'
        listed = parse_xml(f"<p:notesMasterIdLst {_NAMESPACES}>{inner}</p:notesMasterIdLst>")
        element.sldMasterIdLst.addnext(listed)


def _add_moments(deck: Deck, moments: list[tuple[int, Slide]], session: bytes) -> None:
    """The session and each slide's place, as custom XML, which programs keep as it is."""
    from pptx.opc.constants import RELATIONSHIP_TYPE
    from pptx.opc.package import Part
    from pptx.opc.packuri import PackURI

    places = "".join(
        f'<slide id="{number}">{escape(json.dumps(dict(slide.place)))}</slide>'
        for number, slide in moments
    )
    kept = f"<session>{base64.b64encode(session).decode('ascii')}</session>"
    text = f'<moments xmlns="{MOMENTS_NAMESPACE}">{kept}{places}</moments>'
    name = PackURI("/customXml/item1.xml")
    part = Part(name, _CUSTOM_XML, deck.part.package, text.encode("utf-8"))
    deck.part.relate_to(part, RELATIONSHIP_TYPE.CUSTOM_XML)
