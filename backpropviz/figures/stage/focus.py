"""The operation in focus: which block of its steps is shown, and what they read and make."""

from __future__ import annotations

from functools import cached_property

from backpropviz.debugger.steps import Depth, axes_fixed
from backpropviz.engine.nest import Coordinates, Loops, Nest, Region
from backpropviz.engine.program import Operation
from backpropviz.frozen import frozen


@frozen(eq=False, slots=False)
class Focus:
    """A block of steps of one nest, at tensor depth or deeper.

    `coordinates` are those of the step; `steps_done` counts the nest's steps up to the block's end.
    """

    operation: Operation
    order: int
    coordinates: Coordinates
    depth: Depth
    steps_done: int

    @property
    def nest(self) -> Nest:
        """The operation's definition."""
        return self.operation.nest

    @property
    def loops(self) -> Loops:
        """The loops in the chosen order."""
        return self.nest.orders[self.order]

    @property
    def is_by_source(self) -> bool:
        """Whether upstream values are scattered instead of targets gathered."""
        return self.order > 0

    def region_at(self, depth: Depth) -> Region:
        """The block around the current step at a depth."""
        return self.loops.region(self.coordinates[: axes_fixed(self.nest, self.order, depth)])

    @cached_property
    def region(self) -> Region:
        """The block in focus."""
        return self.region_at(self.depth)

    @cached_property
    def element_region(self) -> Region:
        """The block in focus, at least an element: the picture stays when terms are stepped."""
        return self.region_at(Depth.ELEMENT if self.depth is Depth.TERM else self.depth)

    @property
    def is_element(self) -> bool:
        """Whether the focus is one element or one term of it."""
        return self.depth in {Depth.ELEMENT, Depth.TERM}

    @cached_property
    def target(self) -> Coordinates | None:
        """The value that the focus makes, where it makes just one inside the array."""
        if not self.is_element or (self.is_by_source and self.depth is not Depth.TERM):
            return None
        return self.loops.target_at(self.coordinates, self.nest.shape)
