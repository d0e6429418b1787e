"""How fast training goes: samples and updates a second over the last stretch of it."""

from __future__ import annotations

from collections import deque
from typing import Final

_STRETCH_S: Final = 2.0


class Speed:
    """Fed with the clock after every update; what lies further back than the stretch is dropped."""

    def __init__(self) -> None:
        self._moments: deque[tuple[float, int]] = deque()
        self._samples = 0

    def start(self, now_s: float) -> None:
        """Training goes on: the pause before counts for nothing."""
        self._moments.clear()
        self._samples = 0
        self._moments.append((now_s, 0))

    def made(self, now_s: float, samples: int) -> None:
        """An update of so many samples is done."""
        self._samples += samples
        self._moments.append((now_s, self._samples))
        while len(self._moments) > 2 and now_s - self._moments[1][0] > _STRETCH_S:
            self._moments.popleft()

    @property
    def samples_per_second(self) -> float | None:
        """None before there is anything to divide."""
        if len(self._moments) < 2:
            return None
        (first_s, first), (last_s, last) = self._moments[0], self._moments[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else None
