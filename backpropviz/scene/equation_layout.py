"""An equation as marks: one line, or broken over lines, or several with their `=` in one column.

The baseline of the first line lies at y = 0 and starts at x = 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from math import ceil, cos, pi
from typing import NamedTuple, TypeAlias

from backpropviz.frozen import frozen
from backpropviz.scene import equation as eq
from backpropviz.scene.marks import Color, Ellipse, Font, Mark, Path, Rect, Stroke, Text
from backpropviz.scene.text import text_width
from backpropviz.scene.theme import Theme

Measure: TypeAlias = Callable[[str, Font], float]
"""The advance width of a text in a font, in pixels."""

LETTERS, SIGNS, DIGITS, REMARKS = "STIX Two Text", "STIX Two Math", "JetBrains Mono", "Inter"

ASCENT, DESCENT = 0.74, 0.24
"""Extent of a line of letters, in em."""

_DEEPER = {DIGITS: 0.3, REMARKS: 0.25}  # em below the baseline where it is more than DESCENT

_AXIS, _RULE = 0.258, 0.068  # em, as in the MATH table of STIX Two Math


@frozen
class EquationStyle:
    """How an equation looks: sizes in pixels and the theme's color for each role."""

    colors: Mapping[eq.Role, Color]
    tint: Color
    size: float = 17.0
    index_size: float = 11.5
    big_size: float = 23.0
    number_size: float = 13.0
    result_size: float = 15.0
    remark_size: float = 12.0
    faded_opacity: float = 0.6


def role_colors(theme: Theme) -> dict[eq.Role, Color]:
    """The ink of every role."""
    return {
        eq.Role.INK: theme.text,
        eq.Role.FORWARD: theme.forward,
        eq.Role.BACKWARD: theme.backward,
        eq.Role.HERE: theme.here,
        eq.Role.UPDATE: theme.update,
        eq.Role.LOSS: theme.loss,
        eq.Role.MUTED: theme.text_tertiary,
    }


Draw: TypeAlias = Callable[[float, float], Mark]


class EquationBox(NamedTuple):
    """A laid out part: its extent around its baseline, its own mark, and parts at (dx, dy)."""

    width: float
    ascent: float
    descent: float
    draw: Draw | None = None
    parts: tuple[tuple[float, float, EquationBox], ...] = ()


class Typesetting(NamedTuple):
    """What a part inherits from the parts around it."""

    style: EquationStyle
    measure: Measure
    size: float
    role: eq.Role = eq.Role.INK
    key: str = ""
    is_script: bool = False
    is_faded: bool = False

    def color(self, role: eq.Role | None = None) -> Color:
        color = self.style.colors[role or self.role]
        return f"{color[:7]}{round(255 * self.style.faded_opacity):02X}" if self.is_faded else color

    def within(self, role: eq.Role | None, key: str = "") -> Typesetting:
        """The setting inside a part with its own role or key."""
        if role is None and not key:
            return self
        return self._replace(role=role or self.role, key=key or self.key)

    def script(self) -> Typesetting:
        """The setting of indices and limits; theirs are no smaller."""
        if self.is_script:
            return self
        ratio = self.style.index_size / self.style.size
        return self._replace(size=self.size * ratio, is_script=True)

    @property
    def axis(self) -> float:
        """Height of fraction bars and of the middle of signs above the baseline."""
        return float(round(_AXIS * self.size))

    @property
    def rule(self) -> float:
        return max(1.0, float(round(_RULE * self.size)))


def marks_of(box: EquationBox, x: float, y: float) -> Iterator[Mark]:
    """The marks of a box whose baseline starts at (x, y), back to front."""
    if box.draw is not None:
        yield box.draw(x, y)
    for dx, dy, part in box.parts:
        yield from marks_of(part, x + dx, y + dy)


def around(parts: list[tuple[float, float, EquationBox]]) -> EquationBox:
    """The box that encloses parts placed at (dx, dy)."""
    width = max(dx + box.width for dx, _, box in parts)
    ascent = max(box.ascent - dy for _, dy, box in parts)
    descent = max(box.descent + dy for _, dy, box in parts)
    return EquationBox(width, ascent, descent, None, tuple(parts))


