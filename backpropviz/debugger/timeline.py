"""What a step is: an address in the pass, not a recording of it."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import field
from enum import Enum, IntEnum
from functools import cached_property, reduce
from itertools import accumulate, groupby
from typing import Final

import numpy as np

from backpropviz.engine.contraction import join, runs, runs_backwards, split
from backpropviz.engine.derivation import presence_of
from backpropviz.engine.kinds.protocol import input_name
from backpropviz.engine.nest import Coordinates, Loops, Nest, NestRule, Presence, Region, Values
from backpropviz.engine.partial import contributions
from backpropviz.engine.tape import Operation, Phase, Tape
from backpropviz.engine.value import Address, Array
from backpropviz.errors import UserError
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
    if nest.rule is NestRule.COPY:
        return outer
    loops = nest.orders[order]
    channel = (Depth.CHANNEL,) if loops.channel_axes else ()
    is_leaf = nest.rule is NestRule.FUNCTION or not loops.term_axes
    return (*outer, *channel, Depth.ELEMENT, *(() if is_leaf else (Depth.TERM,)))


def axes_fixed(nest: Nest, order: int, depth: Depth) -> int:
    """How many of the outermost loops stand still in a block of a depth."""
    if depth <= Depth.TENSOR or nest.rule is NestRule.COPY:
        return 0
    loops = nest.orders[order]
    if depth is Depth.CHANNEL:
        return loops.channel_axes
    if depth is Depth.ELEMENT:
        return loops.channel_axes + loops.element_axes
    return len(loops.axes)


@frozen
class StepExtent:
    """A part of the pass: operations `first … last − 1`, steps `start … stop − 1`."""

    phase: Phase
    layer: str
    first: int
    last: int
    start: int
    stop: int


@frozen
class BlockFrame:
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
        """The number of the operation that step k belongs to."""
        if not 0 <= k < self.steps:
            raise IndexError(f"step {k} of {self.steps}")
        return bisect_right(self.starts, k) - 1

    def nest(self, operation: int) -> Nest:
        return self.operations[operation].nest

    def loops(self, operation: int) -> Loops:
        """An operation's loops in the chosen order."""
        return self.nest(operation).orders[self.orders[operation]]

    def coordinates(self, k: int) -> Coordinates:
        """The loop coordinates of step k; a copy has none."""
        operation = self.operation_at(k)
        if self.nest(operation).rule is NestRule.COPY:
            return ()
        return split(k - self.starts[operation], self.loops(operation).sizes)

    def position(self, operation: int, coordinates: Coordinates) -> int:
        """The step with these loop coordinates (missing innermost ones are 0)."""
        if self.nest(operation).rule is NestRule.COPY:
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
    def phases(self) -> tuple[StepExtent, ...]:
        """Where the phases lie."""
        return self._extents(lambda operation: (operation.phase, ""))

    @cached_property
    def layers(self) -> tuple[StepExtent, ...]:
        """Where the layers of each phase lie."""
        return self._extents(lambda operation: (operation.phase, operation.layer))

    @cached_property
    def tensors(self) -> tuple[StepExtent, ...]:
        """Where the operations lie."""
        return tuple(
            StepExtent(o.phase, o.layer, k, k + 1, self.starts[k], self.starts[k + 1])
            for k, o in enumerate(self.operations)
        )

    def _extents(self, key: Callable[[Operation], tuple[Phase, str]]) -> tuple[StepExtent, ...]:
        numbered = enumerate(self.operations)
        groups = ((k, list(g)) for k, g in groupby(numbered, key=lambda pair: key(pair[1])))
        found = ((of, group[0][0], group[-1][0] + 1) for of, group in groups)
        return tuple(
            StepExtent(*of, first, last, self.starts[first], self.starts[last])
            for of, first, last in found
        )

    def computed_by(self, array: Address) -> int | None:
        """The number of the operation that computes an array, under the name that its nest has."""
        return self._by_target.get(array.array)

    @cached_property
    def _by_target(self) -> Mapping[Address, int]:
        return {operation.nest.target: k for k, operation in enumerate(self.operations)}


