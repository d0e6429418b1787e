"""An operation of a pass as its definition in loops.

A nest is a perfectly nested loop with named axes. Its rule says how the terms of one element make
its value:

- SUM: initial + Σ terms, a term being the product of its operands
- MAX: the largest term; the first in row-major order wins, NaN wins, padding never does
- FUNCTION: one term, a function of its operands
- COPY: one step for the whole tensor

The same terms can be visited *by target* (finish one value, then the next) or *by source* (scatter
each upstream value into all that it reaches). Each order has its own axes and its own affine maps
from coordinates to cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from backpropviz.engine.formula import Formula
from backpropviz.engine.kernels.convolution import Window
from backpropviz.engine.value import Address, Array, Shape
from backpropviz.frozen import frozen

Coordinates: TypeAlias = tuple[int, ...]
Region: TypeAlias = tuple[range, ...]
"""A box of loop coordinates: one range (of step 1) an axis."""
Values: TypeAlias = Mapping[Address, Array]
"""Arrays by address; a `Tape` is one."""


class NestRule(Enum):
    """How terms make a value."""

    SUM = "sum"
    MAX = "max"
    FUNCTION = "function"
    COPY = "copy"


class Presence(Enum):
    """What became of a term whose indices were computed."""

    PRESENT = "present"
    PADDING = "padding"  # stopped at, gray, counts as 0 and never wins
    ABSENT = "absent"  # no such source: passed without stopping


@frozen
class Axis:
    """A loop variable and how often it runs: 0 … size − 1."""

    name: str
    size: int


@frozen
class Factor:
    """One operand of one term: a cell with its address, or a constant with its label."""

    address: Address | None
    label: str
    value: float
    presence: Presence = Presence.PRESENT


class Operand(Protocol):
    """What a term multiplies: it can be asked for one term or for a box of terms."""

    @property
    def address(self) -> Address | None:
        """The array it reads, where there is just one."""

    @property
    def reads(self) -> tuple[Address, ...]:
        """Every array that it looks at."""

    @property
    def index(self) -> tuple[Index, ...]:
        """The cell it reads, as maps of the loop coordinates; empty for a constant."""

    @property
    def label(self) -> str:
        """How it is written where it has no address, `1/4`."""

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """The operand of one term."""

    def block(self, values: Values, region: Region) -> Array:
        """The operand of all terms of a box: an axis a loop, of length 1 where it does not vary.

        It is 0 where it is not present.
        """

    def exists(self, values: Values, region: Region) -> Array | None:
        """Where the operand is not absent, as booleans of such a shape; None: everywhere."""

    def inside(self, values: Values, region: Region) -> Array | None:
        """Where the operand is present: neither absent nor padding; None: everywhere."""


class Present:
    """An operand that is there in every term, or where another operand of the term is."""

    __slots__ = ()

    def exists(self, values: Values, region: Region) -> Array | None:
        return None

    def inside(self, values: Values, region: Region) -> Array | None:
        return None


class Computed(Present):
    """An operand that no cell of an array holds: it has no address."""

    __slots__ = ()

    @property
    def address(self) -> Address | None:
        return None

    @property
    def reads(self) -> tuple[Address, ...]:
        """No array, unless it asks for one."""
        return ()

    @property
    def index(self) -> tuple[Index, ...]:
        """Empty, unless the operand belongs to a cell."""
        return ()


@frozen(eq=False)
class Loops:
    """One order of a nest's loops, outermost first, in three groups: channel | element | term."""

    label: str
    axes: tuple[Axis, ...]
    channel_axes: int
    element_axes: int
    target: tuple[Index, ...]
    operands: tuple[Operand, ...]
    initial: Operand | None = None
    locate: tuple[Index, ...] = ()
    """This order's coordinates from those of the nest's other order."""

    @property
    def term_axes(self) -> int:
        """Number of innermost axes that enumerate the terms of an element."""
        return len(self.axes) - self.channel_axes - self.element_axes

    @property
    def sizes(self) -> Shape:
        """How often each loop runs."""
        return tuple(axis.size for axis in self.axes)

    @property
    def steps(self) -> int:
        return math.prod(self.sizes)

    def region(self, prefix: Coordinates) -> Region:
        """The box of all steps that share the first coordinates."""
        fixed = tuple(range(c, c + 1) for c in prefix)
        return fixed + tuple(range(axis.size) for axis in self.axes[len(prefix) :])

    def target_at(self, coordinates: Coordinates, shape: Shape) -> Coordinates | None:
        """The indices of the value that a step adds to; None where it falls outside."""
        cell = tuple(index.at(coordinates) for index in self.target)
        inside = all(c is not None and 0 <= c < size for c, size in zip(cell, shape, strict=True))
        return tuple(c for c in cell if c is not None) if inside else None


