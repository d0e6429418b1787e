"""Intervals on which a condition can hold: exact sets of numbers, and bounds of arithmetic.

A condition on one number that compares it with constants is a set of float64 intervals and whether
NaN is in it (`solution`). Of anything else, what bounds of its names give is known (`can_hold`).
Both are exact in one sense: what is ruled out never holds. A search passes over such slices whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from backpropviz.engine.value import Address, Array
from backpropviz.errors import UserError
from backpropviz.expression.evaluate import run
from backpropviz.expression.functions import FUNCTIONS, KINDS, Primitive, Quantity
from backpropviz.expression.language import Expression, Slice
from backpropviz.frozen import frozen

Interval: TypeAlias = tuple[float, float]
Rounding: TypeAlias = Callable[[float], float | np.float32]
_INFINITY = math.inf


def _after(x: float) -> float:
    return math.nextafter(x, _INFINITY)


def _before(x: float) -> float:
    return math.nextafter(x, -_INFINITY)


@frozen
class NumberSet:
    """Closed intervals of float64, apart and in order, ∞ included; and whether NaN is in it."""

    intervals: tuple[Interval, ...] = ()
    nan: bool = False

    def __or__(self, other: NumberSet) -> NumberSet:
        return NumberSet(_merged((*self.intervals, *other.intervals)), self.nan or other.nan)

    def __and__(self, other: NumberSet) -> NumberSet:
        return ~(~self | ~other)

    def __invert__(self) -> NumberSet:
        edges = [-_INFINITY]
        gaps: list[Interval] = []
        if not self.intervals:
            return NumberSet(((-_INFINITY, _INFINITY),), not self.nan)
        first, last = self.intervals[0][0], self.intervals[-1][1]
        if first > edges[0]:
            gaps.append((-_INFINITY, _before(first)))
        gaps += [(_after(a[1]), _before(b[0])) for a, b in pairwise(self.intervals)]
        if last < _INFINITY:
            gaps.append((_after(last), _INFINITY))
        return NumberSet(tuple(gaps), not self.nan)

    def __neg__(self) -> NumberSet:
        return NumberSet(tuple((-b, -a) for a, b in reversed(self.intervals)), self.nan)

    @property
    def of_absolute(self) -> NumberSet:
        """The numbers whose absolute value is in the set."""
        upper = self & NumberSet(((0.0, _INFINITY),), nan=True)
        return upper | -upper

    @property
    def is_empty(self) -> bool:
        """Whether no number is in it."""
        return not self.intervals and not self.nan

    @property
    def has_finite(self) -> bool:
        """Whether a number that is neither NaN nor infinite is in it."""
        return self.meets(-math.nextafter(_INFINITY, 0), math.nextafter(_INFINITY, 0))

    @property
    def is_open(self) -> bool:
        """Whether it goes on for ever on a side, so that extremes tell much."""
        ends = {end for interval in self.intervals for end in interval}
        return bool(ends & {-_INFINITY, _INFINITY})

    def meets(self, low: float, high: float, rounded: Rounding = float) -> bool:
        """Whether a number from low to high is in it; with its bounds `rounded`, may be."""
        return any(rounded(a) <= high and low <= rounded(b) for a, b in self.intervals)

    def mask(self, values: Array, rounded: Rounding = float) -> Array:
        """Which values are in it; with the bounds `rounded` as the values were, which may be."""
        found = np.isnan(values) if self.nan else None
        for low, high in self.intervals:
            one = values >= rounded(low) if low > -_INFINITY else values <= rounded(high)
            if low > -_INFINITY and high < _INFINITY:
                one &= values <= rounded(high)
            found = one if found is None else np.logical_or(found, one)
        return np.zeros(np.shape(values), np.bool_) if found is None else np.asarray(found)


def _merged(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same numbers in as few intervals as possible; 2 … 3 and the next float … 5 are one."""
    found: list[Interval] = []
    for low, high in sorted(intervals):
        if found and low <= _after(found[-1][1]):
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


