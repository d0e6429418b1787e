"""The stage of a weight update: its arrays as tiles, its formulas with the element's numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from backpropviz.engine.nest import Coordinates, Nest
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import Address, shape_text
from backpropviz.figures.explain.expression import bracketed, formula_node, label_node, number_node
from backpropviz.figures.numbers import group_texts
from backpropviz.figures.stage.headings import CAPTION_HEIGHT, REMARK_HEIGHT, Caption, caption_marks
from backpropviz.figures.stage.panel import LABELLED, Mood, Panel, panel_marks
from backpropviz.figures.stage.planes import (
    Focus,
    Plane,
    Selection,
    known_plane,
    leading_dimensions,
)
from backpropviz.figures.stage.pooling_windows import page_of
from backpropviz.figures.stage.slot_layout import largest_cell
from backpropviz.figures.stage.slots import cut_remarks
from backpropviz.figures.symbols import equation_style, role_color, role_of
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import CellState
from backpropviz.scene.equation import Node, NumberNode, Operator, Role, RowNode
from backpropviz.scene.equation_layout import Laid, layout, layout_lines
from backpropviz.scene.flow import Grid
from backpropviz.scene.marks import Box, Ellipse, Group, Mark, Rect, Text
from backpropviz.scene.text import elide
from backpropviz.scene.theme import Theme

_GAP = 24
_LABEL_ROOM = 22
_VALUE_HEIGHT = 26
_LEAST_WIDTH, _LEAST_HEIGHT = 118, 112
_NOTE_HEIGHT = 20
_MOST_SIDE = 28
_HEADING = CAPTION_HEIGHT + REMARK_HEIGHT + 4


@frozen(eq=False, slots=False)
class UpdateShown:
    """One parameter's update at a step; `indices` is the value in focus."""

    view: View
    focus: Focus
    parameter: Address
    indices: Coordinates

    @property
    def selection(self) -> Selection:
        """The plane that the value lies on."""
        leading = leading_dimensions(self.parameter, len(self.indices))
        free = (None,) * (len(self.indices) - leading)
        return (*self.indices[:leading], *free)

    def arrays(self) -> tuple[Address, ...]:
        """What the update reads and makes, in the order in which it is made."""
        found = [self.parameter, self.parameter.grad]
        for operation in self.view.timeline.operations:
            target = operation.nest.target
            if target.part in {"", "grad"} or replace(target, part="") != self.parameter:
                continue
            before = target.of(f"{target.part}_before")
            found += [before] if before in self.view.tape else []
            found.append(target)
        return tuple(found)


