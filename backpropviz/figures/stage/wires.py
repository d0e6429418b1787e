"""How the current operands join: wires from their cells into a product, and on to the result.

Wires leave a cell at its edge and follow the borders between cells, so that they cross no number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backpropviz.engine.address import Address
from backpropviz.engine.nest import Factor, Rule
from backpropviz.figures.equations.expression import formula_node
from backpropviz.figures.equations.operand_nodes import number_node
from backpropviz.figures.number_groups import group_texts
from backpropviz.figures.roles import equation_style, role_color
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.slot_layout import Placed
from backpropviz.figures.symbols import role_of
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.equation import Delimited, Node, Number, Operator, Role, Row
from backpropviz.scene.equation_layout import Laid, layout
from backpropviz.scene.fonts import text_width
from backpropviz.scene.hit import intersection
from backpropviz.scene.layout import Grid
from backpropviz.scene.marks import Anchor, Box, Color, Group, Mark, Path, Rect, Stroke, Text
from backpropviz.scene.numbers import MINUS
from backpropviz.scene.theme import Theme

_HEIGHT = 36
_PADDING = 18
_LEAST_WIDTH = 96
_CORNER = 5
_WIRE, _ROUTE = 2.0, 2.0
_CLEARANCE = 8
_LABEL_HEIGHT, _SHORTEST = 11, 3


@frozen
class End:
    """A cell that a wire leaves or reaches."""

    box: Box
    grid: Grid
    color: Color
    label: str


def wires(
    view: View, focus: Focus, placed: Sequence[Placed], band: Box, theme: Theme
) -> tuple[Mark, ...]:
    """The product of the current term in `band`, below the panels that it joins."""
    factors = tuple(o.at(view.tape, focus.coordinates) for o in focus.loops.operands)
    laid = _fitting(_equation(view, focus, factors), band.width - 4 * _PADDING, theme)
    sources = _sources(view, factors, placed[:-1], theme)
    target = _target(view, focus, placed[-1], theme)
    if not sources or target is None:
        return ()
    chip = _chip_box(laid, sources, band)
    marks = (
        *(m for number, end in enumerate(sources) for m in _incoming(end, chip, number)),
        *_outgoing(target, chip, band),
    )
    return *_apart(marks, band.y, chip), *_chip(laid, chip, theme)


def _apart(marks: Sequence[Mark], top: float, chip: Box) -> Iterator[Mark]:
    """All wires, and the labels that meet no other one, not the product, nor what is above.

    Where many operands meet, their numbers stand in the product's equation anyway.
    """
    taken = [chip]
    for mark in marks:
        if not isinstance(mark, Text):
            yield mark
            continue
        width = text_width(mark.text, mark.font)
        x = mark.x - (width / 2 if mark.anchor is Anchor.MIDDLE else 0)
        box = Box(x, mark.y - _LABEL_HEIGHT, width, _LABEL_HEIGHT + 4)
        if box.y >= top and not any(_meet(box, other) for other in taken):
            taken.append(box)
            yield mark


def _meet(first: Box, second: Box) -> bool:
    shared = intersection(first, second)
    return shared.width > 0 and shared.height > 0


def _fitting(equation: Row, width: float, theme: Theme) -> Laid:
    """The whole equation; of one too long for the stage, its result."""
    laid = layout(equation, equation_style(theme))
    if laid.width <= width or len(equation.items) < _SHORTEST:
        return laid
    return layout(Row(equation.items[-2:]), equation_style(theme))


def _equation(view: View, focus: Focus, factors: Sequence[Factor]) -> Row:
    """`2 × 4 = 8`, or a function's formula with its numbers."""
    operands, nest = focus.loops.operands, focus.nest
    values = [factor.value for factor in factors]
    if nest.rule is Rule.FUNCTION:
        result = float(view.tape[nest.target.at(focus.target or ())])
    else:
        result = 1.0
        for value in values:
            result *= value
    texts = [group_texts([value], 4)[0] for value in (*values, result)]
    numbers = [
        _bracketed(number_node(operand, factor, text))
        for operand, factor, text in zip(operands, factors, texts, strict=False)
    ]
    total = Number(texts[-1], Role.HERE, bold=True)
    if nest.formula is not None:
        return Row((formula_node(nest.formula, numbers), Operator("="), total))
    if len(numbers) == 1:
        return Row((numbers[0],))
    joined = [part for number in numbers for part in (Operator("×"), number)]
    return Row((*joined[1:], Operator("="), total))


def _bracketed(node: Node) -> Node:
    is_negative = isinstance(node, Number) and node.text.startswith(MINUS)
    return Delimited(node) if is_negative else node


def _sources(
    view: View,
    factors: Sequence[Factor],
    placed: Sequence[Placed],
    theme: Theme,
) -> list[End]:
    """The cells of the current operands; one in the padding has no address, and no wire."""
    ends = []
    for factor in factors:
        if factor.address is None:
            continue
        found = _cell_of(placed, factor.address.array.name, factor.address.indices)
        if found is not None:
            color = role_color(role_of(factor.address), theme)
            number = group_texts([factor.value], 4)[0]
            label = f"{view.notation.short(_telling(view, factor.address))} = {number}"
            ends.append(End(*found, color, label))
    return ends


def _telling(view: View, address: Address) -> Address:
    """The address with the indices that tell something: those of dimensions above 1."""
    shape = view.tape[address.array].shape
    return address.at(tuple(i for i, n in zip(address.indices, shape, strict=True) if n > 1))


