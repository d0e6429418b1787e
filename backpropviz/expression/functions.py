"""Operators and functions of the language, each with NumPy's own meaning.

Arithmetic is done in float64, and arrays are summed up in float64. A value as it is, its size and
its negative keep the array's own precision, so that a float32 of 0.1 is equal to 0.1. Division by 0
gives ∞ or NaN as in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from backpropviz.engine.value import Array
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

Quantity: TypeAlias = "Array | float"
"""A number or an array; truths are booleans."""


@frozen
class Primitive:
    """An operator or function: how many values it takes, and what it makes of them."""

    name: str
    compute: Callable[..., Quantity]
    least: int = 1
    most: int = 1
    is_test: bool = False
    """Whether it comes out true or false."""
    joins_tests: bool = False
    """Whether what it takes must be true or false."""
    reduces: bool = False
    """Whether it makes one number of an array."""


KINDS: Mapping[str, Callable[[Quantity], Quantity]] = {
    "nan": np.isnan,
    "infinite": np.isinf,
    "finite": np.isfinite,
    "zero": lambda x: np.equal(x, 0),
    "positive": lambda x: np.greater(x, 0),
    "negative": lambda x: np.less(x, 0),
}
"""What a value can be said to be: `value is nan`."""

COMPARISONS: Mapping[str, Callable[[Quantity, Quantity], Quantity]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def _wide(function: np.ufunc) -> Callable[..., Quantity]:
    """A function computed in float64 whatever it is given."""
    return lambda *values: function(*values, dtype=np.float64)


def between(value: Quantity, low: Quantity, high: Quantity) -> Quantity:
    """Whether low ≤ value ≤ high."""
    return np.logical_and(np.greater_equal(value, low), np.less_equal(value, high))


def _fold(joined: Callable[[Quantity, Quantity], Quantity]) -> Callable[..., Quantity]:
    """A function of two as one of many, from left to right."""

    def computed(first: Quantity, *others: Quantity) -> Quantity:
        for other in others:
            first = joined(first, other)
        return first

    return computed


def _extreme(
    of_array: Callable[[Quantity], Quantity], of_two: Callable[[Quantity, Quantity], Quantity]
) -> Callable[..., Quantity]:
    """The extreme of one array, or, value by value, of several."""
    of_many = _fold(of_two)
    return lambda first, *others: of_many(first, *others) if others else of_array(first)


def _not_of(kind: Callable[[Quantity], Quantity]) -> Callable[[Quantity], Quantity]:
    return lambda x: np.logical_not(kind(x))


def _norm(x: Quantity) -> Quantity:
    """√Σx², computed so that it neither overflows nor vanishes before its time."""
    wide = np.abs(np.asarray(x, np.float64))
    largest = float(np.max(wide, initial=0.0))
    if largest == 0 or not math.isfinite(largest):
        return largest
    return largest * math.sqrt(float(np.sum(np.square(wide / largest))))


def _quantile(x: Quantity, share: Quantity) -> Quantity:
    if not np.all(np.greater_equal(share, 0) & np.less_equal(share, 1)):
        raise UserError("a quantile is asked at a share from 0 to 1, such as 0.5.")
    return np.quantile(np.asarray(x, np.float64), share)


_OPERATORS = (
    Primitive("+", _wide(np.add), 2, 2),
    Primitive("-", _wide(np.subtract), 2, 2),
    Primitive("*", _wide(np.multiply), 2, 2),
    Primitive("/", _wide(np.true_divide), 2, 2),
    Primitive("%", _wide(np.mod), 2, 2),
    Primitive("**", np.float_power, 2, 2),
    Primitive("negative of", np.negative),
    Primitive("not", np.logical_not, is_test=True, joins_tests=True),
    Primitive("and", _fold(np.logical_and), 2, 1000, is_test=True, joins_tests=True),
    Primitive("or", _fold(np.logical_or), 2, 1000, is_test=True, joins_tests=True),
    Primitive("between", between, 3, 3, is_test=True),
    *(Primitive(f"is {name}", kind, is_test=True) for name, kind in KINDS.items()),
    *(Primitive(f"not is {name}", _not_of(kind), is_test=True) for name, kind in KINDS.items()),
)
_NUMBERS = (
    Primitive("abs", np.abs),
    Primitive("sqrt", _wide(np.sqrt)),
    Primitive("exp", _wide(np.exp)),
    Primitive("log", _wide(np.log)),
    Primitive("sign", np.sign),
    Primitive("isnan", np.isnan, is_test=True),
    Primitive("isinf", np.isinf, is_test=True),
)
_ARRAYS = (
    Primitive("min", _extreme(np.min, np.minimum), 1, 8, reduces=True),
    Primitive("max", _extreme(np.max, np.maximum), 1, 8, reduces=True),
    Primitive("sum", lambda x: np.sum(x, dtype=np.float64), reduces=True),
    Primitive("mean", lambda x: np.mean(x, dtype=np.float64), reduces=True),
    Primitive("std", lambda x: np.std(x, dtype=np.float64), reduces=True),
    Primitive("norm", _norm, reduces=True),
    Primitive("argmax", np.argmax, reduces=True),
    Primitive("quantile", _quantile, 2, 2, reduces=True),
    Primitive("count", np.count_nonzero, reduces=True),
    Primitive("nonzero", np.count_nonzero, reduces=True),
    Primitive("size", np.size, reduces=True),
    Primitive("shape", lambda x: np.array(np.shape(x), np.int64), reduces=True),
)
FUNCTIONS: Mapping[str, Primitive] = {f.name: f for f in (*_OPERATORS, *_NUMBERS, *_ARRAYS)}
"""All of them by name."""
CALLED = tuple(function.name for function in (*_NUMBERS, *_ARRAYS))
"""Those that are called: `abs(…)`."""