@frozen(eq=False)
class Nest:
    """One operation: what it computes, by which rule, in which loop orders (by target first)."""

    target: Address
    shape: Shape
    rule: NestRule
    orders: tuple[Loops, ...]
    formula: Formula | None = None
    """What a function makes of its operands."""
    remark: str = ""
    """One sentence that explains the operation."""
    kernel: Callable[..., Array] | None = None
    """The same function where arithmetic that is safe from overflow differs from the formula."""

    @property
    def function(self) -> Callable[..., Array] | None:
        """What computes a function's values from its operands."""
        return self.kernel or self.formula

    @property
    def expression(self) -> str:
        """A function's formula as text, its operands as `{0}`, `{1}`: `exp({0} − {1})`."""
        if self.formula is None:
            return ""
        return self.formula.text([f"{{{k}}}" for k in range(len(self.by_target.operands))])

    @property
    def by_target(self) -> Loops:
        """The order that finishes one value, then the next."""
        return self.orders[0]

    def steps(self, order: int = 0) -> int:
        """Number of leaf steps in an order; a copy has one."""
        return 1 if self.rule is NestRule.COPY else self.orders[order].steps

    def element_at(self, indices: Coordinates) -> Coordinates:
        """The channel and element coordinates, by target, of the value at `indices`."""
        loops = self.by_target
        found = {index.axis: i for index, i in zip(loops.target, indices, strict=True)}
        return tuple(found[axis] for axis in range(loops.channel_axes + loops.element_axes))


class Coordinate(NamedTuple):
    """factor · (coordinate[axis] // floor)."""

    axis: int
    factor: int = 1
    floor: int = 1


@frozen
class Index:
    """One index of a cell as a function of the loop coordinates."""

    terms: tuple[Coordinate, ...] = ()
    offset: int = 0
    divisor: int = 1

    @property
    def axis(self) -> int:
        """The loop axis that this index is, where it is just that.

        Raises:
            ValueError: the index is more than a bare loop variable.
        """
        if len(self.terms) != 1 or self.offset or self.divisor != 1 or self.terms[0][1:] != (1, 1):
            raise ValueError(f"{self} is not a bare loop variable")
        return self.terms[0].axis

    def __add__(self, other: Index | int) -> Index:
        """The sum; only an undivided index can be added to."""
        if isinstance(other, int):
            return Index(self.terms, self.offset + other, self.divisor)
        return Index(self.terms + other.terms, self.offset + other.offset)

    def __sub__(self, other: Index | int) -> Index:
        return self + other * -1

    def __mul__(self, factor: int) -> Index:
        """The multiple; it vanishes for 0."""
        terms = tuple(Coordinate(t.axis, t.factor * factor, t.floor) for t in self.terms)
        return Index(terms if factor else (), self.offset * factor)

    def __floordiv__(self, floor: int) -> Index:
        """A bare loop variable, rounded down: the group that a channel belongs to."""
        return Index((Coordinate(self.axis, 1, floor),))

    def exactly_by(self, divisor: int) -> Index:
        """Divided, and nowhere where a remainder is left."""
        return Index(self.terms, self.offset, divisor)

    def at(self, coordinates: Coordinates) -> int | None:
        """The index for one step; None where the division leaves a remainder."""
        total = self.offset + sum(t.factor * (coordinates[t.axis] // t.floor) for t in self.terms)
        quotient, remainder = divmod(total, self.divisor)
        return None if remainder else quotient

    def over(self, region: Region) -> tuple[Array, Array | None]:
        """The indices of a box of steps, and where the division is exact (None: everywhere).

        Both have one dimension a loop axis, of length 1 along those that do not matter.
        """
        total: Array = np.full((1,) * len(region), self.offset, dtype=np.int64)
        for term in self.terms:
            total = total + term.factor * (_along(region, term.axis) // term.floor)
        if self.divisor == 1:
            return total, None
        return total // self.divisor, total % self.divisor == 0


def _along(region: Region, axis: int) -> Array:
    shape = [1] * len(region)
    shape[axis] = len(region[axis])
    return np.arange(region[axis].start, region[axis].stop, dtype=np.int64).reshape(shape)


@cache
def variables(count: int) -> tuple[Index, ...]:
    """The loop variables of an order, outermost first, to write indices with."""
    return tuple(Index((Coordinate(axis),)) for axis in range(count))


def constant(value: int) -> Index:
    """Always the same cell."""
    return Index((), value)


@cache
def picked(source: str, wanted: str) -> tuple[Index, ...]:
    """The axes of one order, found by their letters in another that has the same."""
    found = variables(len(source))
    return tuple(found[source.index(letter)] for letter in wanted)


def under(window: Window, y: Index, x: Index, i: Index, j: Index) -> tuple[Index, Index]:
    """The pixel (u, v) under cell (i, j) of window (y, x)."""
    (sy, sx), (dy, dx) = window.stride, window.dilation
    (top, _), (left, _) = window.padding
    return y * sy + i * dy - top, x * sx + j * dx - left


def reached(window: Window, u: Index, v: Index, i: Index, j: Index) -> tuple[Index, Index]:
    """The window (y, x) whose cell (i, j) lies on pixel (u, v), where there is one."""
    (sy, sx), (dy, dx) = window.stride, window.dilation
    (top, _), (left, _) = window.padding
    return (u + top - i * dy).exactly_by(sy), (v + left - j * dx).exactly_by(sx)
