"""What a step is: an address in the pass, not a recording of it."""

from __future__ import annotations

from enum import Enum, IntEnum

from backpropviz.engine.address import Address
from backpropviz.engine.nest import Coordinates, Nest, Rule
from backpropviz.engine.program import Phase
from backpropviz.frozen import frozen


class Depth(IntEnum):
    """How fine a step is: pass › phase › layer › tensor › channel › element › term."""

    PASS = 0
    PHASE = 1
    LAYER = 2
    TENSOR = 3
    CHANNEL = 4
    ELEMENT = 5
    TERM = 6

    @property
    def title(self) -> str:
        """Its name in the window and on the command line."""
        return self.name.lower()


class LoopOrder(Enum):
    """How the terms of a nest are visited, where there is a choice."""

    TARGET = "target"
    SOURCE = "source"

    @property
    def number(self) -> int:
        """Its place among a nest's orders."""
        return 0 if self is LoopOrder.TARGET else 1


@frozen
class Step:
    """A block of the pass; it holds no array. `coordinates` are those that the block fixes."""

    operation: int
    phase: Phase
    layer: str
    target: Address
    coordinates: Coordinates
    depth: Depth
    order: int


def depths_of(nest: Nest, order: int) -> tuple[Depth, ...]:
    """The depths that a nest has: copies end at tensor, functions at element."""
    outer = (Depth.PASS, Depth.PHASE, Depth.LAYER, Depth.TENSOR)
    if nest.rule is Rule.COPY:
        return outer
    loops = nest.orders[order]
    channel = (Depth.CHANNEL,) if loops.channel_axes else ()
    is_leaf = nest.rule is Rule.FUNCTION or not loops.term_axes
    return (*outer, *channel, Depth.ELEMENT, *(() if is_leaf else (Depth.TERM,)))


def axes_fixed(nest: Nest, order: int, depth: Depth) -> int:
    """How many of the outermost loops stand still in a block of a depth."""
    if depth <= Depth.TENSOR or nest.rule is Rule.COPY:
        return 0
    loops = nest.orders[order]
    if depth is Depth.CHANNEL:
        return loops.channel_axes
    if depth is Depth.ELEMENT:
        return loops.channel_axes + loops.element_axes
    return len(loops.axes)
