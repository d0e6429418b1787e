"""A lamp that does not flicker: lit after some bad updates in a row, out after some good ones.

An update is bad beyond a threshold and good beyond a milder one; between the two it is neither,
and the lamp stays as it is.
"""

from __future__ import annotations

from dataclasses import replace

from backpropviz.frozen import frozen


@frozen
class Latch:
    """How many updates in a row were bad, or good; `first` is where the bad ones began."""

    bad: int = 0
    good: int = 0
    first: int = 0
    raised: int | None = None
    """The update at which the lamp was lit; None: it is out."""

    @property
    def is_raised(self) -> bool:
        """Whether it is lit."""
        return self.raised is not None

    def after(
        self, iteration: int, *, is_bad: bool, is_good: bool, patience: int, calm: int
    ) -> Latch:
        """The lamp after a further update: lit by `patience` bad ones, put out by `calm` good."""
        if is_bad:
            return self._after_bad(iteration, patience)
        if self.raised is None:
            return QUIET
        good = self.good + 1 if is_good else 0
        return QUIET if good >= calm else replace(self, bad=0, good=good)

    def _after_bad(self, iteration: int, patience: int) -> Latch:
        bad = self.bad + 1
        if self.raised is not None:
            return replace(self, bad=bad, good=0)
        first = iteration if self.bad == 0 else self.first
        return Latch(bad, 0, first, iteration if bad >= patience else None)


QUIET = Latch()
