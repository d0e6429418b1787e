"""A scene or a slide as SVG text, written without Qt.

Text that stays text has the bundled families (with fallbacks) and the length it was laid out for,
so that another font neither overlaps nor overflows; a slide's text is outlines unless text is asked
for. Every keyed mark has a `<title>`: its address and, where it is known, its value.
"""

from __future__ import annotations

import base64
import math
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from backpropviz.frozen import frozen
from backpropviz.scene.color import alpha, pixel_colors
from backpropviz.scene.glyphs import PlacedGlyph, placed_glyphs, units_per_em
from backpropviz.scene.marks import (
    HATCH_OPACITY,
    HATCH_WIDTH,
    Anchor,
    Box,
    Color,
    Ellipse,
    Group,
    Line,
    Mark,
    Path,
    Pixels,
    Point,
    Rect,
    Scene,
    Stroke,
    Text,
    arrowhead,
    hatch_lines,
    segments,
    without_arrow_overlap,
)
from backpropviz.scene.slide import Slide
from backpropviz.scene.text import full, text_start, text_width

MOST_RECTANGLES: Final = 4096
"""Grids with more cells become an embedded image."""

_FALLBACKS: Final = {
    "Inter": "Inter, 'Helvetica Neue', Arial, sans-serif",
    "Inter Display": "'Inter Display', Inter, 'Helvetica Neue', Arial, sans-serif",
    "JetBrains Mono": "'JetBrains Mono', Consolas, 'DejaVu Sans Mono', monospace",
    "STIX Two Text": "'STIX Two Text', 'Times New Roman', serif",
    "STIX Two Math": "'STIX Two Math', 'Cambria Math', 'Times New Roman', serif",
}
_ANCHORS: Final = {Anchor.START: "start", Anchor.MIDDLE: "middle", Anchor.END: "end"}

_NAMESPACES: Final = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
_PIXELS_OF_A_PIXEL: Final = 2
_LARGEST_MAGNIFICATION: Final = 16


@frozen
class SvgWriting:
    """How marks are written: what stands at each address, and the shapes met so far.

    With `shapes` of None, text stays text and few values are a rectangle each; else text is
    outlines, and values are an image.
    """

    values: Mapping[str, str]
    shapes: dict[str, str] | None = None


@frozen
class SvgPart:
    """A part as lines of markup, and the shapes of characters that they name."""

    name: str
    lines: tuple[str, ...]
    shapes: Mapping[str, str] = field(default_factory=dict)