def beside(left: EquationBox, right: EquationBox) -> EquationBox:
    """Two boxes that touch."""
    return around([(0.0, 0.0, left), (left.width, 0.0, right)])


@lru_cache(maxsize=256)
def font(family: str, size: float, weight: int = 400, italic: bool = False) -> Font:
    """A font, made once."""
    return Font(family, size, weight, italic)


def letters(
    text: str, face: Font, setting: Typesetting, role: eq.Role | None = None, key: str = ""
) -> EquationBox:
    """A text on the baseline."""
    color, name = setting.color(role), key or setting.key

    def draw(x: float, y: float) -> Mark:
        return Text(x, y, text, face, color, key=name)

    descent = _DEEPER.get(face.family, DESCENT) * face.size
    return EquationBox(setting.measure(text, face), ASCENT * face.size, descent, draw)


_BIG_ASCENT, _BIG_DESCENT = 0.78, 0.25  # ink of ∑ and ∏ in em of their own size


def bar(width: float, thickness: float, setting: Typesetting) -> EquationBox:
    """A bar that stands on its baseline."""
    color, key = setting.color(), setting.key

    def draw(x: float, y: float) -> Mark:
        return Rect(x, y - thickness, width, thickness, fill=color, key=key)

    return EquationBox(width, thickness, 0.0, draw)


def big_sign(text: str, setting: Typesetting) -> EquationBox:
    """∑ or ∏ centered on the axis, or a word such as max."""
    if len(text) > 1:
        return letters(text, font(LETTERS, setting.size), setting)
    size = setting.size * setting.style.big_size / setting.style.size
    sign = letters(text, font(SIGNS, size), setting)
    down = round((_BIG_ASCENT - _BIG_DESCENT) / 2 * size - setting.axis)
    ascent, descent = _BIG_ASCENT * size - down, _BIG_DESCENT * size + down
    return EquationBox(sign.width, ascent, descent, None, ((0.0, float(down), sign),))


def delimited(item: EquationBox, left: str, right: str, setting: Typesetting) -> EquationBox:
    """A box between two delimiters, as letters while it is low and as outlines when it is tall."""
    height = max(item.ascent - setting.axis, item.descent + setting.axis)
    opening, closing = (_delimiter(text, height, setting) for text in (left, right))
    x = opening.width
    return around([(0.0, 0.0, opening), (x, 0.0, item), (x + item.width, 0.0, closing)])


def _delimiter(text: str, half_height: float, setting: Typesetting) -> EquationBox:
    if half_height < 0.75 * setting.size or text not in _OUTLINES:
        return letters(text, font(LETTERS, setting.size), setting)
    half = half_height + 0.06 * setting.size
    width = 0.42 * setting.size
    shape = _OUTLINES[text](width, half, setting.rule)
    middle, color, key = setting.axis, setting.color(), setting.key

    def draw(x: float, y: float) -> Mark:
        points = tuple((x + px, y - middle + py) for px, py in shape)
        return Path(points, fill=color, closed=True, key=key)

    return EquationBox(width, half + middle, half - middle, draw)


Outline: TypeAlias = tuple[tuple[float, float], ...]
OutlineOf: TypeAlias = Callable[[float, float, float], Outline]
"""The points around a delimiter of a width, half height and line thickness."""


def _parenthesis(width: float, half: float, rule: float) -> Outline:
    """A crescent, thickest in the middle."""
    heights = [-half * cos(pi * step / 12) for step in range(13)]
    reach = 0.62 * width
    edge = 0.86 * width

    def bow(height: float, depth: float) -> float:
        return edge - depth * (1 - (height / half) ** 2)

    outer = [(bow(height, reach), height) for height in heights]
    inner = [(bow(height, reach - 1.6 * rule), height) for height in reversed(heights)]
    return (*outer, *inner)


