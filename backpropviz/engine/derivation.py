"""Derivation of one value: target = initial + Σ terms, each a product of addressed operands.

The same object drives the equation, the highlights, the ledger and the text, so that they cannot
disagree.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property, reduce

import numpy as np

from backpropviz.engine.nest import (
    Coordinates,
    Factor,
    Loops,
    Nest,
    NestRule,
    Presence,
    Region,
    Values,
)
from backpropviz.engine.operands import Indicator
from backpropviz.engine.value import Address, Array
from backpropviz.frozen import frozen


@frozen
class Term:
    """One summand, candidate or function value with its operands; padding counts 0."""

    coordinates: Coordinates
    value: float
    operands: tuple[Factor, ...]
    presence: Presence


@frozen(eq=False, slots=False)
class Derivation:
    """Where a value comes from; terms lie as arrays and are made into objects when asked for.

    `positions` are the places, in loop order, of the terms that exist (absent ones are left out).
    """

    address: Address
    value: float
    nest: Nest
    initial: Factor | None
    region: Region
    positions: Array
    term_values: Array
    tape: Values

    @property
    def rule(self) -> NestRule:
        """How the terms make the value."""
        return self.nest.rule

    @cached_property
    def terms(self) -> Sequence[Term]:
        """The terms in loop order."""
        return _Terms(self)

    @property
    def derived(self) -> float:
        """What the terms make, in float64."""
        if self.rule is NestRule.MAX:
            return float(np.max(self.term_values)) if self.term_values.size else -math.inf
        start = 0.0 if self.initial is None else self.initial.value
        return float(start + np.sum(self.term_values))

    @property
    def residue(self) -> float:
        """value − derived: what float32 arithmetic and the order of summation left over."""
        if not math.isfinite(self.value) or not math.isfinite(self.derived):
            return 0.0
        return self.value - self.derived

    def coordinates(self, number: int) -> Coordinates:
        """The loop coordinates (by target) of the `number`-th term."""
        sizes = tuple(len(r) for r in self.region)
        offsets = np.unravel_index(int(self.positions[number]), sizes)
        return tuple(r.start + int(o) for r, o in zip(self.region, offsets, strict=True))


class _Terms(Sequence[Term]):
    """A view of a derivation's terms."""

    def __init__(self, derivation: Derivation) -> None:
        self._of = derivation

    def __len__(self) -> int:
        return len(self._of.positions)

    def __getitem__(self, number):  # type: ignore[no-untyped-def]
        if isinstance(number, slice):
            return [self[k] for k in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        return self._term(number % len(self))

    def __iter__(self) -> Iterator[Term]:
        return (self._term(k) for k in range(len(self)))

    def _term(self, number: int) -> Term:
        found = self._of
        coordinates = found.coordinates(number)
        return Term(coordinates, float(found.term_values[number]), *factors(found, coordinates))


def factors(
    derivation: Derivation, coordinates: Coordinates
) -> tuple[tuple[Factor, ...], Presence]:
    """A term's operands, and whether it is there."""
    loops = derivation.nest.by_target
    found = tuple(operand.at(derivation.tape, coordinates) for operand in loops.operands)
    return found, presence_of(found)


def presence_of(operands: tuple[Factor, ...]) -> Presence:
    """A term is absent if any operand is, else padding if any is."""
    kinds = {operand.presence for operand in operands}
    for kind in (Presence.ABSENT, Presence.PADDING):
        if kind in kinds:
            return kind
    return Presence.PRESENT


def derive(tape: Values, nest: Nest, address: Address) -> Derivation:
    """The derivation of one value of the array that a nest computes."""
    loops = nest.by_target
    prefix = nest.element_at(address.indices)
    region = loops.region(prefix)
    values = block_values(tape, nest, loops, region).reshape(-1)
    stays = _mask([operand.exists(tape, region) for operand in loops.operands], region)
    positions = np.arange(values.size) if stays is None else np.flatnonzero(stays)
    first = prefix + (0,) * loops.term_axes
    initial = None if loops.initial is None else loops.initial.at(tape, first)
    return Derivation(
        address,
        float(tape[nest.target][address.indices]),
        nest,
        initial,
        region,
        positions,
        values[positions],
        tape,
    )


def _mask(masks: list[Array | None], region: Region) -> Array | None:
    """All conditions together, one value a step of the region."""
    found = [mask for mask in masks if mask is not None]
    if not found:
        return None
    sizes = tuple(len(r) for r in region)
    return np.broadcast_to(reduce(np.logical_and, found), sizes).reshape(-1)


def block_values(tape: Values, nest: Nest, loops: Loops, region: Region) -> Array:
    """The values of all terms in a box of steps, in float64.

    What is not present counts 0, or −∞ for a maximum.
    """
    sizes = tuple(len(r) for r in region)
    blocks = [np.asarray(operand.block(tape, region), np.float64) for operand in loops.operands]
    with np.errstate(all="ignore"):  # an overflow of the pass is shown, not reported again
        result = reduce(np.multiply, blocks) if nest.function is None else nest.function(*blocks)
    for operand, block in zip(loops.operands, blocks, strict=True):
        if isinstance(operand, Indicator):  # what lost takes nothing, not even 0 · ∞
            result = np.where(block == 0, 0.0, result)
    result = np.broadcast_to(result, sizes)
    if nest.rule is NestRule.MAX:
        inside = _mask([operand.inside(tape, region) for operand in loops.operands], region)
        result = result if inside is None else np.where(inside.reshape(sizes), result, -np.inf)
    return result


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
    if derivation.rule is not NestRule.SUM or axis is None or axis != outer:
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
