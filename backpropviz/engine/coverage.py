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
    for run in runs(loops.sizes, start, stop):
        _mark(mask, values, loops, run.region, cells)
    return mask


def _mark(mask: Array, values: Values, loops: Loops, region: Region, cells: Cells) -> None:
    exists = [operand.exists(values, region) for operand in loops.operands]
    present = [e for e in exists if e is not None]
    if present or not independent(loops.target, region):
        _mark_each(mask, reduce(np.logical_and, present, np.array(True)), loops, region, cells)
        return
    marks = [_marks(index, region, r) for index, r in zip(loops.target, cells, strict=True)]
    if all(len(m) for m in marks):
        mask[_selection(marks)] = True


def independent(target: tuple[Index, ...], region: Region) -> bool:
    """Whether every loop moves at most one index: the cells reached are then a product of sets."""
    moved: Counter[int] = Counter()
    for index in target:
        moved.update({term.axis for term in index.terms if len(region[term.axis]) > 1})
    return all(count == 1 for count in moved.values())


def _marks(index: Index, region: Region, cells: range) -> Array:
    """The positions within `cells` that one index takes, ascending."""
    found, exact = index.over(region)
    found = found.reshape(-1) if exact is None else found[exact]
    inside = found[(found >= cells.start) & (found < cells.stop)] - cells.start
    marked = np.zeros(len(cells), dtype=np.bool_)
    marked[inside] = True
    return np.flatnonzero(marked)


def _selection(marks: list[Array]) -> tuple[slice | Array, ...]:
    """Slices where every set is an interval (ten times faster to write), else an open mesh."""
    if all(int(m[-1]) - int(m[0]) + 1 == len(m) for m in marks):
        return tuple(slice(int(m[0]), int(m[-1]) + 1) for m in marks)
    return np.ix_(*marks)


def _mark_each(mask: Array, present: Array, loops: Loops, region: Region, cells: Cells) -> None:
    positions = []
    for index, r in zip(loops.target, cells, strict=True):
        found, exact = index.over(region)
        present = present & (found >= r.start) & (found < r.stop)
        present = present if exact is None else present & exact
        positions.append(found - r.start)
    spread = np.broadcast_arrays(present, *positions)
    mask[tuple(p[spread[0]] for p in spread[1:])] = True
