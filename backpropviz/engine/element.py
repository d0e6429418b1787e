"""One value after some steps of its nest: which terms it has, and which of them have run."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.boxes import join, runs, volume
from backpropviz.engine.derivation import block_values
from backpropviz.engine.nest import Coordinates, Nest, Rule, Values
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
    if nest.rule is Rule.COPY:
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
    if nest.rule is Rule.MAX:
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
        operand.inside(tape, region) if nest.rule is Rule.MAX else operand.exists(tape, region)
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
