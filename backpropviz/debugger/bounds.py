"""Between which numbers the terms of a box of steps lie, from the cells that they read.

A box of terms reads far fewer cells than it has terms, so a search for |term| > c passes over most
of a layer after looking at a few slices of its arrays.
"""

from __future__ import annotations

from dataclasses import field

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.index import Index
from backpropviz.engine.nest import Nest, Operand, Region, Values
from backpropviz.expression.intervals import ANYTHING, Interval
from backpropviz.frozen import frozen


@frozen(eq=False, slots=False)
class Bounds:
    """Bounds of the terms of boxes; the bounds of slices are kept for one search."""

    tape: Values
    known: dict[tuple[Address, tuple[tuple[int, int], ...]], Interval | None] = field(
        default_factory=dict
    )

    def of_terms(
        self, nest: Nest, operands: tuple[Operand, ...], region: Region
    ) -> Interval | None:
        """The least and the greatest term; None where no term of the box is present."""
        product: Interval = (1.0, 1.0)
        for operand in operands:
            found = self.of_operand(operand, region)
            if found is None:
                return None
            product = _times(product, found)
        return product if nest.function is None else ANYTHING

    def of_operand(self, operand: Operand, region: Region) -> Interval | None:
        """The least and the greatest value that an operand has in a box; None where it has none."""
        if operand.address is not None:
            return self._of_slice(operand.address, operand.index, region)
        if operand.index:
            return ANYTHING
        value = float(operand.block(self.tape, region).reshape(-1)[0])
        return value, value

    def _of_slice(
        self, address: Address, index: tuple[Index, ...], region: Region
    ) -> Interval | None:
        array = self.tape[address]
        box = []
        for one, size in zip(index, array.shape, strict=True):
            low, high = _extremes(one, region)
            box.append((max(low, 0), min(high + 1, size)))
        key = (address, tuple(box))
        if key not in self.known:
            cells = array[tuple(slice(*ends) for ends in box)]
            self.known[key] = (float(cells.min()), float(cells.max())) if cells.size else None
        return self.known[key]


def _extremes(index: Index, region: Region) -> tuple[int, int]:
    """The least and the greatest index that a box can reach."""
    low = high = index.offset
    for term in index.terms:
        r = region[term.axis]
        ends = [term.factor * (r.start // term.floor), term.factor * ((r.stop - 1) // term.floor)]
        low, high = low + min(ends), high + max(ends)
    return -(-low // index.divisor), high // index.divisor


def _times(a: Interval, b: Interval) -> Interval:
    with np.errstate(invalid="ignore"):
        corners = np.multiply.outer(np.array(a), np.array(b))
    return float(corners.min()), float(corners.max())
