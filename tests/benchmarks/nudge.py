"""How many nudges a second: `python -m tests.benchmarks.nudge`. The aim is 30 on LeNet.

A nudge is a whole answer: the pass with one value changed, the loss, and what the tangent predicts.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from backpropviz.engine.gradcheck import check, plan
from backpropviz.engine.kinds.protocol import IMAGE
from backpropviz.engine.nudge import (
    BasePoint,
    base_point_of,
    kinks_between,
    nudge_cost,
    nudged_pass,
)
from backpropviz.engine.record import record
from backpropviz.engine.value import Address
from backpropviz.files.networks import load_network


def _point(name: str, dtype: type) -> BasePoint:
    model = load_network(name)
    assert model.example is not None
    image, target = model.example.image, model.example.target
    tape = record(model.network, model.parameters, image, target, model.optimizer)
    return base_point_of(tape, dtype)


def _median_ms(work: Callable[[], object], repeats: int = 50) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3


def print_nudges(name: str, dtype: type) -> None:
    """A value of each array, with and without the kinks on its way."""
    point = _point(name, dtype)
    arrays = {IMAGE: point.images} | {
        Address(layer, quantity): array
        for layer, own in point.parameters.items()
        for quantity, array in own.items()
    }
    for array, values in arrays.items():
        address = array.at((0,) * values.ndim)

        def nudge(address: Address = address) -> object:
            _, run = nudged_pass(point, address, 0.01)
            return list(kinks_between(point.network, point.forward, point.forward, run))

        alone = _median_ms(lambda address=address: nudged_pass(point, address, 0.01))  # type: ignore[misc]
        kinks = _median_ms(nudge)
        print(
            f"{name} {np.dtype(dtype)} {array!s:14} {alone:6.2f} ms = {1e3 / alone:6.0f} a second, "
            f"with kinks {kinks:6.2f} ms"
        )


def print_check_and_cost(name: str) -> None:
    """A gradient check, and what nudging every parameter would take."""
    point = _point(name, np.float64)
    wanted = plan(point)
    start = time.perf_counter()
    found = list(check(point, wanted))
    seconds = time.perf_counter() - start
    cost = nudge_cost(point, time.perf_counter)
    print(
        f"{name}: {len(found):,} of {wanted.size:,} gradients checked in {seconds:.2f} s; "
        f"nudging all takes {cost.forward_passes:,} passes = {cost.nudging_s:.1f} s, backprop "
        f"{cost.backprop_s * 1e3:.2f} ms: {cost.times_slower:,.0f} times as long"
    )


def main() -> None:
    """Both networks, in both widths."""
    for name in ("lenet", "tinyvgg"):
        for dtype in (np.float32, np.float64):
            print_nudges(name, dtype)
        print_check_and_cost(name)


if __name__ == "__main__":
    main()