def _bracket(width: float, half: float, rule: float) -> Outline:
    left, right = 0.3 * width, 0.85 * width
    return (
        (right, -half), (left, -half), (left, half), (right, half),
        (right, half - rule), (left + rule, half - rule),
        (left + rule, rule - half), (right, rule - half),
    )  # fmt: skip


def _upright_bar(width: float, half: float, rule: float) -> Outline:
    left = (width - rule) / 2
    return ((left, -half), (left + rule, -half), (left + rule, half), (left, half))


def _mirrored(outline: OutlineOf) -> OutlineOf:
    def mirror(width: float, half: float, rule: float) -> Outline:
        return tuple((width - x, y) for x, y in outline(width, half, rule))

    return mirror


_OUTLINES: Mapping[str, OutlineOf] = {
    "(": _parenthesis,
    ")": _mirrored(_parenthesis),
    "[": _bracket,
    "]": _mirrored(_bracket),
    "|": _upright_bar,
}


def root(item: EquationBox, setting: Typesetting) -> EquationBox:
    """A box under a root sign."""
    size, rule = setting.size, setting.rule
    top, bottom = item.ascent + 0.12 * size + rule, item.descent
    lead, width = 0.62 * size, 0.66 * size + item.width
    stroke, key = Stroke(setting.color(), rule), setting.key
    shape = ((0.06, -0.3 * size), (0.18 * size, -0.38 * size), (0.36 * size, bottom), (lead, -top))

    def draw(x: float, y: float) -> Mark:
        points = (*((x + px, y + py) for px, py in shape), (x + width, y - top))
        return Path(points, stroke, key=key)

    return EquationBox(width + 0.06 * size, top + rule, bottom, draw, ((lead, 0.0, item),))


_INDEX_DOWN, _EXPONENT_UP = 0.24, 0.40
_TERM_PADDING, _TERM_ASCENT, _TERM_DESCENT = 0.13, 1.0, 0.46
_SIGNS_OF_MATH = frozenset("∂∑∏∇∞√")
_LEANING, _OVERHANG = frozenset("fFHIJKMNTUVWXYZ"), 0.07  # italics that reach past their advance


def box_of(node: eq.Node, setting: Typesetting) -> EquationBox:
    """The box of any part."""
    match node:
        case eq.Symbol():
            return _symbol(node, setting)
        case eq.Operator():
            return _operator(node, setting)
        case eq.NumberNode():
            return _number(node, setting)
        case eq.Indexed():
            return _indexed(node, setting)
        case eq.RowNode():
            return _row(node, setting)
        case eq.TermNode():
            return _term(node, setting)
        case eq.Fraction():
            return _fraction(node, setting)
        case eq.BigOperator():
            return _big_operator(node, setting)
        case _:
            return _rarer(node, setting)


def _rarer(node: eq.Node, setting: Typesetting) -> EquationBox:
    match node:
        case eq.WordsNode():
            return _words(node, setting)
        case eq.Delimited():
            inside = setting.within(node.role)
            return delimited(box_of(node.item, inside), node.left, node.right, inside)
        case eq.Function():
            return _function(node, setting)
        case eq.IndicatorNode():
            return _indicator(node, setting)
        case eq.Root():
            return root(box_of(node.item, setting.within(node.role, node.key)), setting)
        case eq.Pending():
            return _pending(node, setting)
        case eq.Space():
            return EquationBox(node.em * setting.size, 0.0, 0.0)
        case _:
            return EquationBox(0.0, 0.0, 0.0)


class PlacedBox(NamedTuple):
    """A part of a row at its x."""

    x: float
    box: EquationBox
    node: eq.Node


def placed_parts(items: tuple[eq.Node, ...], setting: Typesetting) -> list[PlacedBox]:
    """Parts side by side, with the space that mathematics wants between them."""
    placed: list[PlacedBox] = []
    x, before = 0.0, None
    for node in items:
        box = _part_of_row(node, before, setting)
        x += 0.0 if before is None else _gap(before, node, placed, setting)
        placed.append(PlacedBox(x, box, node))
        x, before = x + box.width, node
    return placed


