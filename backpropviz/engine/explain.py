"""From an address to its derivation."""

from __future__ import annotations

import math

import numpy as np

from backpropviz.engine.derivation import Derivation, derive
from backpropviz.engine.kinds.protocol import LOSS, TARGET, input_name
from backpropviz.engine.nest import Loops, Nest, NestRule
from backpropviz.engine.tape import Tape, operation_of
from backpropviz.engine.value import Address, Array
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


def nest_of(tape: Tape, array: Address) -> Nest | None:
    """The operation that computed an array; None where it was given (image, weights, target)."""
    found = operation_of(
        tape.network, tape.batch, tape.optimizer, tape.iteration, tape.resolve(array).array
    )
    return None if found is None else found.nest


def explain_value(tape: Tape, address: Address) -> Derivation:
    """The derivation of one value.

    Raises:
        UserError: the address names an array, or a value that no operation computed.
    """
    array = tape[address.array]
    if len(address.indices) != array.ndim:
        example = address.array.at((0,) * array.ndim)
        raise UserError(f"“{address}” names an array: name one value, for example {example}.")
    value = tape[address].item()
    nest = nest_of(tape, address.array)
    if nest is None:
        raise UserError(f"“{address}” is {value!r} and has no derivation: {_why(tape, address)}.")
    return derive(tape, nest, tape.resolve(address))


def _why(tape: Tape, address: Address) -> str:
    """Where a value that no operation computes comes from, and what to ask for instead."""
    if address == LOSS.grad:
        return "it is ∂L/∂L, where the way back begins"
    node = tape.network.by_name.get(address.layer)
    own = tape.resolve(address)
    if node is None or own.array == TARGET:
        return "it is given"
    inputs = {input_name(k, len(node.inputs)) for k in range(len(node.inputs))}
    if own.part or own.quantity in {*inputs, *tape.network.kept_shapes(node)}:
        changed = address.of("next") if not own.part else None
        hint = f"; what the update makes of it is {changed}" if changed in tape else ""
        return f"it was there before the pass{hint}"
    output = Address(node.name, "output")
    same_place = output.at(address.indices) if _fits(tape, output, address) else output
    return f"{node.name} keeps it for the way back; what it belongs to is {same_place}"


def _fits(tape: Tape, array: Address, address: Address) -> bool:
    return bool(tape[array].shape == tape[address.array].shape)


SAMPLE_AXIS = "n"
"""The loop over samples has this name in every nest of a pass (updates have no samples)."""


@frozen(eq=False)
class Shares:
    """Subtotals of one value by sample, in float64.

    `first` numbers each sample's first term among those of the derivation.
    """

    values: Array
    first: Array


def sample_axis(loops: Loops) -> int | None:
    """Which loop runs over the samples; None where none does."""
    names = [axis.name for axis in loops.axes]
    return names.index(SAMPLE_AXIS) if SAMPLE_AXIS in names else None


def sample_shares(derivation: Derivation, ran: Array | None = None) -> Shares | None:
    """Σ terms of each sample, of those that have run (all where `ran` is None).

    None where the value is no sum over samples, or where a sample has no term of its own.
    """
    loops = derivation.nest.by_target
    axis = sample_axis(loops)
    outer = loops.channel_axes + loops.element_axes
    if derivation.rule is not NestRule.SUM or axis is None or axis != outer:
        return None
    count = loops.axes[axis].size
    # The samples' loop is the outermost of the terms, so a sample's terms are neighbors.
    numbers = derivation.positions // math.prod(loops.sizes[axis + 1 :])
    if not numbers.size:
        return None
    first = np.searchsorted(numbers, np.arange(count))
    if not np.array_equal(numbers[np.minimum(first, numbers.size - 1)], np.arange(count)):
        return None
    terms = derivation.term_values if ran is None else np.where(ran, derivation.term_values, 0.0)
    return Shares(np.bincount(numbers, weights=terms, minlength=count), first)
