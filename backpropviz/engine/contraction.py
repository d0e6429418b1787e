"""Steps of a loop nest as numbers, coordinates and boxes.

Step numbers are mixed-radix numbers whose digits are the coordinates, so steps `start … stop − 1`
are at most one box per axis on the way up and one on the way down. Numbers are Python ints: a pass
may have more steps than 2³².
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from functools import reduce
from typing import NamedTuple

import numpy as np

from backpropviz.engine.nest import Coordinates, Index, Loops, Operand, Region, Values
from backpropviz.engine.value import Array, Shape


class AxisRun(NamedTuple):
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


def runs(sizes: Shape, start: int, stop: int, most: int | None = None) -> Iterator[AxisRun]:
    """Steps `start … stop − 1` in order, as few boxes as possible of at most `most` steps each."""
    steps = strides(sizes)
    while start < stop:
        axis = _widest(steps, start, min(stop - start, most or stop))
        if axis is None:
            yield AxisRun(start, start + 1, ())
            return
        step, digits = steps[axis], split(start, sizes)
        room = min(stop - start, max(step, most or stop)) // step
        count = min(room, sizes[axis] - digits[axis])
        end = start + count * step
        yield AxisRun(start, end, _box(digits[:axis], digits[axis], count, sizes))
        start = end


def runs_backwards(
    sizes: Shape, start: int, stop: int, most: int | None = None
) -> Iterator[AxisRun]:
    """The same steps from the last to the first; within a run they stay in order."""
    steps = strides(sizes)
    while start < stop:
        axis = _widest(steps, stop, min(stop - start, most or stop))
        if axis is None:
            yield AxisRun(stop - 1, stop, ())
            return
        step, digits = steps[axis], split(stop - 1, sizes)
        room = min(stop - start, max(step, most or stop)) // step
        count = min(room, digits[axis] + 1)
        begin = stop - count * step
        yield AxisRun(begin, stop, _box(digits[:axis], digits[axis] + 1 - count, count, sizes))
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


Cells = tuple[range, ...]
"""A box of cells of an array: one range (of step 1) a dimension."""


def reached(values: Values, loops: Loops, start: int, stop: int, cells: Cells) -> Array:
    """Which cells have a term among steps `start … stop − 1`; absent ones do not count."""
    mask = np.zeros(tuple(len(r) for r in cells), dtype=np.bool_)
    every = loops.region(())
    some_absent = any(o.exists(values, every) is not None for o in loops.operands)
    for run in runs(loops.sizes, start, stop):
        if some_absent or not independent(loops.target, run.region):
            _mark_each(mask, values, loops, run.region, cells)
        else:
            _mark_product(mask, loops.target, run.region, cells)
    return mask


def _mark_product(mask: Array, target: tuple[Index, ...], region: Region, cells: Cells) -> None:
    marks = [_marks(index, region, r) for index, r in zip(target, cells, strict=True)]
    lengths = [m.stop - m.start if isinstance(m, slice) else len(m) for m in marks]
    if min(lengths, default=1) <= 0:
        return
    if all(isinstance(m, slice) for m in marks):
        mask[tuple(marks)] = True
        return
    wide = [np.arange(m.start, m.stop) if isinstance(m, slice) else m for m in marks]
    mask[np.ix_(*wide)] = True


def independent(target: tuple[Index, ...], region: Region) -> bool:
    """Whether every loop moves at most one index: the cells reached are then a product of sets."""
    moved: Counter[int] = Counter()
    for index in target:
        moved.update({term.axis for term in index.terms if len(region[term.axis]) > 1})
    return all(count == 1 for count in moved.values())


def _marks(index: Index, region: Region, cells: range) -> slice | Array:
    """The positions within `cells` that one index takes: an interval, or a list with gaps."""
    if (
        len(index.terms) == 1
        and index.divisor == 1 == index.terms[0].factor == index.terms[0].floor
    ):
        r = region[index.terms[0].axis]
        first = max(r.start + index.offset, cells.start)
        last = min(r.stop + index.offset, cells.stop)
        return slice(first - cells.start, max(first, last) - cells.start)
    found, exact = index.over(region)
    found = found.reshape(-1) if exact is None else found[exact]
    inside = found[(found >= cells.start) & (found < cells.stop)] - cells.start
    marked = np.zeros(len(cells), dtype=np.bool_)
    marked[inside] = True
    positions = np.flatnonzero(marked)
    if len(positions) and int(positions[-1]) - int(positions[0]) + 1 == len(positions):
        return slice(int(positions[0]), int(positions[-1]) + 1)
    return positions


def _mark_each(mask: Array, values: Values, loops: Loops, region: Region, cells: Cells) -> None:
    exists = [operand.exists(values, region) for operand in loops.operands]
    present = reduce(np.logical_and, [e for e in exists if e is not None], np.array(True))
    positions = []
    for index, r in zip(loops.target, cells, strict=True):
        found, exact = index.over(region)
        present = present & (found >= r.start) & (found < r.stop)
        present = present if exact is None else present & exact
        positions.append(found - r.start)
    inside, *spread = np.broadcast_arrays(present, *positions)
    mask[tuple(p[inside] for p in spread)] = True


def scatter(
    sums: Array, cells: Cells, products: Array, target: tuple[Index, ...], region: Region
) -> None:
    """sums[target(loops)] += products[loops] for all steps of a box that reach `cells`.

    `products` has one dimension a loop, of length 1 along those that were summed or do not matter.
    Where two loops move one index (y and i move u = y·s + i), the longer becomes a slice and the
    shorter is looped over.
    """
    products = np.broadcast_to(products, _repeated(products, target, region))
    if not _is_sliceable(target, region):
        _scatter_each(sums, cells, products, target, region)
        return
    follows = [_longest_loop(index, region) for index in target]
    options = [
        _placements(index, wanted, vector, region)
        for index, wanted, vector in zip(target, cells, follows, strict=True)
    ]
    ranks = np.argsort(np.argsort([vector for vector in follows if vector is not None]))
    for placements in itertools.product(*options):
        chosen: list[slice | int] = [0] * products.ndim
        for placement in placements:
            for axis, position in placement.chosen:
                chosen[axis] = position
        into = tuple(placement.into for placement in placements)
        sums[into] += products[tuple(chosen)].transpose(ranks)


def _repeated(products: Array, target: tuple[Index, ...], region: Region) -> tuple[int, ...]:
    """Loops that move the target but no operand are repeated, those that were summed stay 1."""
    moving = {term.axis for index in target for term in index.terms}
    return tuple(
        len(region[axis]) if axis in moving else size for axis, size in enumerate(products.shape)
    )


def _is_sliceable(target: tuple[Index, ...], region: Region) -> bool:
    """Whether each index grows with its loops, and no loop moves two of them."""
    plain = all(
        index.divisor == 1
        and all(len(region[t.axis]) == 1 or _is_plain(t, region[t.axis]) for t in index.terms)
        for index in target
    )
    bare = tuple(Index(tuple(t for t in index.terms if t.floor == 1)) for index in target)
    return plain and independent(bare, region)


def _is_plain(term: tuple[int, int, int], r: range) -> bool:
    """Whether a loop counts upwards, or is rounded down to one and the same number."""
    _, factor, floor = term
    return factor > 0 and (floor == 1 or r.start // floor == (r.stop - 1) // floor)


def _longest_loop(index: Index, region: Region) -> int | None:
    axes = _moving(index, region)
    return max(axes, key=lambda axis: len(region[axis])) if axes else None


def _moving(index: Index, region: Region) -> list[int]:
    return [t.axis for t in index.terms if t.floor == 1 and len(region[t.axis]) > 1]


class _Placement(NamedTuple):
    """Where products go along one dimension, and which positions of the loops they are."""

    into: slice | int
    chosen: tuple[tuple[int, slice | int], ...]


def _placements(
    index: Index, wanted: range, vector: int | None, region: Region
) -> list[_Placement]:
    """One placement for each position of the shorter loops that reaches a wanted cell."""
    factors = {t.axis: t.factor for t in index.terms if t.floor == 1}
    looped = [axis for axis in _moving(index, region) if axis != vector]
    start = (index.at(tuple(r.start for r in region)) or 0) - wanted.start
    found = []
    for offsets in itertools.product(*(range(len(region[axis])) for axis in looped)):
        fixed = tuple(zip(looped, offsets, strict=True))
        first = start + sum(factors[axis] * offset for axis, offset in fixed)
        if vector is None:
            if 0 <= first < len(wanted):
                found.append(_Placement(first, fixed))
            continue
        step = factors[vector]
        skip = max(0, -(first // step))
        count = min(len(region[vector]), -((first - len(wanted)) // step))
        if count > skip:
            into = slice(first + skip * step, first + (count - 1) * step + 1, step)
            found.append(_Placement(into, (*fixed, (vector, slice(skip, count)))))
    return found


def _scatter_each(
    sums: Array, cells: Cells, products: Array, target: tuple[Index, ...], region: Region
) -> None:
    inside = np.array(True)
    positions = []
    for index, wanted in zip(target, cells, strict=True):
        found, exact = index.over(region)
        good = (found >= wanted.start) & (found < wanted.stop)
        inside = inside & (good if exact is None else good & exact)
        positions.append(found - wanted.start)
    inside, products, *positions = np.broadcast_arrays(inside, products, *positions)
    np.add.at(sums, tuple(p[inside] for p in positions), products[inside])


_CHUNK = 1 << 19
"""Numbers that an operand or a result may take at once: they stay in a core's own cache."""


