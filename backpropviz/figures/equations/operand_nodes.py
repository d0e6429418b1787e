"""The operands of a nest as parts of an equation: in symbols, with indices, with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from backpropviz.engine.address import Address
from backpropviz.engine.index import Index
from backpropviz.engine.kinds.cross_entropy import TargetCell
from backpropviz.engine.nest import Coordinates, Factor, Nest, Operand, Presence, Rule, Values
from backpropviz.engine.operands import PADDING_LABEL, Cell, Choice, Indicator, Share
from backpropviz.figures.equations.expression import label_node
from backpropviz.figures.equations.index_text import Cells
from backpropviz.figures.explanation.term_keys import array_key
from backpropviz.figures.symbols import Notation, role_of
from backpropviz.frozen import frozen
from backpropviz.scene.equation import Indicator as IndicatorNode
from backpropviz.scene.equation import (
    Node,
    Number,
    Role,
    Words,
    row,
    symbol,
)

WINDOW_NAMES = "ncyx"


@frozen(eq=False, slots=False)
class OperandWriter:
    """Writes the operands of one nest."""

    nest: Nest
    values: Values
    notation: Notation

    @classmethod
    def of(cls, nest: Nest, values: Values) -> OperandWriter:
        """In the notation of the pass."""
        return cls(nest, values, Notation.of(values))

    @cached_property
    def cells(self) -> Cells:
        """How cells are written."""
        return Cells(self.nest, self.values)

    @cached_property
    def names_windows(self) -> bool:
        """Whether upstream cells are called (y,x), as windows, not by the arithmetic of strides."""
        operands = self.nest.by_target.operands
        is_pooled = any(isinstance(operand, Indicator | Share) for operand in operands)
        return is_pooled and self.nest.target.is_gradient

    def target(self, indices: Coordinates | None = None) -> Node:
        """The left side, in symbols or with the indices of one value."""
        address = self.nest.target
        if indices is None:
            text = self.cells.text(self.nest.by_target.target, address)
            return self.notation.node(address, text, role=Role.INK)
        found = address.at(indices)
        return self.notation.node(found, self.cells.of_address(found), role=Role.INK)

    def in_symbols(self, operand: Operand, known: Sequence[int] = ()) -> Node:
        """An operand with the loop variables as indices, but for those that are known."""
        match operand:
            case Indicator():
                return self._won_in_symbols(operand)
            case Choice():
                place = known[operand.axis] if operand.axis < len(known) else 0
                return self.in_symbols(operand.options[place], known)
            case Share():
                return label_node(self.share_label(operand, known))
        if operand.address is None:
            return label_node(operand.label)
        is_target = isinstance(operand, TargetCell)
        indices = self._indices(operand.index, operand.address, known, is_target=is_target)
        return self._quantity(operand.address, indices, array_key(operand.address))

    def share_label(self, share: Share, known: Sequence[int]) -> str:
        """`1/4`; of a known window its own share, where windows differ."""
        if not known or self.names_windows:
            return share.label
        terms = len(self.nest.by_target.axes) - len(known)
        return share.at(self.values, (*known, *(0,) * terms)).label

    def with_indices(self, operand: Operand, factor: Factor, coordinates: Coordinates) -> Node:
        """An operand of one term."""
        if isinstance(operand, Indicator):
            return self._won(operand, coordinates)
        if factor.address is None:
            if factor.label != PADDING_LABEL:
                return label_node(factor.label)
            return PADDING if self.nest.rule is Rule.MAX else _padding()
        return self._quantity(factor.address, self.cells.of_address(factor.address))

    def abbreviated(self, address: Address) -> Node:
        """A gradient operand of one term as `g`."""
        return symbol("g", self.cells.of_address(address), Role.BACKWARD, str(address))

    def _quantity(self, address: Address, indices: str, key: str = "") -> Node:
        consumer = address.layer if self._tells_consumers else ""
        return self.notation.node(address, indices, superscript=consumer, key=key)

    @cached_property
    def _tells_consumers(self) -> bool:
        """Where gradients of one value add up, each is named by whom it comes from."""
        return self.nest.target.is_gradient and any(
            isinstance(operand, Choice) for operand in self.nest.by_target.operands
        )

    def _indices(
        self, maps: Sequence[Index], address: Address, known: Sequence[int], *, is_target: bool
    ) -> str:
        if self.names_windows and address.is_gradient:
            dropped = self.cells.dropped(address)
            return ",".join(n for k, n in enumerate(WINDOW_NAMES) if k not in dropped)
        if not maps and self.values[address].ndim:
            return "t" if is_target else "…"
        return self.cells.text(maps, address, known)

    def _won_in_symbols(self, operand: Indicator) -> Node:
        names = self.nest.by_target.axes
        cell = ",".join(names[index.axis].name for index in operand.cell)
        return won_node(cell, "y,x")

    def _won(self, operand: Indicator, coordinates: Coordinates) -> Node:
        cell = ",".join(str(index.at(coordinates)) for index in operand.cell)
        window = ",".join(str(index.at(coordinates)) for index in operand.window[2:])
        return won_node(cell, window)


def won_node(cell: str, window: str) -> Node:
    """𝟏[(u,v) won window (y,x)]."""
    return IndicatorNode(Words(f"({cell}) won window ({window})"), Role.FORWARD)


def number_node(operand: Operand, factor: Factor, text: str) -> Node:
    """An operand's value; constants of the definition stay fractions."""
    if factor.address is None and factor.label == PADDING_LABEL:
        return _padding() if text else PADDING
    if "/" in factor.label:
        return label_node(factor.label)
    key = "" if factor.address is None else str(factor.address)
    return Number(text, role_of_operand(operand, factor), key=key)


def role_of_operand(operand: Operand, factor: Factor) -> Role:
    """The color of an operand; a padding cell is no value of the pass."""
    if factor.presence is Presence.PADDING:
        return Role.MUTED
    address = factor.address or (operand.address if isinstance(operand, Cell) else None)
    if address is not None:
        return role_of(address)
    return Role.FORWARD if isinstance(operand, Indicator) else Role.INK


PADDING = Words("padding", Role.MUTED, small=True)
"""Where a maximum looks: padding is no 0 there, it never wins."""


def _padding() -> Node:
    return row(PADDING, Number("0", Role.MUTED))
