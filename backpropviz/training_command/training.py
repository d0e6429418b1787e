"""The loop of `train`: updates, a validation an epoch, a line for each; signals end it well."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from backpropviz.engine.training.checkpoints import Checkpoints
from backpropviz.engine.training.finite import first_bad
from backpropviz.engine.training.history import History
from backpropviz.engine.training.measure import Validated, tensors_of
from backpropviz.engine.training.moment import Moment
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.trainer import Trainer, Updated
from backpropviz.frozen import frozen
from backpropviz.storage.run_file import SavedRun
from backpropviz.training_command.progress import Progress

MOST_ROWS = 5_000_000
"""Of the history, so that the CSV has every update."""
MOST_LINES = 100
"""On the way; of more epochs than that, one of several is told."""
HURRIES = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals after which little time is left."""


@frozen(eq=False)
class Ended:
    """How a training ended: where it stands, what is missing, and why no more was made.

    `bad` is an update that was not finite, `error` what went wrong, `number` a signal's.
    """

    trainer: Trainer
    history: History
    missing: int
    bad: Updated | None = None
    error: Exception | None = None
    number: int = 0

    @property
    def iteration(self) -> int:
        """The update that was made last."""
        return self.trainer.now.iteration

    @property
    def epochs(self) -> str:
        """How many, in words."""
        run = self.trainer.run
        place = run.course.place(self.iteration + 1)
        epochs = place.epoch - 1 + place.first / run.course.samples
        return "1 epoch" if epochs == 1 else f"{epochs:.3g} epochs"

    def scores(self) -> str:
        """How well the last state does; held-out samples are asked if they have not been."""
        is_hurried = self.number in HURRIES
        if self.trainer.run.dataset.validation is not None and not is_hurried:
            newest = self.history.validated[-1:]
            is_known = bool(newest) and newest[0].iteration == self.iteration
            return _validated_words(newest[0] if is_known else self.trainer.validate())
        loss = self.trainer.now.loss
        return "no update" if loss is None else f"loss {loss:.4g}"

    def sentence(self) -> str:
        """What was not finite; empty where all was."""
        if self.bad is None:
            return ""
        trainer = self.trainer
        found = first_bad(Moment(trainer.run, trainer.now, self.iteration + 1).record())
        where = f"in update {self.bad.measured.iteration:,}"
        return f"{where}, {found.sentence}" if found else f"{where}, a number was not finite."


def begun(run: Run, saved: SavedRun | None = None) -> SavedRun:
    """A run that stands at its start, or where it was saved."""
    tensors = tensors_of(run.network)
    if saved is None:
        checkpoints = Checkpoints()
        checkpoints.add(run.start)
        return SavedRun(run, run.start, History(tensors, MOST_ROWS), checkpoints)
    old = saved.history
    history = History.of(tensors, old.columns(), old.validated, MOST_ROWS)
    return SavedRun(run, saved.now, history, saved.checkpoints)


def train_run(
    saved: SavedRun, count: int, keep: Callable[[SavedRun], None], stopped_by: Callable[[], int]
) -> tuple[SavedRun, Ended]:
    """Make so many updates, or as many as come before a signal, an error or a bad number.

    Whatever happens, what was learned until then is returned; `keep` gets it after every update.
    """
    trainer, history, checkpoints = Trainer(saved.run, saved.now), saved.history, saved.checkpoints
    bad: Updated | None = None
    error: Exception | None = None
    done = 0
    every = -(-count // (MOST_LINES * saved.run.updates_per_epoch(saved.now.iteration + 1)))
    with Progress(count) as progress:
        try:
            while done < count and not stopped_by():
                updated = trainer.advance()
                if not updated.is_finite:
                    bad = updated
                    break
                done += 1
                history.add(updated.measured)
                checkpoints.add(trainer.now)
                progress.show(done, updated.measured)
                if _ends_epoch(trainer):
                    _end_epoch(trainer, history, progress, every)
                keep(SavedRun(trainer.run, trainer.now, history, checkpoints))
        except Exception as found:  # noqa: BLE001  (told once what was learned is safe)
            error = found
    missing = count - done if bad is None else 0
    ended = Ended(trainer, history, missing, bad, error, stopped_by())
    return SavedRun(trainer.run, trainer.now, history, checkpoints), ended


def _ends_epoch(trainer: Trainer) -> bool:
    course, iteration = trainer.run.course, trainer.now.iteration
    return course.place(iteration + 1).epoch > course.place(iteration).epoch


def _end_epoch(trainer: Trainer, history: History, progress: Progress, every: int) -> None:
    """Validate, where there is something to validate with; tell every so many epochs."""
    if trainer.run.dataset.validation is not None:
        history.add_validated(trainer.validate())
    if trainer.run.course.place(trainer.now.iteration).epoch % every == 0:
        progress.line(_epoch_line(trainer, history))


def _epoch_line(trainer: Trainer, history: History) -> str:
    run, iteration = trainer.run, trainer.now.iteration
    epoch = run.course.place(iteration).epoch
    columns = history.columns(iteration - run.course.samples + 1)
    own = columns.epoch == epoch
    loss = float((columns.loss[own] * columns.count[own]).sum() / columns.count[own].sum())
    line = f"epoch {epoch:,}: loss {loss:.4g}"
    if run.dataset.validation is None:
        return line
    return f"{line}, {_validated_words(history.validated[-1])}"


def _validated_words(found: Validated) -> str:
    words = f"validation loss {found.loss:.4g}"
    return words if found.accuracy is None else f"{words}, {found.accuracy:.2%} right"


@contextmanager
def signals_noted() -> Iterator[Callable[[], int]]:
    """The number of the signal that asks for an end, or 0; Ctrl+C pressed again ends at once.

    A terminal that is closed sends its signal more than once.
    """
    noted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and noted:
            raise KeyboardInterrupt
        noted.append(number)

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        # What is ignored, as under nohup, stays so.
        asked = {n: signal.getsignal(n) for n in (signal.SIGINT, *HURRIES)}
        before = {n: handler for n, handler in asked.items() if handler is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, note)
    try:
        yield lambda: noted[0] if noted else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
