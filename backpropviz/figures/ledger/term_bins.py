"""Many terms as a few bins by position, each with its subtotal and its largest term."""

from __future__ import annotations

import math

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.derivation import Derivation
from backpropviz.figures.explanation.explained_step import ALL, Progress
from backpropviz.frozen import frozen


@frozen(eq=False)
class TermBins:
    """Bins of `size` terms each (the last may hold fewer), of the terms that have run.

    `before` and `after` are the running sums at a bin's ends; `largest` numbers the term of the
    largest absolute value, `peaks` are these terms; `ran` counts the terms that have run.
    """

    size: int
    count: int
    before: Array
    after: Array
    largest: Array
    peaks: Array
    ran: Array

    @property
    def subtotals(self) -> Array:
        """What each bin adds."""
        return self.after - self.before

    def span(self, place: int) -> tuple[int, int]:
        """The first and the last number of a bin's terms."""
        return place * self.size, min((place + 1) * self.size, self.count) - 1

    def place_of(self, number: int) -> int:
        """The bin of a term."""
        return number // self.size


def bin_terms(derivation: Derivation, progress: Progress = ALL, *, most: int) -> TermBins:
    """At most `most` bins of equal size."""
    values = derivation.term_values
    size = max(1, math.ceil(values.size / most))
    places = math.ceil(values.size / size)
    mask = progress.mask(values.size)
    padded = np.zeros(places * size)
    padded[: values.size] = values if mask is None else np.where(mask, values, 0.0)
    there = np.zeros(places * size, dtype=bool)
    there[: values.size] = True if mask is None else mask
    table = padded.reshape(places, size)
    start = 0.0 if derivation.initial is None else derivation.initial.value
    after = start + np.cumsum(table.sum(axis=1))
    before = np.concatenate([[start], after[:-1]])
    within = np.argmax(np.nan_to_num(np.abs(table), nan=np.inf), axis=1)
    peaks = table[np.arange(places), within]
    largest = within + size * np.arange(places)
    ran = there.reshape(places, size).sum(axis=1)
    return TermBins(size, values.size, before, after, largest, peaks, ran)
