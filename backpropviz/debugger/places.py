"""Where in the pass a value is made, and the same term in another loop order."""

from __future__ import annotations

import re
from typing import Final

from backpropviz.debugger.presence import is_absent, next_present
from backpropviz.debugger.steps import Depth
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.address import Address
from backpropviz.engine.element import contributions
from backpropviz.engine.kinds.protocol import input_name
from backpropviz.engine.nest import Rule, Values
from backpropviz.engine.program import Phase
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError

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
    made = [
        k
        for k, o in enumerate(timeline.operations)
        if o.layer == own.layer and o.phase in {Phase.FORWARD, Phase.LOSS}
    ]
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
    if not own.indices or nest.rule is Rule.COPY or len(own.indices) != len(nest.shape):
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
