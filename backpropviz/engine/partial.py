"""Partial sums: a target array after some steps of its nest, from the tape alone.

Of an element's T terms, t have run (absent terms are none; padding counts but for a maximum): with
t = 0 the element is not computed yet, with 0 < t < T it is initial + the terms so far, and with
t = T it is the tape's own value. An element without any term is complete when its block has passed
(by target) or when the nest has ended (by source).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import reduce

import numpy as np

from backpropviz.engine.contraction import (
    Cells,
    add_products,
    join,
    narrow,
    reached,
    runs,
    split,
    volume,
)
from backpropviz.engine.derivation import block_values
from backpropviz.engine.nest import Coordinates, Loops, Nest, NestRule, Region, Values
from backpropviz.engine.value import Array, Shape
from backpropviz.frozen import frozen

_SHORT = 1 << 12
"""Up to so many terms, one box costs less than several smaller ones."""


@frozen
class ElementProgress:
    """One element: t of its T terms have run; `value` is None while t = 0."""

    value: float | None
    done: int
    total: int
    complete: bool


def element_progress(
    tape: Values, nest: Nest, order: int, steps_done: int, indices: Coordinates
) -> ElementProgress:
    """One element after `steps_done` steps: its value so far, and t of T terms."""
    if nest.rule is NestRule.COPY:
        value = float(tape[nest.target].reshape(nest.shape)[indices]) if steps_done else None
        return ElementProgress(value, steps_done, 1, bool(steps_done))
    if order == 0:
        prefix = nest.element_at(indices)
        sizes = nest.by_target.sizes
        terms = math.prod(sizes[len(prefix) :])
        first = join(prefix, sizes[: len(prefix)]) * terms
        return element_by_target(tape, nest, prefix, min(max(steps_done - first, 0), terms))
    steps = contributions(tape, nest, order, indices)
    done, total = int(np.searchsorted(steps, steps_done)), len(steps)
    if done == total > 0 or steps_done == nest.steps(order):
        value = float(tape[nest.target].reshape(nest.shape)[indices])
        return ElementProgress(value, done, total, complete=True)
    present, values = contributing_terms(tape, nest, order, indices)
    so_far = float(np.sum(values[: np.searchsorted(present, steps_done)]))
    return ElementProgress(so_far if done else None, done, total, complete=False)


def element_by_target(tape: Values, nest: Nest, prefix: Coordinates, terms: int) -> ElementProgress:
    """By target: an element whose first `terms` steps (absent ones included) have run."""
    loops = nest.by_target
    counted = _counted(tape, nest, prefix)
    done, total = int(np.count_nonzero(counted[:terms])), int(np.count_nonzero(counted))
    complete = done == total > 0 or terms == counted.size
    if complete:
        cell = loops.target_at(prefix, nest.shape)
        value = float(tape[nest.target].reshape(nest.shape)[cell])
        return ElementProgress(value, done, total, complete=True)
    if not done:
        return ElementProgress(None, 0, total, complete=False)
    so_far = _first_terms(tape, nest, prefix, terms)[counted[:terms]]
    if nest.rule is NestRule.MAX:
        return ElementProgress(float(np.max(so_far)), done, total, complete=False)
    start = 0.0
    if loops.initial is not None:
        start = loops.initial.at(tape, prefix + (0,) * loops.term_axes).value
    return ElementProgress(float(start + np.sum(so_far)), done, total, complete=False)


def _first_terms(tape: Values, nest: Nest, prefix: Coordinates, terms: int) -> Array:
    """The first terms of an element in loop order; a short element is computed whole, in one go."""
    loops = nest.by_target
    sizes = loops.sizes[len(prefix) :]
    if math.prod(sizes) <= _SHORT:
        return block_values(tape, nest, loops, loops.region(prefix)).reshape(-1)[:terms]
    fixed = tuple(range(c, c + 1) for c in prefix)
    boxes = (fixed + run.region for run in runs(sizes, 0, terms))
    return np.concatenate([block_values(tape, nest, loops, box).reshape(-1) for box in boxes])


def _counted(tape: Values, nest: Nest, prefix: Coordinates) -> Array:
    """Which steps of an element are its terms: not absent, and for a maximum no padding either."""
    loops = nest.by_target
    region = loops.region(prefix)
    masks = [
        operand.inside(tape, region) if nest.rule is NestRule.MAX else operand.exists(tape, region)
        for operand in loops.operands
    ]
    mask = reduce(np.logical_and, [m for m in masks if m is not None], np.array(True))
    sizes = tuple(len(r) for r in region)
    return np.broadcast_to(mask, sizes).reshape(-1)


def contributions(tape: Values, nest: Nest, order: int, indices: Coordinates) -> Array:
    """The numbers, ascending, of the steps in an order that are terms of one element."""
    counted = _counted(tape, nest, nest.element_at(indices))
    return np.sort(_step_numbers(nest, order, indices)[counted])


def contributing_terms(
    tape: Values, nest: Nest, order: int, indices: Coordinates
) -> tuple[Array, Array]:
    """The steps, ascending, whose terms of one element are present, and the terms in float64."""
    steps, present = _present(tape, nest, order, indices)
    region = nest.by_target.region(nest.element_at(indices))
    return steps, block_values(tape, nest, nest.by_target, region).reshape(-1)[present]


def contributing_operands(
    tape: Values, nest: Nest, order: int, indices: Coordinates
) -> tuple[Array, ...]:
    """The operands of these terms, in float64."""
    _, present = _present(tape, nest, order, indices)
    region = nest.by_target.region(nest.element_at(indices))
    sizes = tuple(len(r) for r in region)
    blocks = (operand.block(tape, region) for operand in nest.by_target.operands)
    return tuple(
        np.broadcast_to(block, sizes).reshape(-1)[present].astype(np.float64) for block in blocks
    )


def _present(tape: Values, nest: Nest, order: int, indices: Coordinates) -> tuple[Array, Array]:
    """The steps, ascending, whose terms of one element are present, and their places in it."""
    region = nest.by_target.region(nest.element_at(indices))
    masks = [operand.inside(tape, region) for operand in nest.by_target.operands]
    mask = reduce(np.logical_and, [m for m in masks if m is not None], np.array(True))
    inside = np.flatnonzero(np.broadcast_to(mask, tuple(len(r) for r in region)))
    steps = _step_numbers(nest, order, indices)[inside]
    sorting = np.argsort(steps)
    return steps[sorting], inside[sorting]


def _step_numbers(nest: Nest, order: int, indices: Coordinates) -> Array:
    """The number, in an order, of each step of an element's block by target, absent ones too."""
    prefix = nest.element_at(indices)
    region = nest.by_target.region(prefix)
    count = volume(region)
    if order == 0:
        return join(prefix, nest.by_target.sizes[: len(prefix)]) * count + np.arange(count)
    loops = nest.orders[order]
    number: Array = np.zeros((), dtype=np.int64)
    for index, size in zip(loops.locate, loops.sizes, strict=True):
        number = number * size + index.over(region)[0]
    return np.broadcast_to(number, tuple(len(r) for r in region)).reshape(-1)


