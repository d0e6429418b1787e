"""The nest of an operation that treats every element alike."""

from __future__ import annotations

from collections.abc import Callable

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.formula import Formula, operands
from backpropviz.engine.index import variables
from backpropviz.engine.nest import Axis, Loops, Nest, Operand, Rule
from backpropviz.engine.operands import Cell


def elementwise_nest(
    target: Address,
    shape: Shape,
    given: tuple[Operand | Address, ...],
    formula: Callable[..., Formula],
    remark: str,
    kernel: Callable[..., Array] | None = None,
) -> Nest:
    """target[i] = formula(given[i]), where an address stands for its cell at the same place.

    A parameter's axes are called f c i j (or o i), an activation's n c y x (or n i).
    """
    coordinates = variables(len(shape))
    cells = tuple(
        Cell(operand, coordinates) if isinstance(operand, Address) else operand for operand in given
    )
    axes, channels = element_axes(target, shape)
    loops = Loops(
        label="element",
        axes=axes,
        channel_axes=channels,
        element_axes=len(axes) - channels,
        target=coordinates,
        operands=cells,
    )
    return function_nest(target, shape, loops, formula, remark, kernel)


def function_nest(
    target: Address,
    shape: Shape,
    loops: Loops,
    formula: Callable[..., Formula],
    remark: str,
    kernel: Callable[..., Array] | None = None,
) -> Nest:
    """A nest of one function; `formula` is called with its operands to write it down."""
    found = formula(*operands(len(loops.operands)))
    return Nest(target, shape, Rule.FUNCTION, (loops,), found, remark, kernel)


def element_axes(target: Address, shape: Shape) -> tuple[tuple[Axis, ...], int]:
    """A loop a dimension, and how many of them are channel axes: all but two."""
    axes = tuple(map(Axis, axis_names(target, len(shape)), shape))
    return axes, len(shape) - 2 if len(shape) > 2 else 0


def axis_names(target: Address, dimensions: int) -> str:
    """One letter a dimension."""
    is_parameter = target.quantity in {"weight", "bias"}
    if is_parameter:
        return {1: "o", 2: "oi", 4: "fcij"}.get(dimensions, "abcdefgh"[:dimensions])
    return {0: "", 1: "n", 2: "ni", 4: "ncyx"}.get(dimensions, "nabcdefg"[:dimensions])
