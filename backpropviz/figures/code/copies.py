"""Copies of whole tensors, the same line in plain Python and in NumPy."""

from __future__ import annotations

from collections.abc import Sequence

from backpropviz.engine.arrays import Shape
from backpropviz.engine.index import Index
from backpropviz.engine.kinds.shape import Framed
from backpropviz.engine.nest import Nest
from backpropviz.engine.operands import Choice
from backpropviz.figures.code.program import Names, arrays_of, indexed


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
    if isinstance(operand, Framed):
        frame = _frame(operand.index, names.values[address].shape, nest.shape)
        return f"{target} = np.pad({source}, {frame}, constant_values={operand.value!r})", result
    if not operand.index:
        return f"{target} = {source}.reshape{nest.shape}", result
    if names.values[address].shape == nest.shape:
        return f"{target} = {source}", result
    starts = [index.offset for index in operand.index]
    slices = [f"{start}:{start + size}" for start, size in zip(starts, nest.shape, strict=True)]
    cut = [
        ":" if whole == size else text
        for text, size, whole in zip(slices, nest.shape, names.values[address].shape, strict=True)
    ]
    while cut[-1] == ":":
        cut.pop()
    return f"{target} = {source}[{', '.join(cut)}]", result


def _frame(maps: Sequence[Index], source: Shape, framed: Shape) -> tuple[tuple[int, int], ...]:
    """How many cells np.pad adds before and after, for each axis."""
    before = [-index.offset for index in maps]
    sizes = zip(before, source, framed, strict=True)
    return tuple((start, whole - size - start) for start, size, whole in sizes)
