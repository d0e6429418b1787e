"""Adding a box of products to the cells that they belong to."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.coverage import Cells, independent
from backpropviz.engine.index import Index
from backpropviz.engine.nest import Region


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
