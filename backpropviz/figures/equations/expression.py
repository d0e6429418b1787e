"""A function's formula as an equation: `−{0} · ({1} + {2})` with its operands put in place.

Grammar::

    relation = sum {("=" | "≠" | "<" | ">" | "≤" | "≥" | "," | "if" | "else") sum}
    sum      = product {("+" | "−") product}
    product  = unary {("·" | "/") unary}
    unary    = ["−"] power
    power    = atom ["^" atom | "²" | "′"]
    atom     = "{k}" | number | name | "√" atom | name ["′"] "(" relation ")"
             | ["1"] "[" relation "]" | "(" relation ")"
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

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

_TOKEN = re.compile(
    r"\s*(\{\d+\}|(?:1|𝟏)(?=\[)|\d+(?:\.\d+)?(?:e[-−]?\d+)?|[^\W\d_][\w]*′?|[²³]|\S)"
)
_CONNECTORS = frozenset("=≠<>≤≥,") | {"if", "else"}
_POWERS = {"²": "2", "³": "3"}


def expression_node(template: str, operands: Sequence[Node]) -> Node:
    """The formula with `operands[k]` for each `{k}`.

    Raises:
        ValueError: the template does not follow the grammar.
    """
    reader = _Reader(_TOKEN.findall(template.replace("-", MINUS)), operands)
    found = reader.relation()
    if reader.ahead:
        raise ValueError(f"{template!r} is not understood from {reader.ahead!r} on")
    return found


def is_plain_sum(template: str) -> bool:
    """Whether it only adds and subtracts operands, so that its numbers can be added up by hand."""
    return re.fullmatch(r"\{\d+\}(\s*[+−-]\s*\{\d+\})+", template) is not None


def plain_sum_signs(template: str) -> list[str]:
    """The sign before each operand of a plain sum."""
    return ["+", *re.findall(r"[+−-]", template.replace("-", MINUS))]


@dataclass(slots=True)
class _Reader:
    tokens: list[str]
    operands: Sequence[Node]
    place: int = 0

    @property
    def ahead(self) -> str:
        """The next token; '' at the end."""
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self) -> str:
        taken = self.ahead
        self.place += 1
        return taken

    def expect(self, wanted: str) -> None:
        if self.take() != wanted:
            raise ValueError(f"{wanted!r} is missing")

    def relation(self) -> Node:
        parts = [self.sum()]
        while self.ahead in _CONNECTORS:
            sign = self.take()
            parts += [Words(sign) if sign.isalpha() else Operator(sign), self.sum()]
        return _row(parts)

    def sum(self) -> Node:
        parts = [self.product()]
        while self.ahead in {"+", MINUS}:
            parts += [Operator(self.take()), self.product()]
        parts[0] = _opened(parts[0])
        return _row(parts)

    def product(self) -> Node:
        parts = [self.unary()]
        while self.ahead in {"·", "×", "/"}:
            if self.take() == "/":
                parts[-1] = Fraction(_bare(parts[-1]), _bare(self.unary()))
            else:
                parts += [Operator("·"), self.unary()]
        return _row(parts)

    def unary(self) -> Node:
        if self.ahead == MINUS:
            self.take()
            return row(Operator(MINUS), self.power())
        return self.power()

    def power(self) -> Node:
        base = self.atom()
        if self.ahead in _POWERS:
            return Indexed(_grouped(base), sup=Number(_POWERS[self.take()], constant=True))
        if self.ahead == "^":
            self.take()
            return Indexed(_grouped(base), sup=_bare(self.atom()))
        return base

    def atom(self) -> Node:
        sign = self.take()
        if sign.startswith("{"):
            return self.operands[int(sign[1:-1])]
        if sign in {"1", "𝟏"} and self.ahead == "[":
            return Indicator(self.enclosed("[", "]"))
        if sign == "[":
            self.place -= 1
            return Indicator(self.enclosed("[", "]"))
        if sign[:1].isdigit():
            return Number(sign, constant=True)
        if sign == "½":
            return Fraction(Number("1", constant=True), Number("2", constant=True))
        if sign == "√":
            return Root(_bare(self.atom()))
        if sign in {"(", "|"}:
            self.place -= 1
            closing = ")" if sign == "(" else "|"
            return Delimited(self.enclosed(sign, closing), sign, closing)
        if not sign or not sign[0].isalpha():
            raise ValueError(f"{sign!r} is out of place")
        return self.named(sign)

    def named(self, name: str) -> Node:
        if self.ahead != "(":
            return Symbol(name, italic=len(name) == 1)
        argument = self.enclosed("(", ")")
        if name == "sqrt":
            return Root(argument)
        return Function(name, _arguments(argument))

    def enclosed(self, opening: str, closing: str) -> Node:
        self.expect(opening)
        inside = self.relation()
        self.expect(closing)
        return inside


def _row(parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Row(tuple(parts))


def _bare(node: Node) -> Node:
    """Without parentheses, which a bar or a root makes needless."""
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


def _arguments(node: Node) -> tuple[Node, ...]:
    """A row split at its commas."""
    if not isinstance(node, Row) or Operator(",") not in node.items:
        return (node,)
    groups: list[list[Node]] = [[]]
    for item in node.items:
        if item == Operator(","):
            groups.append([])
        else:
            groups[-1].append(item)
    return tuple(_row(group) for group in groups)
