"""Progress of arrays and values: what is known of them when k steps have run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import Enum

import numpy as np

from backpropviz.debugger.session import SessionState, shown_position
from backpropviz.debugger.timeline import BlockFrame, Depth, Timeline, axes_fixed, operation_of
from backpropviz.engine.nest import Coordinates
from backpropviz.engine.partial import Partial, element_progress, plane_dimensions, progress
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address, Array
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


class Standing(Enum):
    """How far a value has come."""

    GIVEN = "given"
    PENDING = "not computed yet"
    GROWING = "so far"
    FINAL = "final"


@frozen
class ValueReading:
    """A value at a position; `value` is None while it is not computed, and for whole arrays.

    `done` of `total` terms have run (of a whole array: steps).
    """

    standing: Standing
    value: float | None
    done: int
    total: int


def steps_done(timeline: Timeline, operation: int, k: int) -> int:
    """How many steps of an operation have run when k steps of the pass have."""
    start, stop = timeline.starts[operation], timeline.starts[operation + 1]
    return min(max(k, start), stop) - start


def array_at(
    timeline: Timeline,
    tape: Tape,
    k: int,
    address: Address,
    planes: Sequence[Coordinates] | None = None,
    extent: tuple[range, ...] | None = None,
) -> Partial:
    """An array after k steps, or some of its planes, as `engine.partial.progress` gives them."""
    array = tape.resolve(address).array
    operation = operation_of(timeline, tape, array)
    if operation is None:
        return _masked(tape[array], np.True_, planes, extent)
    nest, order = timeline.nest(operation), timeline.orders[operation]
    done = steps_done(timeline, operation, k)
    if nest.target == array:
        return progress(tape, nest, order, done, planes, extent)
    kept = tape[array]
    if kept.shape == nest.shape:
        complete = progress(tape, nest, order, done, planes, extent).complete
    else:
        complete = np.array(done == nest.steps(order))
    return _masked(kept, complete, planes, extent)


def _masked(
    array: Array,
    complete: Array | np.bool,
    planes: Sequence[Coordinates] | None,
    extent: tuple[range, ...] | None,
) -> Partial:
    """An array of which all is either complete or not computed."""
    if planes is not None and plane_dimensions(array.shape):
        array = np.stack([array[plane] for plane in planes])
    elif planes is not None:
        array = array[np.newaxis]
    if extent is not None:
        inner = tuple(slice(r.start, r.stop) for r in extent)
        array = array[(slice(None),) * (array.ndim - len(inner)) + inner]
    mask = np.broadcast_to(complete, array.shape)
    return Partial(np.where(mask, array.astype(np.float64), np.nan), mask, mask)


def value_at(timeline: Timeline, tape: Tape, k: int, address: Address) -> ValueReading:
    """What is known of a value, or of a whole array, after k steps."""
    final = tape[address]
    operation = operation_of(timeline, tape, address)
    if operation is None:
        return ValueReading(Standing.GIVEN, _number(final), 1, 1)
    own = tape.resolve(address)
    nest, order = timeline.nest(operation), timeline.orders[operation]
    done, total = steps_done(timeline, operation, k), nest.steps(order)
    if final.ndim or len(own.indices) != len(nest.shape) or done in {0, total}:
        value = _number(final) if done == total else None
        return ValueReading(_standing(done, total), value, done, total)
    found = element_progress(tape, nest, order, done, own.indices)
    if own.array != nest.target:
        value = _number(final) if found.complete else None
        return ValueReading(_standing(int(found.complete), 1), value, int(found.complete), 1)
    standing = Standing.FINAL if found.complete else _standing(found.done, found.total + 1)
    return ValueReading(standing, found.value, found.done, found.total)


def _number(value: Array) -> float | None:
    return None if value.ndim else float(value)


def _standing(done: int, total: int) -> Standing:
    if not done:
        return Standing.PENDING
    return Standing.FINAL if done == total else Standing.GROWING


def call_stack(timeline: Timeline, k: int, depth: Depth) -> tuple[BlockFrame, ...]:
    """The frames from the pass down to the effective depth; none at k = N."""
    if k == timeline.steps:
        return ()
    effective = timeline.effective_depth(k, depth)
    return tuple(frame for frame in _frames(timeline, k) if frame.depth <= effective)


def _frames(timeline: Timeline, k: int) -> Iterator[BlockFrame]:
    operation = timeline.operation_at(k)
    yield BlockFrame(Depth.PASS, "pass", 0, 1, 0, timeline.steps)
    around = 0, len(timeline.operations)
    name = timeline.nest(operation).target.name
    for depth, extents in (
        (Depth.PHASE, timeline.phases),
        (Depth.LAYER, timeline.layers),
        (Depth.TENSOR, timeline.tensors),
    ):
        siblings = [e for e in extents if around[0] <= e.first < around[1]]
        here = next(e for e in siblings if e.first <= operation < e.last)
        title = {Depth.PHASE: here.phase.value, Depth.LAYER: here.layer}.get(depth, name)
        ordinal, total = siblings.index(here), len(siblings)
        yield BlockFrame(depth, title, ordinal, total, here.start, here.stop)
        around = here.first, here.last
    yield from _inner(timeline, k, operation)


def _inner(timeline: Timeline, k: int, operation: int) -> Iterator[BlockFrame]:
    """Channel, element and term, as far as the nest has them."""
    nest, order = timeline.nest(operation), timeline.orders[operation]
    coordinates = timeline.coordinates(k)
    outer = 0
    for depth in timeline.depths_at(k):
        if depth <= Depth.TENSOR:
            continue
        inner = axes_fixed(nest, order, depth)
        axes = timeline.loops(operation).axes[outer:inner]
        values = coordinates[outer:inner]
        ordinal = 0
        for axis, value in zip(axes, values, strict=True):
            ordinal = ordinal * axis.size + value
        named = tuple((axis.name, value) for axis, value in zip(axes, values, strict=True))
        name = ", ".join(f"{letter} = {value}" for letter, value in named)
        total = math.prod(axis.size for axis in axes)
        yield BlockFrame(depth, name, ordinal, total, *timeline.block(k, depth), named)
        outer = inner


@frozen
class Watched:
    """A watch and what it reads; None where the pass has no such value."""

    address: Address
    reading: ValueReading | None


def read_watches(timeline: Timeline, tape: Tape, state: SessionState) -> tuple[Watched, ...]:
    """Every watch, read after the focus."""
    k, found = shown_position(timeline, state), []
    for address in state.watches:
        try:
            found.append(Watched(address, value_at(timeline, tape, k, address)))
        except UserError:
            found.append(Watched(address, None))
    return tuple(found)
