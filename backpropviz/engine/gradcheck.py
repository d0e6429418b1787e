"""Every gradient, or a fair sample, against a central difference in float64.

A gradient agrees where |a − n| ≤ 1e-7 · max(|a|, |n|) + 1e-9 · max(1, |L|). The second term covers
what rounding of the loss leaves after division by 2h. Where it does not agree but a unit flips or a
window changes its winner within ±h of this very value, the difference spans a corner and proves
nothing. Then h is made smaller until no corner lies within ±h: there the gradient has to agree.
Only a value that stands on a corner, where no step is small enough, is left without a judgment.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from enum import Enum
from functools import cached_property
from itertools import islice
from typing import TypeAlias

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, Shape
from backpropviz.engine.bands import Band, band_of, relative_error
from backpropviz.engine.base_point import BasePoint
from backpropviz.engine.kinds.protocol import IMAGE
from backpropviz.engine.kink import Crossing
from backpropviz.engine.kinks import kinks_between
from backpropviz.engine.nudge import around
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

H = 1e-5
RELATIVE, ABSOLUTE = 1e-7, 1e-9
SMALLER = (1e-1, 1e-2, 1e-3)
"""Parts of h that are tried where a corner lies within ±h; the last is where rounding sets in."""
PER_ARRAY = 200
MOST_KINKS = 8
Kinks: TypeAlias = tuple[Crossing, ...]


class Outcome(Enum):
    """What a check found, the worst last."""

    AGREES = "agrees"
    KINK = "kink"
    FAILS = "fails"


@frozen
class Sample:
    """The values of one array that are checked, as flat row-major places in ascending order."""

    array: Address
    shape: Shape
    places: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many values the array has."""
        return math.prod(self.shape)

    @property
    def is_complete(self) -> bool:
        """Whether every value is checked."""
        return len(self.places) == self.size

    def addresses(self) -> Iterator[Address]:
        """The values, in row-major order."""
        for place in self.places:
            cell = np.unravel_index(place, self.shape)
            yield self.array.at(tuple(int(index) for index in cell))


@frozen
class Plan:
    """What will be checked: at most `per_array` values of each array, drawn with `seed`."""

    samples: tuple[Sample, ...]
    per_array: int
    seed: int

    @property
    def count(self) -> int:
        """How many values are checked."""
        return sum(len(sample.places) for sample in self.samples)

    @property
    def size(self) -> int:
        """How many there are."""
        return sum(sample.size for sample in self.samples)

    @property
    def is_complete(self) -> bool:
        """Whether every value is checked."""
        return self.count == self.size


@frozen
class Closer:
    """The finite difference with a smaller h, within which no corner lies."""

    h: float
    numeric: float
    rounding: float

    def agrees(self, analytic: float) -> bool:
        """Whether a gradient is this one; its rounding is larger, as that of every small step."""
        largest = max(abs(analytic), abs(self.numeric))
        return abs(analytic - self.numeric) <= RELATIVE * largest + self.rounding


@frozen
class Checked:
    """One value: the gradient beside the finite difference.

    `rounding` is what the loss's last digits may leave in the difference. `kinks` are the first of
    the `kink_count` corners between −h and +h; `closer` is asked for where they may be the reason
    for a disagreement, and None where every step spans a corner.
    """

    address: Address
    analytic: float
    numeric: float
    rounding: float
    kinks: Kinks
    kink_count: int
    closer: Closer | None = None

    @property
    def distance(self) -> float:
        """|a − n|; infinite where one of them is not a finite number."""
        found = abs(self.analytic - self.numeric)
        return found if math.isfinite(found) else math.inf

    @property
    def error(self) -> float | None:
        """The relative error; None where both are 0."""
        return relative_error(self.analytic, self.numeric)

    @property
    def band(self) -> Band:
        """The band of the relative error, unless rounding alone explains a large one."""
        band = band_of(self.error)
        is_large = band not in {Band.BOTH_ZERO, Band.HAPPY}
        return Band.ROUNDING if is_large and self.distance <= self.rounding else band

    @property
    def bound(self) -> float:
        """How far the two numbers may lie apart."""
        return RELATIVE * max(abs(self.analytic), abs(self.numeric)) + self.rounding

    @property
    def outcome(self) -> Outcome:
        """Agreement within the bound; a kink only excuses what a step beside it does not refute."""
        if self.distance <= self.bound:
            return Outcome.AGREES
        is_refuted = self.closer is not None and not self.closer.agrees(self.analytic)
        return Outcome.KINK if self.kink_count and not is_refuted else Outcome.FAILS


