"""Where one has been: back and forward as in a browser, over jumps."""

from __future__ import annotations

from backpropviz.debugger.steps import Depth
from backpropviz.frozen import frozen

_KEPT = 100


@frozen
class Visit:
    """A position and the depth it was looked at."""

    k: int
    depth: Depth


@frozen
class History:
    """Visits behind and ahead, nearest last."""

    behind: tuple[Visit, ...] = ()
    ahead: tuple[Visit, ...] = ()

    def left(self, visit: Visit) -> History:
        """After a jump away from a visit; what was ahead is forgotten."""
        if self.behind and self.behind[-1] == visit:
            return History(self.behind)
        return History((*self.behind, visit)[-_KEPT:])

    def back(self, here: Visit) -> tuple[Visit, History] | None:
        """The visit before, and the history then; None where there is none."""
        if not self.behind:
            return None
        return self.behind[-1], History(self.behind[:-1], (*self.ahead, here))

    def forward(self, here: Visit) -> tuple[Visit, History] | None:
        """The visit that `back` came from, and the history then; None where there is none."""
        if not self.ahead:
            return None
        return self.ahead[-1], History((*self.behind, here), self.ahead[:-1])