_FIRST, _MOST = 1 << 6, 1 << 18
"""Steps looked at at once: few at first, since the next one is nearly always close."""


def is_absent(timeline: Timeline, tape: Values, k: int) -> bool:
    """Whether step k has no source or no target: it is passed without stopping unless asked."""
    operation = timeline.operation_at(k)
    nest = timeline.nest(operation)
    if nest.rule in {NestRule.COPY, NestRule.FUNCTION}:
        return False
    loops, coordinates = timeline.loops(operation), timeline.coordinates(k)
    if loops.target_at(coordinates, nest.shape) is None:
        return True
    found = tuple(operand.at(tape, coordinates) for operand in loops.operands)
    return presence_of(found) is Presence.ABSENT


def present(tape: Values, nest: Nest, loops: Loops, region: Region) -> Array:
    """Which steps of a box are not absent, in order."""
    sizes = tuple(len(r) for r in region)
    masks = [operand.exists(tape, region) for operand in loops.operands]
    kept = [mask for mask in masks if mask is not None]
    for index, size in zip(loops.target, nest.shape, strict=True):
        found, exact = index.over(region)
        kept.append((found >= 0) & (found < size))
        if exact is not None:
            kept.append(exact)
    mask = reduce(np.logical_and, kept, np.array(True))
    return np.broadcast_to(mask, sizes).reshape(-1)


def next_present(timeline: Timeline, tape: Values, k: int) -> int:
    """The first step from k on that is not absent; N if there is none."""
    while k < timeline.steps and is_absent(timeline, tape, k):
        found = _within(timeline, tape, k, forward=True)
        if found is not None:
            return found
        k = timeline.starts[timeline.operation_at(k) + 1]
    return k


def previous_present(timeline: Timeline, tape: Values, k: int) -> int:
    """The last step up to k that is not absent; 0 if there is none."""
    while k > 0 and is_absent(timeline, tape, k):
        found = _within(timeline, tape, k, forward=False)
        if found is not None:
            return found
        k = max(0, timeline.starts[timeline.operation_at(k)] - 1)
    return k


def _within(timeline: Timeline, tape: Values, k: int, *, forward: bool) -> int | None:
    """The nearest present step of the same operation."""
    operation = timeline.operation_at(k)
    nest, loops = timeline.nest(operation), timeline.loops(operation)
    start, most = timeline.starts[operation], _FIRST
    step = k - start
    while 0 <= step < loops.steps:
        if forward:
            run = next(runs(loops.sizes, step, loops.steps, most))
        else:
            run = next(runs_backwards(loops.sizes, 0, step + 1, most))
        found = np.flatnonzero(present(tape, nest, loops, run.region))
        if found.size:
            return start + run.start + int(found[0 if forward else -1])
        step = run.stop if forward else run.start - 1
        most = min(most * 8, _MOST)
    return None


_NUMBER: Final = re.compile(r"(?:step\s+)?([0-9][0-9,]*)")
_MOST_DIGITS: Final = 19


