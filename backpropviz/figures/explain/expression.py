"""A function's formula as an equation, its operands put in place: `−η · (g + μ · v)`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Final

from backpropviz.engine.formula import COMPARED, Formula, needs_parentheses
from backpropviz.engine.kinds.cross_entropy import TargetCell
from backpropviz.engine.nest import (
    Axis,
    Coordinates,
    Factor,
    Index,
    Nest,
    NestRule,
    Operand,
    Presence,
    Values,
)
from backpropviz.engine.operands import PADDING_LABEL, ArrayCell, Choice, Indicator, Share
from backpropviz.engine.value import Address
from backpropviz.figures.symbols import PARAMETERS, Notation, role_of
from backpropviz.figures.view import array_key
from backpropviz.frozen import frozen
from backpropviz.scene import equation as eq

_ALTERNATIVES: Final[Mapping[str, eq.WordsNode]] = MappingProxyType(
    {word: eq.WordsNode(word) for word in ("if", "else")}
)


def formula_node(formula: Formula, operands: Sequence[eq.Node]) -> eq.Node:
    """The formula with `operands[k]` for the operand in place k."""
    return _Writer(operands).relation(formula)


def label_node(label: str) -> eq.Node:
    """`1/4` as a fraction, `η` as a symbol, `0.5` as a number, `1 − α` in parentheses."""
    halves = label.split("/")
    if len(halves) == 2 and all(halves):
        return eq.Fraction(label_node(halves[0]), label_node(halves[1]))
    if label.startswith("["):
        return eq.IndicatorNode(_words(label[1:-1]))
    if " " in label:
        return eq.Delimited(_words(label))
    if re.fullmatch(r"[\d.]+(e[-−+]?\d+)?", label):
        return eq.NumberNode(label, constant=True)
    return eq.Symbol(label, italic=len(label) == 1)


def bracketed(node: eq.Node) -> eq.Node:
    """A negative number in parentheses, since a sign may precede it."""
    is_negative = isinstance(node, eq.NumberNode) and node.text.startswith(eq.MINUS)
    return eq.Delimited(node) if is_negative else node


def _words(label: str) -> eq.Node:
    """`k = t`, `1 − α`: names and numbers with signs between them."""
    first, *others = label.replace("-", eq.MINUS).split(" ")
    nodes = [_signed(first)]
    for sign, name in zip(others[::2], others[1::2], strict=True):
        nodes += [eq.Operator(sign), _signed(name)]
    return eq.RowNode(tuple(nodes)) if others else nodes[0]


def _signed(name: str) -> eq.Node:
    plain = name.removeprefix(eq.MINUS)
    return label_node(name) if plain == name else eq.row(eq.Operator(eq.MINUS), label_node(plain))


@frozen(eq=False)
class _Writer:
    operands: Sequence[eq.Node]

    def relation(self, formula: Formula) -> eq.Node:
        """A whole formula, or what stands in parentheses."""
        return _row(self._alternatives(formula))

    def _alternatives(self, formula: Formula, *, asks: bool = False) -> list[eq.Node]:
        if formula.sign == "if":
            then, condition, otherwise = formula.parts
            return [
                *self._alternatives(then),
                _ALTERNATIVES["if"],
                *self._alternatives(condition, asks=True),
                _ALTERNATIVES["else"],
                *self._alternatives(otherwise),
            ]
        if asks and formula.sign in COMPARED:
            first, second = formula.parts
            return [self._sum(first), eq.Operator(formula.sign), self._sum(second)]
        return [self._sum(formula)]

    def _sum(self, formula: Formula) -> eq.Node:
        first, *others = self._summands(formula)
        return _row([_opened(first), *others])

    def _summands(self, formula: Formula) -> list[eq.Node]:
        if formula.sign not in {"+", "−"}:
            return [self._product(formula)]
        first = formula.parts[0]
        before = self._summands(first) if first.sign in {"+", "−"} else [self._part(formula, 0)]
        return [*before, eq.Operator(formula.sign.replace("−", eq.MINUS)), self._part(formula, 1)]

    def _part(self, formula: Formula, place: int) -> eq.Node:
        """A part in its parentheses, where it needs them."""
        part = formula.parts[place]
        if needs_parentheses(formula, place):
            return eq.Delimited(self.relation(part))
        return self._product(part)

    def _product(self, formula: Formula) -> eq.Node:
        return _row(self._factors(formula))

    def _factors(self, formula: Formula) -> list[eq.Node]:
        """The factors; a quotient is a fraction of the last factor before it."""
        if formula.sign == "step":
            (x,) = formula.parts
            both = eq.RowNode((self._atom(x > 0), eq.Operator("+"), self._atom(x >= 0)))
            return [eq.Fraction(both, eq.NumberNode("2", constant=True))]
        if formula.sign not in {"·", "/"}:
            return [self._atom(formula)]
        first = formula.parts[0]
        is_loose = needs_parentheses(formula, 0)
        factors = [eq.Delimited(self.relation(first))] if is_loose else self._factors(first)
        if formula.sign == "/":
            return [*factors[:-1], eq.Fraction(_bare(factors[-1]), _bare(self._part(formula, 1)))]
        return [*factors, eq.Operator("·"), self._part(formula, 1)]

    def _atom(self, formula: Formula) -> eq.Node:
        parts = formula.parts
        match formula.sign:
            case "x":
                return self.operands[int(formula.value)]
            case "#":
                return _signed(f"{formula.value:g}".replace("-", eq.MINUS))
            case "$":
                return label_node(formula.letter)
            case "-":
                return eq.row(eq.Operator(eq.MINUS), self._part(formula, 0))
            case "^":
                power = eq.NumberNode(f"{parts[1].value:g}", constant=True)
                node = self._part(formula, 0)
                # Parentheses around what the exponent could be taken for a part of.
                has_power = isinstance(node, eq.Indexed) and node.sup is not None
                is_loose = has_power or isinstance(node, eq.Fraction | eq.RowNode)
                base = eq.Delimited(node) if is_loose else bracketed(node)
                return eq.Indexed(base, sup=power)
            case "√":
                return eq.Root(self.relation(parts[0]))
            case sign if sign in COMPARED:
                return eq.IndicatorNode(_row(self._alternatives(formula, asks=True)))
            case name:
                return eq.Function(name, tuple(map(self.relation, parts)))


def _row(parts: list[eq.Node]) -> eq.Node:
    return parts[0] if len(parts) == 1 else eq.RowNode(tuple(parts))


def _bare(node: eq.Node) -> eq.Node:
    """Without parentheses, which a bar makes needless."""
    return node.item if isinstance(node, eq.Delimited) and node.left == "(" else node


def _opened(node: eq.Node) -> eq.Node:
    """A negative number that nothing precedes needs no parentheses."""
    match node:
        case eq.Delimited(item=eq.NumberNode() as number, left="("):
            return number
        case eq.RowNode(items=(eq.Delimited(item=eq.NumberNode() as number, left="("), *others)):
            return eq.RowNode((number, *others), node.role, node.key)
        case _:
            return node


def index_text(
    index: Index,
    axes: Sequence[Axis],
    known: Sequence[int] = (),
    silent: frozenset[int] = frozenset(),
) -> str:
    """One index; loop variables from the left are replaced by what is `known` of them.

    `silent` axes run once, so that they are always 0.
    """
    total = index.offset
    pieces: list[str] = []
    for term in index.terms:
        if term.axis < len(known):
            total += term.factor * (known[term.axis] // term.floor)
        elif term.axis not in silent:
            name = axes[term.axis].name
            letter = name if term.floor == 1 else f"⌊{name}/{term.floor}⌋"
            factor = "" if abs(term.factor) == 1 else str(abs(term.factor))
            pieces.append(f"{'-' if term.factor < 0 else '+'}{factor}{letter}")
    divisor = index.divisor
    if not pieces and total % divisor == 0:
        return str(total // divisor).replace("-", eq.MINUS)
    pieces.sort(key=lambda piece: piece.startswith("-"))
    # A sum that would begin with a minus begins with its constant instead: 2−i.
    constant = f"{total:+d}" if total else ""
    first = [constant] if total > 0 and pieces and pieces[0].startswith("-") else []
    text = "".join([*first, *pieces, *([] if first else [constant])])
    text = text.removeprefix("+").replace("-", eq.MINUS)
    return text if divisor == 1 else f"({text})/{divisor}"


@frozen(eq=False, slots=False)
class Cells:
    """Writes the cells of one nest, without the indices that say nothing.

    The batch is left out while it holds one sample, channels while there is but one of any kind.
    """

    nest: Nest
    values: Values

    def text(self, maps: Sequence[Index], address: Address, known: Sequence[int] = ()) -> str:
        loops = self.nest.by_target
        first = loops.channel_axes + loops.element_axes
        silent = frozenset(k for k, axis in enumerate(loops.axes) if k >= first and axis.size == 1)
        dropped = self.dropped(address)
        kept = (index for number, index in enumerate(maps) if number not in dropped)
        return ",".join(index_text(index, loops.axes, known, silent) for index in kept)

    def of_address(self, address: Address) -> str:
        """The indices of a value, `0,1`."""
        dropped = self.dropped(address)
        kept = (index for number, index in enumerate(address.indices) if number not in dropped)
        return ",".join(str(index).replace("-", eq.MINUS) for index in kept)

    def short(self, cell: Sequence[int], address: Address) -> str:
        """A cell inside or outside an array: `−1,3`."""
        return self.of_address(address.at(tuple(cell)))

    def dropped(self, address: Address) -> frozenset[int]:
        """The dimensions that are not written."""
        known = self._dropped.get((address.layer, address.quantity, address.part))
        return self._dropped_of(address.array) if known is None else known

    @cached_property
    def _dropped(self) -> dict[tuple[str, str, str], frozenset[int]]:
        """The same for every array of the nest."""
        return {(a.layer, a.quantity, a.part): self._dropped_of(a) for a in self._arrays}

    def _dropped_of(self, array: Address) -> frozenset[int]:
        shape = self.values[array].shape
        leading = leading_dimensions(array, len(shape))
        batch = {0} if leading and array.quantity not in PARAMETERS and shape[0] == 1 else set()
        single = {n for n in leading if shape[n] == 1} if self._is_single else set()
        return frozenset(batch | single)

    @cached_property
    def _arrays(self) -> tuple[Address, ...]:
        return (self.nest.target, *_addresses(self.nest.by_target.operands))

    @cached_property
    def _is_single(self) -> bool:
        """Whether no array of the nest has more than one channel."""
        for address in self._arrays:
            shape = self.values[address].shape
            channels = leading_dimensions(address, len(shape)) - {0}
            is_parameter = address.quantity in PARAMETERS
            channels |= {0} if is_parameter and len(shape) != 2 else set()
            if any(shape[n] > 1 for n in channels if n < len(shape)):
                return False
        return True

    def term_axes(self) -> tuple[Axis, ...]:
        loops = self.nest.by_target
        first = loops.channel_axes + loops.element_axes
        return tuple(axis for axis in loops.axes[first:] if axis.size > 1)

    def has_many_terms(self) -> bool:
        """Whether some element has more than one term: windows that do not overlap give one."""
        loops = self.nest.by_target
        first = loops.channel_axes + loops.element_axes
        return any(
            axis.size > _spacing(loops.operands, number)
            for number, axis in enumerate(loops.axes)
            if number >= first
        )


def _spacing(operands: Sequence[Operand], axis: int) -> int:
    """Every how many turns of a loop the operands exist."""
    spacing = 1
    for operand in operands:
        for index in operand.index:
            factors = [term.factor for term in index.terms if term.axis == axis]
            if factors:
                spacing = max(spacing, index.divisor // math.gcd(index.divisor, factors[0]))
    return spacing


def leading_dimensions(address: Address, dimensions: int) -> set[int]:
    """The dimensions that count samples, filters or channels."""
    if address.quantity in PARAMETERS:
        return {0, 1} if dimensions == 4 else ({0} if dimensions == 1 else set())
    return {0, 1} if dimensions == 4 else ({0} if dimensions >= 1 else set())


def _addresses(operands: Sequence[Operand]) -> list[Address]:
    found: list[Address] = []
    for operand in operands:
        if isinstance(operand, ArrayCell):
            found.append(operand.address)
        elif isinstance(operand, Choice):
            found.extend(_addresses(operand.options))
    return found


WINDOW_NAMES = "ncyx"


@frozen(eq=False, slots=False)
class OperandWriter:
    """Writes the operands of one nest."""

    nest: Nest
    values: Values
    notation: Notation

    @classmethod
    def of(cls, nest: Nest, values: Values) -> OperandWriter:
        return cls(nest, values, Notation.of(values))

    @cached_property
    def cells(self) -> Cells:
        return Cells(self.nest, self.values)

    @cached_property
    def names_windows(self) -> bool:
        """Whether upstream cells are called (y,x), as windows, not by the arithmetic of strides."""
        operands = self.nest.by_target.operands
        is_pooled = any(isinstance(operand, Indicator | Share) for operand in operands)
        return is_pooled and self.nest.target.is_gradient

    def target(self, indices: Coordinates | None = None) -> eq.Node:
        """The left side, in symbols or with the indices of one value."""
        address = self.nest.target
        if indices is None:
            text = self.cells.text(self.nest.by_target.target, address)
            return self.notation.node(address, text, role=eq.Role.INK)
        found = address.at(indices)
        return self.notation.node(found, self.cells.of_address(found), role=eq.Role.INK)

    def in_symbols(self, operand: Operand, known: Sequence[int] = ()) -> eq.Node:
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

    def with_indices(self, operand: Operand, factor: Factor, coordinates: Coordinates) -> eq.Node:
        if isinstance(operand, Indicator):
            return self._won(operand, coordinates)
        if factor.address is None:
            if factor.label != PADDING_LABEL:
                return label_node(factor.label)
            return PADDING if self.nest.rule is NestRule.MAX else _padding()
        return self._quantity(factor.address, self.cells.of_address(factor.address))

    def abbreviated(self, address: Address) -> eq.Node:
        """A gradient operand of one term as `g`."""
        return eq.symbol("g", self.cells.of_address(address), eq.Role.BACKWARD, str(address))

    def _quantity(self, address: Address, indices: str, key: str = "") -> eq.Node:
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

    def _won_in_symbols(self, operand: Indicator) -> eq.Node:
        names = self.nest.by_target.axes
        cell = ",".join(names[index.axis].name for index in operand.cell)
        return won_node(cell, "y,x")

    def _won(self, operand: Indicator, coordinates: Coordinates) -> eq.Node:
        cell = ",".join(str(index.at(coordinates)) for index in operand.cell)
        window = ",".join(str(index.at(coordinates)) for index in operand.window[2:])
        return won_node(cell, window)


def won_node(cell: str, window: str) -> eq.Node:
    """𝟏[(u,v) won window (y,x)]."""
    return eq.IndicatorNode(eq.WordsNode(f"({cell}) won window ({window})"), eq.Role.FORWARD)


def number_node(operand: Operand, factor: Factor, text: str) -> eq.Node:
    """An operand's value; constants of the definition stay fractions."""
    if factor.address is None and factor.label == PADDING_LABEL:
        return _padding() if text else PADDING
    if "/" in factor.label:
        return label_node(factor.label)
    key = "" if factor.address is None else str(factor.address)
    return eq.NumberNode(text, role_of_operand(operand, factor), key=key)


def role_of_operand(operand: Operand, factor: Factor) -> eq.Role:
    """The color of an operand; a padding cell is no value of the pass."""
    if factor.presence is Presence.PADDING:
        return eq.Role.MUTED
    address = factor.address or (operand.address if isinstance(operand, ArrayCell) else None)
    if address is not None:
        return role_of(address)
    return eq.Role.FORWARD if isinstance(operand, Indicator) else eq.Role.INK


PADDING = eq.WordsNode("padding", eq.Role.MUTED, small=True)
"""Where a maximum looks: padding is no 0 there, it never wins."""


def _padding() -> eq.Node:
    return eq.row(PADDING, eq.NumberNode("0", eq.Role.MUTED))