def _target(view: View, focus: Focus, placed: Placed, theme: Theme) -> End | None:
    if focus.target is None:
        return None
    address = focus.nest.target
    found = _cell_of((placed,), address.name, focus.target)
    if found is None:
        return None
    verb = "adds to" if focus.nest.rule is Rule.SUM else "gives"
    cell = _telling(view, address.at(focus.target))
    return End(*found, theme.here, f"{verb} {view.notation.short(cell)}")


def _cell_of(
    placed: Sequence[Placed], name: str, indices: tuple[int, ...]
) -> tuple[Box, Grid] | None:
    for one in placed:
        if one.slot.address is None or one.slot.address.name != name:
            continue
        for panel, grid in zip(one.slot.panels, one.grids, strict=True):
            cell = panel.plane.cell(indices)
            if cell is not None:
                row, column = cell
                box = grid.cell(row + panel.margins.top, column + panel.margins.left)
                return box, grid
    return None


def _chip_box(laid: Laid, sources: Sequence[End], band: Box) -> Box:
    """In the middle of the band, under the last operand where it can be."""
    width = max(_LEAST_WIDTH, round(laid.width) + 2 * _PADDING)
    last = sources[-1].box
    wanted = last.x + last.width / 2 - width / 2
    x = min(max(wanted, band.x + _CLEARANCE), band.right - width - 2 * _CLEARANCE)
    height = max(_HEIGHT, round(laid.height) + 12)
    return Box(round(x), round(band.bottom - height - 14), width, height)


def _chip(laid: Laid, box: Box, theme: Theme) -> tuple[Mark, ...]:
    frame = Rect(
        *(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1),
        fill=theme.panel,
        stroke=Stroke(theme.border_strong),
        radius=6,
    )
    baseline = round(box.y + (box.height + laid.ascent - laid.descent) / 2)
    return frame, Group(laid.marks, round(box.x + (box.width - laid.width) / 2), baseline)


def _edge_x(box: Box, chip: Box) -> float:
    """The cell's border that is nearer to the product."""
    return box.right if box.x + box.width / 2 < chip.x + chip.width / 2 else box.x


def _incoming(end: End, chip: Box, number: int) -> tuple[Mark, ...]:
    """Down from the cell along a border, into the product's top or its side."""
    x = _edge_x(end.box, chip)
    stroke = Stroke(end.color, _WIRE)
    inside = chip.x <= x <= chip.right
    above = end.box.bottom < chip.y
    if inside and above:
        points = ((x, end.box.bottom), (x, chip.y))
        height = chip.y - 12 - 16 * number
        label = Text(x + 8, height, end.label, styles.MONO, end.color)
        return Path(points, stroke), *_if_room(label, chip.right + 80)
    y = chip.y + chip.height / 2 + 6 * number - (6 if number else 0)
    side = chip.x if x < chip.x else chip.right
    bent = ((x, end.box.bottom), (x, y), (side, y))
    label = Text((x + side) / 2, y - 8, end.label, styles.MONO, end.color, Anchor.MIDDLE)
    fits = text_width(end.label, styles.MONO) + 16 <= abs(side - x)
    return Path(bent, stroke, corner_radius=_CORNER), *((label,) if fits else ())


def _if_room(label: Text, right: float) -> tuple[Mark, ...]:
    return (label,) if label.x + text_width(label.text, label.font) <= right + 120 else ()


def _outgoing(end: End, chip: Box, band: Box) -> tuple[Mark, ...]:
    """From the product to the result: from the right into the last column, else from below."""
    y = chip.y + chip.height / 2
    box, grid = end.box, end.grid.box
    stroke = Stroke(end.color, _ROUTE)
    points: tuple[tuple[float, float], ...]
    if box.y > chip.bottom:
        return _downward(end, chip)
    if box.right >= grid.right - 1:
        x = min(grid.right + 22, band.right)
        middle = box.y + box.height / 2
        points = ((chip.right, y), (x, y), (x, middle), (box.right + 4, middle))
    else:
        x = box.right if box.right < grid.right else box.x
        points = ((chip.right, y), (x, y), (x, box.bottom + 3))
    if x <= chip.right + 12:
        return ()
    label = Text((chip.right + x) / 2, y - 8, end.label, styles.LABEL, end.color, Anchor.MIDDLE)
    fits = text_width(end.label, styles.LABEL) + 16 <= x - chip.right
    path = Path(points, stroke, corner_radius=_CORNER, arrow=True)
    return path, *((label,) if fits else ())


def _downward(end: End, chip: Box) -> tuple[Mark, ...]:
    """From the product down to a result that lies below it."""
    x, y, below = end.box.x + end.box.width / 2, chip.y + chip.height / 2, end.box.y - 3
    stroke = Stroke(end.color, _ROUTE)
    if chip.x + _CORNER <= x <= chip.right - _CORNER:
        return (Path(((x, chip.bottom), (x, below)), stroke, arrow=True),)
    if x < chip.x + _CORNER:
        # The wires of the operands come in at the left side.
        start, lower = chip.x + 2 * _CLEARANCE, chip.bottom + _CLEARANCE
        bent = ((start, chip.bottom), (start, lower), (x, lower), (x, below))
        return (Path(bent, stroke, corner_radius=_CORNER, arrow=True),)
    points = ((chip.right, y), (x, y), (x, below))
    label = Text((chip.right + x) / 2, y - 8, end.label, styles.LABEL, end.color, Anchor.MIDDLE)
    fits = text_width(end.label, styles.LABEL) + 16 <= x - chip.right
    path = Path(points, stroke, corner_radius=_CORNER, arrow=True)
    return path, *((label,) if fits else ())