def _part_of_row(node: eq.Node, before: eq.Node | None, setting: Typesetting) -> EquationBox:
    if isinstance(node, eq.Operator) and _is_between_values(node, before):
        small = setting._replace(size=setting.style.number_size, role=eq.Role.MUTED)
        return _operator(node, small)
    return box_of(node, setting)


def _is_between_values(node: eq.Operator, before: eq.Node | None) -> bool:
    """Whether a product sign follows a value, where it is as small as the digits, and quiet."""
    is_value = isinstance(before, eq.NumberNode) and not before.constant
    return is_value and eq.operator_kind(node) is eq.SymbolKind.PRODUCT


def _row(node: eq.RowNode, setting: Typesetting) -> EquationBox:
    inside = setting.within(node.role, node.key)
    placed = placed_parts(node.items, inside)
    if not placed:
        return EquationBox(0.0, 0.0, 0.0)
    return around([(part.x, 0.0, part.box) for part in placed])


# Space beside a part, in em: (before, after). Between two parts the larger of the two counts.
_KIND_MARGINS = {
    eq.SymbolKind.SUM: (0.21, 0.21),
    eq.SymbolKind.PRODUCT: (0.17, 0.17),
    eq.SymbolKind.RELATION: (0.28, 0.28),
    eq.SymbolKind.PUNCTUATION: (0.0, 0.17),
}
_MARGINS: Mapping[type, tuple[float, float]] = {
    eq.BigOperator: (0.14, 0.12),
    eq.Function: (0.1, 0.1),
    eq.Fraction: (0.06, 0.06),
    eq.Indexed: (0.0, 0.06),
    eq.WordsNode: (0.26, 0.26),
}
_NONE, _TIGHT, _SCRIPT_COMMA = (0.0, 0.0), (0.05, 0.05), (0.0, 0.05)


def _gap(before: eq.Node, node: eq.Node, placed: list[PlacedBox], setting: Typesetting) -> float:
    earlier = placed[-2].node if len(placed) > 1 else None
    after_it = _margins(before, earlier, setting)[1]
    ahead = _margins(node, before, setting)[0]
    leans = isinstance(before, eq.Symbol) and before.italic and before.text[-1:] in _LEANING
    return (max(after_it, ahead) + (_OVERHANG if leans else 0.0)) * setting.size


def _margins(node: eq.Node, before: eq.Node | None, setting: Typesetting) -> tuple[float, float]:
    if not isinstance(node, eq.Operator):
        return _MARGINS.get(type(node), _NONE)
    kind = eq.operator_kind(node)
    if setting.is_script:
        return _SCRIPT_COMMA if kind is eq.SymbolKind.PUNCTUATION else _NONE
    if node.text == eq.JUXTAPOSED or _is_between_values(node, before):
        return _TIGHT
    if kind is eq.SymbolKind.SUM and (before is None or isinstance(before, eq.Operator)):
        return (_KIND_MARGINS[eq.operator_kind(before)][1] if before else 0.0, 0.0)
    return _KIND_MARGINS[kind]


def _symbol(node: eq.Symbol, setting: Typesetting) -> EquationBox:
    family = SIGNS if node.text in _SIGNS_OF_MATH else LETTERS
    italic = node.italic and family is LETTERS
    face = font(family, setting.size, italic=italic)
    return letters(node.text, face, setting, node.role, node.key)


def _number(node: eq.NumberNode, setting: Typesetting) -> EquationBox:
    if node.constant or setting.is_script:
        face = font(LETTERS, setting.size)
    elif node.bold:
        face = font(DIGITS, setting.style.result_size, 600)
    else:
        face = font(DIGITS, setting.style.number_size)
    return letters(node.text, face, setting, node.role, node.key)


def _operator(node: eq.Operator, setting: Typesetting) -> EquationBox:
    if node.text == eq.JUXTAPOSED:
        return EquationBox(0.0, 0.0, 0.0)
    return letters(node.text, font(SIGNS, setting.size), setting, node.role)


