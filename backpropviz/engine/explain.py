"""From an address to its derivation."""

from __future__ import annotations

from backpropviz.engine.address import Address
from backpropviz.engine.derivation import Derivation, derive
from backpropviz.engine.kinds.protocol import LOSS, TARGET, input_name
from backpropviz.engine.nest import Nest
from backpropviz.engine.program import operation_of
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError


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
