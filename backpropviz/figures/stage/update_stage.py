"""The stage of a weight update: its arrays as tiles, its formulas with the element's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from backpropviz.engine.nest import Factor, Nest
from backpropviz.engine.program import Operation, Phase
from backpropviz.figures.equations.expression import formula_node, label_node
from backpropviz.figures.equations.operand_nodes import number_node
from backpropviz.figures.number_groups import group_texts
from backpropviz.figures.roles import equation_style
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.update_tiles import UpdateShown, tile_marks
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.equation import Delimited, Node, Number, Operator, Role, Row
from backpropviz.scene.equation_layout import Laid, layout, layout_lines
from backpropviz.scene.fonts import elide
from backpropviz.scene.marks import Box, Group, Mark, Rect, Text
from backpropviz.scene.numbers import MINUS
from backpropviz.scene.theme import Theme

_LEAST_ROW = 40
_LABEL_WIDTH = 118
_FORMULAS_SHARE = 0.5


def update_stage(view: View, focus: Focus, body: Box, theme: Theme) -> tuple[Mark, ...] | None:
    """The stage, or None where the focus is no update."""
    if focus.operation.phase is not Phase.UPDATE:
        return None
    parameter = replace(focus.nest.target, part="")
    shown = UpdateShown(view, focus, parameter, focus.coordinates)
    own = [o for o in view.timeline.operations if _makes_part(o, shown)]
    width = body.width - _label_width(body)
    rows = [_Row(o.nest, _laid(shown, o.nest, width, theme)) for o in own]
    rows = _nearest(rows, focus, body.height * _FORMULAS_SHARE)
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
        """With air above and below."""
        return max(_LEAST_ROW, round(self.laid.height) + 14)


def _label_width(body: Box) -> float:
    return min(_LABEL_WIDTH, body.width * 0.25)


def _makes_part(operation: Operation, shown: UpdateShown) -> bool:
    target = operation.nest.target
    is_update = operation.phase is Phase.UPDATE
    return is_update and replace(target, part="") == shown.parameter


def _nearest(rows: list[_Row], focus: Focus, room: float) -> list[_Row]:
    """As many formulas as there is room for, the current one among them."""
    found = list(rows)
    while len(found) > 1 and sum(row.height for row in found) > room:
        found.pop(0 if found[0].nest is not focus.nest else -1)
    return found


def _formulas(shown: UpdateShown, rows: Sequence[_Row], box: Box, theme: Theme) -> Iterator[Mark]:
    y = box.y
    for row in rows:
        place = Box(box.x, y, box.width, row.height)
        yield from _formula(shown, row, place, theme)
        y += row.height


def _formula(shown: UpdateShown, row: _Row, box: Box, theme: Theme) -> Iterator[Mark]:
    """Its name, then symbols = numbers = result; only the symbols where it has not run."""
    if row.nest is shown.focus.nest:
        edges = (box.x - 8, box.y + 2, box.width + 16, box.height - 4)
        yield Rect(*edges, fill=theme.here_tint, radius=6.0)
    label_width = _label_width(box)
    baseline = round(box.y + (box.height + row.laid.ascent - row.laid.descent) / 2)
    title = shown.view.notation.title(row.nest.target, shown.parameter.layer)
    name = elide(title, styles.BODY_MEDIUM, label_width - 10)
    yield Text(box.x, baseline, name, styles.BODY_MEDIUM, theme.text_secondary)
    yield Group(row.laid.marks, round(box.x + label_width), baseline)


def _laid(shown: UpdateShown, nest: Nest, width: float, theme: Theme) -> Laid:
    """On one line: in symbols and numbers, or in numbers alone, or in symbols alone."""
    style = equation_style(theme)
    target, symbols = shown.view.notation.node(nest.target), _symbols(shown, nest)
    equal = Operator("=")
    short = Row((target, equal, symbols))
    if not shown.focus.is_element or not _has_run(shown, nest):
        return layout(short, style)
    numbers, result = _numbers(shown, nest)
    candidates = (
        Row((target, equal, symbols, equal, numbers, equal, result)),
        Row((target, equal, numbers, equal, result)),
        Row((target, equal, result)),
    )
    fitting = (laid for tree in candidates if (laid := layout(tree, style)).width <= width)
    return next(fitting, layout_lines(candidates[-1], style, width))


def _has_run(shown: UpdateShown, nest: Nest) -> bool:
    at = tuple(shown.indices)
    return bool(shown.view.plane_status(nest.target, at).computed.all())


def _symbols(shown: UpdateShown, nest: Nest) -> Node:
    notation = shown.view.notation
    operands = nest.by_target.operands
    nodes = [
        label_node(o.label) if o.address is None else notation.node(o.address) for o in operands
    ]
    return _made(nest, nodes)


def _made(nest: Nest, nodes: Sequence[Node]) -> Node:
    return Row(tuple(nodes)) if nest.formula is None else formula_node(nest.formula, nodes)


def _numbers(shown: UpdateShown, nest: Nest) -> tuple[Node, Node]:
    operands = nest.by_target.operands
    factors = tuple(o.at(shown.view.tape, shown.indices) for o in operands)
    nodes = [
        _bracketed(number_node(o, f, _text(f))) for o, f in zip(operands, factors, strict=True)
    ]
    value = float(shown.view.tape[nest.target.at(shown.indices)])
    text = group_texts([value], 4)[0]
    role = Role.HERE if nest is shown.focus.nest else Role.INK
    key = str(nest.target.at(shown.indices))
    return _made(nest, nodes), Number(text, role, bold=True, key=key)


def _text(factor: Factor) -> str:
    return group_texts([factor.value], 4)[0]


def _bracketed(node: Node) -> Node:
    is_negative = isinstance(node, Number) and node.text.startswith(MINUS)
    return Delimited(node) if is_negative else node