def _words(node: eq.WordsNode, setting: Typesetting) -> EquationBox:
    small = font(REMARKS, setting.style.remark_size)
    face = small if node.small else font(LETTERS, setting.size)
    return letters(node.text, face, setting, node.role)


def _pending(node: eq.Pending, setting: Typesetting) -> EquationBox:
    radius, color, key = 0.12 * setting.size, setting.color(eq.Role.MUTED), node.key or setting.key

    def draw(x: float, y: float) -> Mark:
        return Ellipse(x + 2 * radius, y - setting.axis, radius, radius, color, key=key)

    return EquationBox(4 * radius, ASCENT * setting.size, DESCENT * setting.size, draw)


def _indexed(node: eq.Indexed, setting: Typesetting) -> EquationBox:
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


def _fraction(node: eq.Fraction, setting: Typesetting) -> EquationBox:
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


def _big_operator(node: eq.BigOperator, setting: Typesetting) -> EquationBox:
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


def _function(node: eq.Function, setting: Typesetting) -> EquationBox:
    inside = setting.within(node.role, node.key)
    name = letters(node.name, font(LETTERS, setting.size), inside)
    comma = eq.Operator(",")
    items = [part for argument in node.arguments for part in (comma, argument)]
    arguments = _row(eq.RowNode(tuple(items[1:])), inside)
    return beside(name, delimited(arguments, "(", ")", inside))


def _indicator(node: eq.IndicatorNode, setting: Typesetting) -> EquationBox:
    inside = setting.within(node.role, node.key)
    one = letters("1", font(LETTERS, setting.size, 600), inside)
    return beside(one, delimited(box_of(node.condition, inside), "[", "]", inside))


def _term(node: eq.TermNode, setting: Typesetting) -> EquationBox:
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

    return EquationBox(
        width, ascent, descent, draw if node.current else None, ((padding, 0.0, item),)
    )


_LINE_PITCH, _LINE_GAP = 24 / 17, 0.06  # em between baselines, and between extents, at least


@frozen
class Laid:
    """A laid out equation; `relation_x` is where its first `=` stands, or None without one.

    `ascent` reaches up from the first baseline, `descent` down from it past the last line.
    `baselines` are the y of each line.
    """

    marks: tuple[Mark, ...]
    width: float
    ascent: float
    descent: float
    relation_x: float | None = None
    baselines: tuple[float, ...] = (0.0,)

    @property
    def height(self) -> float:
        return self.ascent + self.descent


def layout(tree: eq.Node, style: EquationStyle, measure: Measure = text_width) -> Laid:
    """The equation on one line."""
    return _laid([_placed(tree, style, measure)], style.size)


def layout_lines(
    tree: eq.Node,
    style: EquationStyle,
    width: float,
    relation_x: float = 0.0,
    measure: Measure = text_width,
) -> Laid:
    """The equation on as many lines as `width` asks for.

    Lines break before a sign of the outermost row: at sums and relations, at products only where
    one term is wider than a line. A line that begins with a relation stands under the first one,
    any other hangs behind it. The first relation stands at `relation_x` at least. A part that is
    wider than `width` by itself is not broken: then the result is wider than asked.
    """
    parts = _shifted_to(_placed(tree, style, measure), relation_x)
    return _laid(_broken(parts, width), style.size)


def layout_aligned(
    trees: Sequence[eq.Node], style: EquationStyle, width: float, measure: Measure = text_width
) -> tuple[Laid, ...]:
    """Several equations, each broken at `width`, whose first relations stand in one column."""
    placed = [_placed(tree, style, measure) for tree in trees]
    column = max((_relation_x(parts) or 0.0 for parts in placed), default=0.0)
    return tuple(_laid(_broken(_shifted_to(parts, column), width), style.size) for parts in placed)


def _placed(tree: eq.Node, style: EquationStyle, measure: Measure) -> list[PlacedBox]:
    items = _flattened(tree) if isinstance(tree, eq.RowNode) else (tree,)
    return placed_parts(items, Typesetting(style, measure, style.size))


