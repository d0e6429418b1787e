"""From the cells of the operands into the product, and on to the cell that it goes to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from backpropviz.engine.nest import NestRule
from backpropviz.engine.value import Address
from backpropviz.figures.numbers import group_texts
from backpropviz.figures.slides.grids import PlacedGrid
from backpropviz.figures.slides.look import SlideLook
from backpropviz.figures.stage.operation import product_equation
from backpropviz.figures.stage.planes import Focus
from backpropviz.figures.symbols import role_color, role_of
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene.equation_layout import Laid, layout
from backpropviz.scene.marks import Anchor, Box, Color, Group, Mark, Path, Rect, Stroke, Text
from backpropviz.scene.slide import Drawing, SlidePart
from backpropviz.scene.text import text_width

HEIGHT: Final = 4.6
"""What the band of the product takes, in the least text size."""
_BOX, _WIRE, _CORNER = 2.33, 0.14, 0.5


@frozen
class _End:
    """A cell that a wire leaves or reaches, in its matrix."""

    box: Box
    grid: Box
    color: Color


def wire_parts(
    view: View, focus: Focus, placed: Sequence[PlacedGrid], band: Box, look: SlideLook
) -> Iterator[SlidePart]:
    """The product of the current term below the matrices, with its wires."""
    factors = tuple(o.at(view.tape, focus.coordinates) for o in focus.loops.operands)
    laid = layout(product_equation(view, focus, factors), look.equations)
    if laid.width > band.width * 0.8:
        return
    sources = [
        _End(*found, role_color(role_of(factor.address), look.theme))
        for factor in factors
        if factor.address is not None
        for found in [_cell_of(placed[:-1], factor.address)]
        if found is not None
    ]
    target = None
    if focus.target is not None:
        cell = _cell_of(placed[-1:], focus.nest.target.at(focus.target))
        target = None if cell is None else _End(*cell, look.theme.here)
    if not sources or target is None:
        return
    chip = _chip(laid, sources, target, band, look)
    for number, end in enumerate(sources, start=1):
        path = _incoming(end, chip, number, look)
        yield SlidePart(f"wire-{number}", _extent(path), Drawing((path,)))
    out = _outgoing(target, chip, band, look)
    if out is not None:
        adds = focus.nest.rule is NestRule.SUM
        product = math.prod(factor.value for factor in factors)
        told = group_texts([product], 4)[0]
        words = f"adds {told}" if adds else "gives"
        yield SlidePart("wire-result", _extent(out), Drawing((out, *_label(words, out, look))))
    yield from _product(chip, laid, look)


def _cell_of(placed: Sequence[PlacedGrid], address: Address) -> tuple[Box, Box] | None:
    for one in placed:
        slot = one.measured.slot
        if slot.address is None or slot.address.name != address.array.name:
            continue
        place = one.measured.panel.plane.cell(address.indices)
        if place is not None:
            return one.cell(place), one.box
    return None


def _chip(laid: Laid, sources: Sequence[_End], target: _End, band: Box, look: SlideLook) -> Box:
    """The product's box: under the last operand, left of the result."""
    width = round(laid.width + look.em(1.6))
    height = round(max(look.em(_BOX), laid.height + look.em(0.7)))
    last = sources[-1].grid
    middle = last.x + last.width / 2
    right = min(band.right - look.em(2.0), target.box.x - look.em(1.2))
    x = min(max(band.x, middle - width / 2), max(band.x, right - width))
    return Box(round(x), round(band.bottom - height - look.em(0.4)), width, height)


def _product(chip: Box, laid: Laid, look: SlideLook) -> Iterator[SlidePart]:
    edge = Stroke(look.theme.border_strong, look.em(0.06))
    frame = Rect(
        *(chip.x, chip.y, chip.width, chip.height),
        fill=look.theme.panel,
        stroke=edge,
        radius=look.em(0.35),
    )
    left = chip.x + (chip.width - laid.width) / 2
    baseline = chip.y + (chip.height + laid.ascent - laid.descent) / 2
    marks: tuple[Mark, ...] = (frame, Group(laid.marks, round(left), round(baseline)))
    yield SlidePart("product", chip, Drawing(marks), "the product of this term")


def _incoming(end: _End, chip: Box, number: int, look: SlideLook) -> Path:
    """Down from the cell along its border, into the product's top or its side."""
    box = end.box
    stroke = Stroke(end.color, look.em(_WIRE))
    x = box.right if box.x + box.width / 2 < chip.x + chip.width / 2 else box.x
    if chip.x + look.em(0.4) <= x <= chip.right - look.em(0.4):
        return Path(((x, box.bottom), (x, chip.y)), stroke)
    y = chip.y + chip.height / 2 + look.em(0.25) * (number - 1)
    side = chip.x if x < chip.x else chip.right
    points = ((x, box.bottom), (x, y), (side, y))
    return Path(points, stroke, corner_radius=look.em(_CORNER))


def _outgoing(end: _End, chip: Box, band: Box, look: SlideLook) -> Path | None:
    """From the product's right side to the result: into its last column from the right."""
    y, box, grid = chip.y + chip.height / 2, end.box, end.grid
    stroke = Stroke(end.color, look.em(_WIRE))
    points: tuple[tuple[float, float], ...]
    if box.right >= grid.right - 1:
        x, middle = min(grid.right + look.em(1.1), band.right), box.y + box.height / 2
        points = ((chip.right, y), (x, y), (x, middle), (box.right + look.em(0.2), middle))
    else:
        x = box.right
        points = ((chip.right, y), (x, y), (x, box.bottom + look.em(0.15)))
    if x <= chip.right + look.em(0.5):
        return None
    return Path(points, stroke, corner_radius=look.em(_CORNER), arrow=True)


def _label(words: str, path: Path, look: SlideLook) -> tuple[Mark, ...]:
    """Above the wire where it is long enough."""
    (left, y), (right, _) = path.points[:2]
    font = look.font("Inter")
    if text_width(words, font) + look.em(1.0) > right - left:
        return ()
    x, baseline = (left + right) / 2, y - look.em(0.5)
    return (Text(x, baseline, words, font, look.theme.here, Anchor.MIDDLE),)


def _extent(path: Path) -> Box:
    xs, ys = [x for x, _ in path.points], [y for _, y in path.points]
    return Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
