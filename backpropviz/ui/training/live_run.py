"""A run while it lives: its trainer, its checkpoints and what was measured of it.

It belongs to the thread that trains; the window reads what is frozen, and asks for checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import ceil, log2
from threading import Lock

from backpropviz.diagnosis.stops import DEFAULT_STOPS, Stop, Stopped
from backpropviz.diagnosis.thresholds import DEFAULTS, Thresholds
from backpropviz.diagnosis.watch import Guard, guard
from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.training.checkpoints import Checkpoints, Spill, size_bytes
from backpropviz.engine.training.course import Hyperparameters
from backpropviz.engine.training.finite import first_bad
from backpropviz.engine.training.measure import Measured, Validated
from backpropviz.engine.training.moment import Moment
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.trainer import Trainer, Updated
from backpropviz.engine.training.update import Trained
from backpropviz.ui.training.snapshot import Kept


class LiveRun:
    """Advances a run and keeps what may be asked for later; `number` is its name in the session.

    `checkpoints` are those of the past that it has already, up to the state where it stands; those
    that memory has no room for go to `spill`.
    """

    def __init__(
        self,
        number: int,
        run: Run,
        checkpoints: Checkpoints | None = None,
        spill: Spill | None = None,
    ) -> None:
        self.number = number
        self._lock = Lock()
        self.checkpoints = Checkpoints() if checkpoints is None else checkpoints
        self.checkpoints.spill = spill
        kept = self.checkpoints.iterations
        if not kept:
            self.checkpoints.add(run.start)
        last = self.checkpoints.nearest(kept[-1]) if kept else run.start
        self.trainer = Trainer(run, last)
        self.guard: Guard | None = None
        self.before: Trained | None = None
        self.gradients: Mapping[Address, Array] = {}
        self._measured: list[Measured] = []
        self._validated: list[Validated] = []

    def prepare(self, stops: Iterable[Stop] = DEFAULT_STOPS, limits: Thresholds = DEFAULTS) -> None:
        """Read the images once, for what keeps an eye on the run."""
        if self.guard is None:
            self.guard = guard(self.run, stops, limits)

    @property
    def run(self) -> Run:
        """With the course as it is now."""
        return self.trainer.run

    @property
    def now(self) -> Trained:
        """Where it stands."""
        return self.trainer.now

    @property
    def ends_epoch(self) -> bool:
        """Whether the update that was made last is the last of its epoch."""
        course, iteration = self.run.course, self.now.iteration
        return iteration > 0 and course.place(iteration + 1).epoch > course.place(iteration).epoch

    def advance(self) -> Updated:
        """Make the next update; at the end of an epoch, validate.

        An update that is not finite is measured, but not taken.
        """
        before = self.trainer.now
        # Copying them costs next to nothing, and the update that was made last can be shown whole.
        updated = self.trainer.advance(gradients=True)
        if self.guard is not None:
            self.guard = self.guard.after(updated.measured, is_finite=updated.is_finite)
        if updated.is_finite:
            self._measured.append(updated.measured)
            self.before, self.gradients = before, updated.gradients
            with self._lock:
                self.checkpoints.add(updated.trained)
            if self.ends_epoch:
                self.validate()
        else:
            self._locate()
        return updated

    def validate(self) -> None:
        """Measure the held-out samples, if there are any and they have not been measured here."""
        has_been = self._validated and self._validated[-1].iteration == self.now.iteration
        if self.run.dataset.validation is not None and not has_been:
            found = self.trainer.validate()
            self._validated.append(found)
            if self.guard is not None:
                # A stop that the update brought about is not to be lost by the validation after it.
                stopped, now = self.guard.stopped, self.guard.validated(found)
                self.guard = replace(now, stopped=now.stopped or stopped)

    def change(self, hyperparameters: Hyperparameters) -> None:
        """Other hyper-parameters from the next update on."""
        self.trainer.change(hyperparameters)

    def checkpoint(self, iteration: int) -> Trained:
        """The latest state that is known from at or before an update; from any thread."""
        before = self.before
        if before is not None and before.iteration == iteration:
            return before
        with self._lock:
            return self.checkpoints.nearest(iteration)

    def earlier(self, trained: Trained, most_bytes: int | None = None) -> Checkpoints:
        """The checkpoints up to a state, and this state: the past of a fork; from any thread.

        Where they would take more than their own budget, or `most_bytes`, some are left out.
        """
        with self._lock:
            own = self.checkpoints
            budget = own.budget_bytes if most_bytes is None else most_bytes
            kept = [k for k in own.iterations if k < trained.iteration]
            room = max(1, budget // max(1, size_bytes(trained)))
            stride = 2 ** max(0, ceil(log2(max(1, len(kept)) / room)))
            result = Checkpoints(own.budget_bytes, own.spacing * stride)
            for iteration in kept[::stride]:
                found = own.nearest(iteration)
                if found.iteration == iteration:  # else the disk has lost it
                    result.add(found)
            result.add(trained)
            return result

    def resize(self, budget_bytes: int, spill_bytes: int) -> None:
        """Other budgets for the checkpoints in memory, and for those on the disk."""
        with self._lock:
            self.checkpoints.resize(budget_bytes, spill_bytes)

    def news(self) -> tuple[tuple[Measured, ...], tuple[Validated, ...]]:
        """The rows since the last time; they are given once."""
        found = tuple(self._measured), tuple(self._validated)
        self._measured, self._validated = [], []
        return found

    @property
    def kept(self) -> Kept:
        """The checkpoints as the window shows them."""
        own = self.checkpoints
        return Kept(
            own.iterations, own.spacing, own.bytes_used, own.budget_bytes, own.spilled_bytes
        )

    @property
    def stopped(self) -> Stopped | None:
        """Why to stop after the update that was made last, or None."""
        return None if self.guard is None else self.guard.stopped

    def weigh(self) -> None:
        """Look at the weights for what can be wrong with them."""
        if self.guard is not None:
            self.guard = self.guard.weighed(self.now.iteration, self.now.parameters)

    def _locate(self) -> None:
        """Find the first operation of the next update that makes a bad value."""
        bad = first_bad(Moment(self.run, self.now, self.now.iteration + 1).record())
        if bad is not None and self.guard is not None:
            self.guard = self.guard.located(bad.address, bad.sentence)
