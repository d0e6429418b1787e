"""Which cells of a target the steps of a box reach."""

from __future__ import annotations

from collections import Counter
from functools import reduce

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.boxes import runs
from backpropviz.engine.index import Index
from backpropviz.engine.nest import Loops, Region, Values

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
