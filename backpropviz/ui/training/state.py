"""All that the window knows of training: its runs, the one that trains, what is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

from backpropviz.diagnosis.stops import Stopped
from backpropviz.diagnosis.watch import Guard
from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.training.history import History
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.update import Trained
from backpropviz.frozen import frozen
from backpropviz.ui.training.live_run import LiveRun
from backpropviz.ui.training.snapshot import Kept, Snapshot


@frozen(eq=False)
class Visited:
    """A past update that the slider shows; `now` is None until it has been computed again."""

    iteration: int
    now: Trained | None = None
    gradients: Mapping[Address, Array] = field(default_factory=dict)


@frozen(eq=False)
class RunState:
    """A run as the window knows it; `history` only grows, up to what was told last."""

    number: int
    parent: int | None
    live: LiveRun
    run: Run
    now: Trained
    history: History
    kept: Kept = field(default_factory=Kept)
    gradients: Mapping[Address, Array] = field(default_factory=dict)
    guard: Guard | None = None
    samples_per_second: float | None = None
    stopped: Stopped | None = None
    error: BaseException | None = None
    visited: Visited | None = None

    def after(self, told: Snapshot) -> RunState:
        """The run after what the thread told."""
        return replace(
            self,
            run=told.run,
            now=told.now,
            kept=told.kept,
            gradients=told.gradients,
            guard=told.guard,
            samples_per_second=told.samples_per_second,
            stopped=told.stopped,
            error=told.error,
        )

    @property
    def shown_iteration(self) -> int:
        """The update whose filters are shown."""
        return self.now.iteration if self.visited is None else self.visited.iteration

    @property
    def shown(self) -> Trained | None:
        """The weights that are shown; None while they are computed again."""
        return self.now if self.visited is None else self.visited.now

    @property
    def shown_gradients(self) -> Mapping[Address, Array]:
        """The gradients of the shown update, where they are known."""
        return self.gradients if self.visited is None else self.visited.gradients


@frozen
class Look:
    """How training is looked at: every how many updates (None: as often as drawing may cost)."""

    redraw_every: int | None = None
    is_locked: bool = True


@frozen(eq=False)
class TrainingState:
    """The runs of a session, oldest first, and the one that is shown and trained."""

    runs: tuple[RunState, ...] = ()
    current: int = 0
    is_running: bool = False
    look: Look = Look()

    @property
    def run(self) -> RunState | None:
        """The run that is shown."""
        return self.by_number(self.current)

    def by_number(self, number: int) -> RunState | None:
        """The run of that number, or None."""
        return next((run for run in self.runs if run.number == number), None)

    def with_run(self, changed: RunState) -> TrainingState:
        """The same with one run as it is now, or with a further one."""
        if self.by_number(changed.number) is None:
            return replace(self, runs=(*self.runs, changed))
        runs = tuple(changed if run.number == changed.number else run for run in self.runs)
        return replace(self, runs=runs)
