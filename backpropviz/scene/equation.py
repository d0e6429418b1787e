"""An equation as a small immutable tree: what it says, not where it stands nor in which theme.

The same tree is laid out as marks, printed as text and printed as LaTeX. A `role` says what a part
means; the layout maps it to a color. A `key` is the address (as text) of the value a part shows.
Both are inherited: a part that names none takes its parent's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import TypeAlias

from backpropviz.frozen import frozen

JUXTAPOSED = "\u2062"
"""The operator between factors that stand side by side: invisible in a picture, `·` in text."""

MINUS = "\u2212"


class Role(Enum):
    """What a part of an equation means; a theme has a color for each."""

    INK = "ink"
    FORWARD = "forward"
    BACKWARD = "backward"
    HERE = "here"
    UPDATE = "update"
    LOSS = "loss"
    MUTED = "muted"


@frozen
class Symbol:
    """A letter, a name or an ellipsis; names such as `ReLU` stand upright."""

    text: str
    role: Role | None = None
    italic: bool = True
    key: str = ""


@frozen
class NumberNode:
    """A value of the pass as the person reads it, or a constant of the definition.

    A `constant` (an index, the 2 of 1/2) is set like the letters; a `bold` number is a result.
    """

    text: str
    role: Role | None = None
    constant: bool = False
    bold: bool = False
    key: str = ""


@frozen
class Pending:
    """The place of a value that is not computed yet: a dot, never 0."""

    key: str = ""


@frozen
class Operator:
    """`+ − · ×`, a relation such as `=`, a comma, or `JUXTAPOSED`: its text tells its kind."""

    text: str
    role: Role | None = None


@frozen
class Words:
    """A phrase inside an equation; a `small` one is a remark in the interface's font ("so far")."""

    text: str
    role: Role | None = None
    small: bool = False


@frozen
class Space:
    """An empty stretch, in em."""

    em: float = 1.0


@frozen
class RowNode:
    """Parts side by side on one baseline."""

    items: tuple[Node, ...]
    role: Role | None = None
    key: str = ""


@frozen
class Indexed:
    """A base with indices, an exponent, or both."""

    base: Node
    sub: Node | None = None
    sup: Node | None = None
    role: Role | None = None
    key: str = ""


@frozen
class Fraction:
    """A numerator over a denominator."""

    numerator: Node
    denominator: Node
    role: Role | None = None
    key: str = ""


@frozen
class BigOperator:
    """`∑`, or a word such as `max`, with its limits; what it ranges over follows in the row."""

    text: str
    below: Node | None = None
    above: Node | None = None
    role: Role | None = None


@frozen
class Delimited:
    """A part between parentheses, brackets or bars that grow with it."""

    item: Node
    left: str = "("
    right: str = ")"
    role: Role | None = None


@frozen
class Function:
    """A named function and its arguments: exp(x), max(0, x)."""

    name: str
    arguments: tuple[Node, ...]
    role: Role | None = None
    key: str = ""


@frozen
class IndicatorNode:
    """𝟏[condition]: 1 where the condition holds, else 0."""

    condition: Node
    role: Role | None = None
    key: str = ""


@frozen
class Root:
    """A square root."""

    item: Node
    role: Role | None = None
    key: str = ""


@frozen
class TermNode:
    """One term of a sum: the current one lies on a tint, one that has not run yet is faded."""

    item: Node
    current: bool = False
    faded: bool = False
    key: str = ""


Node: TypeAlias = (
    Symbol
    | NumberNode
    | Pending
    | Operator
    | Words
    | Space
    | RowNode
    | Indexed
    | Fraction
    | BigOperator
    | Delimited
    | Function
    | IndicatorNode
    | Root
    | TermNode
)


class SymbolKind(Enum):
    """What an operator does to the space around it."""

    SUM = "sum"
    PRODUCT = "product"
    RELATION = "relation"
    PUNCTUATION = "punctuation"


_KINDS = (
    dict.fromkeys(("+", MINUS, "±"), SymbolKind.SUM)
    | dict.fromkeys(("·", "×", "/", "⊙", JUXTAPOSED), SymbolKind.PRODUCT)
    | dict.fromkeys((",", ";"), SymbolKind.PUNCTUATION)
)


def operator_kind(operator: Operator) -> SymbolKind:
    """The kind of an operator; what is no sum, product or comma is a relation."""
    return _KINDS.get(operator.text, SymbolKind.RELATION)


def children(node: Node) -> tuple[Node, ...]:
    """The direct parts of a node, in reading order."""
    match node:
        case RowNode(items=items) | Function(arguments=items):
            return items
        case Fraction():
            return (node.numerator, node.denominator)
        case Indexed():
            return _present(node.base, node.sub, node.sup)
        case BigOperator():
            return _present(node.below, node.above)
        case (
            Delimited(item=item)
            | Root(item=item)
            | TermNode(item=item)
            | IndicatorNode(condition=item)
        ):
            return (item,)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """A node and everything below it, in reading order."""
    yield node
    for child in children(node):
        yield from walk(child)


def row(*items: Node, role: Role | None = None, key: str = "") -> RowNode:
    """Parts side by side."""
    return RowNode(items, role, key)


def product(*factors: Node, role: Role | None = None, key: str = "") -> RowNode:
    """Factors side by side without a sign between them: g X."""
    return RowNode(_joined(factors, Operator(JUXTAPOSED)), role, key)


def total(*terms: Node) -> RowNode:
    """Terms with a plus between them."""
    return RowNode(_joined(terms, Operator("+")))


def symbol(
    name: str, indices_text: str = "", role: Role | None = None, key: str = ""
) -> Symbol | Indexed:
    """A letter with its indices: `symbol("X", "y+i,x+j")`."""
    if not indices_text:
        return Symbol(name, role, key=key)
    return Indexed(Symbol(name), indices(indices_text), role=role, key=key)


def partial(
    of: str, by: str, indices_text: str = "", role: Role | None = None, key: str = ""
) -> Fraction:
    """A derivative: `partial("L", "W", "0,1")` is ∂L/∂W with the indices 0,1."""
    by_item = symbol(by, indices_text)
    return Fraction(row(Symbol("∂"), Symbol(of)), row(Symbol("∂"), by_item), role, key)


_INDEX_PART = re.compile(r"\d+|[^\W\d_]|[^\w\s]")


def indices(text: str) -> RowNode:
    """Indices as they are written: letters become symbols, digits constants, the rest operators."""
    return RowNode(tuple(map(_index_part, _INDEX_PART.findall(text.replace("-", MINUS)))))


def _index_part(text: str) -> Node:
    if text.isdigit():
        return NumberNode(text, constant=True)
    if text == "…":
        return Symbol(text, italic=False)
    return Symbol(text) if text.isalpha() else Operator(text)


def _joined(items: tuple[Node, ...], between: Operator) -> tuple[Node, ...]:
    alternating = [part for item in items for part in (between, item)]
    return tuple(alternating[1:])


def _present(*nodes: Node | None) -> tuple[Node, ...]:
    return tuple(node for node in nodes if node is not None)
