"""Sums of products over boxes of steps, added to the cells that they reach.

A box's terms are products of operands. Loops that do not move the target are summed away first, by
one matrix product where the operands allow it; what is left is added by shifted slices (for an
input gradient that is kn2row: Vasudevan, Anderson, Gregg: Parallel multi channel convolution using
general matrix multiplication, 2017).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.coverage import Cells
from backpropviz.engine.index import Index
from backpropviz.engine.nest import Loops, Operand, Region, Values
from backpropviz.engine.scatter import scatter

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