def _flattened(row: eq.RowNode) -> tuple[eq.Node, ...]:
    """The items of a row, with those of plain rows inside it, so that lines can break there."""
    items: list[eq.Node] = []
    for item in row.items:
        is_plain = isinstance(item, eq.RowNode) and item.role is None and not item.key
        items.extend(_flattened(item) if is_plain and isinstance(item, eq.RowNode) else (item,))
    return tuple(items)


def _relation_x(parts: list[PlacedBox]) -> float | None:
    return next((part.x for part in parts if _is_break(part, eq.SymbolKind.RELATION)), None)


def _is_break(part: PlacedBox, *kinds: eq.SymbolKind) -> bool:
    return isinstance(part.node, eq.Operator) and eq.operator_kind(part.node) in kinds


def _shifted_to(parts: list[PlacedBox], relation_x: float) -> list[PlacedBox]:
    own = _relation_x(parts)
    return parts if own is None else _moved(parts, max(0.0, relation_x - own))


def _moved(parts: list[PlacedBox], dx: float) -> list[PlacedBox]:
    return [PlacedBox(x + dx, box, node) for x, box, node in parts] if dx else parts


def _broken(parts: list[PlacedBox], width: float) -> list[list[PlacedBox]]:
    if not parts or _right(parts) <= width:
        return [parts]
    relation_x, hanging_x = _columns(parts)
    lines: list[list[PlacedBox]] = [[]]
    offset = 0.0
    for run in _runs(parts, width - hanging_x):
        start = relation_x if _is_break(run[0], eq.SymbolKind.RELATION) else hanging_x
        is_too_far = _right(run) + offset > width and start < run[0].x + offset
        if lines[-1] and is_too_far:
            offset = start - run[0].x
            lines.append([])
        lines[-1].extend(_moved(run, offset))
    return lines


def _columns(parts: list[PlacedBox]) -> tuple[float, float]:
    """Where lines that begin with a relation start, and where the others hang."""
    for part, following in pairwise(parts):
        if _is_break(part, eq.SymbolKind.RELATION):
            return part.x, following.x
    return parts[0].x, parts[0].x


def _runs(parts: list[PlacedBox], width: float) -> list[list[PlacedBox]]:
    """The pieces that stay on one line, each from a sign to the next."""
    runs: list[list[PlacedBox]] = []
    for run in _split(parts, eq.SymbolKind.SUM, eq.SymbolKind.RELATION):
        is_wide = _right(run) - run[0].x > width
        runs.extend(_split(run, eq.SymbolKind.PRODUCT) if is_wide else (run,))
    return runs


def _split(parts: list[PlacedBox], *kinds: eq.SymbolKind) -> list[list[PlacedBox]]:
    runs = [[parts[0]]]
    for before, part in pairwise(parts):
        is_sign = isinstance(before.node, eq.Operator)  # then a minus belongs to what follows
        if _is_break(part, *kinds) and not is_sign:
            runs.append([])
        runs[-1].append(part)
    return runs


def _right(parts: list[PlacedBox]) -> float:
    return parts[-1].x + parts[-1].box.width


def _laid(lines: list[list[PlacedBox]], size: float) -> Laid:
    if not lines[0]:
        return Laid((), 0.0, 0.0, 0.0)
    marks: list[Mark] = []
    baselines: list[float] = []
    bottom = 0.0
    for line in lines:
        baseline = 0.0
        if baselines:
            clear = bottom + max(part.box.ascent for part in line) + _LINE_GAP * size
            baseline = float(ceil(max(clear, baselines[-1] + _LINE_PITCH * size)))
        baselines.append(baseline)
        bottom = baseline + max(part.box.descent for part in line)
        for part in line:
            marks.extend(marks_of(part.box, part.x, baseline))
    ascent = max(part.box.ascent for part in lines[0])
    width = max(map(_right, lines))
    return Laid(tuple(marks), width, ascent, bottom, _relation_x(lines[0]), tuple(baselines))
