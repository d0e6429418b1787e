"""Copies of whole tensors, the same line in plain Python and in NumPy."""

from __future__ import annotations

from backpropviz.engine.nest import Nest
from backpropviz.engine.operands import Choice
from backpropviz.figures.code_program import Names, arrays_of, indexed


def copy_line(nest: Nest, names: Names, indices: tuple[int, ...] | None) -> tuple[str, str]:
    """The line, and the expression of its result."""
    operand = nest.by_target.operands[0]
    target = names.of(nest.target)
    result = indexed(target, indices)
    if isinstance(operand, Choice):
        parts = ", ".join(names.of(address) for address in arrays_of((operand,)))
        return f"{target} = np.concatenate([{parts}], axis=1)", result
    (address,) = arrays_of((operand,))
    source = names.of(address)
    if not operand.index:
        return f"{target} = {source}.reshape{nest.shape}", result
    if names.values[address].shape == nest.shape:
        return f"{target} = {source}", result
    start = operand.index[1].offset
    return f"{target} = {source}[:, {start}:{start + nest.shape[1]}]", result
