"""All steps of a pass as one line: the concatenation of its nests. Nothing is recorded per step.

Position k (0 … N) counts the steps that have run; step k is the one about to run. All numbers are
Python ints, and finding a step is a bisection and a mixed-radix split.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import cached_property
from itertools import accumulate, groupby

from backpropviz.debugger.steps import Depth, LoopOrder, Step, axes_fixed, depths_of
from backpropviz.engine.address import Address
from backpropviz.engine.boxes import join, split
from backpropviz.engine.nest import Coordinates, Loops, Nest, Rule
from backpropviz.engine.program import Operation, Phase
from backpropviz.frozen import frozen


@frozen
class Extent:
    """A part of the pass: operations `first … last − 1`, steps `start … stop − 1`."""

    phase: Phase
    layer: str
    first: int
    last: int
    start: int
    stop: int


@frozen
class Frame:
    """One level of the call stack: the `ordinal`-th (from 0) of `total` blocks of the level above.

    `coordinates` are the loop variables of this level with their values.
    """

    depth: Depth
    name: str
    ordinal: int
    total: int
    start: int
    stop: int
    coordinates: tuple[tuple[str, int], ...] = ()


@frozen(eq=False, slots=False)
class Timeline:
    """The operations of a pass in their chosen loop orders.

    `overrides` are operations (by number) whose order differs from the one wished for; a nest with
    one order only keeps it.
    """

    operations: tuple[Operation, ...]
    wish: LoopOrder = LoopOrder.TARGET
    overrides: Mapping[int, LoopOrder] = field(default_factory=dict)

    @cached_property
    def orders(self) -> tuple[int, ...]:
        """The loop order of each operation."""
        wished = (self.overrides.get(k, self.wish).number for k in range(len(self.operations)))
        return tuple(
            min(number, max(0, len(operation.nest.orders) - 1))
            for number, operation in zip(wished, self.operations, strict=True)
        )

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The first step of each operation, and at the end the number of steps."""
        counts = (
            operation.nest.steps(order)
            for operation, order in zip(self.operations, self.orders, strict=True)
        )
        return (0, *accumulate(counts))

    @property
    def steps(self) -> int:
        """N, the number of steps."""
        return self.starts[-1]

    def ordered(self, wish: LoopOrder, overrides: Mapping[int, LoopOrder]) -> Timeline:
        """The same operations in other orders; itself where nothing changes."""
        if wish is self.wish and dict(overrides) == dict(self.overrides):
            return self
        return Timeline(self.operations, wish, overrides)

    def operation_at(self, k: int) -> int:
        """The number of the operation that step k belongs to.

        Raises:
            IndexError: there is no step k.
        """
        if not 0 <= k < self.steps:
            raise IndexError(f"step {k} of {self.steps}")
        return bisect_right(self.starts, k) - 1

    def nest(self, operation: int) -> Nest:
        """An operation's nest."""
        return self.operations[operation].nest

    def loops(self, operation: int) -> Loops:
        """An operation's loops in the chosen order."""
        return self.nest(operation).orders[self.orders[operation]]

    def coordinates(self, k: int) -> Coordinates:
        """The loop coordinates of step k; a copy has none."""
        operation = self.operation_at(k)
        if self.nest(operation).rule is Rule.COPY:
            return ()
        return split(k - self.starts[operation], self.loops(operation).sizes)

    def position(self, operation: int, coordinates: Coordinates) -> int:
        """The step with these loop coordinates (missing innermost ones are 0)."""
        if self.nest(operation).rule is Rule.COPY:
            return self.starts[operation]
        sizes = self.loops(operation).sizes
        full = coordinates + (0,) * (len(sizes) - len(coordinates))
        return self.starts[operation] + join(full, sizes)

    def depths_at(self, k: int) -> tuple[Depth, ...]:
        """The depths that the nest of step k has."""
        operation = self.operation_at(k)
        return depths_of(self.nest(operation), self.orders[operation])

    def effective_depth(self, k: int, depth: Depth) -> Depth:
        """The deepest depth at step k that is not deeper than the wanted one."""
        return max(d for d in self.depths_at(k) if d <= depth)

    def block(self, k: int, depth: Depth) -> tuple[int, int]:
        """Start and stop of the block, at the effective depth, that holds step k; (N, N) at N."""
        if k == self.steps:
            return k, k
        if depth is Depth.PASS:
            return 0, self.steps
        operation = self.operation_at(k)
        if depth <= Depth.LAYER:
            extents = self.phases if depth is Depth.PHASE else self.layers
            extent = extents[bisect_right(extents, operation, key=lambda e: e.first) - 1]
            return extent.start, extent.stop
        start = self.starts[operation]
        size = self.block_size(operation, self.effective_depth(k, depth))
        first = start + (k - start) // size * size
        return first, first + size

    def block_size(self, operation: int, depth: Depth) -> int:
        """How many steps a block of a depth (tensor or deeper) of an operation has."""
        nest, order = self.nest(operation), self.orders[operation]
        if depth <= Depth.TENSOR:
            return nest.steps(order)
        return math.prod(nest.orders[order].sizes[axes_fixed(nest, order, depth) :])

    def step(self, k: int, depth: Depth) -> Step:
        """The block at the effective depth that contains step k."""
        operation = self.operation_at(k)
        found, order = self.operations[operation], self.orders[operation]
        effective = self.effective_depth(k, depth)
        fixed = self.coordinates(k)[: axes_fixed(found.nest, order, effective)]
        return Step(operation, found.phase, found.layer, found.nest.target, fixed, effective, order)

    @cached_property
    def phases(self) -> tuple[Extent, ...]:
        """Where the phases lie."""
        return self._extents(lambda operation: (operation.phase, ""))

    @cached_property
    def layers(self) -> tuple[Extent, ...]:
        """Where the layers of each phase lie."""
        return self._extents(lambda operation: (operation.phase, operation.layer))

    @cached_property
    def tensors(self) -> tuple[Extent, ...]:
        """Where the operations lie."""
        return tuple(
            Extent(o.phase, o.layer, k, k + 1, self.starts[k], self.starts[k + 1])
            for k, o in enumerate(self.operations)
        )

    def _extents(self, key: Callable[[Operation], tuple[Phase, str]]) -> tuple[Extent, ...]:
        numbered = enumerate(self.operations)
        groups = ((k, list(g)) for k, g in groupby(numbered, key=lambda pair: key(pair[1])))
        return tuple(
            Extent(
                phase,
                layer,
                group[0][0],
                group[-1][0] + 1,
                self.starts[group[0][0]],
                self.starts[group[-1][0] + 1],
            )
            for (phase, layer), group in groups
        )

    def computed_by(self, array: Address) -> int | None:
        """The number of the operation that computes an array, under the name that its nest has."""
        return self._by_target.get(array.array)

    @cached_property
    def _by_target(self) -> Mapping[Address, int]:
        return {operation.nest.target: k for k, operation in enumerate(self.operations)}
