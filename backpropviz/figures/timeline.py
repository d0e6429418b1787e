"""The whole pass as a line: what has run, and the current tensor under a lens."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import ceil, prod
from typing import Final

from backpropviz.debugger.timeline import Depth, Timeline
from backpropviz.engine.contraction import split
from backpropviz.engine.nest import Coordinates, Loops, NestRule
from backpropviz.engine.tape import Phase
from backpropviz.figures.numbers import counted
from backpropviz.figures.symbols import phase_colors
from backpropviz.figures.track import (
    MARGIN,
    TRACK,
    Ruler,
    TimelineSign,
    legend,
    sign_marks,
    signs,
    track,
    track_marks,
)
from backpropviz.figures.view import HEIGHT, View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Color,
    Font,
    Group,
    Line,
    Mark,
    Path,
    Rect,
    Scene,
    Stroke,
    Text,
)
from backpropviz.scene.text import centered_baseline, elide, text_width
from backpropviz.scene.theme import Theme

_LEAST_CELL: Final = 5.0
"""Least pixels from one cell to the next."""
_MOST_GAPS: Final = 0.2
"""Share of the width that the gaps between groups may take together."""


@frozen(eq=False)
class Lens:
    """Blocks of equal numbers of steps, `per_group` of them in each group.

    A cell fixes the first `cell_axes` loops, a group the first `group_axes`.
    """

    operation: int
    ruler: Ruler
    loops: Loops
    cell_axes: int
    group_axes: int
    per_group: int

    @property
    def cells(self) -> int:
        return len(self.ruler.lefts)

    @property
    def groups(self) -> int:
        return self.cells // self.per_group

    @property
    def depth(self) -> Depth:
        """The depth whose blocks are its cells, or hold some of them."""
        channels = self.loops.channel_axes
        elements = channels + self.loops.element_axes
        if self.cell_axes == len(self.loops.axes) > elements:
            return Depth.TERM
        if self.cell_axes >= elements > 0:
            return Depth.ELEMENT
        return Depth.CHANNEL if self.cell_axes >= channels > 0 else Depth.TENSOR

    @property
    def shows_terms(self) -> bool:
        """Whether a group is an element and its cells are terms."""
        return self.group_axes == self.loops.channel_axes + self.loops.element_axes and (
            self.cell_axes > self.group_axes
        )

    def group_box(self, group: int) -> tuple[float, float]:
        first = group * self.per_group
        return self.ruler.lefts[first], self.ruler.rights[first + self.per_group - 1]

    def group_coordinates(self, group: int) -> Coordinates:
        """The loop variables that a group fixes."""
        return split(group, self.loops.sizes[: self.group_axes])

    def cell_at(self, position: int) -> int:
        """The cell that holds the step that begins at a position."""
        size = self.ruler.starts[1] - self.ruler.starts[0]
        return min((position - self.ruler.starts[0]) // size, self.cells - 1)


@lru_cache(maxsize=32)
def lens(timeline: Timeline, operation: int, width: int) -> Lens:
    """An operation in cells as fine as can still be told apart."""
    nest, loops = timeline.nest(operation), timeline.loops(operation)
    room = max(1.0, width - 2.0 * MARGIN)
    sizes = () if nest.rule is NestRule.COPY else loops.sizes
    cell_axes = _cell_axes(sizes, loops, room)
    group_axes = _group_axes(loops, cell_axes)
    cells, groups = prod(sizes[:cell_axes]), prod(sizes[:group_axes])
    start, steps = timeline.starts[operation], nest.steps(timeline.orders[operation])
    starts = tuple(range(start, start + steps + 1, steps // cells))
    lefts, rights = _places(cells, groups, room)
    return Lens(
        operation, Ruler(starts, lefts, rights), loops, cell_axes, group_axes, cells // groups
    )


def _cell_axes(sizes: tuple[int, ...], loops: Loops, room: float) -> int:
    """The most loops whose blocks have room; loops that run once do not count."""
    counts = [prod(sizes[:axes]) for axes in range(len(sizes) + 1)]
    most = max(count for count in counts if count == 1 or count * _LEAST_CELL <= room)
    # Where a deeper level only repeats the same blocks, the element is the one to name.
    elements = loops.channel_axes + loops.element_axes
    return elements if elements < len(counts) and counts[elements] == most else counts.index(most)


def _group_axes(loops: Loops, cell_axes: int) -> int:
    """Terms are grouped by element, elements by channel, channels by the loop around them."""
    channels, elements = loops.channel_axes, loops.channel_axes + loops.element_axes
    if cell_axes > elements:
        return elements
    if cell_axes > channels:
        return channels
    return max(0, cell_axes - 1)


def _places(cells: int, groups: int, room: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Left and right edges of the cells, with a wider gap after each group."""
    per_group = cells // groups
    group_gap = min(8.0, _MOST_GAPS * room / groups) if per_group > 1 else 0.0
    pitch = (room - group_gap * (groups - 1)) / cells
    cell_gap = 0.0 if cells == 1 else 2.0 if pitch >= 24 else 1.0
    # Whole pixels, so that all gaps look alike.
    lefts = tuple(
        float(round(MARGIN + k * pitch + k // per_group * group_gap)) for k in range(cells)
    )
    ends = (
        following - (0 if k % per_group else round(group_gap)) - cell_gap
        for k, following in enumerate(lefts[1:], start=1)
    )
    return lefts, (*ends, MARGIN + room)


def group_text(group: Lens, number: int) -> str:
    """What a group is: `[0,1]` for an element, `filter 2`, `channel 3`, `2 ← 0` for a channel."""
    values = group.group_coordinates(number)
    named = list(zip(group.loops.axes, values, strict=False))
    if group.shows_terms:
        own = [str(value) for _, value in named[group.loops.channel_axes :]]
        return f"[{','.join(own)}]"
    return channel_text([(axis.name, value) for axis, value in named if axis.size > 1])


def cell_text(group: Lens, cell: int) -> str:
    """`[3,1]` where a cell is an element, else nothing."""
    loops = group.loops
    elements = loops.channel_axes + loops.element_axes
    if group.cell_axes != elements or not loops.element_axes:
        return ""
    values = split(cell, loops.sizes[:elements])
    named = zip(loops.axes[loops.channel_axes :], values[loops.channel_axes :], strict=False)
    return f"[{','.join(str(value) for axis, value in named if axis.name != 'n')}]"


def channel_text(named: list[tuple[str, int]]) -> str:
    """Filter, channel and sample by name; a filter and its input channel as `2 ← 0`."""
    values = dict(named)
    sample = f"sample {values['n']}" if "n" in values else ""
    if "f" in values and "c" in values:
        plane = f"{values['f']} ← {values['c']}"
    elif "f" in values:
        plane = f"filter {values['f']}"
    elif "c" in values:
        plane = f"channel {values['c']}"
    else:
        plane = ", ".join(f"{name} {value}" for name, value in named if name != "n")
    return ", ".join(text for text in (sample, plane) if text)


LENS_TOP: Final = 62
_WITH_TERMS, _WITHOUT_TERMS = 24, 20
BELOW: Final = 95
"""Middle of the line of text below the lens."""
_INSET: Final = 8
_STRONG: Final = Font("Inter", 11, 600)


@frozen
class Stand:
    """Steps that have run, and the block among them that is current (empty: none).

    `term` is what the block is called where it is one term.
    """

    done: int
    start: int
    stop: int
    term: str = ""

    @property
    def is_inside(self) -> bool:
        return self.start < self.stop


def lens_height(lens: Lens) -> int:
    """Taller where the cells carry text."""
    return _WITH_TERMS if lens.shows_terms else _WITHOUT_TERMS


def lens_marks(
    lens: Lens, colors: tuple[Color, Color], stand: Stand, theme: Theme
) -> tuple[Mark, ...]:
    """The cells with what has run filled and the current block in the color of here."""
    color, tint = colors
    x_start = lens.ruler.x_after(stand.done)
    if stand.is_inside:
        # A block smaller than a cell fills its cell from the start.
        start = min(stand.start, lens.ruler.starts[lens.cell_at(stand.start)])
        x_start = lens.ruler.x_of(start)
    x_stop = lens.ruler.x_after(stand.stop)
    left = lens.ruler.lefts[0]
    passed = stand.done > lens.ruler.starts[0]
    marks: list[Mark] = [*_cells(lens, tint)]
    if passed:
        marks.append(_clipped(_cells(lens, color), left, x_start))
    if stand.is_inside:
        marks.append(_clipped(_cells(lens, theme.here), x_start, x_stop))
    return (*marks, *_texts(lens, color, stand, theme))


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
            radius=min(3, (right - left) / 2) if right - left >= 12 else 1,
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
    if lens.shows_terms and stand.is_inside and _term_text_fits(lens, stand):
        cell = lens.cell_at(stand.start)
        baseline = centered_baseline(LENS_TOP + lens_height(lens) / 2, _STRONG)
        x = round(lens.ruler.lefts[cell]) + 6
        yield Text(x, baseline, stand.term, _STRONG, theme.panel)


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
    """`17 of 25`: the current cell among those of its group; a term by its own number."""
    cell = lens.cell_at(stand.start)
    size = lens.ruler.starts[1] - lens.ruler.starts[0]
    if stand.stop - stand.start > size or lens.per_group == 1:
        return
    count = stand.term if lens.shows_terms else f"{cell % lens.per_group + 1} of {lens.per_group}"
    for text in (f"{cell_text(lens, cell)}  {count}".strip(), count):
        if text and left + 12 + text_width(text, _STRONG) <= right:
            baseline = centered_baseline(BELOW, _STRONG)
            yield Text(right, baseline, text, _STRONG, theme.here, Anchor.END)
            return


def _term_text_fits(lens: Lens, stand: Stand) -> bool:
    cell = lens.cell_at(stand.start)
    width = lens.ruler.rights[cell] - lens.ruler.lefts[cell]
    return bool(stand.term) and text_width(stand.term, _STRONG) + 12 <= width


def caption(view: View, spread: Lens) -> str:
    """`∂L/∂W of conv1: 4 elements of 4 terms`."""
    operation, loops = view.timeline.operations[spread.operation], spread.loops
    nest, name = operation.nest, view.notation.short(operation.nest.target)
    has_layer = operation.layer and operation.phase is not Phase.LOSS
    head = f"{name} of {operation.layer}" if has_layer else name
    if nest.rule is NestRule.COPY:
        return f"{head}: one copy of {prod(nest.shape):,} values"
    outer = loops.channel_axes + loops.element_axes
    noun = loops.label if view.timeline.orders[spread.operation] > 0 else "element"
    elements = counted(prod(loops.sizes[:outer]), noun)
    if nest.rule is NestRule.FUNCTION or not loops.term_axes:
        return f"{head}: {elements}"
    return f"{head}: {elements} of {counted(prod(loops.sizes[outer:]), 'term')}"


_BOUNDARY: Final = (TRACK[0] + TRACK[1] + LENS_TOP) / 2
"""Above it a point belongs to the track, below to the lens."""


@frozen(eq=False)
class TimelineFigure:
    """The picture, and what lies under its points."""

    scene: Scene
    track: Ruler
    lens: Ruler
    lens_depth: Depth

    def step_at(self, x: float, y: float) -> int:
        """The position (0 … N) whose step is drawn there; it never falls as x grows."""
        return (self.track if y < _BOUNDARY else self.lens).step_at(x)

    def depth_at(self, y: float) -> Depth:
        """How deep one looks there: the track shows tensors at most, the lens its cells."""
        return Depth.PASS if y < _BOUNDARY else self.lens_depth


def timeline(
    view: View, width: float, theme: Theme, bookmarks: tuple[int, ...] = ()
) -> TimelineFigure:
    """The timeline in `width` × 104 px, with bookmarked positions."""
    pixels = max(2 * MARGIN + 8, int(width))
    found = track(view.timeline, pixels)
    operation = view.timeline.operation_at(min(view.state.k, view.timeline.steps - 1))
    spread = lens(view.timeline, operation, pixels)
    playhead = found.ruler.x_after(view.position) if view.position else float(MARGIN)
    marked = signs(view, bookmarks)
    phase = view.timeline.operations[spread.operation].phase
    start, stop = view.block
    first, last = spread.ruler.starts[0], spread.ruler.starts[-1]
    is_part = first <= start and stop <= last and stop - start < last - first
    done = min(max(view.position, first), last)
    term = "" if view.term is None else str(view.term)
    stand = Stand(done, start, stop, term) if is_part else Stand(done, done, done)
    marks = (
        *track_marks(view.timeline, view.notation, pixels, theme, playhead),
        *_connection(found.ruler, spread, theme),
        *lens_marks(spread, phase_colors(phase, theme), stand, theme),
        *sign_marks(marked, found.ruler, theme),
        *_playhead(playhead, theme),
        *_foot(view, spread, marked, pixels, theme),
    )
    title = f"step {view.position} of {view.timeline.steps}"
    return TimelineFigure(
        Scene(width, HEIGHT, theme.panel, marks, title), found.ruler, spread.ruler, spread.depth
    )


def _connection(ruler: Ruler, spread: Lens, theme: Theme) -> Iterator[Line]:
    """Dotted lines from the tensor in the track to the lens's ends."""
    stroke = Stroke(theme.border_strong, 1.0, (2.0, 3.0))
    top = TRACK[0] + TRACK[1] + 1
    left, right = ruler.lefts[spread.operation], ruler.rights[spread.operation]
    yield Line(round(left), top, spread.ruler.lefts[0], LENS_TOP - 1, stroke)
    yield Line(round(right), top, spread.ruler.rights[-1], LENS_TOP - 1, stroke)


def _playhead(x: float, theme: Theme) -> tuple[Mark, ...]:
    middle, top = round(x), TRACK[0]
    outline = ((-5, -6), (5, -6), (5, -1), (1, 3), (-1, 3), (-5, -1))
    return (
        Rect(middle - 1, top - 4, 2, TRACK[1] + 8, fill=theme.here),
        Path(tuple((middle + dx, top + dy) for dx, dy in outline), None, theme.here, closed=True),
    )


def _foot(
    view: View, spread: Lens, marked: tuple[TimelineSign, ...], width: int, theme: Theme
) -> Iterator[Mark]:
    """The caption and the legend, unless the names of groups stand there."""
    if has_names_below(spread):
        return
    right = width - MARGIN
    explained, left = legend(marked, right, BELOW, theme)
    yield from explained
    font = styles.LABEL
    text = elide(caption(view, spread), font, left - 16 - MARGIN)
    yield Text(MARGIN, centered_baseline(BELOW, font), text, font, theme.text_secondary)
