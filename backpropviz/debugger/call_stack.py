"""Where am I: the levels that enclose a step, as a debugger's call stack."""

from __future__ import annotations

import math
from collections.abc import Iterator

from backpropviz.debugger.steps import Depth, axes_fixed
from backpropviz.debugger.timeline import Extent, Frame, Timeline


def call_stack(timeline: Timeline, k: int, depth: Depth) -> tuple[Frame, ...]:
    """The frames from the pass down to the effective depth; none at k = N."""
    if k == timeline.steps:
        return ()
    effective = timeline.effective_depth(k, depth)
    return tuple(frame for frame in _frames(timeline, k) if frame.depth <= effective)


def _frames(timeline: Timeline, k: int) -> Iterator[Frame]:
    operation = timeline.operation_at(k)
    yield Frame(Depth.PASS, "pass", 0, 1, 0, timeline.steps)
    phase = _holding(timeline.phases, operation)
    yield _frame(Depth.PHASE, phase.phase.value, phase, list(timeline.phases))
    layer = _holding(timeline.layers, operation)
    siblings = [e for e in timeline.layers if phase.first <= e.first < phase.last]
    yield _frame(Depth.LAYER, layer.layer, layer, siblings)
    tensor = timeline.tensors[operation]
    name = timeline.nest(operation).target.name
    yield _frame(Depth.TENSOR, name, tensor, list(timeline.tensors[layer.first : layer.last]))
    yield from _inner(timeline, k, operation)


def _holding(extents: tuple[Extent, ...], operation: int) -> Extent:
    return next(e for e in extents if e.first <= operation < e.last)


def _frame(depth: Depth, name: str, extent: Extent, siblings: list[Extent]) -> Frame:
    ordinal = siblings.index(extent)
    return Frame(depth, name, ordinal, len(siblings), extent.start, extent.stop)


def _inner(timeline: Timeline, k: int, operation: int) -> Iterator[Frame]:
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
        yield Frame(depth, name, ordinal, total, *timeline.block(k, depth), named)
        outer = inner
