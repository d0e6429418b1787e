"""The nest of an operation that only moves values: one step for the whole tensor."""

from __future__ import annotations

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Shape
from backpropviz.engine.elementwise import element_axes
from backpropviz.engine.index import variables
from backpropviz.engine.nest import Loops, Nest, Operand, Rule


def copy_nest(target: Address, shape: Shape, operand: Operand, remark: str) -> Nest:
    """target[i] = the operand at i."""
    axes, channels = element_axes(target, shape)
    loops = Loops(
        label="element",
        axes=axes,
        channel_axes=channels,
        element_axes=len(axes) - channels,
        target=variables(len(shape)),
        operands=(operand,),
    )
    return Nest(target, shape, Rule.COPY, (loops,), remark=remark)
