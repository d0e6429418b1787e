"""The stage of one operation: operands, the product of the current term, the result, the ledger."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.nest import Factor, NestRule
from backpropviz.engine.value import Address
from backpropviz.figures.explain.expression import bracketed, formula_node, number_node
from backpropviz.figures.numbers import group_texts
from backpropviz.figures.stage.headings import slot_heading
from backpropviz.figures.stage.panel import cell_box, panel_marks, whole_map_marks, window_mark
from backpropviz.figures.stage.planes import Focus
from backpropviz.figures.stage.result import (
    has_product_map,
    product_slot,
    target_slot,
    target_tiles,
    total_marks,
    total_width,
)
from backpropviz.figures.stage.slot_layout import (
    INDENT,
    PlacedSlot,
    TwoRows,
    in_two_rows,
    place_slots,
)
from backpropviz.figures.stage.slots import initial_slots, operand_slots, region_size
from backpropviz.figures.symbols import equation_style, role_color, role_of
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.equation import NumberNode, Operator, Role, RowNode
from backpropviz.scene.equation_layout import Laid, layout
from backpropviz.scene.flow import Grid, bounds
from backpropviz.scene.hit import intersection, mark_box
from backpropviz.scene.marks import Anchor, Box, Color, Group, Mark, Path, Rect, Stroke, Text
from backpropviz.scene.text import centered_baseline, text_width
from backpropviz.scene.theme import Theme

LEDGER_LEAST_WIDTH = 372
LEDGER_LEAST_HEIGHT = 160
_LEDGER_FRAME, _LEDGER_ROW = 132, 28
_MOST_ROWS = 9
_WIRES_HEIGHT, _LEAST_PANELS = 84, 200
_BETWEEN, _ABOVE_LEDGER = 24, 12
_TILES_FROM_WIDTH = 940


@frozen
class Areas:
    """The parts of the stage from top to bottom; those without height are left out."""

    top: Box
    wires: Box
    ledger: Box


def operation_stage(view: View, focus: Focus, body: Box, theme: Theme) -> tuple[Mark, ...]:
    """Everything between the header and the lower edge."""
    if has_product_map(focus):
        return _of_many_terms(view, focus, body, theme)
    areas = _areas(focus, body)
    slots = (
        *operand_slots(view, focus, theme),
        *initial_slots(view, focus, theme),
        target_slot(view, focus, theme),
    )
    rows = in_two_rows(slots, areas.top, areas.wires.height)
    if rows is not None:
        shown = _two_rows(view, focus, rows, theme)
    else:
        placed = place_slots(slots, areas.top)
        # The band for the wires: right below the panels, so that they stay short.
        bottom = max(one.bottom for one in placed)
        y = min(bottom + 10, areas.wires.y)
        band = replace(areas.wires, y=y)
        shown = (*placed_marks(placed, view, theme), *wires(view, focus, placed, band, theme))
    return (*shown, *ledger_marks(view, areas.ledger, theme))


def _areas(focus: Focus, body: Box) -> Areas:
    """Room for wires around a single term, for the ledger where a value has several."""
    is_leaf = focus.depth is Depth.TERM or focus.nest.rule is NestRule.FUNCTION
    wired = _WIRES_HEIGHT if focus.is_element and is_leaf else 0
    ledger = _ledger_height(focus, body.height - wired) if has_ledger(focus) else 0
    top = body.height - wired - ledger
    return Areas(
        Box(body.x, body.y, body.width, top if wired or not ledger else top - _ABOVE_LEDGER),
        Box(body.x, body.y + top, body.width, wired),
        Box(body.x, body.bottom - ledger, body.width, ledger),
    )


def _ledger_height(focus: Focus, room: float) -> float:
    """As high as its rows want it, but the panels above come first."""
    rows = min(region_size(focus.element_region) + 1, _MOST_ROWS)
    wanted = min(_LEDGER_FRAME + _LEDGER_ROW * rows, room * 0.55)
    least = room - _LEAST_PANELS
    return wanted if wanted <= least else max(0.0, least if least >= LEDGER_LEAST_HEIGHT else 0.0)


def _two_rows(view: View, focus: Focus, rows: TwoRows, theme: Theme) -> tuple[Mark, ...]:
    """The operands above, the wires, and the result over the whole width below."""
    target, font = rows.lower, styles.COUNTER
    baseline = target.box.y + 16
    sign = Text(target.box.x - INDENT, baseline, target.slot.sign, font, theme.text_secondary)
    # Words that a wire passes behind.
    marks = (sign, *slot_heading(target, view.notation, theme))
    boxes = [mark_box(mark).inset(-3) for mark in marks]
    return (
        *placed_marks(rows.upper, view, theme),
        *_panels(target, view, theme),
        *wires(view, focus, (*rows.upper, target), rows.band, theme),
        *(*(Rect(b.x, b.y, b.width, b.height, fill=theme.stage) for b in boxes), *marks),
    )


def has_ledger(focus: Focus) -> bool:
    """Whether the focus is one value that is made of several terms."""
    return focus.target is not None and region_size(focus.element_region) > 1


def _of_many_terms(view: View, focus: Focus, body: Box, theme: Theme) -> tuple[Mark, ...]:
    """Maps above, their products and the sum; below, where the sum goes, and its terms."""
    upper = (*operand_slots(view, focus, theme), product_slot(view, focus, theme))
    half = round(body.height * 0.53)
    width = body.width - total_width(view, focus)
    top = place_slots(upper, Box(body.x, body.y, width, half - _BETWEEN))
    lower = Box(body.x, body.y + half, body.width, body.height - half)
    left, right = _lower_halves(focus, lower)
    is_wide = body.width >= _TILES_FROM_WIDTH - 64
    tiles = target_tiles(view, focus, theme) if is_wide else ()
    bottom = place_slots((target_slot(view, focus, theme), *tiles), left)
    return (
        *placed_marks(top, view, theme),
        *total_marks(view, focus, top[-1], theme),
        *placed_marks(bottom, view, theme, signs=False),
        *ledger_marks(view, right, theme),
    )


def _lower_halves(focus: Focus, lower: Box) -> tuple[Box, Box]:
    if not has_ledger(focus):
        return lower, Box(lower.right, lower.y, 0, 0)
    width = max(LEDGER_LEAST_WIDTH, lower.width * 0.42)
    left = replace(lower, width=lower.width - width - 2 * _BETWEEN)
    return left, replace(lower, x=lower.right - width, width=width)


def ledger_marks(view: View, box: Box, theme: Theme) -> tuple[Mark, ...]:
    """The ledger of the current value, if there is room for it."""
    step = view.explained
    if step.derivation is None or box.height < LEDGER_LEAST_HEIGHT or box.width < 360:
        return ()
    # The first step of a network shows none: the stage does not wait for it.
    from backpropviz.figures.explain.written_sum import TermOrder
    from backpropviz.figures.ledger import ledger, sample_ledger

    if view.options.ledger_by_sample and view.shares is not None:
        return sample_ledger(view, view.shares, box, theme)
    order = TermOrder.SIZE if view.options.ledger_by_size else TermOrder.POSITION
    is_of_batch = view.shares is not None
    return ledger(step.derivation, step.progress, box, theme, order, is_of_batch=is_of_batch)


def placed_marks(
    placed: Sequence[PlacedSlot], view: View, theme: Theme, *, signs: bool = True
) -> tuple[Mark, ...]:
    """Headings, panels and the signs between them."""
    marks: list[Mark] = []
    for number, one in enumerate(placed):
        marks.extend(slot_heading(one, view.notation, theme))
        marks.extend(_panels(one, view, theme))
        if number and one.slot.sign and signs:
            marks.append(_sign(placed[number - 1], one, theme))
    return tuple(marks)


def _sign(before: PlacedSlot, one: PlacedSlot, theme: Theme) -> Text:
    """In the gap between two slots, at the height of their panels' middle."""
    left, right = (bounds([grid.box for grid in slot.grids]) for slot in (before, one))
    labelled = len(one.grids) == 1 and one.grids[0].x > one.box.x
    x = (left.right + right.x - (16 if labelled else 0)) / 2
    top = min(before.grids[0].box.y, one.grids[0].box.y)
    y = centered_baseline((top + min(left.bottom, right.bottom)) / 2, styles.COUNTER)
    return Text(x, y, one.slot.sign, styles.COUNTER, theme.text_secondary, Anchor.MIDDLE)


