"""Where the operations of a pass lie: one block a layer, cut by what it computes."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from math import sqrt
from typing import Final

from backpropviz.debugger.timeline import Extent, Timeline
from backpropviz.engine.program import Phase
from backpropviz.figures.timeline.ruler import Ruler
from backpropviz.frozen import frozen

MARGIN: Final = 16
_PHASE_GAP: Final = 8.0
_LAYER_GAP: Final = 2.0
_MOST_GAPS: Final = 0.15
"""Share of the width that gaps may take together."""
_STEP: Final = 4.0
"""Pixels a step from which widths follow the number of steps, not its square root."""
_LEAST: Final = 4.0
"""Least width of an operation, where the width allows it."""


@frozen
class Part:
    """Neighboring operations of a layer that make one tensor: its gradient, or its update."""

    first: int
    last: int
    left: float
    right: float


@frozen
class Block:
    """A layer in one phase, its parts from left to right."""

    extent: Extent
    parts: tuple[Part, ...]

    @property
    def left(self) -> float:
        """Its left edge."""
        return self.parts[0].left

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.parts[-1].right


@frozen(eq=False)
class Track:
    """The whole pass between two margins."""

    blocks: tuple[Block, ...]
    ruler: Ruler
    is_proportional: bool


@lru_cache(maxsize=8)
def track(timeline: Timeline, width: int) -> Track:
    """The pass in `width` px: widths by the number of steps, or by its root if there are many."""
    gaps = _gaps(timeline, width)
    room = max(1.0, width - 2 * MARGIN - sum(gaps))
    counts = [stop - start for start, stop in pairwise(timeline.starts)]
    is_proportional = room >= _STEP * timeline.steps
    weights = [float(count) if is_proportional else sqrt(count) for count in counts]
    least = 0.0 if is_proportional else min(_LEAST, room / (2 * len(counts)))
    share = (room - least * len(counts)) / sum(weights)
    lefts: list[float] = []
    rights: list[float] = []
    x = float(MARGIN)
    for weight, gap in zip(weights, gaps, strict=True):
        lefts.append(x + gap)
        x = lefts[-1] + least + weight * share
        rights.append(x)
    blocks = tuple(_block(timeline, extent, lefts, rights) for extent in timeline.layers)
    return Track(blocks, Ruler(timeline.starts, tuple(lefts), tuple(rights)), is_proportional)


def _gaps(timeline: Timeline, width: int) -> list[float]:
    """The empty pixels left of each operation."""
    phases = {extent.first for extent in timeline.phases}
    layers = {extent.first for extent in timeline.layers}
    wished = [
        (_PHASE_GAP if k in phases else _LAYER_GAP if k in layers else 0.0) if k else 0.0
        for k in range(len(timeline.operations))
    ]
    shrunk = min(1.0, _MOST_GAPS * width / max(sum(wished), 1.0))
    return [gap * shrunk for gap in wished]


def _block(timeline: Timeline, extent: Extent, lefts: list[float], rights: list[float]) -> Block:
    cuts = [
        k
        for k in range(extent.first, extent.last)
        if k == extent.first or _tensor(timeline, k) != _tensor(timeline, k - 1)
    ]
    parts = (
        Part(first, last, lefts[first], rights[last - 1])
        for first, last in pairwise([*cuts, extent.last])
    )
    return Block(extent, tuple(parts))


def _tensor(timeline: Timeline, operation: int) -> object:
    """What a part is named after: a parameter's velocity, step and next value belong together."""
    found = timeline.operations[operation]
    target = found.nest.target
    return target.quantity if found.phase is Phase.UPDATE else target
