"""The lens, drawn: cells passed, current and ahead, with the names of their groups."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import ceil, prod
from typing import Final

from backpropviz.engine.nest import Nest, Rule
from backpropviz.figures.timeline.lens import Lens, cell_text, group_text
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, text_width
from backpropviz.scene.marks import Anchor, Box, Color, Font, Group, Mark, Rect, Text
from backpropviz.scene.theme import Theme

LENS_TOP: Final = 62
_WITH_TERMS, _WITHOUT_TERMS = 24, 20
BELOW: Final = 95
"""Middle of the line of text below the lens."""
_RADIUS: Final = 3
_INSET: Final = 8
_STRONG: Final = Font("Inter", 11, 600)


@frozen
class Stand:
    """Steps that have run, and the block among them that is current (empty: none)."""

    done: int
    start: int
    stop: int

    @property
    def is_inside(self) -> bool:
        """Whether there is a current block."""
        return self.start < self.stop


def lens_height(lens: Lens) -> int:
    """Taller where the cells carry text."""
    return _WITH_TERMS if lens.shows_terms else _WITHOUT_TERMS


def lens_marks(
    lens: Lens, colors: tuple[Color, Color], stand: Stand, theme: Theme
) -> tuple[Mark, ...]:
    """The cells with what has run filled and the current block in the color of here."""
    color, tint = colors
    start = stand.stop if not stand.is_inside else _current_start(lens, stand)
    x_start = lens.ruler.x_of(start) if stand.is_inside else lens.ruler.x_after(stand.done)
    x_stop = lens.ruler.x_after(stand.stop)
    left = lens.ruler.lefts[0]
    passed = stand.done > lens.ruler.starts[0]
    marks: list[Mark] = [*_cells(lens, tint)]
    if passed:
        marks.append(_clipped(_cells(lens, color), left, x_start))
    if stand.is_inside:
        marks.append(_clipped(_cells(lens, theme.here), x_start, x_stop))
    return (*marks, *_texts(lens, color, stand, theme))


def _current_start(lens: Lens, stand: Stand) -> int:
    """A block smaller than a cell fills its cell from the start."""
    return min(stand.start, lens.ruler.starts[lens.cell_at(stand.start)])


def _clipped(marks: tuple[Mark, ...], left: float, right: float) -> Group:
    return Group(
        marks, clip=Box(round(left), LENS_TOP, max(0, round(right) - round(left)), _WITH_TERMS)
    )


@lru_cache(maxsize=32)
def _cells(lens: Lens, fill: Color) -> tuple[Mark, ...]:
    height = lens_height(lens)
    edges = zip(map(round, lens.ruler.lefts), map(round, lens.ruler.rights), strict=True)
    return tuple(
        Rect(
            left,
            LENS_TOP,
            max(1, right - left),
            height,
            fill=fill,
            radius=min(_RADIUS, (right - left) / 2) if right - left >= 12 else 1,
        )
        for left, right in edges
    )


def has_names_below(lens: Lens) -> bool:
    """Whether the line below the lens is taken by the names of groups."""
    return lens.groups > 1 and not _fit_inside(lens)


def _fit_inside(lens: Lens) -> bool:
    if not lens.shows_terms:
        return False
    widest = max(text_width(group_text(lens, g), styles.LABEL_MEDIUM) for g in (0, lens.groups - 1))
    return widest + _INSET + 4 <= lens.ruler.rights[0] - lens.ruler.lefts[0]


def _texts(lens: Lens, color: Color, stand: Stand, theme: Theme) -> Iterator[Text]:
    if lens.groups > 1:
        yield from (_inside if _fit_inside(lens) else _below)(lens, color, stand, theme)
    if lens.shows_terms and stand.is_inside:
        yield from _term_text(lens, stand, theme)


def _inside(lens: Lens, color: Color, stand: Stand, theme: Theme) -> Iterator[Text]:
    """Each group's name in its first cell, but where the current cell has its own text."""
    font = styles.LABEL_MEDIUM
    baseline = centered_baseline(LENS_TOP + lens_height(lens) / 2, font)
    for group in range(lens.groups):
        first = group * lens.per_group
        position = lens.ruler.starts[first]
        if stand.is_inside and lens.cell_at(stand.start) == first and _term_text_fits(lens, stand):
            continue
        filled = position < stand.done
        ink = theme.panel if filled else color
        x = round(lens.ruler.lefts[first]) + _INSET
        yield Text(x, baseline, group_text(lens, group), font, ink)


