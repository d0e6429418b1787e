"""What the window knows of training, and the only object that changes it.

It gives wishes to the thread, takes its snapshots, and has the past computed again beside it. An
error leaves every run as it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Final

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Signal

from backpropviz.diagnosis.stops import Stop, Stopped
from backpropviz.diagnosis.thresholds import Thresholds
from backpropviz.diagnosis.watch import Guard
from backpropviz.engine.training.checkpoints import BUDGET_BYTES, Checkpoints
from backpropviz.engine.training.history import History, tensors_of
from backpropviz.engine.training.run import Course, Hyperparameters, Run, fork
from backpropviz.engine.training.update import Trained
from backpropviz.engine.value import Address, Array
from backpropviz.files.atomic import own_mark
from backpropviz.files.run import SavedRun, SpillFolder
from backpropviz.frozen import frozen
from backpropviz.ui.background import sentence
from backpropviz.ui.training.past import Past, Visited
from backpropviz.ui.training.worker import (
    Ask,
    Go,
    Halt,
    Kept,
    LiveRun,
    Mailbox,
    Quit,
    Redraw,
    SettingsChange,
    Snapshot,
    Take,
    TrainingThread,
    epoch_end,
)


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

    def without(self, gone: RunState) -> TrainingState:
        """The same without a run; its forks are now those of the run that it came from."""
        kept = [run for run in self.runs if run.number != gone.number]
        runs = (replace(r, parent=gone.parent) if r.parent == gone.number else r for r in kept)
        return replace(self, runs=tuple(runs))

    def beside(self, run: RunState) -> RunState | None:
        """What is shown in a run's place: the one it came from, else the last of the others."""
        others = [other for other in self.runs if other.number != run.number]
        return self.by_number(run.parent or 0) or (others[-1] if others else None)


def mood(state: TrainingState) -> str:
    """The color of the bar."""
    run = state.run
    if state.is_running:
        return "training"
    return "paused" if run is not None and run.now.iteration else "idle"


def standing(state: TrainingState) -> str:
    """In a word, what happens."""
    if state.is_running:
        return "Training"
    run = state.run
    return "Paused" if run is not None and run.now.iteration else "Ready"


def message(run: RunState) -> str:
    """Where the run stands, or why it has stopped by itself."""
    if run.error is not None:
        return sentence(run.error)
    if run.stopped is not None:
        return run.stopped.sentence
    text = f"Update {run.now.iteration:,}"
    if run.samples_per_second is not None:
        text += f", {run.samples_per_second:,.0f} samples per second"
    if run.visited is not None:
        text += f"; update {run.visited.iteration:,} is shown"
    return text


def facts(run: RunState) -> str:
    """What does not change."""
    return f"{run.run.model.parameter_count:,} parameters      {run.run.dtype}"


SPILL_BYTES: Final = 512 * 2**20
"""Of all checkpoints in the folder for temporary files, which may be small."""


