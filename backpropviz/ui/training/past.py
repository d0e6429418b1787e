"""The past of a run, computed again beside the window: its states, and its updates as passes.

While the slider is dragged, the newest wish waits for the way that is being gone; older ones are
dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, Signal

from backpropviz.engine.training.checkpoints import Checkpoints
from backpropviz.engine.training.moment import Moment
from backpropviz.engine.training.replay import ReplayStoppedError, state_at
from backpropviz.engine.training.trainer import measured_update
from backpropviz.engine.training.update import Trained, layer_workspaces
from backpropviz.ui.background import Background
from backpropviz.ui.training.live_run import LiveRun
from backpropviz.ui.training.state import Visited

_REMEMBERED: Final = 8


class Past(QObject):
    """Emits what it found with the number of the run that it belongs to."""

    arrived = Signal(int, object)
    moment_found = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._generation = 0
        self._wanted: tuple[LiveRun, int] | None = None
        self._remembered: dict[tuple[int, int], Trained] = {}
        self._visitor, self._finder = Background(self), Background(self)
        self._visitor.answered.connect(self._take)
        self._visitor.failed.connect(self._fail)
        self._finder.answered.connect(self.moment_found)
        self._finder.failed.connect(self._fail)

    def visit(self, live: LiveRun, iteration: int) -> None:
        """Look for the state after an update, and for the gradients of that update."""
        self._wanted = live, iteration
        if not self._visitor.is_busy:
            self._go()

    def find_moment(self, live: LiveRun, iteration: int) -> None:
        """Look for the state from which an update started."""
        before = self._way(live, iteration - 1)
        run = live.run
        self._finder.run(lambda: Moment(run, before(), iteration))

    def leave(self) -> None:
        """Nobody looks at the past any more."""
        self._generation += 1
        self._wanted = None
        self._visitor.drop()

    def stop(self) -> None:
        """Give up and wait until no thread works for this."""
        self.leave()
        self._visitor.stop()
        self._finder.stop()

    def _go(self) -> None:
        if self._wanted is None:
            return
        (live, iteration), self._wanted = self._wanted, None
        before = self._way(live, max(0, iteration - 1))

        def job() -> tuple[int, Visited, Trained]:
            start = before()
            return live.number, _visited(live, start, iteration), start

        self._visitor.run(job)

    def _way(self, live: LiveRun, iteration: int) -> Callable[[], Trained]:
        """What computes a state on another thread, until somebody says `leave`."""
        generation, run = self._generation, live.run
        known = [
            trained
            for (number, at), trained in self._remembered.items()
            if number == live.number and at <= iteration
        ]

        def way() -> Trained:
            nearest = max((live.checkpoint(iteration), *known), key=lambda t: t.iteration)
            start = Checkpoints()
            start.add(nearest)
            return state_at(run, start, iteration, lambda: generation != self._generation)

        return way

    def _take(self, answer: tuple[int, Visited, Trained]) -> None:
        number, visited, before = answer
        self._remembered[number, before.iteration] = before
        while len(self._remembered) > _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self.arrived.emit(number, visited)
        self._go()

    def _fail(self, error: BaseException) -> None:
        if not isinstance(error, ReplayStoppedError):
            self.failed.emit(error)


def _visited(live: LiveRun, before: Trained, iteration: int) -> Visited:
    """The state after the update; the very first has none before it, and no gradients."""
    if iteration == before.iteration:
        return Visited(iteration, before)
    updated = measured_update(live.run, before, layer_workspaces(live.run.network), gradients=True)
    return Visited(iteration, updated.trained, updated.gradients)