def _below(lens: Lens, color: Color, stand: Stand, theme: Theme) -> Iterator[Text]:
    """Names under their groups, as many as have room; that of the current group always."""
    del color
    baseline = centered_baseline(BELOW, styles.LABEL)
    current = lens.cell_at(stand.start) // lens.per_group if stand.is_inside else -1
    widest = max(text_width(group_text(lens, g), _STRONG) for g in (0, lens.groups - 1, current))
    pitch = lens.group_box(1)[0] - lens.group_box(0)[0]
    every = max(1, ceil((widest + _INSET) / pitch))
    for group in range(lens.groups):
        is_current = group == current
        if not is_current and (
            group % every or (abs(group - current) < every and current >= 0 and every > 1)
        ):
            continue
        left, right = lens.group_box(group)
        text, font = group_text(lens, group), _STRONG if is_current else styles.LABEL
        x = min(round(left), lens.ruler.rights[-1] - text_width(text, font))
        yield Text(x, baseline, text, font, theme.here if is_current else theme.text_tertiary)
        if is_current:
            yield from _count(lens, stand, x + text_width(text, font), right, theme)


def _count(lens: Lens, stand: Stand, left: float, right: float, theme: Theme) -> Iterator[Text]:
    """`17 of 25`: the current cell among those of its group."""
    cell = lens.cell_at(stand.start)
    size = lens.ruler.starts[1] - lens.ruler.starts[0]
    if stand.stop - stand.start > size or lens.per_group == 1:
        return
    count = f"{cell % lens.per_group + 1} of {lens.per_group}"
    for text in (f"{cell_text(lens, cell)}  {count}".strip(), count):
        if left + 12 + text_width(text, _STRONG) <= right:
            baseline = centered_baseline(BELOW, _STRONG)
            yield Text(right, baseline, text, _STRONG, theme.here, Anchor.END)
            return


def _term_text_fits(lens: Lens, stand: Stand) -> bool:
    cell = lens.cell_at(stand.start)
    width = lens.ruler.rights[cell] - lens.ruler.lefts[cell]
    is_one_cell = stand.stop - stand.start == lens.ruler.starts[1] - lens.ruler.starts[0]
    return is_one_cell and text_width(_term_name(lens, cell), _STRONG) + 12 <= width


def _term_name(lens: Lens, cell: int) -> str:
    return f"term {cell % lens.per_group + 1} of {lens.per_group}"


def _term_text(lens: Lens, stand: Stand, theme: Theme) -> Iterator[Text]:
    if _term_text_fits(lens, stand):
        cell = lens.cell_at(stand.start)
        baseline = centered_baseline(LENS_TOP + lens_height(lens) / 2, _STRONG)
        x = round(lens.ruler.lefts[cell]) + 6
        yield Text(x, baseline, _term_name(lens, cell), _STRONG, theme.panel)


def caption(name: str, layer: str, nest: Nest, lens: Lens, *, by_source: bool) -> str:
    """`∂L/∂W of conv1: 4 elements of 4 terms`."""
    head = f"{name} of {layer}" if layer else name
    if nest.rule is Rule.COPY:
        return f"{head}: one copy of {prod(nest.shape):,} values"
    loops = lens.loops
    sizes, outer = loops.sizes, loops.channel_axes + loops.element_axes
    noun = loops.label if by_source else "element"
    elements = _counted(prod(sizes[:outer]), noun)
    if nest.rule is Rule.FUNCTION or not loops.term_axes:
        return f"{head}: {elements}"
    return f"{head}: {elements} of {_counted(prod(sizes[outer:]), 'term')}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
