"""What it would cost to find every gradient by nudging: why there is a backward pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import median

from backpropviz.engine.backprop import backward, forward
from backpropviz.engine.base_point import BasePoint
from backpropviz.frozen import frozen

Clock = Callable[[], float]
"""Seconds since some moment, as `time.perf_counter` gives them."""
PASSES_PER_PARAMETER = 2  # one at v − h, one at v + h


@frozen
class NudgeCost:
    """The measured seconds of one forward and one backward pass, and what follows from them.

    `batches` is how many such passes the data takes.
    """

    parameters: int
    batches: int
    forward_s: float
    backward_s: float

    @property
    def forward_passes(self) -> int:
        """Two for every parameter and batch."""
        return PASSES_PER_PARAMETER * self.parameters * self.batches

    @property
    def nudging_s(self) -> float:
        """The extrapolated time of all of them."""
        return self.forward_passes * self.forward_s

    @property
    def backprop_s(self) -> float:
        """One forward and one backward pass a batch give the same numbers."""
        return self.batches * (self.forward_s + self.backward_s)

    @property
    def times_slower(self) -> float:
        """How often backprop would be done in the time that nudging takes."""
        return self.nudging_s / self.backprop_s if self.backprop_s else float("inf")


def nudge_cost(
    point: BasePoint,
    clock: Clock,
    *,
    batches: int = 1,
    repeats: int = 7,
    stop: Callable[[], bool] = bool,
) -> NudgeCost:
    """Measure whole passes, each `repeats` times (once, when `stop` says so); the median counts."""
    network, own, base = point.network, point.parameters, point.forward
    shapes = (s for node in network.nodes for s in network.parameter_shapes(node).values())
    ahead = _timed(lambda: forward(network, own, point.images, base.target), clock, repeats, stop)
    back = _timed(lambda: backward(network, own, base), clock, repeats, stop)
    return NudgeCost(sum(map(math.prod, shapes)), batches, median(ahead), median(back))


def _timed(
    work: Callable[[], object], clock: Clock, repeats: int, stop: Callable[[], bool]
) -> Iterator[float]:
    for _ in range(repeats):
        start = clock()
        work()
        yield clock() - start
        if stop():
            return
