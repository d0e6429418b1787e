"""When the window is told how training stands: seldom enough that training stays fast."""

from __future__ import annotations

from typing import Final

from backpropviz.frozen import frozen

LEAST_INTERVAL_S: Final = 0.2
MOST_INTERVAL_S: Final = 2.0
DRAWING_SHARE: Final = 0.04


@frozen
class Pace:
    """After which update, and when, the last snapshot was told.

    With `every` the person has chosen a spacing in updates; drawing then costs what it costs.
    """

    every: int | None = None
    told_at_s: float = float("-inf")
    told_iteration: int = 0

    def is_due(self, now_s: float, iteration: int, cost_s: float) -> bool:
        """Whether to tell after this update; `cost_s` is what drawing took the last time."""
        if self.every is not None:
            return iteration // self.every != self.told_iteration // self.every
        interval_s = max(LEAST_INTERVAL_S, min(MOST_INTERVAL_S, cost_s / DRAWING_SHARE))
        return now_s - self.told_at_s >= interval_s

    def told(self, now_s: float, iteration: int) -> Pace:
        """The pace after telling."""
        return Pace(self.every, now_s, iteration)
