"""Conditions of breakpoints: `abs(term) > 5`, `value is NaN`, `a < 0 and i == 1`.

A condition speaks of each result (`value`) or of each term: `term`, its operands `a` and `b`, the
running sum with it, `sum`, and before it, `prev`; and of the loops' indices by their letters. It is
asked for whole arrays at once, and for bounds, so that a search can pass over all terms whose
operands are too small. The language is that of `expression`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property, lru_cache
from string import ascii_lowercase

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.errors import UserError
from backpropviz.expression.evaluate import Arithmetic, folded, run
from backpropviz.expression.functions import CALLED, KINDS
from backpropviz.expression.intervals import Interval, NumberSet, can_hold, solution
from backpropviz.expression.language import Expression, Read, Vocabulary, read
from backpropviz.frozen import frozen

RUNNING = frozenset({"sum", "prev"})
"""The running sum with a term, and before it."""
OF_TERM = frozenset({"term", "a", "b"}) | RUNNING
"""What only a term has: its value, its first and its second operand, the sums around it."""
OFFERED = (
    *("value", "term", "a", "b", "sum", "prev"),
    *("and", "or", "not", "between", *(f"is {kind}" for kind in KINDS)),
    *(f"{name}(" for name in CALLED),
)
"""What a person may be offered while a condition is typed, beside addresses."""
_WORDS = Vocabulary(OF_TERM | {"value", *ascii_lowercase}, implied="value", is_open=False)


@frozen(eq=False, slots=False)
class Condition:
    """A test of each result, or of each term."""

    text: str
    expression: Expression
    about_term: bool

    def on(self, tape: Mapping[Address, Array]) -> Condition:
        """The same condition with the pass's own numbers in it.

        Raises:
            UserError: the pass has no such value, or several where one is compared.
        """
        if not any(isinstance(one, Read) for one in self.expression.program):
            return self
        return Condition(self.text, folded(self.expression, tape), self.about_term)

    @property
    def subject(self) -> str:
        """`value` or `term`."""
        return "term" if self.about_term else "value"

    @property
    def names(self) -> frozenset[str]:
        """All that it speaks of: `term`, `a`, `i`, …"""
        return self.expression.names

    @cached_property
    def numbers(self) -> NumberSet | None:
        """The values, or terms, that meet it, where it is about them alone and can be solved."""
        return solution(self.expression) if self.names == {self.subject} else None

    @property
    def is_impossible(self) -> bool:
        """Whether no number can meet it."""
        return self.numbers is not None and self.numbers.is_empty

    def mask(self, values: Array, others: Mapping[str, Array] | None = None) -> Array:
        """Where it holds; `others` are the operands and indices that it speaks of."""
        found = run(self.expression, Arithmetic({self.subject: values, **(others or {})}))
        return np.asarray(found, np.bool_)

    def can_hold(
        self, low: float, high: float, others: Mapping[str, Interval] | None = None
    ) -> bool:
        """Whether it may hold for a value from low to high; NaN and ∞ are never ruled out."""
        if self.numbers is not None:
            is_known = math.isfinite(low) and math.isfinite(high)
            return not is_known or self.numbers.meets(low, high)
        return can_hold(self.expression, {self.subject: (low, high), **(others or {})})


@lru_cache(maxsize=256)
def parse_condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        UserError: it is none; the sentence says at which character, and what is missing.
    """
    expression = read(text, _WORDS)
    if not expression.is_test:
        raise expression.error("this has no comparison such as “>”: write value > 5.", 0)
    about_term = bool(expression.names & OF_TERM)
    if about_term and "value" in expression.names:
        raise UserError(
            f"“{text}” speaks of the value and of the term: a condition is about one of them."
        )
    if not about_term and "value" not in expression.names:
        raise expression.error("this speaks of no value and no term: name one of them.", 0)
    if not any(isinstance(one, Read) for one in expression.program):
        expression = folded(expression)
    return Condition(text, expression, about_term)