def _panels(one: PlacedSlot, view: View, theme: Theme) -> tuple[Mark, ...]:
    marks = list(_whole(one, view, theme))
    for k, (panel, grid) in enumerate(zip(one.slot.panels, one.grids, strict=True)):
        if len(one.slot.panels) > 1:
            # Which channel a tile is; left out where the tile is narrower than its label.
            text, box = one.slot.labels[k], grid.box
            if text_width(text, styles.NOTE) <= box.width + 4:
                marks.append(Text(box.x, box.y - 4, text, styles.NOTE, theme.text_tertiary))
        marks.extend(panel_marks(panel, grid, theme, is_tile=len(one.grids) > 1))
    return tuple(marks)


def _whole(one: PlacedSlot, view: View, theme: Theme) -> tuple[Mark, ...]:
    """The map of a plane of which a part is drawn."""
    if one.slot.whole is None or one.map_room is None:
        return ()
    shown, scale, scales = one.slot.panel.plane, one.slot.panel.scale, view.scales
    whole = whole_map_marks(one.slot.whole, shown, one.map_room, scale, scales, theme)
    return window_mark(shown, one.grids[0].box, theme), *whole


_LEAST_WIDTH, _HEIGHT = 96, 36
_PADDING, _CORNER = 18, 5
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
    view: View, focus: Focus, placed: Sequence[PlacedSlot], band: Box, theme: Theme
) -> tuple[Mark, ...]:
    """The product of the current term in `band`, below the panels that it joins."""
    if not band.height:
        return ()
    factors = tuple(o.at(view.tape, focus.coordinates) for o in focus.loops.operands)
    laid = _fitting(product_equation(view, focus, factors), band.width - 4 * _PADDING, theme)
    sources = _sources(view, factors, placed[:-1], theme)
    target = _target(view, focus, placed[-1], theme)
    if not sources or target is None:
        return ()
    # In the middle of the band, under the last operand where it can be.
    width = max(_LEAST_WIDTH, round(laid.width) + 2 * _PADDING)
    last = sources[-1].box
    wanted = last.x + last.width / 2 - width / 2
    x = min(max(wanted, band.x + _CLEARANCE), band.right - width - 2 * _CLEARANCE)
    height = max(_HEIGHT, round(laid.height) + 12)
    chip = Box(round(x), round(band.bottom - height - 14), width, height)
    marks = (
        *(m for number, end in enumerate(sources) for m in _incoming(end, chip, number)),
        *_outgoing(target, chip, band),
    )
    edges = (chip.x + 0.5, chip.y + 0.5, chip.width - 1, chip.height - 1)
    frame = Rect(*edges, fill=theme.panel, stroke=Stroke(theme.border_strong), radius=6)
    left = round(chip.x + (chip.width - laid.width) / 2)
    baseline = round(chip.y + (chip.height + laid.ascent - laid.descent) / 2)
    return (*_apart(marks, band.y, chip), frame, Group(laid.marks, left, baseline))


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
        shared = (intersection(box, other) for other in taken)
        if box.y >= top and not any(both.width > 0 and both.height > 0 for both in shared):
            taken.append(box)
            yield mark


