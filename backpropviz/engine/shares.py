"""What each sample of a batch adds to one value: the shares add up to the value.

A parameter is shared by all samples, so its gradient is a sum over them. Where the loss is their
mean, 1/N enters once, in the loss's own gradient, and every share holds it already: share n is the
gradient that sample n alone would give, times 1/N.
"""

from __future__ import annotations

import math

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.derivation import Derivation
from backpropviz.engine.nest import Loops, Rule
from backpropviz.frozen import frozen

SAMPLE_AXIS = "n"
"""The loop over samples has this name in every nest of a pass (updates have no samples)."""


@frozen(eq=False)
class Shares:
    """Subtotals of one value by sample, in float64.

    `first` numbers each sample's first term among those of the derivation.
    """

    values: Array
    first: Array


def sample_axis(loops: Loops) -> int | None:
    """Which loop runs over the samples; None where none does."""
    names = [axis.name for axis in loops.axes]
    return names.index(SAMPLE_AXIS) if SAMPLE_AXIS in names else None


def sample_shares(derivation: Derivation, ran: Array | None = None) -> Shares | None:
    """Σ terms of each sample, of those that have run (all where `ran` is None).

    None where the value is no sum over samples, or where a sample has no term of its own.
    """
    loops = derivation.nest.by_target
    axis = sample_axis(loops)
    outer = loops.channel_axes + loops.element_axes
    if derivation.rule is not Rule.SUM or axis is None or axis != outer:
        return None
    count = loops.axes[axis].size
    # The samples' loop is the outermost of the terms, so a sample's terms are neighbors.
    numbers = derivation.positions // math.prod(loops.sizes[axis + 1 :])
    if not numbers.size:
        return None
    first = np.searchsorted(numbers, np.arange(count))
    if not np.array_equal(numbers[np.minimum(first, numbers.size - 1)], np.arange(count)):
        return None
    terms = derivation.term_values if ran is None else np.where(ran, derivation.term_values, 0.0)
    return Shares(np.bincount(numbers, weights=terms, minlength=count), first)
