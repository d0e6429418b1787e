"""Positions in the pass against pixels: straight inside each span, monotone throughout."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from math import floor
from typing import Final

from backpropviz.frozen import frozen

_ROUNDING: Final = 1e-6
"""Share of a step that floating point may take from a position on its own edge."""


@frozen(eq=False)
class Ruler:
    """Span i holds the positions `starts[i] … starts[i + 1]` and lies at `lefts[i] … rights[i]`."""

    starts: tuple[int, ...]
    lefts: tuple[float, ...]
    rights: tuple[float, ...]

    def x_of(self, position: int) -> float:
        """Where the step that begins at a position begins."""
        last = len(self.lefts) - 1
        return self._x(min(max(bisect_right(self.starts, position) - 1, 0), last), position)

    def x_after(self, position: int) -> float:
        """Where the step before a position ends: left of a gap where `x_of` is right of it."""
        last = len(self.lefts) - 1
        return self._x(min(max(bisect_left(self.starts, position) - 1, 0), last), position)

    def step_at(self, x: float) -> int:
        """The position whose step is drawn at x; beyond the ends the first or the last position."""
        span = max(bisect_right(self.lefts, x) - 1, 0)
        start, stop = self.starts[span], self.starts[span + 1]
        left, right = self.lefts[span], self.rights[span]
        share = (x - left) / (right - left) if right > left else 0.0
        return min(max(start + floor(share * (stop - start) + _ROUNDING), start), stop)

    def _x(self, span: int, position: int) -> float:
        start, stop = self.starts[span], self.starts[span + 1]
        share = min(max((position - start) / (stop - start), 0.0), 1.0)
        return self.lefts[span] + share * (self.rights[span] - self.lefts[span])