def tile_marks(shown: UpdateShown, box: Box, theme: Theme) -> tuple[tuple[Mark, ...], float]:
    """The tiles in rows, and where they end; what has no room is named."""
    every = shown.arrays()
    across_most = max(1, int((box.width + _GAP) // (_LEAST_WIDTH + _GAP)))
    down_most = max(1, int((box.height - _NOTE_HEIGHT + _GAP) // (_LEAST_HEIGHT + _GAP)))
    arrays = _most_wanted(shown, every, across_most * down_most)
    down = min(down_most, math.ceil(len(arrays) / min(across_most, 5)))
    across = math.ceil(len(arrays) / down)
    note = _NOTE_HEIGHT if len(arrays) < len(every) else 0
    width = (box.width + _GAP) / across - _GAP
    height = (box.height - note + _GAP) / down - _GAP
    marks: list[Mark] = []
    y = bottom = box.y
    for number, address in enumerate(arrays):
        row, column = divmod(number, across)
        y = bottom + _GAP if column == 0 and row else y
        tile = Box(round(box.x + column * (width + _GAP)), round(y), width, height)
        own, end = _tile(shown, address, tile, theme)
        marks.extend(own)
        bottom = max(bottom, end)
    if note:
        names = (
            shown.view.notation.title(a, shown.parameter.layer) for a in every if a not in arrays
        )
        text = elide(f"No room for: {', '.join(names)}", styles.LABEL, box.width)
        marks.append(Text(box.x, bottom + 14, text, styles.LABEL, theme.text_secondary))
    return tuple(marks), bottom + note


def _most_wanted(shown: UpdateShown, every: tuple[Address, ...], count: int) -> tuple[Address, ...]:
    """What the step makes and reads comes first, then weight, gradient, step and next."""
    nest = shown.focus.nest
    wanted = [nest.target, *(o.address for o in shown.focus.loops.operands if o.address)]
    own = shown.parameter
    wanted += [own, own.grad, own.of("next"), own.of("step"), *every]
    chosen = set(list(dict.fromkeys(wanted))[:count])
    return tuple(address for address in every if address in chosen)


def _tile(
    shown: UpdateShown, address: Address, box: Box, theme: Theme
) -> tuple[tuple[Mark, ...], float]:
    """Caption, plane, and below it the value in focus."""
    view = shown.view
    selection = shown.selection
    whole = known_plane(address, selection, view.plane_status(address, selection))
    found = cut_around(whole, shown.indices)
    room = Box(box.x, box.y + _HEADING, box.width, max(8.0, box.height - _HEADING - _VALUE_HEIGHT))
    # Cells as large as fit, with room for indices where they are large.
    for labels in (_LABEL_ROOM, 0):
        width, height = room.width - labels, room.height - labels
        side = int(min(width // found.columns, height // found.rows))
        side = max(1, min(side, largest_cell(found.rows * found.columns)))
        if side >= LABELLED:
            break
    side = side if labels else min(side, LABELLED - 1)
    x, y = round(room.x + labels), round(room.y + labels)
    grid = Grid(x, y, found.rows, found.columns, side, side)
    is_signed = address.is_gradient or address.part == "step"
    scale = view.scales.of(address, theme)
    panel = Panel(found, scale, moods=_moods(shown, address, found, theme), signed=is_signed)
    title = view.notation.title(address, shown.parameter.layer)
    caption = Caption(address, title, "", _remark(found, whole))
    marks = (
        *caption_marks(caption, view.notation, box.x, box.y, box.width, theme),
        *panel_marks(panel, grid, theme),
        *_value(shown, address, found, grid, theme),
    )
    return marks, grid.box.bottom + _VALUE_HEIGHT


def cut_around(whole: Plane, indices: Coordinates) -> Plane:
    """The page of a large plane that holds a value."""
    place = whole.cell(indices)
    if place is None or max(whole.rows, whole.columns) <= _MOST_SIDE or whole.wrapped:
        return whole
    rows = page_of(whole.rows, min(_MOST_SIDE, whole.rows), place[0])
    columns = page_of(whole.columns, min(_MOST_SIDE, whole.columns), place[1])
    return whole.window(rows, columns)


def _remark(found: Plane, whole: Plane) -> str:
    if not found.is_cut:
        return shape_text(whole.whole) if not whole.wrapped else str(whole.length)
    return f"{cut_remarks(found)[1]} of {shape_text(whole.whole)}"


def _moods(
    shown: UpdateShown, address: Address, found: Plane, theme: Theme
) -> dict[tuple[int, int], Mood]:
    """The same element in every tile: what is made, and what it is made from."""
    place = found.cell(shown.indices)
    if not shown.focus.is_element or place is None or not found.computed[place]:
        return {}
    if shown.focus.nest.target == address:
        return {place: Mood(CellState.CURRENT)}
    reads = any(o.address == address for o in shown.focus.loops.operands)
    color = role_color(role_of(address), theme)
    return {place: Mood(CellState.OPERAND if reads else CellState.MET, accent=color)}


def _value(
    shown: UpdateShown, address: Address, found: Plane, grid: Grid, theme: Theme
) -> tuple[Mark, ...]:
    """The element's own number, since cells may be too small for it."""
    place = found.cell(shown.indices)
    if not shown.focus.is_element or place is None:
        return ()
    y = grid.box.bottom + 19
    if not found.computed[place]:
        return (Ellipse(grid.x + 4, y - 4, 2.5, 2.5, fill=theme.text_tertiary),)
    signed = address.is_gradient or address.part == "step"
    text = group_texts([float(found.values[place])], 4, signed=signed)[0]
    color = role_color(role_of(address), theme)
    key = str(address.at(shown.indices))
    return (Text(grid.x, y, text, styles.MONO_STRONG, color, key=key),)


_LEAST_ROW, _LABEL_WIDTH = 40, 118
_FORMULAS_SHARE = 0.5


def update_stage(view: View, focus: Focus, body: Box, theme: Theme) -> tuple[Mark, ...] | None:
    """The stage, or None where the focus is no update."""
    if focus.operation.phase is not Phase.UPDATE:
        return None
    parameter = replace(focus.nest.target, part="")
    shown = UpdateShown(view, focus, parameter, focus.coordinates)
    width = body.width - _label_width(body)
    rows = [
        _Row(o.nest, _laid(shown, o.nest, width, theme))
        for o in view.timeline.operations
        if o.phase is Phase.UPDATE and replace(o.nest.target, part="") == parameter
    ]
    # As many formulas as there is room for, the current one among them.
    room = body.height * _FORMULAS_SHARE
    while len(rows) > 1 and sum(row.height for row in rows) > room:
        rows.pop(0 if rows[0].nest is not focus.nest else -1)
    height = sum(row.height for row in rows)
    tiles = Box(body.x, body.y, body.width, body.height - height - 28)
    marks, bottom = tile_marks(shown, tiles, theme)
    below = Box(body.x, bottom + 18, body.width, height)
    return (*marks, *_formulas(shown, rows, below, theme))


@frozen(eq=False, slots=False)
class _Row:
    """A formula, laid out."""

    nest: Nest
    laid: Laid

    @property
    def height(self) -> float:
        return max(_LEAST_ROW, round(self.laid.height) + 14)


def _label_width(body: Box) -> float:
    return min(_LABEL_WIDTH, body.width * 0.25)


def _formulas(shown: UpdateShown, rows: Sequence[_Row], box: Box, theme: Theme) -> Iterator[Mark]:
    y = box.y
    for row in rows:
        place = Box(box.x, y, box.width, row.height)
        # Its name, then symbols = numbers = result; only the symbols where it has not run.
        if row.nest is shown.focus.nest:
            edges = (place.x - 8, place.y + 2, place.width + 16, place.height - 4)
            yield Rect(*edges, fill=theme.here_tint, radius=6.0)
        label_width = _label_width(place)
        baseline = round(place.y + (place.height + row.laid.ascent - row.laid.descent) / 2)
        title = shown.view.notation.title(row.nest.target, shown.parameter.layer)
        name = elide(title, styles.BODY_MEDIUM, label_width - 10)
        yield Text(place.x, baseline, name, styles.BODY_MEDIUM, theme.text_secondary)
        yield Group(row.laid.marks, round(place.x + label_width), baseline)
        y += row.height


def _laid(shown: UpdateShown, nest: Nest, width: float, theme: Theme) -> Laid:
    """On one line: in symbols and numbers, or in numbers alone, or in symbols alone."""
    style, view = equation_style(theme), shown.view
    node = view.notation.node
    operands = nest.by_target.operands
    nodes = [label_node(o.label) if o.address is None else node(o.address) for o in operands]
    target, symbols = node(nest.target), _made(nest, nodes)
    equal = Operator("=")
    short = RowNode((target, equal, symbols))
    at = tuple(shown.indices)
    if not shown.focus.is_element or not view.plane_status(nest.target, at).computed.all():
        return layout(short, style)
    numbers, result = _numbers(shown, nest)
    candidates = (
        RowNode((target, equal, symbols, equal, numbers, equal, result)),
        RowNode((target, equal, numbers, equal, result)),
        RowNode((target, equal, result)),
    )
    fitting = (laid for tree in candidates if (laid := layout(tree, style)).width <= width)
    return next(fitting, layout_lines(candidates[-1], style, width))


def _made(nest: Nest, nodes: Sequence[Node]) -> Node:
    return RowNode(tuple(nodes)) if nest.formula is None else formula_node(nest.formula, nodes)


def _numbers(shown: UpdateShown, nest: Nest) -> tuple[Node, Node]:
    operands = nest.by_target.operands
    factors = tuple(o.at(shown.view.tape, shown.indices) for o in operands)
    nodes = [
        bracketed(number_node(o, f, group_texts([f.value], 4)[0]))
        for o, f in zip(operands, factors, strict=True)
    ]
    value = float(shown.view.tape[nest.target.at(shown.indices)])
    text = group_texts([value], 4)[0]
    role = Role.HERE if nest is shown.focus.nest else Role.INK
    key = str(nest.target.at(shown.indices))
    return _made(nest, nodes), NumberNode(text, role, bold=True, key=key)