def _fitting(equation: RowNode, width: float, theme: Theme) -> Laid:
    """The whole equation; of one too long for the stage, its result."""
    laid = layout(equation, equation_style(theme))
    if laid.width <= width or len(equation.items) < _SHORTEST:
        return laid
    return layout(RowNode(equation.items[-2:]), equation_style(theme))


def product_equation(view: View, focus: Focus, factors: Sequence[Factor]) -> RowNode:
    """`2 × 4 = 8`, or a function's formula with its numbers."""
    operands, nest = focus.loops.operands, focus.nest
    values = [factor.value for factor in factors]
    result = math.prod(values, start=1.0)
    if nest.rule is NestRule.FUNCTION:
        result = float(view.tape[nest.target.at(focus.target or ())])
    texts = [group_texts([value], 4)[0] for value in (*values, result)]
    numbers = [
        bracketed(number_node(operand, factor, text))
        for operand, factor, text in zip(operands, factors, texts, strict=False)
    ]
    total = NumberNode(texts[-1], Role.HERE, bold=True)
    if nest.formula is not None:
        return RowNode((formula_node(nest.formula, numbers), Operator("="), total))
    if len(numbers) == 1:
        return RowNode((numbers[0],))
    joined = [part for number in numbers for part in (Operator("×"), number)]
    return RowNode((*joined[1:], Operator("="), total))


