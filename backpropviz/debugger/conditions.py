"""Conditions on a value or a term: `abs(term) > 5`, `value is NaN`, `value < 0 or value > 1`.

    condition = all {"or" all}            all = one {"and" one}
    one       = "not" one | "(" condition ")" | [subject] test
    subject   = "value" | "term" | "abs(value)" | "abs(term)"          (value, if left out)
    test      = ("<" | "<=" | ">" | ">=" | "==" | "!=") number
              | "between" number "and" number
              | "is" ["not"] ("nan" | "infinite" | "finite" | "zero" | "positive" | "negative")

A condition is asked for whole arrays at once, and for intervals, so that a search can pass over all
terms whose operands are too small.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

COMPARISONS: Mapping[str, Callable[[Any, float], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
KINDS: Mapping[str, Callable[[Any], Any]] = {
    "nan": np.isnan,
    "infinite": np.isinf,
    "finite": np.isfinite,
    "zero": lambda x: x == 0,
    "positive": lambda x: x > 0,
    "negative": lambda x: x < 0,
}


class Possible(NamedTuple):
    """Whether a test can come out true, and false, somewhere in an interval."""

    true: bool
    false: bool


class Test(Protocol):
    """A node of a condition."""

    def mask(self, values: Array) -> Array:
        """Where it holds."""

    def possible(self, low: float, high: float) -> Possible:
        """What finite values from low to high can give."""


@frozen
class Comparison:
    """value ∘ number, or |value| ∘ number."""

    sign: str
    number: float
    absolute: bool

    def mask(self, values: Array) -> Array:
        compared = np.abs(values) if self.absolute else values
        return np.asarray(COMPARISONS[self.sign](compared, self.number))

    def possible(self, low: float, high: float) -> Possible:
        low, high = _absolute(low, high) if self.absolute else (low, high)
        if self.sign in {"==", "!="}:
            found = Possible(low <= self.number <= high, not low == high == self.number)
            return found if self.sign == "==" else Possible(found.false, found.true)
        ends = [bool(COMPARISONS[self.sign](np.float64(x), self.number)) for x in (low, high)]
        return Possible(any(ends), not all(ends))


@frozen
class Kind:
    """value is nan, infinite, finite, zero, positive or negative."""

    kind: str

    def mask(self, values: Array) -> Array:
        return np.asarray(KINDS[self.kind](values))

    def possible(self, low: float, high: float) -> Possible:
        ends = [bool(KINDS[self.kind](np.float64(x))) for x in (low, high)]
        if self.kind == "zero":
            return Possible(low <= 0 <= high, not low == high == 0)
        return Possible(any(ends), not all(ends))


@frozen
class Not:
    """The opposite."""

    test: Test

    def mask(self, values: Array) -> Array:
        return ~self.test.mask(values)

    def possible(self, low: float, high: float) -> Possible:
        found = self.test.possible(low, high)
        return Possible(found.false, found.true)


@frozen
class Both:
    """One and the other."""

    first: Test
    second: Test

    def mask(self, values: Array) -> Array:
        return self.first.mask(values) & self.second.mask(values)

    def possible(self, low: float, high: float) -> Possible:
        a, b = self.first.possible(low, high), self.second.possible(low, high)
        return Possible(a.true and b.true, a.false or b.false)


def _absolute(low: float, high: float) -> tuple[float, float]:
    least = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return least, max(abs(low), abs(high))


@frozen
class Condition:
    """A test of each result, or of each term."""

    text: str
    test: Test
    about_term: bool

    def mask(self, values: Array) -> Array:
        """Where it holds."""
        with np.errstate(invalid="ignore"):
            return self.test.mask(values)

    def can_hold(self, low: float, high: float) -> bool:
        """Whether it may hold for a value from low to high; NaN and ∞ are never ruled out."""
        if not (math.isfinite(low) and math.isfinite(high)):
            return True
        return self.test.possible(low, high).true


@lru_cache(maxsize=256)
def parse_condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        UserError: it is not of the form above; the sentence says where reading stopped.
    """
    reader = _Reader(text)
    test = reader.any_of()
    if reader.rest:
        raise reader.unexpected("the end, “and” or “or”")
    if len(reader.subjects) > 1:
        raise UserError(
            f"“{text}” speaks of the value and of the term: a condition is about one of them."
        )
    return Condition(text, test, "term" in reader.subjects)


_TOKEN = re.compile(
    r"\s*(?P<token>[<>=!]=|[<>()|]|-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|-?∞|[A-Za-z]+|\S)"
)
_SPELLINGS = {"≤": "<=", "≥": ">=", "≠": "!=", "=": "==", "inf": "infinite"}
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$|-?∞$")


class _Reader:
    """Recursive descent over the words of a condition."""

    def __init__(self, text: str) -> None:
        self.text = text
        found = [match["token"] for match in _TOKEN.finditer(text.replace("−", "-"))]
        self.rest = [_SPELLINGS.get(token.lower(), token.lower()) for token in found]
        self.subjects: set[str] = set()

    def unexpected(self, wanted: str) -> UserError:
        found = f"“{self.rest[0]}”" if self.rest else "the end"
        return UserError(
            f"the condition “{self.text}” has {found} where {wanted} should be; "
            "write, for example, “abs(term) > 5” or “value is nan”."
        )

    def taken(self, *tokens: str) -> str:
        """The next word, if it is one of these; else an empty text."""
        return self.rest.pop(0) if self.rest and self.rest[0] in tokens else ""

    def expect(self, *tokens: str) -> str:
        found = self.taken(*tokens)
        if not found:
            raise self.unexpected(" or ".join(f"“{token}”" for token in tokens))
        return found

    def number(self) -> float:
        if not self.rest or not _NUMBER.match(self.rest[0]):
            raise self.unexpected("a number")
        return float(self.rest.pop(0).replace("∞", "inf"))

    def any_of(self) -> Test:
        test = self.all_of()
        while self.taken("or"):
            test = Not(Both(Not(test), Not(self.all_of())))
        return test

    def all_of(self) -> Test:
        test = self.one()
        while self.taken("and"):
            test = Both(test, self.one())
        return test

    def one(self) -> Test:
        if self.taken("not"):
            return Not(self.one())
        if self.taken("("):
            test = self.any_of()
            self.expect(")")
            return test
        return self.compared(absolute=self.subject())

    def subject(self) -> bool:
        """Note what is spoken of; whether its size alone counts."""
        close = {"abs": ")", "|": "|"}.get(self.taken("abs", "|"), "")
        if close == ")":
            self.expect("(")
        name = self.expect("value", "term") if close else self.taken("value", "term")
        if close:
            self.expect(close)
        self.subjects.add(name or "value")
        return bool(close)

    def compared(self, *, absolute: bool) -> Test:
        if self.taken("is"):
            negated = self.taken("not")
            kind = Kind(self.expect(*KINDS))
            return Not(kind) if negated else kind
        if self.taken("between"):
            low = self.number()
            self.expect("and")
            high = self.number()
            return Both(Comparison(">=", low, absolute), Comparison("<=", high, absolute))
        sign = self.taken(*COMPARISONS)
        if not sign:
            raise self.unexpected("a comparison such as “>”")
        return Comparison(sign, self.number(), absolute)
