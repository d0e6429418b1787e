"""Times that can be compared: taken in turns, in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence


def seconds(run: Callable[[], object]) -> float:
    """How long it takes once."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def in_turns(
    steps: Sequence[Callable[[], object]], rounds: int, repeats: int = 1
) -> tuple[float, ...]:
    """Each step's median seconds; they take turns, so that all meet the same load."""
    times: list[list[float]] = [[] for _ in steps]
    for _ in range(rounds):
        for step, own in zip(steps, times, strict=True):
            step()
            start = time.perf_counter()
            for _ in range(repeats):
                step()
            own.append((time.perf_counter() - start) / repeats)
    return tuple(statistics.median(own) for own in times)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def verdict(value: float, bound: float) -> str:
    """Whether a measure keeps what the design asks for."""
    return f"{'meets' if value <= bound else 'MISSES'} ≤ {bound:g}"
