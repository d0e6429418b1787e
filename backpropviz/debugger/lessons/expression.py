"""Arithmetic on the values of a pass: `2 * conv1.weight.grad[0,0,0,1] + 1`, `size(conv1.weight)`.

    condition  = comparison {"and" comparison}
    comparison = sum [("==" | "!=" | "<" | "<=" | ">" | ">=") sum]
    sum        = product {("+" | "-") product}
    product    = factor {("*" | "/") factor}
    factor     = "-" factor | "(" condition ")" | number | word | address
               | ("abs" | "sqrt" | "sign") "(" condition ")"
               | ("size" | "sum" | "max" | "min" | "nonzero") "(" array ")"
    word       = "parameters" | "forward_steps" | "backward_steps"
               | "learning_rate" | "momentum" | "beta1" | "beta2"

A layer's name may hold hyphens, so a minus needs a space before it. What is compared counts as
equal when it agrees up to float32's rounding.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from backpropviz.engine.address import Address, parse
from backpropviz.engine.arrays import Array
from backpropviz.engine.program import Phase, operations
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

LONGEST = 1000
_ROUNDING = 1e-5


class Node(Protocol):
    """A part of an expression."""

    def value(self, tape: Tape) -> float:
        """Its number in a pass; of a comparison 1 or 0."""


@frozen
class Number:
    """A number as it is written."""

    number: float

    def value(self, tape: Tape) -> float:
        return self.number


@frozen
class Value:
    """A value of the pass."""

    address: Address

    def value(self, tape: Tape) -> float:
        found = tape[self.address]
        if found.ndim:
            example = self.address.at((0,) * found.ndim)
            raise UserError(f"“{self.address}” names an array: name one value, such as {example}.")
        return float(found)


@frozen
class Word:
    """A number of the network or the optimizer."""

    word: str

    def value(self, tape: Tape) -> float:
        found = _WORDS[self.word](tape)
        if found is None:
            raise UserError(f"the optimizer {tape.optimizer.kind} has no {self.word}.")
        return found


@frozen
class Whole:
    """A number of a whole array."""

    function: str
    address: Address

    def value(self, tape: Tape) -> float:
        return float(_OF_ARRAYS[self.function](tape[self.address]))


@frozen
class Call:
    """A function of a number."""

    function: str
    argument: Node

    def value(self, tape: Tape) -> float:
        return _OF_NUMBERS[self.function](self.argument.value(tape))


@frozen
class Binary:
    """Two numbers joined, or compared."""

    sign: str
    left: Node
    right: Node

    def value(self, tape: Tape) -> float:
        left, right = self.left.value(tape), self.right.value(tape)
        if self.sign == "/" and right == 0:
            raise UserError("this divides by 0.")
        return float(_BINARY[self.sign](left, right))


@frozen
class Expression:
    """A parsed expression with the line that it stands on (0: none)."""

    text: str
    root: Node
    line: int = 0

    def value(self, tape: Tape) -> float:
        """Its number in a pass.

        Raises:
            UserError: the pass has no such value.
        """
        return self.root.value(tape)

    def holds(self, tape: Tape) -> bool:
        """Whether a comparison is true."""
        return bool(self.value(tape))

    @property
    def address(self) -> Address | None:
        """The address, where it is just one."""
        return self.root.address if isinstance(self.root, Value) else None


def _equal(left: float, right: float) -> bool:
    return math.isclose(left, right, rel_tol=_ROUNDING, abs_tol=1e-12)


def _sign(value: float) -> float:
    return float((value > 0) - (value < 0))


def _root(value: float) -> float:
    if value < 0:
        raise UserError(f"{value:g} has no square root.")
    return math.sqrt(value)


def _parameters(tape: Tape) -> float:
    shapes = (s for n in tape.network.nodes for s in tape.network.parameter_shapes(n).values())
    return float(sum(math.prod(shape) for shape in shapes))


def _steps(phase: Phase) -> Callable[[Tape], float | None]:
    def found(tape: Tape) -> float | None:
        every = operations(tape.network, tape.batch, tape.optimizer, tape.iteration)
        return float(sum(o.nest.steps() for o in every if o.phase is phase))

    return found


def _setting(name: str) -> Callable[[Tape], float | None]:
    return lambda tape: tape.optimizer.about.code_numbers(tape.optimizer).get(name)


_WORDS: Mapping[str, Callable[[Tape], float | None]] = {
    "parameters": _parameters,
    "forward_steps": _steps(Phase.FORWARD),
    "backward_steps": _steps(Phase.BACKWARD),
    "learning_rate": _setting("lr"),
    "momentum": _setting("momentum"),
    "beta1": _setting("beta1"),
    "beta2": _setting("beta2"),
}
_OF_ARRAYS: Mapping[str, Callable[[Array], float]] = {
    "size": lambda array: array.size,
    "sum": lambda array: float(np.sum(array, dtype=np.float64)),
    "max": lambda array: float(np.max(array)),
    "min": lambda array: float(np.min(array)),
    "nonzero": lambda array: int(np.count_nonzero(array)),
}
_OF_NUMBERS: Mapping[str, Callable[[float], float]] = {"abs": abs, "sqrt": _root, "sign": _sign}
_COMPARISONS: Mapping[str, Callable[[float, float], float]] = {
    "==": _equal,
    "!=": lambda a, b: not _equal(a, b),
    "<=": lambda a, b: a <= b or _equal(a, b),
    ">=": lambda a, b: a >= b or _equal(a, b),
    "<": lambda a, b: a < b and not _equal(a, b),
    ">": lambda a, b: a > b and not _equal(a, b),
}
_BINARY: Mapping[str, Callable[[float, float], float]] = {
    **_COMPARISONS,
    "and": lambda a, b: bool(a) and bool(b),
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][\w-]*(?:\.[\w-]+)*(?:\[[^\]]*\])?)"
    r"|(?P<sign>[=!<>]=|[-+*/()<>]))"
)
_SPELLINGS = str.maketrans({"−": "-", "×": "*", "·": "*"})


@lru_cache(maxsize=1024)
def parse_expression(text: str, line: int = 0) -> Expression:
    """Read an expression.

    Raises:
        UserError: it is not of the form above; the sentence says where reading stopped.
    """
    if len(text) > LONGEST:
        raise UserError(f"“{text[:20]}…” is too long: use at most {LONGEST} characters.")
    reader = _Reader(text, list(_tokens(text)))
    try:
        root = reader.condition()
    except RecursionError:
        raise UserError(f"“{text[:20]}…” is nested too deeply: use fewer parentheses.") from None
    if reader.rest:
        raise reader.unexpected("the end")
    return Expression(text, root, line)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    plain, position = text.translate(_SPELLINGS).rstrip(), 0
    while position < len(plain):
        found = _TOKEN.match(plain, position)
        if found is None:
            raise UserError(
                f"“{text}” cannot be read from “{plain[position:].strip()[:20]}” on: "
                "write numbers, addresses, + - * / and parentheses."
            )
        kind = found.lastgroup or ""
        yield kind, found[kind]
        position = found.end()


@dataclass(slots=True)
class _Reader:
    """Recursive descent over the tokens."""

    text: str
    rest: list[tuple[str, str]]

    def unexpected(self, wanted: str) -> UserError:
        found = f"“{self.rest[0][1]}”" if self.rest else "the end"
        return UserError(f"“{self.text}” has {found} where {wanted} should be.")

    def taken(self, *tokens: str) -> str:
        """The next token, if it is one of these; else an empty text."""
        return self.rest.pop(0)[1] if self.rest and self.rest[0][1] in tokens else ""

    def expect(self, token: str) -> None:
        if not self.taken(token):
            raise self.unexpected(f"“{token}”")

    def condition(self) -> Node:
        node = self.comparison()
        while self.taken("and"):
            node = Binary("and", node, self.comparison())
        return node

    def comparison(self) -> Node:
        left = self.sum()
        sign = self.taken(*_COMPARISONS)
        return Binary(sign, left, self.sum()) if sign else left

    def sum(self) -> Node:
        node = self.product()
        while sign := self.taken("+", "-"):
            node = Binary(sign, node, self.product())
        return node

    def product(self) -> Node:
        node = self.factor()
        while sign := self.taken("*", "/"):
            node = Binary(sign, node, self.factor())
        return node

    def factor(self) -> Node:
        if self.taken("-"):
            return Binary("-", Number(0.0), self.factor())
        if self.taken("("):
            node = self.condition()
            self.expect(")")
            return node
        if not self.rest or self.rest[0][0] == "sign":
            raise self.unexpected("a number or an address")
        kind, token = self.rest.pop(0)
        return Number(float(token)) if kind == "number" else self.named(token)

    def named(self, name: str) -> Node:
        """A function, a word or an address."""
        if self.taken("("):
            found = self.called(name)
            self.expect(")")
            return found
        return Word(name) if name in _WORDS else Value(parse(name))

    def called(self, name: str) -> Node:
        if name in _OF_NUMBERS:
            return Call(name, self.condition())
        if name not in _OF_ARRAYS:
            known = ", ".join([*_OF_NUMBERS, *_OF_ARRAYS])
            raise UserError(f"“{self.text}” has no function “{name}” to use: use {known}.")
        if not self.rest or self.rest[0][0] != "name":
            raise self.unexpected("an array such as conv1.weight")
        return Whole(name, parse(self.rest.pop(0)[1]))