def svg(scene: Scene) -> str:
    """The whole picture as an SVG document."""
    width, height = _number(scene.width), _number(scene.height)
    values = _written(scene.marks)
    root = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" style="font-kerning:none;font-variant-ligatures:none">'
    )
    lines = [
        root,
        *([f"<title>{_escaped(scene.title)}</title>"] if scene.title else []),
        f'<rect width="{width}" height="{height}"{_fill(scene.background)}/>',
        *_elements(scene.marks, SvgWriting(values)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def svg_of_slide(slide: Slide, *, text_as_text: bool = False) -> str:
    """A slide as an SVG document: a named group a part, text as outlines or as text."""
    parts = svg_parts(slide, text_as_text=text_as_text)
    shapes = {name: path for part in parts for name, path in part.shapes.items()}
    lines = (line for part in parts for line in part.lines)
    return svg_document(slide.width, slide.height, slide.title, shapes, lines)


def svg_document(
    width: float,
    height: float,
    title: str,
    shapes: Mapping[str, str],
    lines: Iterable[str],
    *,
    is_fluid: bool = False,
) -> str:
    """The markup around the lines of parts; a fluid one is as wide as what holds it."""
    size = f'width="{_number(width)}" height="{_number(height)}"'
    size = 'width="100%"' if is_fluid else size
    root = (
        f'<svg {_NAMESPACES} {size} viewBox="0 0 {_number(width)} {_number(height)}" '
        'style="font-kerning:none;font-variant-ligatures:none">'
    )
    defined = [f'<path id="{name}" d="{path}"/>' for name, path in sorted(shapes.items())]
    document = [
        root,
        *([f"<title>{_escaped(title)}</title>"] if title else []),
        *(["<defs>", *defined, "</defs>"] if defined else []),
        *lines,
        "</svg>",
    ]
    return "\n".join(document) + "\n"


def svg_parts(slide: Slide, *, text_as_text: bool = False) -> tuple[SvgPart, ...]:
    """The slide's background and its parts from back to front, each by itself."""
    names = _identifiers(part.name for part in slide.parts)
    parts = [] if slide.background == "" else [_background(slide)]
    for name, part in zip(names, slide.parts, strict=True):
        marks = tuple(part.marks(slide.theme))
        shapes: dict[str, str] = {}
        # A part alone tells its values, so that what has not changed is written the same.
        writing = SvgWriting(_written(marks), None if text_as_text else shapes)
        about = f"<title>{_escaped(part.about)}</title>" if part.about else ""
        lines = (f'<g id="{name}">{about}', *_elements(marks, writing), "</g>")
        parts.append(SvgPart(name, lines, shapes))
    return tuple(parts)


def _background(slide: Slide) -> SvgPart:
    size = _place(Box(0, 0, slide.width, slide.height))
    return SvgPart("background", (f'<rect id="background"{size}{_fill(slide.background)}/>',))


def _identifiers(names: Iterable[str]) -> Iterator[str]:
    """Names as XML has them, each once."""
    known = {"background"}
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "part"
        plain = plain if plain[0].isalpha() else f"part-{plain}"
        number, free = 1, plain
        while free in known:
            number += 1
            free = f"{plain}-{number}"
        known.add(free)
        yield free


def _written(marks: Iterable[Mark]) -> dict[str, str]:
    """What is written at each address."""
    found: dict[str, str] = {}
    for mark in marks:
        if isinstance(mark, Group):
            found.update(_written(mark.marks))
        elif isinstance(mark, Text) and mark.key:
            found[mark.key] = mark.text
    return found


def _elements(marks: Iterable[Mark], writing: SvgWriting) -> Iterator[str]:
    for mark in marks:
        yield from _WRITERS[type(mark)](mark, writing)


def _rect(rect: Rect, writing: SvgWriting) -> Iterator[str]:
    place = _place(Box(rect.x, rect.y, rect.width, rect.height))
    radius = f' rx="{_number(rect.radius)}"' if rect.radius else ""
    if rect.hatch is None:
        look = _fill(rect.fill) + _stroke(rect.stroke)
        yield _element("rect", place + radius + look, rect.key, writing)
        return
    yield _element("rect", place + radius + _fill(rect.fill), rect.key, writing)
    lines = " ".join(f"M{_points((start,))}L{_points((end,))}" for start, end in hatch_lines(rect))
    color = _stroke(Stroke(rect.hatch_color or "#808080", HATCH_WIDTH))
    opacity = f' opacity="{HATCH_OPACITY[rect.hatch]}" pointer-events="none"'
    yield f'<path d="{lines}"{color}{opacity}/>'
    if rect.stroke is not None:
        yield f"<rect{place}{radius}{_fill(None)}{_stroke(rect.stroke)}/>"


def _line(line: Line, writing: SvgWriting) -> Iterator[str]:
    names = ("x1", "y1", "x2", "y2")
    ends = zip(names, (line.x1, line.y1, line.x2, line.y2), strict=True)
    place = "".join(f' {name}="{_number(value)}"' for name, value in ends)
    yield _element("line", place + _stroke(line.stroke), line.key, writing)


def _path(path: Path, writing: SvgWriting) -> Iterator[str]:
    start, parts = segments(without_arrow_overlap(path))
    drawn = "".join(("L" if len(part) == 1 else "Q") + _points(part) for part in parts)
    outline = f"M{_points((start,))}{drawn}{'Z' if path.closed else ''}"
    look = f' d="{outline}"{_fill(path.fill)}{_stroke(path.stroke)}'
    yield _element("path", look, path.key, writing)
    head = arrowhead(path)
    if head is not None and path.stroke is not None:
        yield f'<polygon points="{_points(head)}"{_fill(path.stroke.color)}/>'


def _ellipse(ellipse: Ellipse, writing: SvgWriting) -> Iterator[str]:
    place = f' cx="{_number(ellipse.x)}" cy="{_number(ellipse.y)}"'
    radii = f' rx="{_number(ellipse.radius_x)}" ry="{_number(ellipse.radius_y)}"'
    look = _fill(ellipse.fill) + _stroke(ellipse.stroke)
    yield _element("ellipse", place + radii + look, ellipse.key, writing)


def _text(text: Text, writing: SvgWriting) -> Iterator[str]:
    if not text.text:
        return
    shaped = None if writing.shapes is None else placed_glyphs(text.text, text.font)
    if shaped is not None and writing.shapes is not None:
        writing.shapes.update({glyph.outline.name: glyph.outline.path for glyph in shaped})
        yield from _outlines(text, shaped, writing)
        return
    font = text.font
    length = _number(text_width(text.text, font))
    attributes = (
        f' x="{_number(text.x)}" y="{_number(text.y)}" text-anchor="{_ANCHORS[text.anchor]}"'
        f" font-family={quoteattr(_FALLBACKS.get(font.family, font.family))}"
        f' font-size="{_number(font.size)}" font-weight="{font.weight}"'
        + (' font-style="italic"' if font.italic else "")
        + (f' textLength="{length}" lengthAdjust="spacingAndGlyphs"' if len(text.text) > 1 else "")
        + f' xml:space="preserve"{_fill(text.color)}'
    )
    title = _title(text.key, writing.values.get(text.key, "")) if text.key else ""
    yield f"<text{attributes}>{title}{_escaped(text.text)}</text>"


def _outlines(text: Text, shaped: tuple[PlacedGlyph, ...], writing: SvgWriting) -> Iterator[str]:
    """A character a line's piece: its shape is defined once in the document."""
    size = f"{text.font.size / units_per_em(text.font):.6g}"
    place = f"translate({_number(text_start(text))} {_number(text.y)}) scale({size})"
    uses = "".join(
        f'<use xlink:href="#{glyph.outline.name}"' + (f' x="{glyph.x:.5g}"/>' if glyph.x else "/>")
        for glyph in shaped
    )
    title = _title(text.key, writing.values.get(text.key, "")) if text.key else ""
    label = f" aria-label={quoteattr(_plain(text.text))}"
    yield f'<g transform="{place}"{_fill(text.color)}{label}>{title}{uses}</g>'


def _pixels(pixels: Pixels, writing: SvgWriting) -> Iterator[str]:
    is_small = writing.shapes is None and pixels.rows * pixels.columns <= MOST_RECTANGLES
    yield from _cells(pixels) if is_small else (_image(pixels),)
    look = f' r="{_number(pixels.dot_radius)}"{_fill(pixels.dot_color)} pointer-events="none"/>'
    for x, y in pixels.dot_centers:
        yield f'<circle cx="{_number(x)}" cy="{_number(y)}"{look}'


def _cells(pixels: Pixels) -> Iterator[str]:
    size = _place(pixels.cell_box(0, 0)).partition(" width=")[2]
    lefts = [_number(pixels.cell_box(0, column).x) for column in range(pixels.columns)]
    yield '<g shape-rendering="crispEdges">'
    for row, colors in enumerate(pixel_colors(pixels).tolist()):
        top = _number(pixels.cell_box(row, 0).y)
        for column, (left, (red, green, blue)) in enumerate(zip(lefts, colors, strict=True)):
            color = f"#{red:02X}{green:02X}{blue:02X}"
            place = f'<rect x="{left}" y="{top}" width={size} fill="{color}"'
            title = _pixel_title(pixels, row, column)
            yield f"{place}>{title}</rect>" if title else f"{place}/>"
    yield "</g>"


def _pixel_title(pixels: Pixels, row: int, column: int) -> str:
    if not pixels.key_pattern:
        return ""
    key = pixels.cell_key(row, column)
    if pixels.missing is not None and pixels.missing[row, column]:
        return f"<title>{_escaped(key)}: not computed yet</title>"
    value = pixels.values[row, column]
    return _title(key, full(value) if pixels.values.ndim == 2 else "")


def _image(pixels: Pixels) -> str:
    colors = pixel_colors(pixels)
    # Enlarged, since not every program heeds `pixelated`; others would blur one cell into the next.
    wanted = _PIXELS_OF_A_PIXEL * pixels.width / pixels.columns
    times = min(_LARGEST_MAGNIFICATION, max(1, math.ceil(wanted)))
    content = base64.b64encode(encode_colors(colors, times)).decode("ascii")
    place = _place(Box(pixels.x, pixels.y, pixels.width, pixels.height))
    return (
        f'<image{place} preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{content}"/>'
    )


def _group(group: Group, writing: SvgWriting) -> Iterator[str]:
    moved = f"translate({_number(group.dx)} {_number(group.dy)})"
    scaled = f" scale({_number(group.scale)})" if group.scale != 1 else ""
    if group.clip is not None:
        box = group.clip
        # Named by its geometry: equal names in one page, or in several pictures on it, do no harm.
        numbers = (_number(value) for value in (box.x, box.y, box.width, box.height))
        name = "clip_" + "_".join(numbers)
        # Inside `defs`, since viewers that know no clips would else draw the rectangle.
        yield f'<defs><clipPath id="{name}"><rect{_place(box)}/></clipPath></defs>'
        yield f'<g clip-path="url(#{name})">'
    yield f'<g transform="{moved}{scaled}">'
    if group.key:
        yield _title(group.key, writing.values.get(group.key, ""))
    yield from _elements(group.marks, writing)
    yield "</g>"
    if group.clip is not None:
        yield "</g>"


def _element(name: str, attributes: str, key: str, writing: SvgWriting) -> str:
    if not key:
        return f"<{name}{attributes}/>"
    return f"<{name}{attributes}>{_title(key, writing.values.get(key, ''))}</{name}>"


def _title(key: str, value: str) -> str:
    if ":" in key:  # a command of the window, no address
        return ""
    return f"<title>{_escaped(f'{key} = {value}' if value else key)}</title>"


def _place(box: Box) -> str:
    return (
        f' x="{_number(box.x)}" y="{_number(box.y)}"'
        f' width="{_number(box.width)}" height="{_number(box.height)}"'
    )


def _fill(color: Color | None) -> str:
    if color is None:
        return ' fill="none"'
    return f' fill="{color[:7]}"' + _opacity("fill", color)


def _stroke(stroke: Stroke | None) -> str:
    if stroke is None:
        return ""
    width = f' stroke-width="{_number(stroke.width)}"' if stroke.width != 1 else ""
    dashes = " ".join(_number(length) for length in stroke.dash)
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f' stroke="{stroke.color[:7]}"{_opacity("stroke", stroke.color)}{width}{dash}'


def _opacity(kind: str, color: Color) -> str:
    opaque = alpha(color)
    return f' {kind}-opacity="{_number(opaque / 255)}"' if opaque < 255 else ""


def _points(points: Iterable[Point]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: float) -> str:
    """At most three decimals, no trailing zeros."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _escaped(text: str) -> str:
    return escape(_plain(text))


def _plain(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    if text.isprintable():  # hardly any is not, and to ask is fast
        return text
    return re.sub(r"[^\t\n\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]", "", text)


# Each function takes the mark type under which it is listed.
_WRITERS: Final[dict[type[Mark], Callable[[Any, SvgWriting], Iterator[str]]]] = {
    Rect: _rect,
    Line: _line,
    Path: _path,
    Ellipse: _ellipse,
    Text: _text,
    Pixels: _pixels,
    Group: _group,
}


def encode_colors(colors: NDArray[np.uint8], times: int = 1) -> bytes:
    """Colors (rows, columns, 3), each enlarged so often, as a PNG file's content, without Qt."""
    height, width = colors.shape[0] * times, colors.shape[1] * times
    # A row is told by what differs from the row above: of an enlarged one, nothing.
    rows = np.zeros((height, 1 + width * 3), dtype=np.uint8)
    rows[:, 0] = 2
    differing = np.diff(colors, axis=0, prepend=np.uint8(0))
    rows[::times, 1:] = differing.repeat(times, axis=1).reshape(len(colors), -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.data, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
