"""What the focus is about: the value that it makes, and the values that it reads."""

from __future__ import annotations

from collections.abc import Iterator

from backpropviz.debugger.presence import is_absent
from backpropviz.debugger.state import SessionState
from backpropviz.debugger.steps import Depth, axes_fixed
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.address import Address
from backpropviz.engine.nest import Operand, Rule
from backpropviz.engine.tape import Tape


def focused_array(timeline: Timeline, state: SessionState) -> Address | None:
    """The array that the focus computes; None at the end, and above tensor depth."""
    if state.k == timeline.steps:
        return None
    if timeline.effective_depth(state.k, state.depth) < Depth.TENSOR:
        return None
    return timeline.nest(timeline.operation_at(state.k)).target


def focused_value(timeline: Timeline, state: SessionState) -> Address | None:
    """The one value that the focus makes or adds to; None where there are more."""
    array = focused_array(timeline, state)
    if array is None:
        return None
    operation = timeline.operation_at(state.k)
    nest, order = timeline.nest(operation), timeline.orders[operation]
    depth = timeline.effective_depth(state.k, state.depth)
    is_one = depth is Depth.TERM or (depth is Depth.ELEMENT and order == 0)
    if not is_one or nest.rule is Rule.COPY:
        return array if not nest.shape else None
    cell = timeline.loops(operation).target_at(timeline.coordinates(state.k), nest.shape)
    return None if cell is None else array.at(cell)


def read_values(timeline: Timeline, tape: Tape, state: SessionState) -> frozenset[Address]:
    """The values that every step of the focus reads: a term's operands, a source that scatters."""
    if focused_array(timeline, state) is None:
        return frozenset()
    operation = timeline.operation_at(state.k)
    nest, order = timeline.nest(operation), timeline.orders[operation]
    if nest.rule is Rule.COPY:
        return frozenset()
    fixed = axes_fixed(nest, order, timeline.effective_depth(state.k, state.depth))
    coordinates, loops = timeline.coordinates(state.k), timeline.loops(operation)
    if fixed == len(loops.axes) and is_absent(timeline, tape, state.k):
        return frozenset()
    still = (o for o in loops.operands if _stands_still(o, fixed, len(loops.axes)))
    found = (operand.at(tape, coordinates).address for operand in still)
    return frozenset(tape.resolve(address) for address in found if address is not None)


def _stands_still(operand: Operand, fixed: int, axes: int) -> bool:
    """Whether an operand is the same cell in all steps that share the outermost loops."""
    if fixed == axes:
        return True
    return bool(operand.index) and all(t.axis < fixed for i in operand.index for t in i.terms)


def blocks_of(timeline: Timeline, operation: int, depth: Depth) -> Iterator[int]:
    """The first steps of an operation's blocks at a depth."""
    start, stop = timeline.starts[operation], timeline.starts[operation + 1]
    effective = timeline.effective_depth(start, depth)
    return iter(range(start, stop, timeline.block_size(operation, effective)))