def _sources(
    view: View, factors: Sequence[Factor], placed: Sequence[PlacedSlot], theme: Theme
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


def _target(view: View, focus: Focus, placed: PlacedSlot, theme: Theme) -> End | None:
    if focus.target is None:
        return None
    address = focus.nest.target
    found = _cell_of((placed,), address.name, focus.target)
    if found is None:
        return None
    verb = "adds to" if focus.nest.rule is NestRule.SUM else "gives"
    cell = _telling(view, address.at(focus.target))
    return End(*found, theme.here, f"{verb} {view.notation.short(cell)}")


def _cell_of(
    placed: Sequence[PlacedSlot], name: str, indices: tuple[int, ...]
) -> tuple[Box, Grid] | None:
    for one in placed:
        if one.slot.address is None or one.slot.address.name != name:
            continue
        for panel, grid in zip(one.slot.panels, one.grids, strict=True):
            cell = panel.plane.cell(indices)
            if cell is not None:
                return cell_box(panel, grid, *cell), grid
    return None


def _incoming(end: End, chip: Box, number: int) -> tuple[Mark, ...]:
    """Down from the cell along a border, into the product's top or its side."""
    # The cell's border that is nearer to the product.
    box = end.box
    x = box.right if box.x + box.width / 2 < chip.x + chip.width / 2 else box.x
    stroke = Stroke(end.color, _WIRE)
    inside = chip.x <= x <= chip.right
    above = end.box.bottom < chip.y
    if inside and above:
        points = ((x, end.box.bottom), (x, chip.y))
        height = chip.y - 12 - 16 * number
        label = Text(x + 8, height, end.label, styles.MONO, end.color)
        fits = label.x + text_width(label.text, label.font) <= chip.right + 200
        return Path(points, stroke), *((label,) if fits else ())
    y = chip.y + chip.height / 2 + 6 * number - (6 if number else 0)
    side = chip.x if x < chip.x else chip.right
    bent = ((x, end.box.bottom), (x, y), (side, y))
    label = Text((x + side) / 2, y - 8, end.label, styles.MONO, end.color, Anchor.MIDDLE)
    fits = text_width(end.label, styles.MONO) + 16 <= abs(side - x)
    return Path(bent, stroke, corner_radius=_CORNER), *((label,) if fits else ())


def _outgoing(end: End, chip: Box, band: Box) -> tuple[Mark, ...]:
    """From the product to the result: from the right into the last column, else from below."""
    y = chip.y + chip.height / 2
    box, grid = end.box, end.grid.box
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
    return () if x <= chip.right + 12 else _route(end, chip.right, points)


def _route(end: End, left: float, points: tuple[tuple[float, float], ...]) -> tuple[Mark, ...]:
    """A wire that starts to the right from `left`, with its label above that part if it fits."""
    (_, y), (x, _) = points[:2]
    label = Text((left + x) / 2, y - 8, end.label, styles.LABEL, end.color, Anchor.MIDDLE)
    fits = text_width(end.label, styles.LABEL) + 16 <= x - left
    path = Path(points, Stroke(end.color, _ROUTE), corner_radius=_CORNER, arrow=True)
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
    return _route(end, chip.right, ((chip.right, y), (x, y), (x, below)))