_SMALL = 1 << 20
"""Boxes of up to so many terms are summed in float64, larger ones in the tape's dtype."""


@frozen(eq=False)
class Partial:
    """Values (float64, NaN where not computed), which are computed, and which are complete."""

    values: Array
    computed: Array
    complete: Array


def plane_dimensions(shape: Shape) -> int:
    """How many leading indices name a plane: all but two, or none where there are at most two."""
    return max(0, len(shape) - 2)


def progress(
    tape: Values,
    nest: Nest,
    order: int,
    steps_done: int,
    planes: Sequence[Coordinates] | None = None,
    extent: tuple[range, ...] | None = None,
) -> Partial:
    """The target after `steps_done` steps (0 … nest.steps(order)) in one of the nest's loop orders.

    `planes` are the leading indices of the planes wanted: the result then has their number as its
    first dimension. `extent` limits the remaining indices. Without both the result has the
    target's shape.
    """
    leading = plane_dimensions(nest.shape) if planes is not None else 0
    inner = extent or tuple(range(size) for size in nest.shape[leading:])
    if planes is None:
        return _of_cells(tape, nest, order, steps_done, inner)
    parts = [
        _of_cells(tape, nest, order, steps_done, (*box, *inner))
        for box in _neighboring(planes, leading)
    ]
    flat = (-1, *(len(r) for r in inner))
    return Partial(*(_stacked([getattr(p, name) for p in parts], flat) for name in _FIELDS))


_FIELDS = ("values", "computed", "complete")


def _stacked(arrays: list[Array], shape: Shape) -> Array:
    shaped = [array.reshape(shape) for array in arrays]
    return shaped[0] if len(shaped) == 1 else np.concatenate(shaped)


def _neighboring(planes: Sequence[Coordinates], leading: int) -> list[Cells]:
    """Planes in order as boxes: neighbors along the last leading index lie in one."""
    boxes: list[Cells] = []
    for plane in planes:
        last = boxes[-1] if boxes else ()
        follows = leading and last and last[-1].stop == plane[-1]
        if follows and all(r.start == p for r, p in zip(last[:-1], plane[:-1], strict=True)):
            boxes[-1] = (*last[:-1], range(last[-1].start, plane[-1] + 1))
        else:
            boxes.append(tuple(range(p, p + 1) for p in plane))
    return boxes


def _of_cells(tape: Values, nest: Nest, order: int, steps_done: int, cells: Cells) -> Partial:
    """The state of a box of cells."""
    total = nest.steps(order)
    if not 0 <= steps_done <= total:
        raise ValueError(f"{steps_done} steps of {total}")
    shape = tuple(len(r) for r in cells)
    if steps_done in {0, total}:
        mask = np.full(shape, steps_done == total)
        return Partial(_shown(tape, nest, cells, mask), mask, mask)
    if order == 0:
        return _by_target(tape, nest, steps_done, cells)
    return _by_source(tape, nest, order, steps_done, cells)


