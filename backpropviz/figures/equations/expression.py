"""A function's formula as an equation, its operands put in place: `−η · (g + μ · v)`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from backpropviz.engine.formula import COMPARED, Formula, needs_parentheses
from backpropviz.frozen import frozen
from backpropviz.scene.equation import (
    MINUS,
    Delimited,
    Fraction,
    Function,
    Indexed,
    Indicator,
    Node,
    Number,
    Operator,
    Root,
    Row,
    Symbol,
    Words,
    row,
)

_ALTERNATIVES: Final[Mapping[str, Words]] = MappingProxyType(
    {word: Words(word) for word in ("if", "else")}
)


def formula_node(formula: Formula, operands: Sequence[Node]) -> Node:
    """The formula with `operands[k]` for the operand in place k."""
    return _Writer(operands).relation(formula)


def label_node(label: str) -> Node:
    """`1/4` as a fraction, `η` as a symbol, `0.5` as a number, `1 − α` in parentheses."""
    halves = label.split("/")
    if len(halves) == 2 and all(halves):
        return Fraction(label_node(halves[0]), label_node(halves[1]))
    if label.startswith("["):
        return Indicator(_words(label[1:-1]))
    if " " in label:
        return Delimited(_words(label))
    if re.fullmatch(r"[\d.]+(e[-−+]?\d+)?", label):
        return Number(label, constant=True)
    return Symbol(label, italic=len(label) == 1)


def _words(label: str) -> Node:
    """`k = t`, `1 − α`: names and numbers with signs between them."""
    first, *others = label.replace("-", MINUS).split(" ")
    nodes = [_signed(first)]
    for sign, name in zip(others[::2], others[1::2], strict=True):
        nodes += [Operator(sign), _signed(name)]
    return Row(tuple(nodes)) if others else nodes[0]


def _signed(name: str) -> Node:
    plain = name.removeprefix(MINUS)
    return label_node(name) if plain == name else row(Operator(MINUS), label_node(plain))


@frozen(eq=False)
class _Writer:
    operands: Sequence[Node]

    def relation(self, formula: Formula) -> Node:
        """A whole formula, or what stands in parentheses."""
        return _row(self._alternatives(formula))

    def _alternatives(self, formula: Formula, *, asks: bool = False) -> list[Node]:
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
            return [self._sum(first), Operator(formula.sign), self._sum(second)]
        return [self._sum(formula)]

    def _sum(self, formula: Formula) -> Node:
        first, *others = self._summands(formula)
        return _row([_opened(first), *others])

    def _summands(self, formula: Formula) -> list[Node]:
        if formula.sign not in {"+", "−"}:
            return [self._product(formula)]
        first = formula.parts[0]
        before = self._summands(first) if first.sign in {"+", "−"} else [self._part(formula, 0)]
        return [*before, Operator(formula.sign.replace("−", MINUS)), self._part(formula, 1)]

    def _part(self, formula: Formula, place: int) -> Node:
        """A part in its parentheses, where it needs them."""
        part = formula.parts[place]
        if needs_parentheses(formula, place):
            return Delimited(self.relation(part))
        return self._product(part)

    def _product(self, formula: Formula) -> Node:
        return _row(self._factors(formula))

    def _factors(self, formula: Formula) -> list[Node]:
        """The factors; a quotient is a fraction of the last factor before it."""
        if formula.sign == "step":
            (x,) = formula.parts
            both = Row((self._atom(x > 0), Operator("+"), self._atom(x >= 0)))
            return [Fraction(both, Number("2", constant=True))]
        if formula.sign not in {"·", "/"}:
            return [self._atom(formula)]
        first = formula.parts[0]
        is_loose = needs_parentheses(formula, 0)
        factors = [Delimited(self.relation(first))] if is_loose else self._factors(first)
        if formula.sign == "/":
            return [*factors[:-1], Fraction(_bare(factors[-1]), _bare(self._part(formula, 1)))]
        return [*factors, Operator("·"), self._part(formula, 1)]

    def _atom(self, formula: Formula) -> Node:
        parts = formula.parts
        match formula.sign:
            case "x":
                return self.operands[int(formula.value)]
            case "#":
                return _signed(f"{formula.value:g}".replace("-", MINUS))
            case "$":
                return label_node(formula.letter)
            case "-":
                return row(Operator(MINUS), self._part(formula, 0))
            case "^":
                power = Number(f"{parts[1].value:g}", constant=True)
                return Indexed(_grouped(self._part(formula, 0)), sup=power)
            case "√":
                return Root(self.relation(parts[0]))
            case sign if sign in COMPARED:
                return Indicator(_row(self._alternatives(formula, asks=True)))
            case name:
                return Function(name, tuple(map(self.relation, parts)))


def _row(parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Row(tuple(parts))


def _bare(node: Node) -> Node:
    """Without parentheses, which a bar makes needless."""
    return node.item if isinstance(node, Delimited) and node.left == "(" else node


def _opened(node: Node) -> Node:
    """A negative number that nothing precedes needs no parentheses."""
    match node:
        case Delimited(item=Number() as number, left="("):
            return number
        case Row(items=(Delimited(item=Number() as number, left="("), *others)):
            return Row((number, *others), node.role, node.key)
        case _:
            return node


def _grouped(node: Node) -> Node:
    """Parentheses around what an exponent could be taken for a part of."""
    is_loose = isinstance(node, Fraction | Row) or (
        isinstance(node, Indexed) and node.sup is not None
    )
    is_negative = isinstance(node, Number) and node.text.startswith(MINUS)
    return Delimited(node) if is_loose or is_negative else node