_EVERY = NumberSet(((-_INFINITY, _INFINITY),), nan=True)
_KIND_SETS: Mapping[str, NumberSet] = {
    "nan": NumberSet((), nan=True),
    "infinite": NumberSet(((-_INFINITY, -_INFINITY), (_INFINITY, _INFINITY))),
    "finite": NumberSet(((_after(-_INFINITY), _before(_INFINITY)),)),
    "zero": NumberSet(((0.0, 0.0),)),
    "positive": NumberSet(((_after(0.0), _INFINITY),)),
    "negative": NumberSet(((-_INFINITY, _before(0.0)),)),
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def _beside(sign: str, number: float) -> NumberSet:
    """The numbers x for which x ∘ number."""
    if math.isnan(number):
        return _EVERY if sign == "!=" else NumberSet()
    match sign:
        case "==":
            return NumberSet(((number, number),))
        case "!=":
            return ~NumberSet(((number, number),))
        case "<=":
            return NumberSet(((-_INFINITY, number),))
        case ">=":
            return NumberSet(((number, _INFINITY),))
        case "<":
            return NumberSet() if number == -_INFINITY else _beside("<=", _before(number))
        case _:
            return NumberSet() if number == _INFINITY else _beside(">=", _after(number))


class _NotSolvedError(UserError):
    """The condition asks more than comparisons of one number with constants."""


@frozen
class _Subject:
    """The number itself, its negative or its absolute value: what a set of it means for it."""

    back: Callable[[NumberSet], NumberSet]


_Solved: TypeAlias = "float | _Subject | NumberSet"


class _Solver:
    """Sets of the number for which each test holds."""

    def number(self, value: float) -> _Solved:
        return value

    def name(self, name: str) -> _Solved:
        return _Subject(lambda found: found)

    def array(self, address: Address, slices: tuple[Slice, ...]) -> _Solved:
        raise _NotSolvedError("")

    def cut(self, found: _Solved, slices: tuple[Slice, ...]) -> _Solved:
        raise _NotSolvedError("")

    def applied(self, function: Primitive, values: Sequence[_Solved]) -> _Solved:
        sets = [value for value in values if isinstance(value, NumberSet)]
        first = values[0]
        if len(sets) == len(values):
            return _of_sets(function.name, sets)
        if function.name == "between":
            above = self.compared(">=", first, values[1])
            return self.applied(FUNCTIONS["and"], (above, self.compared("<=", first, values[2])))
        if not isinstance(first, _Subject):
            raise _NotSolvedError("")
        name = {"isnan": "is nan", "isinf": "is infinite"}.get(function.name, function.name)
        if name == "negative of":
            return _Subject(lambda found: first.back(-found))
        if name == "abs":
            return _Subject(lambda found: first.back(found.of_absolute))
        negated, _, kind = name.partition("is ")
        if kind not in KINDS or negated not in {"", "not "}:
            raise _NotSolvedError("")
        found = first.back(_KIND_SETS[kind])
        return ~found if negated else found

    def compared(self, sign: str, left: _Solved, right: _Solved) -> _Solved:
        if isinstance(left, _Subject) and isinstance(right, float | int):
            return left.back(_beside(sign, float(right)))
        if isinstance(right, _Subject) and isinstance(left, float | int):
            return right.back(_beside(_MIRRORED[sign], float(left)))
        raise _NotSolvedError("")


def _of_sets(name: str, sets: Sequence[NumberSet]) -> NumberSet:
    first, *others = sets
    if name == "not":
        return ~first
    for other in others:
        if name not in {"and", "or"}:
            raise _NotSolvedError("")
        first = first & other if name == "and" else first | other
    return first


def solution(expression: Expression) -> NumberSet | None:
    """The numbers for which a test of one name holds; None where it is not solved exactly.

    The expression is folded: it speaks of no array.
    """
    if len(expression.names) != 1:
        return None
    try:
        found = run(expression, _Solver())
    except UserError:
        return None
    return found if isinstance(found, NumberSet) else None


# Bounds -----------------------------------------------------------------------------------------


@frozen
class Possible:
    """Whether a test can come out true, and false, within bounds."""

    true: bool = True
    false: bool = True


ANYTHING: Interval = (-_INFINITY, _INFINITY)
"""No bounds: NaN and ∞ may be there, too."""
_Bounded: TypeAlias = "Interval | Possible"
_MONOTONE: Mapping[str, Callable[..., Quantity]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.true_divide,
    "min": np.minimum,
    "max": np.maximum,
}
"""Monotone in each argument, as it is rounded: the corners of a box bound what they make."""


class _Bounds:
    """Bounds of what a program makes from bounds of its names.

    Rounding is monotone, so corners computed as the values are computed bound them all.
    """

    def __init__(self, names: Mapping[str, Interval]) -> None:
        self._names = names

    def number(self, value: float) -> _Bounded:
        return _finite(value, value)

    def name(self, name: str) -> _Bounded:
        return _finite(*self._names[name])

    def array(self, address: Address, slices: tuple[Slice, ...]) -> _Bounded:
        return ANYTHING

    def cut(self, found: _Bounded, slices: tuple[Slice, ...]) -> _Bounded:
        return ANYTHING

    def applied(self, function: Primitive, values: Sequence[_Bounded]) -> _Bounded:
        if function.joins_tests:
            return _joined(function.name, [_test(value) for value in values])
        bounds = [_numbers(value) for value in values]
        if function.name == "between":
            above, below = _compared(">=", *bounds[:2]), _compared("<=", bounds[0], bounds[2])
            return _joined("and", [above, below])
        if function.is_test:
            return _of_kind(function, bounds[0])
        if function.name == "negative of":
            return -bounds[0][1], -bounds[0][0]
        if function.name == "abs":
            low, high = bounds[0]
            return max(low, -high, 0.0), max(abs(low), abs(high))
        if function.name not in _MONOTONE or ANYTHING in bounds:
            return ANYTHING
        if function.name == "/" and bounds[1][0] <= 0 <= bounds[1][1]:
            return ANYTHING
        found = bounds[0]
        for other in bounds[1:]:
            found = _corners(_MONOTONE[function.name], found, other)
        return found

    def compared(self, sign: str, left: _Bounded, right: _Bounded) -> _Bounded:
        return _compared(sign, _numbers(left), _numbers(right))


def _finite(low: float, high: float) -> Interval:
    return (low, high) if math.isfinite(low) and math.isfinite(high) else ANYTHING


def _corners(function: Callable[..., Quantity], a: Interval, b: Interval) -> Interval:
    with np.errstate(all="ignore"):
        found = [float(function(np.float64(x), np.float64(y))) for x in a for y in b]
    return (min(found), max(found)) if all(map(math.isfinite, found)) else ANYTHING


def _numbers(found: _Bounded) -> Interval:
    """A test as a number is 0 or 1."""
    return (0.0, 1.0) if isinstance(found, Possible) else found


def _test(found: _Bounded) -> Possible:
    """A number as a test may be anything."""
    return found if isinstance(found, Possible) else Possible()


def _joined(name: str, tests: Sequence[Possible]) -> Possible:
    if name == "not":
        return Possible(tests[0].false, tests[0].true)
    if name == "and":
        return Possible(all(t.true for t in tests), any(t.false for t in tests))
    return Possible(any(t.true for t in tests), all(t.false for t in tests))


def _compared(sign: str, a: Interval, b: Interval) -> Possible:
    if ANYTHING in (a, b):
        return Possible()
    (low, high), (least, most) = a, b
    match sign:
        case "<":
            return Possible(low < most, high >= least)
        case "<=":
            return Possible(low <= most, high > least)
        case ">" | ">=":
            return _compared(_MIRRORED[sign], b, a)
        case _:
            equal = Possible(low <= most and least <= high, not low == high == least == most)
            return equal if sign == "==" else Possible(equal.false, equal.true)


def _of_kind(function: Primitive, bounds: Interval) -> Possible:
    if bounds == ANYTHING:
        return Possible()
    low, high = bounds
    ends = [bool(function.compute(np.float64(end))) for end in (low, high)]
    if function.name.endswith("zero"):
        zero = Possible(low <= 0 <= high, not low == high == 0)
        return zero if function.name.startswith("is") else Possible(zero.false, zero.true)
    return Possible(any(ends), not all(ends))


def can_hold(expression: Expression, names: Mapping[str, Interval]) -> bool:
    """Whether a test may hold while its names lie within bounds; NaN and ∞ are never ruled out."""
    return _test(run(expression, _Bounds(names))).true
