"""Where a number first stopped being one: the operation that made a NaN or an infinity."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.derivation import derive
from backpropviz.engine.kinds.protocol import IMAGE, TARGET
from backpropviz.engine.nest import Nest, Rule
from backpropviz.engine.program import Operation, operations
from backpropviz.engine.tape import Tape
from backpropviz.frozen import frozen


@frozen(eq=False)
class Bad:
    """The first value that is not finite; `operation` made it, None where it was given."""

    address: Address
    value: float
    operation: Operation | None
    sentence: str

    @property
    def index(self) -> tuple[int, ...]:
        """Its place in the array."""
        return self.address.indices


def first_bad(tape: Tape) -> Bad | None:
    """The first NaN or infinity of a pass, in the order in which its operations run.

    Images, targets, weights and the optimizer's state come before all operations; of an array it is
    the first in row-major order.
    """
    for address, reason in _given(tape):
        if (place := _first_place(tape[address])) is not None:
            return _bad(tape, address.at(place), None, reason)
    for operation in operations(tape.network, tape.batch, tape.optimizer, tape.iteration):
        target = operation.nest.target
        if target in tape and (place := _first_place(tape[target])) is not None:
            value = target.at(place)
            return _bad(tape, value, operation, _reason(tape, operation.nest, value))
    for address in tape:  # what is kept for the next update, such as a running variance
        if (place := _first_place(tape[address])) is not None:
            return _bad(tape, address.at(place), None, "the pass left it so")
    return None


def _given(tape: Tape) -> Iterator[tuple[Address, str]]:
    yield IMAGE, "it was so in the image, before anything was computed"
    yield TARGET, "it was so in the target, before anything was computed"
    for node in tape.network.nodes:
        for name in tape.network.kept_shapes(node):
            yield Address(node.name, name), "it was so before this update"
    for address in tape:
        if address.part.endswith("_before"):
            yield address, "the optimizer’s state was so before this update"


def _first_place(array: Array) -> tuple[int, ...] | None:
    """The first cell, row-major, that holds no finite number."""
    finite = np.isfinite(array)
    if finite.all():
        return None
    return tuple(int(i) for i in np.unravel_index(int(np.argmin(finite)), array.shape))


def _bad(tape: Tape, address: Address, operation: Operation | None, reason: str) -> Bad:
    value = float(tape[address])
    kind = "is not a number (NaN)" if math.isnan(value) else "is infinite"
    return Bad(address, value, operation, f"{address} {kind}: {reason}.")


def _reason(tape: Tape, nest: Nest, value: Address) -> str:
    """Why operands that are all finite give a result that is not."""
    array = tape[nest.target]
    largest = f"the largest {array.dtype} is {np.finfo(array.dtype).max:.3g}"
    found = derive(tape, nest, value)
    if nest.rule is Rule.FUNCTION:
        (term,) = found.terms
        names = [str(operand.address or operand.label) for operand in term.operands]
        numbers = [f"{operand.value + 0.0:.4g}" for operand in term.operands]
        formula = "" if nest.formula is None else nest.formula.text(names)
        filled = "" if nest.formula is None else nest.formula.text(numbers)
        return f"it is {formula}, here {filled}, and {largest}"
    # A processor that sums in several lanes may overflow to both sides.
    met = ", so that on the way ∞ met −∞" if math.isnan(tape[value]) else ""
    return (
        f"its {len(found.terms):,} terms are made of finite numbers and add up to "
        f"{found.derived + 0.0:.4g}, and {largest}{met}"
    )
