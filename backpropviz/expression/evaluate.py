"""Evaluating an expression: on numbers and arrays, on a tape, or as far as it is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Generic, Protocol, TypeVar

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, shape_text
from backpropviz.errors import UserError
from backpropviz.expression.functions import COMPARISONS, FUNCTIONS, Primitive, Quantity
from backpropviz.expression.language import (
    Apply,
    Compare,
    Cut,
    Expression,
    ExpressionError,
    Instruction,
    Literal,
    Name,
    Program,
    Read,
    Slice,
)
from backpropviz.frozen import frozen

T = TypeVar("T")
LARGEST = 1 << 26
"""Values that an array made by an expression may have."""


class Algebra(Protocol, Generic[T]):
    """What the instructions of a program make: numbers, bounds, sets of numbers."""

    def number(self, value: float) -> T:
        """A number as it is written."""

    def name(self, name: str) -> T:
        """What the place of use gives."""

    def array(self, address: Address, slices: tuple[Slice, ...]) -> T:
        """An array, or the part of it that is asked for."""

    def cut(self, found: T, slices: tuple[Slice, ...]) -> T:
        """A part of a computed array."""

    def applied(self, function: Primitive, values: Sequence[T]) -> T:
        """A function of some values."""

    def compared(self, sign: str, left: T, right: T) -> T:
        """One comparison."""


def run(expression: Expression, algebra: Algebra[T]) -> T:
    """What a program makes.

    Raises:
        ExpressionError: a value cannot be had; with the place in the text.
    """
    stack: list[T] = []
    program = expression.program
    for number, one in enumerate(program):
        try:
            _do(one, program, number, stack, algebra)
        except ExpressionError:
            raise
        except UserError as error:
            raise expression.error(str(error), one.at) from None
    return stack.pop()


def _do(one: Instruction, program: Program, number: int, stack: list[T], on: Algebra[T]) -> None:
    match one:
        case Literal(value):
            stack.append(on.number(value))
        case Name(name):
            stack.append(on.name(name))
        case Read(address):
            after = program[number + 1] if number + 1 < len(program) else None
            stack.append(on.array(address, after.slices if isinstance(after, Cut) else ()))
        case Cut(slices):
            if not isinstance(program[number - 1], Read):
                stack.append(on.cut(stack.pop(), slices))
        case Apply(function, count):
            values = stack[-count:]
            del stack[-count:]
            stack.append(on.applied(function, values))
        case Compare(signs):
            values = stack[-len(signs) - 1 :]
            del stack[-len(signs) - 1 :]
            pairs = zip(signs, pairwise(values), strict=True)
            tests = [on.compared(sign, *pair) for sign, pair in pairs]
            both = FUNCTIONS["and"]
            stack.append(tests[0] if len(tests) == 1 else on.applied(both, tests))


class Arithmetic:
    """NumPy's arithmetic; arrays by address come from a tape, if there is one."""

    def __init__(
        self, names: Mapping[str, Quantity], arrays: Mapping[Address, Array] | None = None
    ) -> None:
        self._names = names
        self._arrays = arrays

    def number(self, value: float) -> Quantity:
        return value

    def name(self, name: str) -> Quantity:
        return self._names[name]

    def array(self, address: Address, slices: tuple[Slice, ...]) -> Quantity:
        if self._arrays is None:
            raise UserError(f"“{address}” is a value of a pass, and there is none here.")
        indices = tuple(one for one in slices if isinstance(one, int))
        if slices and len(indices) == len(slices):
            return _plain(self._arrays[address.at(indices)])
        found = self._arrays[address]
        return self.cut(found, slices) if slices else _plain(found)

    def cut(self, found: Quantity, slices: tuple[Slice, ...]) -> Quantity:
        array = np.asarray(found)
        fits = len(slices) <= array.ndim and all(
            not isinstance(one, int) or one < size
            for one, size in zip(slices, array.shape, strict=False)
        )
        if not fits:
            shape = shape_text(array.shape) if array.ndim else "that of one number"
            raise UserError(f"these indices lie outside the array, whose shape is {shape}.")
        return _plain(array[tuple(one if isinstance(one, int) else slice(*one) for one in slices)])

    def applied(self, function: Primitive, values: Sequence[Quantity]) -> Quantity:
        if function.reduces and function.name not in {"size", "shape"} and not np.size(values[0]):
            raise UserError(f"“{function.name}” is asked of no values: take a range that has some.")
        _check_shapes(values)
        with np.errstate(all="ignore"):
            return _plain(function.compute(*values))

    def compared(self, sign: str, left: Quantity, right: Quantity) -> Quantity:
        _check_shapes((left, right))
        with np.errstate(all="ignore"):
            return _plain(COMPARISONS[sign](left, right))


