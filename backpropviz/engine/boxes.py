"""Steps of a loop nest as numbers, coordinates and boxes.

Step numbers are mixed-radix numbers whose digits are the coordinates, so steps `start … stop − 1`
are at most one box per axis on the way up and one on the way down. Numbers are Python ints: a pass
may have more steps than 2³².
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from backpropviz.engine.arrays import Shape
from backpropviz.engine.nest import Coordinates, Region


class Run(NamedTuple):
    """Consecutive steps `start … stop − 1` that are a box."""

    start: int
    stop: int
    region: Region


def split(number: int, sizes: Shape) -> Coordinates:
    """The coordinates of a step."""
    digits = []
    for size in reversed(sizes):
        number, digit = divmod(number, size)
        digits.append(digit)
    return tuple(reversed(digits))


def join(coordinates: Coordinates, sizes: Shape) -> int:
    """The number of a step."""
    number = 0
    for digit, size in zip(coordinates, sizes, strict=True):
        number = number * size + digit
    return number


def strides(sizes: Shape) -> Shape:
    """How many steps lie between neighbors along each axis."""
    return tuple(math.prod(sizes[axis + 1 :]) for axis in range(len(sizes)))


def runs(sizes: Shape, start: int, stop: int, most: int | None = None) -> Iterator[Run]:
    """Steps `start … stop − 1` in order, as few boxes as possible of at most `most` steps each."""
    steps = strides(sizes)
    while start < stop:
        axis = _widest(steps, start, min(stop - start, most or stop))
        if axis is None:
            yield Run(start, start + 1, ())
            return
        step, digits = steps[axis], split(start, sizes)
        room = min(stop - start, max(step, most or stop)) // step
        count = min(room, sizes[axis] - digits[axis])
        end = start + count * step
        yield Run(start, end, _box(digits[:axis], digits[axis], count, sizes))
        start = end


def runs_backwards(sizes: Shape, start: int, stop: int, most: int | None = None) -> Iterator[Run]:
    """The same steps from the last to the first; within a run they stay in order."""
    steps = strides(sizes)
    while start < stop:
        axis = _widest(steps, stop, min(stop - start, most or stop))
        if axis is None:
            yield Run(stop - 1, stop, ())
            return
        step, digits = steps[axis], split(stop - 1, sizes)
        room = min(stop - start, max(step, most or stop)) // step
        count = min(room, digits[axis] + 1)
        begin = stop - count * step
        yield Run(begin, stop, _box(digits[:axis], digits[axis] + 1 - count, count, sizes))
        stop = begin


def _widest(steps: Shape, edge: int, room: int) -> int | None:
    """The outermost axis along which a whole slice begins (or ends) at the edge and fits."""
    for axis, step in enumerate(steps):
        if edge % step == 0 and step <= room:
            return axis
    return None


def _box(fixed: Coordinates, first: int, count: int, sizes: Shape) -> Region:
    return (
        *(range(c, c + 1) for c in fixed),
        range(first, first + count),
        *(range(size) for size in sizes[len(fixed) + 1 :]),
    )


def volume(region: Region) -> int:
    """Number of steps of a box."""
    return math.prod(len(r) for r in region)
