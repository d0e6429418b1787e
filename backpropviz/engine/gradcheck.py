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

from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.protocol import IMAGE, Crossing, Flip
from backpropviz.engine.nudge import Band, BasePoint, around, band_of, kinks_between, relative_error
from backpropviz.engine.value import Address, Array, Shape
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


_SHOWN = 10
_HEADER = ("value", "analytic", "finite difference", "relative error", "band")


def check_text(report: Report, shown: int = _SHOWN) -> str:
    """The report in lines, the `shown` worst values of it in a table."""
    lines = [
        f"{report.network}: {_what(report.plan)}",
        f"float64, h = {report.h:g}, loss {report.loss:.10g}",
        *_unfinished(report),
        "",
        *_table(report.results[:shown]),
        *_kinks(report.results[:shown]),
        "",
        _bands(report),
        verdict(report),
    ]
    return "\n".join(lines)


def verdict(report: Report) -> str:
    """One sentence: passed or failed, and on how many values."""
    count, fails = len(report.results), len(report.failures)
    excused = [result for result in report.results if result.outcome is Outcome.KINK]
    kinks, closer = len(excused), sum(result.closer is not None for result in excused)
    apart = f"; {closer:,} agree once h is so small that no kink lies within ±h" if closer else ""
    if kinks > closer:
        apart += f"; {kinks - closer:,} could not be judged, since they stand on a kink"
    if fails:
        worst = report.failures[0].address
        return f"FAILED: {fails:,} of {count:,} gradients are wrong, worst {worst}{apart}."
    return f"PASSED: {count - kinks:,} of {count:,} gradients agree{apart}."


def _what(plan: Plan) -> str:
    if plan.is_complete:
        return f"all {plan.count:,} values"
    return (
        f"{plan.count:,} of {plan.size:,} values, at most {plan.per_array:,} of each array, "
        f"drawn with seed {plan.seed}"
    )


def _unfinished(report: Report) -> Iterator[str]:
    if not report.is_finished:
        yield f"stopped after {len(report.results):,} of {report.plan.count:,} values"


def _table(results: tuple[Checked, ...]) -> Iterator[str]:
    if not results:
        return
    rows = [_HEADER, *(_row(result) for result in results)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(_HEADER))]
    for row in rows:
        first, *numbers, last = row
        middle = (cell.rjust(w) for cell, w in zip(numbers, widths[1:-1], strict=True))
        yield "  ".join((first.ljust(widths[0]), *middle, last))


def _row(result: Checked) -> tuple[str, ...]:
    error = "" if result.error is None else f"{result.error:.1e}"
    words = "kink" if result.outcome is Outcome.KINK else result.band.words
    words = "WRONG" if result.outcome is Outcome.FAILS else words
    return (
        str(result.address),
        f"{result.analytic + 0.0:.9g}",
        f"{result.numeric + 0.0:.9g}",
        error,
        words,
    )


def _kinks(results: tuple[Checked, ...]) -> Iterator[str]:
    kinked = [result for result in results if result.kinks]
    if kinked:
        yield ""
    for result in kinked:
        others = result.kink_count - 1
        more = f", and {others:,} more" if others else ""
        yield f"{result.address} ± h: {kink_text(result.kinks[0])}{more}{closer_text(result)}"


def closer_text(result: Checked) -> str:
    """What a step says that is too small to reach the kink."""
    if result.closer is None:
        return ""
    verb = "agrees" if result.closer.agrees(result.analytic) else "does not agree either"
    return f"; with h = {result.closer.h:.0e} it {verb}"


def kink_text(kink: Crossing) -> str:
    """What happened, in words."""
    if isinstance(kink, Flip):
        return f"{kink.address} goes from {kink.before + 0.0:.3g} to {kink.after + 0.0:.3g}"
    return f"the winner of {kink.address} changes from {kink.before} to {kink.after}"


def _bands(report: Report) -> str:
    judged = (result for result in report.results if result.outcome is not Outcome.KINK)
    counts = dict.fromkeys(Band, 0)
    for result in judged:
        counts[result.band] += 1
    return ", ".join(f"{band.words}: {count:,}" for band, count in counts.items() if count)


def by_correlation(point: BasePoint, address: Address) -> float | None:
    """∂L/∂W[f,c,i,j] = Σ padded image · upstream, by `scipy.signal`, which is imported here.

    None for all but the filters of convolutions whose kernels are not turned.
    """
    node = point.network.by_name.get(address.layer)
    if node is None or address.part or address.quantity != "weight":
        return None
    layer = node.layer
    if not isinstance(layer, Conv2d) or layer.flip:
        return None
    from backpropviz.engine.kernels.reference import weight_gradient

    image, upstream = point.forward.outputs[node.inputs[0]], point.backward.outputs[node.name]
    f, own, i, j = address.indices
    group = f // (layer.out_channels // layer.groups)
    c = group * (image.shape[1] // layer.groups) + own
    shape = (1, 1, *layer.window.kernel)
    planes = image[:, c : c + 1], upstream[:, f : f + 1]
    return float(weight_gradient(*planes, layer.window, 1, shape)[0, 0, i, j])
