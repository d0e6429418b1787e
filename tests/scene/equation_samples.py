"""The equations that the tests lay out and print: those of the mockups and one of each kind."""

from __future__ import annotations

from backpropviz.scene.equation import (
    BigOperator,
    Delimited,
    Fraction,
    Function,
    Indexed,
    IndicatorNode,
    NumberNode,
    Operator,
    Pending,
    Role,
    Root,
    RowNode,
    Symbol,
    TermNode,
    WordsNode,
    indices,
    partial,
    product,
    row,
    symbol,
    total,
)
from backpropviz.scene.equation_layout import EquationStyle

EQUALS = Operator("=")
DOT = Operator("·")
STYLE = EquationStyle(
    {
        Role.INK: "#1C2024",
        Role.FORWARD: "#0B7A6E",
        Role.BACKWARD: "#6741D9",
        Role.HERE: "#C2410C",
        Role.UPDATE: "#1D5FD0",
        Role.LOSS: "#8A5C00",
        Role.MUTED: "#535A65",
    },
    tint="#FFF0E6",
)


def constant(text: str) -> NumberNode:
    return NumberNode(text, constant=True)


def indexed_term(y: int, x: int, *, current: bool = False, faded: bool = False) -> TermNode:
    upstream = symbol("g", f"{y},{x}", Role.BACKWARD, key=f"conv1.output.grad[0,0,{y},{x}]")
    pixel = symbol("X", f"{y},{x + 1}", Role.FORWARD, key=f"image[0,0,{y},{x + 1}]")
    return TermNode(product(upstream, pixel), current, faded, key=f"term {y},{x}")


def value_term(left: str, right: str, sign: str = "×", *, current: bool = False) -> TermNode:
    factors = row(NumberNode(left, Role.BACKWARD), Operator(sign), NumberNode(right, Role.FORWARD))
    return TermNode(factors, current)


IN_SYMBOLS = row(
    partial("L", "W", "i,j"),
    EQUALS,
    BigOperator("∑", indices("y,x")),
    partial("L", "o", "y,x", Role.BACKWARD),
    DOT,
    symbol("X", "y+i,x+j", Role.FORWARD),
)
WITH_INDICES = row(
    partial("L", "W", "0,1", key="conv1.weight.grad[0,0,0,1]"),
    EQUALS,
    total(
        indexed_term(0, 0),
        indexed_term(0, 1),
        indexed_term(1, 0, current=True),
        indexed_term(1, 1, faded=True),
    ),
)
WITH_NUMBERS = row(
    EQUALS,
    total(
        value_term("0", "2"), value_term("0", "1"), value_term("2", "4", current=True), Pending()
    ),
    EQUALS,
    NumberNode("8", Role.HERE, bold=True),
    WordsNode("so far", Role.MUTED, small=True),
)
POOLING = row(
    partial("L", "a", "21,11"),
    EQUALS,
    partial("L", "p", "10,5", Role.BACKWARD),
    DOT,
    IndicatorNode(
        row(symbol("a", "21,11"), Operator("≥"), WordsNode("the other three")), Role.FORWARD
    ),
)
SOFTMAX = row(
    symbol("p", "k"),
    EQUALS,
    Fraction(
        Function("exp", (symbol("z", "k"),)),
        row(BigOperator("∑", indices("j")), Function("exp", (symbol("z", "j"),))),
    ),
)
SQUARED_ERROR = row(
    Symbol("L"),
    EQUALS,
    Fraction(constant("1"), constant("2")),
    Indexed(Delimited(row(Symbol("p"), Operator("−"), Symbol("t"))), sup=constant("2")),
)
ADAM = row(
    Symbol("W′"),
    EQUALS,
    Symbol("W"),
    Operator("−"),
    Symbol("η"),
    Fraction(Symbol("m̂"), row(Root(Symbol("v̂")), Operator("+"), Symbol("ε"))),
)
TALL = row(
    Delimited(partial("L", "W")),
    Operator("+"),
    Indexed(Delimited(partial("L", "o"), "[", "]"), constant("1"), constant("2")),
)
LIMITS = row(
    BigOperator("max", indices("i,j")),
    symbol("X", "2y+i,2x+j"),
    EQUALS,
    BigOperator("∑", row(Symbol("k"), EQUALS, constant("1")), Symbol("N")),
    Indexed(Symbol("x"), indices("k"), constant("2")),
)
LONG = row(
    EQUALS,
    total(*(value_term(f"−0.{140 + 3 * i}", f"0.9{i}5", "·", current=i == 4) for i in range(9))),
    EQUALS,
    NumberNode("+0.4576", Role.HERE, bold=True),
)
ALL: dict[str, RowNode] = {
    "in symbols": IN_SYMBOLS,
    "with indices": WITH_INDICES,
    "with numbers": WITH_NUMBERS,
    "pooling": POOLING,
    "softmax": SOFTMAX,
    "squared error": SQUARED_ERROR,
    "adam": ADAM,
    "tall": TALL,
    "limits": LIMITS,
    "long": LONG,
}


def with_current(current: int) -> RowNode:
    """`WITH_INDICES` with another term current."""
    terms = [indexed_term(i // 2, i % 2, current=i == current) for i in range(4)]
    return row(partial("L", "W", "0,1"), EQUALS, total(*terms))
