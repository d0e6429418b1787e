"""The network on a slide: a picture and a name for each layer, the current one framed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backpropviz.figures.network_map import layer_rows, row_thumbnail
from backpropviz.figures.slides.look import SlideLook
from backpropviz.figures.view import View
from backpropviz.scene.marks import Anchor, Box, Group, Mark, Path, Rect, Stroke, Text
from backpropviz.scene.slide import Drawing, SlidePart
from backpropviz.scene.text import elide

_GAP, _NAME, _PICTURE, _LARGEST, _SMALLEST = 1.4, 1.7, 28, 6.0, 1.6


def network_parts(view: View, body: Box, look: SlideLook) -> Iterator[SlidePart]:
    """All layers, in rows from left to right, as large as fits."""
    rows = layer_rows(view)
    side, across = _fitting(len(rows), body, look)
    gap, name = look.em(_GAP), look.em(_NAME)
    down = -(-len(rows) // across)
    width = side + gap
    height = side + name
    room = (body.height - down * height) / (down + 1)
    left = body.x + (body.width - min(across, len(rows)) * width + gap) / 2
    before: Box | None = None
    for number, row in enumerate(rows):
        x = left + number % across * width
        y = body.y + room + number // across * (height + room)
        box = Box(round(x), round(y), side, side)
        if before is not None and before.y == box.y:
            yield _arrow(number, before, box, look)
        yield SlidePart(f"layer-{row.name}", box, Drawing(tuple(_card(view, row.name, box, look))))
        yield _name_part(row.name, box, width, look, is_current=row.is_current)
        if row.is_current:
            edge = box.inset(-look.em(0.12))
            frame = Rect(
                *(edge.x, edge.y, edge.width, edge.height),
                stroke=Stroke(look.theme.here, look.em(_LINE)),
                radius=look.em(0.1),
            )
            yield SlidePart("current-layer", edge, Drawing((frame,)), "the layer in focus")
        before = box


_LINE: Final = 0.12


def _fitting(count: int, body: Box, look: SlideLook) -> tuple[float, int]:
    """The side of a picture, and how many stand in a row."""
    best = (look.em(_SMALLEST), max(1, int(body.width // look.em(_SMALLEST + _GAP))))
    for across in range(1, count + 1):
        down = -(-count // across)
        side = min(
            (body.width + look.em(_GAP)) / across - look.em(_GAP),
            body.height / down - look.em(_NAME) - look.em(0.6),
            look.em(_LARGEST),
        )
        if side >= best[0]:
            best = float(round(side)), across
    return best


def _card(view: View, name: str, box: Box, look: SlideLook) -> Iterator[Mark]:
    marks = row_thumbnail(view, name, _PICTURE, look.colors)
    scale = box.width / _PICTURE
    yield Group(marks, box.x, box.y, scale)
    yield Rect(box.x, box.y, box.width, box.height, stroke=Stroke(look.theme.border_strong, 2.0))


def _name_part(
    name: str, box: Box, width: float, look: SlideLook, *, is_current: bool
) -> SlidePart:
    font = look.font("Inter", weight=600 if is_current else 400)
    ink = look.theme.here if is_current else look.theme.text
    x, baseline = box.x + box.width / 2, box.bottom + look.em(1.25)
    text = elide(name, font, width - look.em(0.2))
    mark = Text(x, baseline, text, font, ink, Anchor.MIDDLE)
    area = Box(x - width / 2, baseline - font.size, width, font.size * 1.3)
    return SlidePart(f"name-{name}", area, Drawing((mark,)), name)


def _arrow(number: int, before: Box, box: Box, look: SlideLook) -> SlidePart:
    y, inset = box.y + box.height / 2, look.em(0.25)
    points = ((before.right + inset, y), (box.x - inset, y))
    stroke = Stroke(look.theme.text_tertiary, look.em(0.08))
    path = Path(points, stroke, arrow=True)
    extent = Box(before.right, y - inset, box.x - before.right, 2 * inset)
    return SlidePart(f"arrow-{number}", extent, Drawing((path,)))
