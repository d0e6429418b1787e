"""Each kind of part of an equation as a box, and the space between the parts of a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from backpropviz.scene.equation import (
    JUXTAPOSED,
    BigOperator,
    Delimited,
    Fraction,
    Function,
    Indexed,
    Indicator,
    Kind,
    Node,
    Number,
    Operator,
    Pending,
    Role,
    Root,
    Row,
    Space,
    Symbol,
    Term,
    Words,
    operator_kind,
)
from backpropviz.scene.equation_setting import (
    ASCENT,
    DESCENT,
    DIGITS,
    LETTERS,
    REMARKS,
    SIGNS,
    Box,
    Setting,
    around,
    beside,
    font,
    letters,
)
from backpropviz.scene.equation_signs import bar, big_sign, delimited, root
from backpropviz.scene.marks import Ellipse, Mark, Rect

_INDEX_DOWN, _EXPONENT_UP = 0.24, 0.40
_TERM_PADDING, _TERM_ASCENT, _TERM_DESCENT = 0.13, 1.0, 0.46
_SIGNS_OF_MATH = frozenset("∂∑∏∇∞√")
_LEANING, _OVERHANG = frozenset("fFHIJKMNTUVWXYZ"), 0.07  # italics that reach past their advance


def box_of(node: Node, setting: Setting) -> Box:
    """The box of any part."""
    match node:
        case Symbol():
            return _symbol(node, setting)
        case Operator():
            return _operator(node, setting)
        case Number():
            return _number(node, setting)
        case Indexed():
            return _indexed(node, setting)
        case Row():
            return _row(node, setting)
        case Term():
            return _term(node, setting)
        case Fraction():
            return _fraction(node, setting)
        case BigOperator():
            return _big_operator(node, setting)
        case _:
            return _rarer(node, setting)


def _rarer(node: Node, setting: Setting) -> Box:
    match node:
        case Words():
            return _words(node, setting)
        case Delimited():
            inside = setting.within(node.role)
            return delimited(box_of(node.item, inside), node.left, node.right, inside)
        case Function():
            return _function(node, setting)
        case Indicator():
            return _indicator(node, setting)
        case Root():
            return root(box_of(node.item, setting.within(node.role, node.key)), setting)
        case Pending():
            return _pending(node, setting)
        case Space():
            return Box(node.em * setting.size, 0.0, 0.0)
        case _:
            return Box(0.0, 0.0, 0.0)


class Placed(NamedTuple):
    """A part of a row at its x."""

    x: float
    box: Box
    node: Node


def placed_parts(items: tuple[Node, ...], setting: Setting) -> list[Placed]:
    """Parts side by side, with the space that mathematics wants between them."""
    placed: list[Placed] = []
    x, before = 0.0, None
    for node in items:
        box = _part_of_row(node, before, setting)
        x += 0.0 if before is None else _gap(before, node, placed, setting)
        placed.append(Placed(x, box, node))
        x, before = x + box.width, node
    return placed


def _part_of_row(node: Node, before: Node | None, setting: Setting) -> Box:
    if isinstance(node, Operator) and _is_between_values(node, before):
        small = setting._replace(size=setting.style.number_size, role=Role.MUTED)
        return _operator(node, small)
    return box_of(node, setting)


def _is_between_values(node: Operator, before: Node | None) -> bool:
    """Whether a product sign follows a value, where it is as small as the digits, and quiet."""
    is_value = isinstance(before, Number) and not before.constant
    return is_value and operator_kind(node) is Kind.PRODUCT


def _row(node: Row, setting: Setting) -> Box:
    inside = setting.within(node.role, node.key)
    placed = placed_parts(node.items, inside)
    if not placed:
        return Box(0.0, 0.0, 0.0)
    return around([(part.x, 0.0, part.box) for part in placed])


# Space beside a part, in em: (before, after). Between two parts the larger of the two counts.
_KIND_MARGINS = {
    Kind.SUM: (0.21, 0.21),
    Kind.PRODUCT: (0.17, 0.17),
    Kind.RELATION: (0.28, 0.28),
    Kind.PUNCTUATION: (0.0, 0.17),
}
_MARGINS: Mapping[type, tuple[float, float]] = {
    BigOperator: (0.14, 0.12),
    Function: (0.1, 0.1),
    Fraction: (0.06, 0.06),
    Indexed: (0.0, 0.06),
    Words: (0.26, 0.26),
}
_NONE, _TIGHT, _SCRIPT_COMMA = (0.0, 0.0), (0.05, 0.05), (0.0, 0.05)


def _gap(before: Node, node: Node, placed: list[Placed], setting: Setting) -> float:
    earlier = placed[-2].node if len(placed) > 1 else None
    after_it = _margins(before, earlier, setting)[1]
    ahead = _margins(node, before, setting)[0]
    leans = isinstance(before, Symbol) and before.italic and before.text[-1:] in _LEANING
    return (max(after_it, ahead) + (_OVERHANG if leans else 0.0)) * setting.size


def _margins(node: Node, before: Node | None, setting: Setting) -> tuple[float, float]:
    if not isinstance(node, Operator):
        return _MARGINS.get(type(node), _NONE)
    kind = operator_kind(node)
    if setting.is_script:
        return _SCRIPT_COMMA if kind is Kind.PUNCTUATION else _NONE
    if node.text == JUXTAPOSED or _is_between_values(node, before):
        return _TIGHT
    if kind is Kind.SUM and (before is None or isinstance(before, Operator)):
        return (_KIND_MARGINS[operator_kind(before)][1] if before else 0.0, 0.0)
    return _KIND_MARGINS[kind]


def _symbol(node: Symbol, setting: Setting) -> Box:
    family = SIGNS if node.text in _SIGNS_OF_MATH else LETTERS
    italic = node.italic and family is LETTERS
    face = font(family, setting.size, italic=italic)
    return letters(node.text, face, setting, node.role, node.key)


def _number(node: Number, setting: Setting) -> Box:
    if node.constant or setting.is_script:
        face = font(LETTERS, setting.size)
    elif node.bold:
        face = font(DIGITS, setting.style.result_size, 600)
    else:
        face = font(DIGITS, setting.style.number_size)
    return letters(node.text, face, setting, node.role, node.key)


def _operator(node: Operator, setting: Setting) -> Box:
    if node.text == JUXTAPOSED:
        return Box(0.0, 0.0, 0.0)
    return letters(node.text, font(SIGNS, setting.size), setting, node.role)


def _words(node: Words, setting: Setting) -> Box:
    small = font(REMARKS, setting.style.remark_size)
    face = small if node.small else font(LETTERS, setting.size)
    return letters(node.text, face, setting, node.role)


def _pending(node: Pending, setting: Setting) -> Box:
    radius, color, key = 0.12 * setting.size, setting.color(Role.MUTED), node.key or setting.key

    def draw(x: float, y: float) -> Mark:
        return Ellipse(x + 2 * radius, y - setting.axis, radius, radius, color, key=key)

    return Box(4 * radius, ASCENT * setting.size, DESCENT * setting.size, draw)


def _indexed(node: Indexed, setting: Setting) -> Box:
    inside = setting.within(node.role, node.key)
    base = box_of(node.base, inside)
    x = base.width + 0.03 * setting.size
    is_tall = base.ascent > setting.size
    parts = [(0.0, 0.0, base)]
    lowest_of_exponent = -setting.size
    if node.sup is not None:
        upper = box_of(node.sup, inside.script())
        up = round(base.ascent - 0.5 * upper.ascent if is_tall else _EXPONENT_UP * setting.size)
        parts.append((x, -up, upper))
        lowest_of_exponent = upper.descent - up
    if node.sub is not None:
        lower = box_of(node.sub, inside.script())
        down = base.descent if is_tall else _INDEX_DOWN * setting.size
        parts.append((x, round(max(down, lowest_of_exponent + lower.ascent)), lower))
    return around(parts)


def _fraction(node: Fraction, setting: Setting) -> Box:
    inside = setting.within(node.role, node.key)
    upper, lower = box_of(node.numerator, inside), box_of(node.denominator, inside)
    width = max(upper.width, lower.width) + 0.12 * setting.size
    axis, rule, gap = setting.axis, setting.rule, 0.1 * setting.size
    up = round(axis + rule + gap + upper.descent)
    down = round(gap + lower.ascent - axis)
    return around(
        [
            (0.0, -axis, bar(width, rule, inside)),
            ((width - upper.width) / 2, -up, upper),
            ((width - lower.width) / 2, down, lower),
        ]
    )


def _big_operator(node: BigOperator, setting: Setting) -> Box:
    inside = setting.within(node.role)
    sign = big_sign(node.text, inside)
    limits = [
        (box_of(limit, inside.script()), is_above)
        for limit, is_above in ((node.below, False), (node.above, True))
        if limit is not None
    ]
    width = max(sign.width, *(box.width for box, _ in limits)) if limits else sign.width
    parts = [((width - sign.width) / 2, 0.0, sign)]
    for box, is_above in limits:
        dy = round(-sign.ascent - box.descent - 1 if is_above else sign.descent + box.ascent + 1)
        parts.append(((width - box.width) / 2, float(dy), box))
    return around(parts)


def _function(node: Function, setting: Setting) -> Box:
    inside = setting.within(node.role, node.key)
    name = letters(node.name, font(LETTERS, setting.size), inside)
    comma = Operator(",")
    items = [part for argument in node.arguments for part in (comma, argument)]
    arguments = _row(Row(tuple(items[1:])), inside)
    return beside(name, delimited(arguments, "(", ")", inside))


def _indicator(node: Indicator, setting: Setting) -> Box:
    inside = setting.within(node.role, node.key)
    one = letters("1", font(LETTERS, setting.size, 600), inside)
    return beside(one, delimited(box_of(node.condition, inside), "[", "]", inside))


def _term(node: Term, setting: Setting) -> Box:
    """The space of the tint is kept whether it is there or not, so that stepping moves nothing."""
    inside = setting.within(None, node.key)._replace(is_faded=setting.is_faded or node.faded)
    item = box_of(node.item, inside)
    size, padding = setting.size, _TERM_PADDING * setting.size
    ascent = round(max(item.ascent + padding, _TERM_ASCENT * size))
    descent = round(max(item.descent + 0.5 * padding, _TERM_DESCENT * size))
    width = item.width + 2 * padding
    tint, key = setting.style.tint, inside.key

    def draw(x: float, y: float) -> Mark:
        return Rect(x, y - ascent, width, ascent + descent, fill=tint, radius=3.0, key=key)

    return Box(width, ascent, descent, draw if node.current else None, ((padding, 0.0, item),))
