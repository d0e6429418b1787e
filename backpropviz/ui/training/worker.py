"""The thread that trains: one update after the other, wishes between two of them.

It owns the run that it trains. What it tells is frozen, at most as often as the window draws.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from math import ceil, log2
from threading import Condition, Lock
from typing import Final, TypeAlias

from PySide6.QtCore import QObject, QThread, Signal

from backpropviz.diagnosis.stops import DEFAULT_STOPS, Stop, Stopped
from backpropviz.diagnosis.thresholds import DEFAULTS, Thresholds
from backpropviz.diagnosis.watch import Guard, guard
from backpropviz.engine.training.checkpoints import (
    Checkpoints,
    Moment,
    Spill,
    first_bad,
    size_bytes,
)
from backpropviz.engine.training.history import Measured, Validated
from backpropviz.engine.training.run import Course, Hyperparameters, Run
from backpropviz.engine.training.trainer import Trainer, Updated
from backpropviz.engine.training.update import Trained
from backpropviz.engine.value import Address, Array
from backpropviz.frozen import frozen


@frozen
class Kept:
    """The checkpoints: after which updates, what they take in memory, and what on the disk."""

    iterations: tuple[int, ...] = ()
    spacing: int = 1
    bytes_used: int = 0
    budget_bytes: int = 0
    spilled_bytes: int = 0


@frozen(eq=False)
class Snapshot:
    """A run after an update; `measured` and `validated` are the rows since the last snapshot.

    `gradients` are those of the last update; `guard` is None before the images were looked at.
    `stopped` says why training has stopped by itself; `error` is what kept it from going on.
    `obeyed` numbers the last wish to go or to stop that it knows of.
    """

    run_number: int
    run: Run
    now: Trained
    kept: Kept
    measured: tuple[Measured, ...] = ()
    validated: tuple[Validated, ...] = ()
    gradients: Mapping[Address, Array] = field(default_factory=dict)
    guard: Guard | None = None
    samples_per_second: float | None = None
    is_running: bool = False
    stopped: Stopped | None = None
    error: BaseException | None = None
    obeyed: int = 0


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

    def rest(self) -> None:
        """Another run is trained from now on: this one keeps what it knows and no buffers."""
        self.trainer.rest()

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


_MOST_COST_S: Final = 0.1
"""A longer time, such as the first, is no measure of the next ones."""
_PATIENCE_S: Final = 0.3
"""So long the thread waits for a snapshot to be drawn: a window may be busy with something else."""


@frozen(eq=False)
class Take:
    """Train this run from now on, once it is told to go."""

    number: int
    live: LiveRun


@frozen
class Go:
    """Train up to this update, or without end."""

    number: int
    until: int | None = None


@frozen
class Halt:
    """Stop after the update that is being made; with `validates`, measure it, too."""

    number: int
    validates: bool = False


@frozen
class SettingsChange:
    """Other hyper-parameters from the next update on."""

    hyperparameters: Hyperparameters


@frozen
class Redraw:
    """Tell every so many updates; None: as often as drawing may cost."""

    every: int | None


@frozen(eq=False)
class Ask:
    """Do something with the run between two updates, and tell the answer."""

    number: int
    job: Callable[[LiveRun], object]


@frozen
class Quit:
    """End the thread."""


Wish: TypeAlias = Take | Go | Halt | SettingsChange | Redraw | Ask | Quit


class Mailbox:
    """Wishes in order; and whether the window has drawn the last snapshot.

    Nothing queues up towards the window: the thread tells nothing before the last was drawn. While
    it draws, the thread stands still, since Python runs one of the two at a time: taking turns at
    every call would make drawing many times as slow, and training no faster.
    """

    def __init__(self) -> None:
        self._condition = Condition()
        self._wishes: list[Wish] = []
        self._is_free, self._is_watched = True, False
        self._patience_ends_s = 0.0
        self._costs_s = (0.0, 0.0)

    def put(self, wish: Wish) -> None:
        """From the window: a wish."""
        with self._condition:
            self._wishes.append(wish)
            self._condition.notify()

    def watch(self, is_watched: bool) -> None:
        """From the window: whether snapshots are drawn at all."""
        with self._condition:
            self._is_watched = is_watched

    def acknowledge(self, cost_s: float) -> None:
        """From the window: the last snapshot is drawn, which took this long."""
        with self._condition:
            self._is_free, self._costs_s = True, (self._costs_s[1], min(cost_s, _MOST_COST_S))
            self._condition.notify()

    def take(self, *, has_work: bool, has_news: bool) -> tuple[Wish, ...]:
        """To the thread: all wishes; waits where there is neither work nor anybody to tell."""
        with self._condition:
            while not self._wishes:
                if has_work:
                    patience_s = self._patience_ends_s - time.monotonic()
                    if self._is_free or patience_s <= 0:
                        break
                    self._condition.wait(patience_s)
                elif has_news and self._is_free:
                    break
                else:
                    self._condition.wait()
            found, self._wishes = tuple(self._wishes), []
            return found

    @property
    def is_free(self) -> bool:
        """Whether the window has drawn the last snapshot."""
        return self._is_free

    @property
    def cost_s(self) -> float:
        """How long drawing takes, over the last two times."""
        return sum(self._costs_s) / 2

    def tell(self) -> None:
        """From the thread: a snapshot is on its way."""
        with self._condition:
            self._is_free = False
            self._patience_ends_s = time.monotonic() + _PATIENCE_S * self._is_watched


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


_SWITCH_INTERVAL_S: Final = 0.001
"""How long the window may wait for Python while a run goes; 5 ms otherwise would make it jerk."""


class TrainingThread(QThread):
    """Told through a `Mailbox`; tells `Snapshot`s, and the answers to what it was asked."""

    told = Signal(object)
    answered = Signal(int, object, object)
    """Of an `Ask`: its number, the answer, and the error where there is none."""

    def __init__(self, mailbox: Mailbox, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training")
        self._mailbox = mailbox
        self._live: LiveRun | None = None
        self._until: int | None = None
        self._is_running = False
        self._has_news = False
        self._obeyed = 0
        self._stopped: Stopped | None = None
        self._error: BaseException | None = None
        self._pace, self._speed = Pace(), Speed()

    def run(self) -> None:
        """Until a `Quit`."""
        usual = sys.getswitchinterval()
        try:
            while self._obey(usual):
                if self._is_running:
                    self._update()
                self._tell_if_due()
        finally:
            sys.setswitchinterval(usual)
        if self._live is not None:
            # Whoever keeps the runs at the end knows every update.
            self.told.emit(self._snapshot(self._live))

    def _obey(self, usual_interval_s: float) -> bool:
        """All wishes that wait; whether to go on."""
        for wish in self._mailbox.take(has_work=self._is_running, has_news=self._has_news):
            if isinstance(wish, Quit):
                return False
            was_running = self._is_running
            self._do(wish)
            if was_running != self._is_running:
                interval = _SWITCH_INTERVAL_S if self._is_running else usual_interval_s
                sys.setswitchinterval(interval)
        return True

    def _do(self, wish: Wish) -> None:
        match wish:
            case Take(number, live):
                self._obeyed = number
                self._take(live)
            case Go(number, until):
                self._obeyed = number
                self._go(until)
            case Halt(number, validates):
                self._obeyed = number
                self._halt(validates)
            case SettingsChange(hyperparameters) if self._live is not None:
                self._live.change(hyperparameters)
                self._has_news = True
            case Redraw(every):
                self._pace = Pace(every)
            case Ask(number, job):
                self._answer(number, job)
            case _:
                self._has_news = True

    def _take(self, live: LiveRun) -> None:
        if self._live is not None and self._has_news:
            # What is known of the run before is told now, or it would have to wait for its return.
            self.told.emit(self._snapshot(self._live))
        if self._live is not None and self._live is not live:
            self._live.rest()
        self._stopped, self._error = None, None
        self._live, self._is_running, self._has_news = live, False, True
        self._attempt(live.prepare)

    def _halt(self, validates: bool) -> None:
        self._is_running = False
        if self._live is not None:
            self._has_news = True
            if validates:
                self._attempt(self._live.validate)

    def _go(self, until: int | None) -> None:
        if self._live is None:
            return
        self._until = until
        self._is_running = until is None or until > self._live.now.iteration
        self._stopped, self._error = None, None
        self._speed.start(time.perf_counter())
        self._has_news = True

    def _update(self) -> None:
        live = self._live
        if live is None:
            return
        updated = self._attempt(live.advance)
        if isinstance(updated, Updated):
            self._speed.made(time.perf_counter(), updated.measured.count)
            stopped = live.stopped
            is_told = stopped is not None and stopped.iteration == updated.measured.iteration
            self._stopped = stopped if is_told else None
            if is_told or not updated.is_finite or live.now.iteration == self._until:
                self._is_running = False
        self._has_news = True

    def _attempt(self, work: Callable[[], object]) -> object:
        """What it gives; an error stops training and is told, and the run stays."""
        try:
            return work()
        except Exception as error:  # noqa: BLE001  (told in the window)
            self._is_running, self._error, self._has_news = False, error, True
            return None

    def _answer(self, number: int, job: Callable[[LiveRun], object]) -> None:
        if self._live is None:
            return
        self._has_news = True
        # Whoever takes the answer then knows all updates up to it.
        self.told.emit(self._snapshot(self._live))
        try:
            self.answered.emit(number, job(self._live), None)
        except Exception as error:  # noqa: BLE001  (told in the window)
            self.answered.emit(number, None, error)

    def _tell_if_due(self) -> None:
        live = self._live
        if live is None or not (self._has_news and self._mailbox.is_free):
            return
        now_s, iteration = time.perf_counter(), live.now.iteration
        if self._is_running and not self._pace.is_due(now_s, iteration, self._mailbox.cost_s):
            return
        self._pace, self._has_news = self._pace.told(now_s, iteration), False
        self._mailbox.tell()
        self.told.emit(self._snapshot(live))

    def _snapshot(self, live: LiveRun) -> Snapshot:
        live.weigh()
        measured, validated = live.news()
        return Snapshot(
            live.number,
            live.run,
            live.now,
            live.kept,
            measured,
            validated,
            live.gradients,
            live.guard,
            self._speed.samples_per_second,
            self._is_running,
            self._stopped,
            self._error,
            self._obeyed,
        )


def epoch_end(course: Course, iteration: int) -> int:
    """The last update of the epoch that the update after `iteration` belongs to."""
    place = course.place(iteration + 1)
    size = course.at(iteration + 1).batch_size
    return iteration - (place.first - course.samples) // size


def updates_in(course: Course, iteration: int) -> tuple[int, int]:
    """Of the epoch of an update (from 1): its number in the epoch, and how many there are."""
    place, size = course.place(iteration), course.at(iteration).batch_size
    done = place.first // size + 1
    first = iteration - done + 1
    if first < 1 or course.at(first).batch_size != size or course.place(first).first:
        # The size of the batches was changed within the epoch.
        first = epoch_start(course, iteration)
        done = iteration - first + 1
    return done, epoch_end(course, iteration - 1) - first + 1


def epoch_start(course: Course, iteration: int) -> int:
    """The first update of the epoch of an update."""
    epoch, first = course.place(iteration).epoch, iteration
    while first > 1 and course.place(first - 1).epoch == epoch:
        first -= 1
    return first