def add_products(sums: Array, cells: Cells, values: Values, loops: Loops, region: Region) -> None:
    """sums += the terms of a box of steps, at the cells that they reach within `cells`.

    The products are formed in the dtype of `sums`.
    """
    for part in _by_floor(loops.target, region):
        narrowed = narrow(loops.target, part, cells)
        if narrowed is None:
            continue
        moving = {term.axis for index in loops.target for term in index.terms}
        for piece in _pieces(narrowed, loops.operands, moving):
            products = _products(values, loops.operands, piece, moving, sums.dtype)
            scatter(sums, cells, products, loops.target, piece)


def _by_floor(target: tuple[Index, ...], region: Region) -> Iterator[Region]:
    """The box cut where a rounded-down coordinate (a group) changes."""
    cuts = {t.axis: t.floor for index in target for t in index.terms if t.floor > 1}
    choices = [_cut(r, cuts.get(axis, 0)) for axis, r in enumerate(region)]
    yield from itertools.product(*choices)


def _cut(r: range, floor: int) -> list[range]:
    if not floor:
        return [r]
    edges = [r.start, *range((r.start // floor + 1) * floor, r.stop, floor), r.stop]
    return [range(a, b) for a, b in itertools.pairwise(edges)]


def narrow(target: tuple[Index, ...], region: Region, cells: Cells) -> Region | None:
    """The smallest box that holds all steps which reach `cells`; None where no step does."""
    ranges = list(region)
    for index, wanted in zip(target, cells, strict=True):
        if index.divisor != 1:
            continue
        ends = [_ends(term.factor, term.floor, ranges[term.axis]) for term in index.terms]
        low = index.offset + sum(e[0] for e in ends)
        high = index.offset + sum(e[1] for e in ends)
        if high < wanted.start or low >= wanted.stop:
            return None
        for term, (least, most) in zip(index.terms, ends, strict=True):
            if term.floor == 1 and term.factor > 0:
                r = ranges[term.axis]
                first = -((high - most - wanted.start) // term.factor)
                last = (wanted.stop - 1 - (low - least)) // term.factor
                ranges[term.axis] = range(max(r.start, first), min(r.stop, last + 1))
                if not ranges[term.axis]:
                    return None
    return tuple(ranges)


def _ends(factor: int, floor: int, r: range) -> tuple[int, int]:
    first, last = factor * (r.start // floor), factor * ((r.stop - 1) // floor)
    return min(first, last), max(first, last)


def _pieces(region: Region, operands: tuple[Operand, ...], moving: set[int]) -> Iterator[Region]:
    """The box in parts small enough for the cache."""
    parts = [moving, *({t.axis for i in o.index for t in i.terms} for o in operands)]
    largest = max(parts, key=lambda part: _extent(region, part))
    count = -(-_extent(region, largest) // _CHUNK)
    if count <= 1:
        yield region
        return
    axis = _axis_to_cut(region, largest, moving, count)
    r = region[axis]
    length = max(1, len(r) // count)
    for start in range(r.start, r.stop, length):
        part = range(start, min(r.stop, start + length))
        yield from _pieces((*region[:axis], part, *region[axis + 1 :]), operands, moving)


def _extent(region: Region, axes: set[int]) -> int:
    return math.prod(len(region[axis]) for axis in axes)


def _axis_to_cut(region: Region, axes: set[int], moving: set[int], count: int) -> int:
    """The outermost loop that is long enough, so that inner ones stay contiguous in memory.

    One that moves the target, if there is: a summed loop in parts would add to each cell anew.
    """
    long = [axis for axis in sorted(axes) if len(region[axis]) >= count]
    if not long:
        return max(axes, key=lambda axis: len(region[axis]))
    return next((axis for axis in long if axis in moving), long[0])


class _Factor(NamedTuple):
    """An array whose dimensions are some of the loops."""

    array: Array
    axes: tuple[int, ...]


def _products(
    values: Values,
    operands: tuple[Operand, ...],
    region: Region,
    kept: set[int],
    dtype: np.dtype[np.generic],
) -> Array:
    """Π operands summed over the loops that are not kept: one dimension a loop, 1 where summed."""
    blocks = [np.asarray(operand.block(values, region), dtype=dtype) for operand in operands]
    factors = [_squeezed(block) for block in blocks]
    varying = {axis for f in factors for axis in f.axes}
    repeats = math.prod(len(r) for axis, r in enumerate(region) if axis not in varying | kept)
    factors.sort(key=lambda f: f.array.size)
    product = _contract([f for f in factors if f.axes], kept)
    scale = math.prod(float(f.array) for f in factors if not f.axes) * repeats
    array = product.array if scale == 1 else product.array * dtype.type(scale)
    return _expanded(_Factor(array, product.axes), len(region))


def _squeezed(block: Array) -> _Factor:
    axes = tuple(axis for axis, size in enumerate(block.shape) if size > 1)
    return _Factor(block.reshape(-1)[0] if not axes else block.squeeze(), axes)


def _contract(factors: list[_Factor], kept: set[int]) -> _Factor:
    if not factors:
        return _Factor(np.ones(()), ())
    axes = tuple(dict.fromkeys(axis for f in factors for axis in f.axes))
    summed = tuple(axis for axis in axes if axis not in kept)
    shared = len(factors) == 2 and set(factors[0].axes) & set(factors[1].axes)
    is_matrix = len(factors) == 2 and summed and shared == set(summed)
    if is_matrix and all(set(f.axes) - set(summed) for f in factors):
        return _matrix_product(factors[0], factors[1], summed)
    if len(factors) == 1:
        only = factors[0]
        places = tuple(only.axes.index(axis) for axis in summed)
        left = tuple(axis for axis in only.axes if axis in kept)
        return _Factor(only.array.sum(axis=places) if summed else only.array, left)
    left = tuple(axis for axis in axes if axis in kept)
    if len(factors) == 2 and not summed and not shared:
        return _Factor(np.multiply.outer(factors[0].array, factors[1].array), left)
    arguments = [item for f in factors for item in (f.array, list(f.axes))]
    return _Factor(np.einsum(*arguments, list(left)), left)


def _matrix_product(a: _Factor, b: _Factor, summed: tuple[int, ...]) -> _Factor:
    places = ([a.axes.index(s) for s in summed], [b.axes.index(s) for s in summed])
    left = tuple(axis for axis in (*a.axes, *b.axes) if axis not in summed)
    return _Factor(np.tensordot(a.array, b.array, axes=places), left)


def _expanded(product: _Factor, loops: int) -> Array:
    order = sorted(range(len(product.axes)), key=lambda k: product.axes[k])
    array = product.array.transpose(order)
    return np.expand_dims(array, tuple(a for a in range(loops) if a not in product.axes))
