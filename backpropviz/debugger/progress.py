"""What is known of an array or a value when k steps have run."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import numpy as np

from backpropviz.debugger.places import operation_of
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.element import element_progress
from backpropviz.engine.nest import Coordinates
from backpropviz.engine.partial import Partial, plane_dimensions, progress
from backpropviz.engine.tape import Tape
from backpropviz.frozen import frozen


class Standing(Enum):
    """How far a value has come."""

    GIVEN = "given"
    PENDING = "not computed yet"
    GROWING = "so far"
    FINAL = "final"


@frozen
class Reading:
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


def value_at(timeline: Timeline, tape: Tape, k: int, address: Address) -> Reading:
    """What is known of a value, or of a whole array, after k steps."""
    final = tape[address]
    operation = operation_of(timeline, tape, address)
    if operation is None:
        return Reading(Standing.GIVEN, _number(final), 1, 1)
    own = tape.resolve(address)
    nest, order = timeline.nest(operation), timeline.orders[operation]
    done, total = steps_done(timeline, operation, k), nest.steps(order)
    if final.ndim or len(own.indices) != len(nest.shape) or done in {0, total}:
        value = _number(final) if done == total else None
        return Reading(_standing(done, total), value, done, total)
    found = element_progress(tape, nest, order, done, own.indices)
    if own.array != nest.target:
        value = _number(final) if found.complete else None
        return Reading(_standing(int(found.complete), 1), value, int(found.complete), 1)
    standing = Standing.FINAL if found.complete else _standing(found.done, found.total + 1)
    return Reading(standing, found.value, found.done, found.total)


def _number(value: Array) -> float | None:
    return None if value.ndim else float(value)


def _standing(done: int, total: int) -> Standing:
    if not done:
        return Standing.PENDING
    return Standing.FINAL if done == total else Standing.GROWING