def step_number(text: str, steps: int) -> int | None:
    """The position before the step with a number, which counts from 1; None for another text.

    Raises:
        UserError: there is no such step.
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return None
    digits = found[1].replace(",", "").lstrip("0")
    number = int(digits or "0") if len(digits) <= _MOST_DIGITS else steps + 1
    if not 1 <= number <= steps:
        told = digits if len(digits) <= _MOST_DIGITS else f"{digits[:_MOST_DIGITS]}…"
        raise UserError(f"There is no step {told or '0'}: give a number from 1 to {steps:,}.")
    return number - 1


def operation_of(timeline: Timeline, tape: Tape, address: Address) -> int | None:
    """The operation that makes an array, under any of its names; None where it is given.

    What a layer keeps for the way back (`pool1.switches`) is made with the layer's output.
    """
    own = tape.resolve(address).array
    found = timeline.computed_by(own)
    if found is not None or not _is_residual(tape, own):
        return found
    forward = {Phase.FORWARD, Phase.LOSS}
    numbered = enumerate(timeline.operations)
    made = [k for k, o in numbered if o.layer == own.layer and o.phase in forward]
    return made[-1] if made else None


def _is_residual(tape: Tape, array: Address) -> bool:
    node = tape.network.by_name.get(array.layer)
    if node is None or array.part:
        return False
    inputs = {input_name(k, len(node.inputs)) for k in range(len(node.inputs))}
    return array.quantity not in {*inputs, *tape.network.kept_shapes(node)}


def find(timeline: Timeline, tape: Tape, address: Address, depth: Depth) -> int:
    """The start of the block, at a depth, after which the value stands complete.

    By target that is the value's own block; by source the block of the last term that it takes.

    Raises:
        UserError: there is no such value, or no step computes it.
    """
    _ = tape[address]
    operation = operation_of(timeline, tape, address)
    if operation is None:
        raise UserError(
            f"“{address}” is given, not computed: no step leads to it; "
            "go to a value that it has a part in."
        )
    own = tape.resolve(address)
    nest, start = timeline.nest(operation), timeline.starts[operation]
    if not own.indices or nest.rule is NestRule.COPY or len(own.indices) != len(nest.shape):
        return start_of_block(timeline, tape, start, depth)
    if timeline.orders[operation] == 0:
        element = timeline.position(operation, nest.element_at(own.indices))
        return start_of_block(timeline, tape, element, depth)
    steps = contributions(tape, nest, timeline.orders[operation], own.indices)
    last = start + int(steps[-1]) if len(steps) else start
    return timeline.block(last, depth)[0]


def completed_at(timeline: Timeline, tape: Tape, address: Address) -> int:
    """The last step that a value, or an array with all its values, takes.

    Raises:
        UserError: there is no such value, or no step computes it.
    """
    k = find(timeline, tape, address, Depth.TENSOR)
    operation, own = timeline.operation_at(k), tape.resolve(address)
    if len(own.indices) != len(timeline.nest(operation).shape):
        return timeline.block(k, Depth.TENSOR)[1] - 1
    is_by_source = timeline.orders[operation] > 0
    depth = Depth.TERM if is_by_source else Depth.ELEMENT
    return timeline.block(find(timeline, tape, address, depth), depth)[1] - 1


def start_of_block(timeline: Timeline, tape: Values, k: int, depth: Depth) -> int:
    """The start of the block that contains step k; of an absent term, the next one of its value."""
    start, stop = timeline.block(k, depth)
    if timeline.effective_depth(k, depth) is not Depth.TERM or not is_absent(timeline, tape, k):
        return start
    first = next_present(timeline, tape, k)
    return first if first < timeline.block(k, Depth.ELEMENT)[1] else stop - 1


def reordered(old: Timeline, new: Timeline, tape: Values, k: int, depth: Depth) -> int:
    """The position in `new` of the term at k in `old`, which has the same operations.

    A block that holds a whole tensor or more stays at its start. Where the term does not exist in
    the other order, the next one that does is taken.
    """
    if k == old.steps:
        return new.steps
    operation = old.operation_at(k)
    start = old.starts[operation]
    if old.orders[operation] == new.orders[operation]:
        return new.starts[operation] + k - start
    if k == start and old.effective_depth(k, depth) <= Depth.TENSOR:
        return new.starts[operation]
    k = next_present(old, tape, k)
    if k >= old.starts[operation + 1]:
        return new.starts[operation]
    coordinates = old.coordinates(k)
    found = tuple(index.at(coordinates) for index in new.loops(operation).locate)
    return new.position(operation, tuple(c for c in found if c is not None))
