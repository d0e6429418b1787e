"""The nearest step of an operation whose term, or whose result, meets a condition.

Nothing here walks over steps: results are compared array by array, terms slice by slice, and slices
whose operands are too small to matter are passed over whole. All step numbers are the operation's
own, and an interval `start … stop − 1` says which of them count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce

import numpy as np

from backpropviz.debugger.bounds import Bounds
from backpropviz.debugger.conditions import Condition
from backpropviz.engine.arrays import Array
from backpropviz.engine.boxes import Run, runs, runs_backwards, strides, volume
from backpropviz.engine.coverage import Cells, reached
from backpropviz.engine.derivation import block_values
from backpropviz.engine.nest import Loops, Nest, Region, Values
from backpropviz.engine.operands import Cell
from backpropviz.frozen import frozen

_SLICE = 1 << 18
"""Terms compared at once."""
_ROUNDING = 1e-5
"""By how much products in the tape's own float32 may miss those in float64, relatively."""


def _proceed() -> None:
    """Nobody wants to interrupt."""


@frozen(eq=False, slots=False)
class Search:
    """A condition, looked for in one operation in one loop order, forwards or backwards.

    `proceed` is called between slices; it may raise to give up a long search.
    """

    tape: Values
    nest: Nest
    order: int
    condition: Condition
    forward: bool
    proceed: Callable[[], None] = _proceed

    @property
    def loops(self) -> Loops:
        """The loops in the order."""
        return self.nest.orders[self.order]

    def result(self, start: int, stop: int) -> int | None:
        """By target: the nearest element, as its first step, whose value meets the condition."""
        loops = self.loops
        outer = loops.channel_axes + loops.element_axes
        sizes, each = loops.sizes[:outer], int(np.prod(loops.sizes[outer:], dtype=object))
        first, last = -(-start // each), -(-stop // each)
        for run in self._runs(sizes, first, last):
            self.proceed()
            values = Cell(self.nest.target, loops.target).block(self.tape, run.region)
            shape = tuple(len(r) for r in run.region)
            mask = self.condition.mask(np.broadcast_to(values, shape)).reshape(-1)
            found = self._nearest(mask)
            if found is not None:
                return (run.start + found) * each
        return None

    def completion(self, start: int, stop: int, cells: Cells | None = None) -> int | None:
        """By source: the nearest step that completes a value which meets the condition."""
        cells = cells or tuple(range(size) for size in self.nest.shape)
        final = self.tape[self.nest.target].reshape(self.nest.shape)
        wanted = self.condition.mask(final[tuple(slice(r.start, r.stop) for r in cells)])
        wanted = wanted & reached(self.tape, self.loops, start, self.loops.steps, cells)
        wanted &= ~reached(self.tape, self.loops, stop, self.loops.steps, cells)
        if not wanted.any():
            return None
        low, high = start, stop - 1
        while low < high:
            self.proceed()
            middle = (low + high) // 2
            if self.forward:
                later = reached(self.tape, self.loops, middle + 1, self.loops.steps, cells)
                low, high = (low, middle) if (wanted & ~later).any() else (middle + 1, high)
            else:
                later = reached(self.tape, self.loops, middle + 1, self.loops.steps, cells)
                low, high = (middle + 1, high) if (wanted & later).any() else (low, middle)
        return low

    def term(self, start: int, stop: int) -> int | None:
        """The nearest step whose term, a present one, meets the condition."""
        bounds = Bounds(self.tape)
        for run in self._runs(self.loops.sizes, start, stop, None):
            found = self._term_in(run, bounds)
            if found is not None:
                return found
        return None

    def _term_in(self, run: Run, bounds: Bounds) -> int | None:
        between = bounds.of_terms(self.nest, self.loops.operands, run.region)
        if between is None or not self.condition.can_hold(*between):
            return None
        if volume(run.region) <= _SLICE:
            self.proceed()
            found = self._nearest(self._terms_meeting(run.region))
            return None if found is None else run.start + found
        for part in self._parts(run):
            found = self._term_in(part, bounds)
            if found is not None:
                return found
        return None

    def _parts(self, run: Run) -> Iterator[Run]:
        """A box cut along its outermost loop, in the direction of the search."""
        axis = next(a for a, r in enumerate(run.region) if len(r) > 1)
        r = run.region[axis]
        step = strides(self.loops.sizes)[axis]
        length = max(1, min(len(r) // 2, _SLICE // step))
        starts = range(r.start, r.stop, length)
        for start in starts if self.forward else reversed(starts):
            part = range(start, min(start + length, r.stop))
            first = run.start + (part.start - r.start) * step
            region = (*run.region[:axis], part, *run.region[axis + 1 :])
            yield Run(first, first + len(part) * step, region)

    def _terms_meeting(self, region: Region) -> Array:
        if not self._may_hold(region):
            return np.zeros(volume(region), dtype=np.bool_)
        values = block_values(self.tape, self.nest, self.loops, region)
        mask = self.condition.mask(values)
        masks = [operand.inside(self.tape, region) for operand in self.loops.operands]
        for index, size in zip(self.loops.target, self.nest.shape, strict=True):
            found, exact = index.over(region)
            masks += [(found >= 0) & (found < size), exact]
        return reduce(np.logical_and, [m for m in masks if m is not None], mask).reshape(-1)

    def _may_hold(self, region: Region) -> bool:
        """A first look, in the operands' own dtype: twice as fast as the exact comparison."""
        if self.nest.function is not None:
            return True
        blocks = (operand.block(self.tape, region) for operand in self.loops.operands)
        with np.errstate(over="ignore", invalid="ignore"):
            products = reduce(np.multiply, blocks)
        low, high = float(products.min()), float(products.max())
        margin = _ROUNDING * max(abs(low), abs(high))
        return self.condition.can_hold(low - margin, high + margin)

    def _runs(
        self, sizes: tuple[int, ...], start: int, stop: int, most: int | None = _SLICE
    ) -> Iterator[Run]:
        way = runs if self.forward else runs_backwards
        return way(sizes, start, stop, most)

    def _nearest(self, mask: Array) -> int | None:
        found = np.flatnonzero(mask)
        return int(found[0 if self.forward else -1]) if found.size else None
