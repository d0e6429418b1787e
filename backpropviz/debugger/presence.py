"""Steps that are there: loops are rectangular, and some steps have no source or no target."""

from __future__ import annotations

from functools import reduce

import numpy as np

from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.arrays import Array
from backpropviz.engine.boxes import Run, runs, runs_backwards
from backpropviz.engine.derivation import presence_of
from backpropviz.engine.nest import Loops, Nest, Presence, Region, Rule, Values

_FIRST, _MOST = 1 << 6, 1 << 18
"""Steps looked at at once: few at first, since the next one is nearly always close."""


def is_absent(timeline: Timeline, tape: Values, k: int) -> bool:
    """Whether step k has no source or no target: it is passed without stopping unless asked."""
    operation = timeline.operation_at(k)
    nest = timeline.nest(operation)
    if nest.rule in {Rule.COPY, Rule.FUNCTION}:
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
        run = _next_run(loops, step, most, forward=forward)
        found = np.flatnonzero(present(tape, nest, loops, run.region))
        if found.size:
            return start + run.start + int(found[0 if forward else -1])
        step = run.stop if forward else run.start - 1
        most = min(most * 8, _MOST)
    return None


def _next_run(loops: Loops, step: int, most: int, *, forward: bool) -> Run:
    if forward:
        return next(runs(loops.sizes, step, loops.steps, most))
    return next(runs_backwards(loops.sizes, 0, step + 1, most))
