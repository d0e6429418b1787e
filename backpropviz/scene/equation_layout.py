"""An equation as marks: one line, or broken over lines, or several with their `=` in one column.

The baseline of the first line lies at y = 0 and starts at x = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

from backpropviz.frozen import frozen
from backpropviz.scene.equation import Kind, Node, Operator, Row, operator_kind
from backpropviz.scene.equation_boxes import Placed, placed_parts
from backpropviz.scene.equation_setting import EquationStyle, Measure, Setting, marks_of
from backpropviz.scene.fonts import text_width
from backpropviz.scene.marks import Mark

__all__ = ["EquationStyle", "Laid", "Measure", "layout", "layout_aligned", "layout_lines"]

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
        """ascent + descent."""
        return self.ascent + self.descent


def layout(tree: Node, style: EquationStyle, measure: Measure = text_width) -> Laid:
    """The equation on one line."""
    return _laid([_placed(tree, style, measure)], style.size)


def layout_lines(
    tree: Node,
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
    trees: Sequence[Node], style: EquationStyle, width: float, measure: Measure = text_width
) -> tuple[Laid, ...]:
    """Several equations, each broken at `width`, whose first relations stand in one column."""
    placed = [_placed(tree, style, measure) for tree in trees]
    column = max((_relation_x(parts) or 0.0 for parts in placed), default=0.0)
    return tuple(_laid(_broken(_shifted_to(parts, column), width), style.size) for parts in placed)


def _placed(tree: Node, style: EquationStyle, measure: Measure) -> list[Placed]:
    items = _flattened(tree) if isinstance(tree, Row) else (tree,)
    return placed_parts(items, Setting(style, measure, style.size))


def _flattened(row: Row) -> tuple[Node, ...]:
    """The items of a row, with those of plain rows inside it, so that lines can break there."""
    items: list[Node] = []
    for item in row.items:
        is_plain = isinstance(item, Row) and item.role is None and not item.key
        items.extend(_flattened(item) if is_plain and isinstance(item, Row) else (item,))
    return tuple(items)


def _relation_x(parts: list[Placed]) -> float | None:
    return next((part.x for part in parts if _is_break(part, Kind.RELATION)), None)


def _is_break(part: Placed, *kinds: Kind) -> bool:
    return isinstance(part.node, Operator) and operator_kind(part.node) in kinds


def _shifted_to(parts: list[Placed], relation_x: float) -> list[Placed]:
    own = _relation_x(parts)
    return parts if own is None else _moved(parts, max(0.0, relation_x - own))


def _moved(parts: list[Placed], dx: float) -> list[Placed]:
    return [Placed(x + dx, box, node) for x, box, node in parts] if dx else parts


def _broken(parts: list[Placed], width: float) -> list[list[Placed]]:
    if not parts or _right(parts) <= width:
        return [parts]
    relation_x, hanging_x = _columns(parts)
    lines: list[list[Placed]] = [[]]
    offset = 0.0
    for run in _runs(parts, width - hanging_x):
        start = relation_x if _is_break(run[0], Kind.RELATION) else hanging_x
        is_too_far = _right(run) + offset > width and start < run[0].x + offset
        if lines[-1] and is_too_far:
            offset = start - run[0].x
            lines.append([])
        lines[-1].extend(_moved(run, offset))
    return lines


def _columns(parts: list[Placed]) -> tuple[float, float]:
    """Where lines that begin with a relation start, and where the others hang."""
    for part, following in pairwise(parts):
        if _is_break(part, Kind.RELATION):
            return part.x, following.x
    return parts[0].x, parts[0].x


def _runs(parts: list[Placed], width: float) -> list[list[Placed]]:
    """The pieces that stay on one line, each from a sign to the next."""
    runs: list[list[Placed]] = []
    for run in _split(parts, Kind.SUM, Kind.RELATION):
        is_wide = _right(run) - run[0].x > width
        runs.extend(_split(run, Kind.PRODUCT) if is_wide else (run,))
    return runs


def _split(parts: list[Placed], *kinds: Kind) -> list[list[Placed]]:
    runs = [[parts[0]]]
    for before, part in pairwise(parts):
        is_sign = isinstance(before.node, Operator)  # then a minus belongs to what follows
        if _is_break(part, *kinds) and not is_sign:
            runs.append([])
        runs[-1].append(part)
    return runs


def _right(parts: list[Placed]) -> float:
    return parts[-1].x + parts[-1].box.width


def _laid(lines: list[list[Placed]], size: float) -> Laid:
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