def _plain(found: Quantity) -> Quantity:
    """One number as Python's, which takes the precision of the array that it meets."""
    if np.ndim(found):
        return found
    return bool(found) if np.asarray(found).dtype == np.bool_ else float(found)


def _check_shapes(values: Sequence[Quantity]) -> None:
    shapes = [np.shape(value) for value in values if np.ndim(value)]
    if len(shapes) < 2 or all(shape == shapes[0] for shape in shapes):
        return
    try:
        size = math.prod(np.broadcast_shapes(*shapes))
    except ValueError:
        texts = " and ".join(shape_text(shape) for shape in dict.fromkeys(shapes))
        raise UserError(f"shapes {texts} do not fit together: take parts of one shape.") from None
    if size > LARGEST:
        raise UserError(f"this makes {size:,} values at once: use at most {LARGEST:,}.")


def number_of(expression: Expression, arithmetic: Arithmetic) -> float:
    """The one number that an expression makes; of a comparison 1 or 0.

    Raises:
        ExpressionError: a value cannot be had, or there are several.
    """
    found = run(expression, arithmetic)
    if np.ndim(found):
        first = next((one for one in expression.program if isinstance(one, Read)), None)
        example = "take one of its values, or its sum, mean or max."
        if first is not None and len(expression.program) == 1:
            example = f"name one value, such as {first.address.at((0,) * np.ndim(found))}."
        raise expression.error(
            f"this is an array of shape {shape_text(np.shape(found))}: {example}", 0
        )
    return float(found)


@frozen
class Unknown:
    """A part that speaks of names: the program that computes it."""

    program: Program
    is_test: bool = False


class _Folding:
    """What does not speak of names is computed; the rest stays a program."""

    def __init__(self, tape: Arithmetic) -> None:
        self._tape = tape

    def number(self, value: float) -> Quantity | Unknown:
        return value

    def name(self, name: str) -> Quantity | Unknown:
        return Unknown((Name(name, 0),))

    def array(self, address: Address, slices: tuple[Slice, ...]) -> Quantity | Unknown:
        return self._tape.array(address, slices)

    def cut(self, found: Quantity | Unknown, slices: tuple[Slice, ...]) -> Quantity | Unknown:
        if isinstance(found, Unknown):
            raise UserError("only arrays have indices, and this is one number.")
        return self._tape.cut(found, slices)

    def applied(
        self, function: Primitive, values: Sequence[Quantity | Unknown]
    ) -> Quantity | Unknown:
        known = [value for value in values if not isinstance(value, Unknown)]
        if len(known) == len(values):
            return self._tape.applied(function, known)
        if function.reduces and not (len(values) > 1 and function.name in {"min", "max"}):
            raise UserError(f"“{function.name}” is asked of arrays, and this is one number.")
        return Unknown((*_joined(values), Apply(function, len(values), 0)))

    def compared(
        self, sign: str, left: Quantity | Unknown, right: Quantity | Unknown
    ) -> Quantity | Unknown:
        if not isinstance(left, Unknown) and not isinstance(right, Unknown):
            return self._tape.compared(sign, left, right)
        return Unknown((*_joined((left, right)), Compare((sign,), 0)))


def _joined(values: Sequence[Quantity | Unknown]) -> Program:
    return tuple(one for value in values for one in _written(value))


def _written(value: Quantity | Unknown) -> Program:
    if isinstance(value, Unknown):
        return value.program
    if np.ndim(value):
        raise UserError(
            f"this is compared with an array of shape {shape_text(np.shape(value))}: take one of "
            "its values, or its mean or max."
        )
    return (Literal(float(value), 0),)


def folded(expression: Expression, arrays: Mapping[Address, Array] | None = None) -> Expression:
    """The same expression with all computed that does not speak of names.

    Raises:
        ExpressionError: a value is not in the pass, or an array stands where one number should.
    """
    found = run(expression, _Folding(Arithmetic({}, arrays)))
    return Expression(expression.text, _written(found))
