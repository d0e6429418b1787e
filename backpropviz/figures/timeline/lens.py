"""The current tensor, spread over the whole width: elements and terms, or coarser blocks."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Final

from backpropviz.debugger.steps import Depth
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.boxes import split
from backpropviz.engine.nest import Coordinates, Loops, Rule
from backpropviz.figures.timeline.ruler import Ruler
from backpropviz.figures.timeline.track import MARGIN
from backpropviz.frozen import frozen

_LEAST_CELL: Final = 5.0
"""Least pixels from one cell to the next."""
_GROUP_GAP: Final = 8.0
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
        """Number of cells."""
        return len(self.ruler.lefts)

    @property
    def groups(self) -> int:
        """Number of groups."""
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
        """Left and right edge of a group."""
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
    sizes = () if nest.rule is Rule.COPY else loops.sizes
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
    group_gap = min(_GROUP_GAP, _MOST_GAPS * room / groups) if per_group > 1 else 0.0
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