class TrainingController(QObject):
    """`changed(old, new)` carries `TrainingState`s.

    With a viewer, each snapshot is drawn and acknowledged; without, nothing waits.
    """

    changed = Signal(object, object)
    failed = Signal(object)
    moment_found = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = TrainingState()
        self._has_viewer = False
        self._mailbox = Mailbox()
        self._thread = TrainingThread(self._mailbox, self)
        self._thread.told.connect(self._take)
        self._thread.answered.connect(self._answer)
        self._wishes, self._questions, self._made = 0, 0, 0
        self._told_at_s = 0.0
        self._budget_bytes = BUDGET_BYTES
        self._folder: TemporaryDirectory[str] | None = None
        self._asked: dict[int, Callable[[object], None]] = {}
        self._in_files: dict[int, tuple[int, Course]] = {}
        self._past = Past(self)
        self._past.arrived.connect(self._arrive)
        self._past.failed.connect(self.failed)
        self._past.moment_found.connect(self.moment_found)

    def add(self, live: LiveRun, history: History | None = None, parent: int | None = None) -> None:
        """Another run, which is shown and waits."""
        rows = History(tensors_of(live.run.network)) if history is None else history
        added = RunState(live.number, parent, live, live.run, live.now, rows, live.kept)
        self._become(self.state.with_run(added))
        self.select(live.number)

    def start(self, run: Run) -> None:
        """A run from its beginning."""
        self.add(self.live(run))

    def live(self, run: Run, checkpoints: Checkpoints | None = None) -> LiveRun:
        """A run with a number of its own, and a folder for what memory has no room for."""
        self._made += 1
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix=f"{own_mark()}.")
        folder = Path(self._folder.name, str(self._made))
        folder.mkdir(parents=True, exist_ok=True)  # the system may have tidied up
        return LiveRun(self._made, run, checkpoints, SpillFolder(folder, run.network, SPILL_BYTES))

    def select(self, number: int) -> None:
        """Show a run; the one that trained pauses."""
        run = self.state.by_number(number)
        if run is None:
            return
        self._past.leave()
        if not self._thread.isRunning():
            self._thread.start()
        self._mailbox.put(Take(self._wish(), run.live))
        self._become(replace(self.state, current=number, is_running=False))
        self._share_memory()

    def remove(self, number: int) -> None:
        """Let go of a run and of its past; the last one stays."""
        gone = self.state.by_number(number)
        other = None if gone is None else self.state.beside(gone)
        if gone is None or other is None:
            return
        if number == self.state.current:
            self.select(other.number)
        self._in_files.pop(number, None)
        self._past.forget(number)
        self._become(self.state.without(gone))
        if self._folder is not None:
            folder = Path(self._folder.name, str(number))
            # Behind the wish to train another run: nothing is spilled there any more.
            self.ask(lambda _: rmtree(folder, ignore_errors=True), _nothing)
        self._share_memory()

    def toggle(self) -> None:
        """Start or pause."""
        if self.state.is_running:
            self.pause()
        else:
            self.go()

    def go(self, until: int | None = None) -> None:
        """Train up to an update, or without end; the filters follow."""
        if self.state.run is None:
            return
        self.show_latest()
        self._mailbox.put(Go(self._wish(), until))
        self._become(replace(self.state, is_running=True))

    def pause(self) -> None:
        """Stop after the update that is being made."""
        self._mailbox.put(Halt(self._wish()))
        self._become(replace(self.state, is_running=False))

    def stop(self) -> None:
        """Stop and validate."""
        self._mailbox.put(Halt(self._wish(), validates=True))
        self._become(replace(self.state, is_running=False))

    def one_update(self) -> None:
        """One update, then pause."""
        run = self.state.run
        if run is not None and not self.state.is_running:
            self.go(run.now.iteration + 1)

    def one_epoch(self) -> None:
        """Up to the end of the epoch."""
        run = self.state.run
        if run is not None:
            self.go(epoch_end(run.run.course, run.now.iteration))

    def change(self, hyperparameters: Hyperparameters) -> None:
        """Other hyper-parameters from the next update on."""
        self._mailbox.put(SettingsChange(hyperparameters))

    def redraw_every(self, updates: int | None) -> None:
        """Tell every so many updates; None: as often as drawing may cost."""
        self._mailbox.put(Redraw(updates))
        self._become(replace(self.state, look=replace(self.state.look, redraw_every=updates)))

    def lock_scales(self, is_locked: bool) -> None:
        """Hold the limits of the colors, or take those of each update."""
        self._become(replace(self.state, look=replace(self.state.look, is_locked=is_locked)))

    def resize(self, budget_bytes: int) -> None:
        """Another budget for the checkpoints of all runs."""
        self._budget_bytes = budget_bytes
        if self.state.run is not None:
            self._share_memory()

    def _share_memory(self) -> None:
        """All runs stay within the budget; those beyond their share are spilled or thinned."""
        runs, current = self.state.runs, self.state.current
        memory, disk = (shares(size, len(runs)) for size in (self._budget_bytes, SPILL_BYTES))
        places = [int(run.number != current) for run in runs]
        wanted = tuple(
            (run.live, memory[place], disk[place]) for run, place in zip(runs, places, strict=True)
        )
        self.ask(partial(_resized, wanted), _nothing)

    def visit(self, iteration: int) -> None:
        """Show a past update; the training goes on meanwhile."""
        run = self.state.run
        if run is None:
            return
        if iteration >= run.now.iteration:
            self.show_latest()
            return
        known = run.visited or Visited(iteration)
        self._change(replace(run, visited=replace(known, iteration=max(0, iteration))))
        self._past.visit(run.live, max(0, iteration))

    def show_latest(self) -> None:
        """Leave the past."""
        run = self.state.run
        self._past.leave()
        if run is not None and run.visited is not None:
            self._change(replace(run, visited=None))

    def fork(self, hyperparameters: Hyperparameters | None = None, title: str = "") -> None:
        """Go on from the shown update in a run of its own."""
        run = self.state.run
        if run is None or run.shown is None:
            return
        shown = run.shown
        title = title or f"{run.run.title}, from {shown.iteration:,}"
        forked = fork(run.run, shown, hyperparameters, title)
        live = self.live(forked, run.live.earlier(shown))
        self.show_latest()
        self.add(live, run.history.until(shown.iteration), run.number)

    def find_moment(self, iteration: int | None = None, *, ahead: int = 0) -> None:
        """Pause, and find an update to be debugged; None: the shown one, or so many after it."""
        run = self.state.run
        if run is None:
            return
        if self.state.is_running:
            self.pause()
        if iteration is None and run.visited is not None:
            iteration = run.visited.iteration
        self.ask(_standing(iteration, ahead), self._find)

    def _find(self, found: object) -> None:
        if isinstance(found, tuple):
            self._past.find_moment(*found)

    def use_stops(self, stops: Iterable[Stop]) -> None:
        """Other stops from now on."""
        wanted = tuple(stops)
        self.ask(partial(_guarded, lambda guard: guard.with_stops(wanted)), _nothing)

    def use_limits(self, limits: Thresholds) -> None:
        """Other thresholds of the alerts from now on."""
        self.ask(partial(_guarded, lambda guard: guard.with_limits(limits)), _nothing)

    def saved(self, take: Callable[[SavedRun], None], most_bytes: int | None = None) -> None:
        """The shown run as it stands between two updates, to be written; `most_bytes` of its past.

        A run that is not shown stands still: see `standing`.
        """
        if self.state.run is None:
            return
        history = self.state.run.history  # which grows; another run may be chosen meanwhile

        def with_history(found: object) -> None:
            if isinstance(found, tuple):
                live_run, now, checkpoints = found
                take(SavedRun(live_run, now, history.until(now.iteration), checkpoints))

        self.ask(partial(_parts, most_bytes=most_bytes), with_history)

    def standing(self, run: RunState, most_bytes: int | None = None) -> SavedRun:
        """A run that nobody trains, as it stands."""
        now = run.now
        checkpoints = run.live.earlier(now, most_bytes)
        return SavedRun(run.run, now, run.history.until(now.iteration), checkpoints)

    def note_saved(self, number: int, saved: SavedRun) -> None:
        """A file holds the run as it was then."""
        self._in_files[number] = _mark(saved)

    def is_unsaved(self, run: RunState) -> bool:
        """Whether a run has learned something, or has other settings, that no file holds."""
        has_learned = run.now.iteration > run.run.start.iteration
        return has_learned and self._in_files.get(run.number) != _mark(run)

    def ask(self, job: Callable[[LiveRun], object], take: Callable[[object], None]) -> None:
        """Do something with the shown run between two updates; `take` gets the answer."""
        self._questions += 1
        self._asked[self._questions] = take
        self._mailbox.put(Ask(self._questions, job))

    def set_viewer(self, has_viewer: bool) -> None:
        """Whether somebody draws the snapshots from now on."""
        self._has_viewer = has_viewer
        self._mailbox.watch(has_viewer)
        if not has_viewer:
            self._mailbox.acknowledge(0.0)

    def acknowledge(self) -> None:
        """The last snapshot is drawn."""
        self._mailbox.acknowledge(time.perf_counter() - self._told_at_s)

    def end(self) -> None:
        """End the thread, wait for it, and take what it has told: all runs stand still then."""
        self._past.stop()
        if self._thread.isRunning():
            self._mailbox.put(Quit())
            self._thread.wait()
            QCoreApplication.sendPostedEvents(self, QEvent.Type.MetaCall)

    def close(self) -> None:
        """End the thread, and let go of what was spilled."""
        self.end()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _wish(self) -> int:
        self._wishes += 1
        return self._wishes

    def _take(self, told: Snapshot) -> None:
        self._told_at_s = time.perf_counter()
        run = self.state.by_number(told.run_number)
        if run is not None:
            for measured in told.measured:
                run.history.add(measured)
            for validated in told.validated:
                run.history.add_validated(validated)
            state = self.state.with_run(run.after(told))
            is_latest = told.obeyed == self._wishes and told.run_number == state.current
            if is_latest:
                state = replace(state, is_running=told.is_running)
            self._become(state)
        if not self._has_viewer:
            self._mailbox.acknowledge(0.0)

    def _answer(self, number: int, answer: object, error: BaseException | None) -> None:
        take = self._asked.pop(number)
        if error is not None:
            self.failed.emit(error)
        else:
            take(answer)

    def _arrive(self, number: int, visited: Visited) -> None:
        run = self.state.by_number(number)
        if run is not None and run.visited is not None:
            wanted = run.visited.iteration
            self._change(replace(run, visited=replace(visited, iteration=wanted)))

    def _change(self, run: RunState) -> None:
        self._become(self.state.with_run(run))

    def _become(self, state: TrainingState) -> None:
        old, self.state = self.state, state
        self.changed.emit(old, state)