@frozen(slots=False)
class Report:
    """A finished (or interrupted) check, worst first: failures, then kinks, then the others.

    Within an outcome the order is by |a − n| / bound.
    """

    network: str
    plan: Plan
    h: float
    loss: float
    results: tuple[Checked, ...]

    @cached_property
    def outcomes(self) -> Mapping[Outcome, int]:
        """How many values there are of each outcome."""
        return Counter(result.outcome for result in self.results)

    @cached_property
    def bands(self) -> Mapping[Band, int]:
        """How many values there are of each band."""
        return Counter(result.band for result in self.results)

    @property
    def passed(self) -> bool:
        """Whether no value fails; a kink is none."""
        return not self.outcomes.get(Outcome.FAILS, 0)

    @property
    def is_finished(self) -> bool:
        """Whether all that was planned has been checked."""
        return len(self.results) == self.plan.count

    @property
    def failures(self) -> tuple[Checked, ...]:
        """Values whose gradient is wrong, the worst first."""
        return self.results[: self.outcomes.get(Outcome.FAILS, 0)]


def plan(
    point: BasePoint, per_array: int = PER_ARRAY, *, seed: int = 0, pixels: bool = False
) -> Plan:
    """All parameters (and pixels, if wanted), sampled where an array has more than `per_array`.

    Raises:
        UserError: nothing would be checked.
    """
    if per_array < 1:
        raise UserError(f"{per_array} values of each array cannot be checked: give 1 or more.")
    arrays = dict(_arrays(point, pixels=pixels))
    if not arrays:
        raise UserError(
            f"{point.network.name} has no parameters whose gradients could be checked: "
            "check its pixels."
        )
    random = np.random.default_rng(seed)
    samples = (
        Sample(address, array.shape, _places(array.size, per_array, random))
        for address, array in arrays.items()
    )
    return Plan(tuple(samples), per_array, seed)


def _arrays(point: BasePoint, *, pixels: bool) -> Iterator[tuple[Address, Array]]:
    for node in point.network.nodes:
        for name in point.network.parameter_shapes(node):
            yield Address(node.name, name), point.parameters[node.name][name]
    if pixels:
        yield IMAGE, point.images


def _places(size: int, most: int, random: np.random.Generator) -> tuple[int, ...]:
    if size <= most:
        return tuple(range(size))
    chosen = random.choice(size, most, replace=False)
    return tuple(sorted(int(place) for place in chosen))


def check_value(point: BasePoint, address: Address, h: float = H) -> Checked:
    """One weight, bias, pixel, input or output of a layer.

    Raises:
        UserError: the point is not in float64, or the address names nothing that can be nudged.
    """
    if point.dtype != np.float64:
        raise UserError(
            f"a gradient check needs float64, but the pass is in {point.dtype}: record it anew."
        )
    passes = around(point, address, h)
    found = passes.difference
    if found.numeric is None:
        raise UserError(f"{address} = {found.value!r} does not change by h = {h}: give a larger h.")
    rounding = ABSOLUTE * max(1.0, abs(point.loss))
    kinks = kinks_between(point.network, point.forward, passes.minus, passes.plus)
    named = tuple(islice(kinks, MOST_KINKS))
    count = len(named) + sum(1 for _ in kinks)
    checked = Checked(address, found.analytic, found.numeric, rounding, named, count)
    if checked.outcome is not Outcome.KINK:
        return checked
    return replace(checked, closer=_closer(point, address, h, rounding))


def _closer(point: BasePoint, address: Address, h: float, rounding: float) -> Closer | None:
    """The largest smaller step without a corner."""
    for part in SMALLER:
        passes = around(point, address, h * part)
        kinks = kinks_between(point.network, point.forward, passes.minus, passes.plus)
        numeric = passes.difference.numeric
        if numeric is not None and next(kinks, None) is None:
            return Closer(h * part, numeric, rounding / part)
    return None


def check(point: BasePoint, wanted: Plan, h: float = H) -> Iterator[Checked]:
    """The planned values one by one, so that progress can be shown and the rest left out."""
    for sample in wanted.samples:
        for address in sample.addresses():
            yield check_value(point, address, h)


def report(point: BasePoint, wanted: Plan, results: Iterable[Checked], h: float = H) -> Report:
    """Put results in order; all of `check(point, wanted, h)`, or those before it was cancelled."""
    ordered = sorted(results, key=_badness, reverse=True)
    return Report(point.network.name, wanted, h, point.loss, tuple(ordered))


def _badness(result: Checked) -> tuple[int, float]:
    return list(Outcome).index(result.outcome), result.distance / result.bound