def _shown(tape: Values, nest: Nest, cells: Cells, complete: Array) -> Array:
    """The tape's values where complete, NaN elsewhere."""
    final = tape[nest.target].reshape(nest.shape)[tuple(slice(r.start, r.stop) for r in cells)]
    if complete.all():
        return final.astype(np.float64)
    shown = np.full(final.shape, np.nan)
    if complete.any():
        np.copyto(shown, final, where=complete)
    return shown


def _elements_only(loops: Loops) -> Loops:
    """The loops without those over terms, and with operands that are always there."""
    count = loops.channel_axes + loops.element_axes
    return Loops(
        loops.label, loops.axes[:count], loops.channel_axes, loops.element_axes, loops.target, ()
    )


def _by_target(tape: Values, nest: Nest, steps_done: int, cells: Cells) -> Partial:
    outer = _elements_only(nest.by_target)
    finished, terms = divmod(steps_done, nest.by_target.steps // outer.steps)
    complete = reached(tape, outer, 0, finished, cells)
    values = _shown(tape, nest, cells, complete)
    computed = complete
    if terms:
        prefix = split(finished, outer.sizes)
        cell = nest.by_target.target_at(prefix, nest.shape)
        if cell is not None and all(c in r for c, r in zip(cell, cells, strict=True)):
            here = tuple(c - r.start for c, r in zip(cell, cells, strict=True))
            element = element_by_target(tape, nest, prefix, terms)
            computed, complete = complete.copy(), complete.copy()
            computed[here], complete[here] = element.done > 0, element.complete
            if element.value is not None:
                values[here] = element.value
    return Partial(values, computed, complete)


def _by_source(tape: Values, nest: Nest, order: int, steps_done: int, cells: Cells) -> Partial:
    loops = nest.orders[order]
    computed = reached(tape, loops, 0, steps_done, cells)
    pending = reached(tape, loops, steps_done, loops.steps, cells)
    complete = computed & ~pending
    values = _shown(tape, nest, cells, complete)
    growing = computed & pending
    inner = _bounds(growing)
    if inner is not None:
        box = tuple(r[s] for r, s in zip(cells, inner, strict=True))
        sums = _sums(tape, nest, loops, steps_done, box)
        np.copyto(values[inner], sums, where=growing[inner])
    return Partial(values, computed, complete)


def _bounds(mask: Array) -> tuple[slice, ...] | None:
    """The smallest box that holds all that is true."""
    if not mask.any():
        return None
    found = []
    for dimension in range(mask.ndim):
        others = tuple(d for d in range(mask.ndim) if d != dimension)
        positions = np.flatnonzero(mask.any(axis=others))
        found.append(slice(int(positions[0]), int(positions[-1]) + 1))
    return tuple(found)


def _sums(tape: Values, nest: Nest, loops: Loops, steps_done: int, cells: Cells) -> Array:
    """Σ of the terms so far of each cell; a scatter starts from nothing."""
    regions = _along_sums([run.region for run in runs(loops.sizes, 0, steps_done)], loops)
    wanted = [narrow(loops.target, region, cells) for region in regions]
    work = sum(volume(region) for region in wanted if region is not None)
    dtype = np.dtype(np.float64) if work <= _SMALL else tape[nest.target].dtype
    sums = np.zeros(tuple(len(r) for r in cells), dtype=dtype)
    for region in wanted:
        if region is not None:
            add_products(sums, cells, tape, loops, region)
    return sums


def _along_sums(regions: list[Region], loops: Loops) -> list[Region]:
    """The same steps in boxes that are longer along a summed loop, so that fewer numbers are added.

    “f' < f, all y” and “f' = f, y' < y” are also “f' ≤ f, y' < y” and “f' < f, y' ≥ y”: the filters
    are summed in the matrix product, and each cell is added to once.
    """
    moving = {term.axis for index in loops.target for term in index.terms}
    for number, (first, second) in enumerate(itertools.pairwise(regions)):
        axis = next(a for a, (r, s) in enumerate(zip(first, second, strict=True)) if r != s)
        inner = axis + 1
        if axis in moving or inner == len(first) or first[inner + 1 :] != second[inner + 1 :]:
            continue
        if second[inner].start != first[inner].start or len(second[axis]) > 1:
            continue
        both = range(first[axis].start, second[axis].stop)
        rest = range(second[inner].stop, first[inner].stop)
        upper = (*second[:axis], both, *second[inner:])
        lower = (*first[:inner], rest, *first[inner + 1 :])
        return [*regions[:number], upper, lower, *_along_sums(regions[number + 2 :], loops)]
    return regions