def _standing(wanted: int | None, ahead: int) -> Callable[[LiveRun], tuple[LiveRun, int]]:
    """What the thread answers once it has paused: the run, and the update that is meant."""

    def job(live: LiveRun) -> tuple[LiveRun, int]:
        iteration = live.now.iteration if wanted is None else wanted
        return live, max(1, iteration + ahead)

    return job


def _parts(live: LiveRun, most_bytes: int | None) -> object:
    return live.run, live.now, live.earlier(live.now, most_bytes)


def _mark(found: SavedRun | RunState) -> tuple[int, Course]:
    return found.now.iteration, found.run.course


def shares(budget_bytes: int, runs: int) -> tuple[int, int]:
    """Of room for checkpoints: half for the shown run, the rest for the others in equal parts.

    A run that is alone has all of it.
    """
    if runs < 2:
        return budget_bytes, 0
    return budget_bytes // 2, budget_bytes // 2 // (runs - 1)


def _resized(wanted: tuple[tuple[LiveRun, int, int], ...], _shown: LiveRun) -> None:
    for live, memory_bytes, disk_bytes in wanted:
        live.resize(memory_bytes, disk_bytes)


def _guarded(change: Callable[[Guard], Guard], live: LiveRun) -> None:
    live.prepare()
    if live.guard is not None:
        live.guard = change(live.guard)


def _nothing(_answer: object) -> None:
    """The next snapshot tells what has become of it."""
