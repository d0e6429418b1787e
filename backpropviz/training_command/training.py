"""The loop of `train`: updates, a validation an epoch, a line for each; Ctrl+C ends it well."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

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


@frozen
class Ended:
    """How a training ended: where, how well, what is missing, and what was not finite."""

    iteration: int
    epochs: str
    scores: str
    missing: int
    sentence: str


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


def train_run(saved: SavedRun, count: int) -> tuple[SavedRun, Ended]:
    """Make so many updates, or as many as come before Ctrl+C or a number that is not finite."""
    trainer, history, checkpoints = Trainer(saved.run, saved.now), saved.history, saved.checkpoints
    bad: Updated | None = None
    done = 0
    every = -(-count // (MOST_LINES * saved.run.updates_per_epoch(saved.now.iteration + 1)))
    with _interrupts() as is_interrupted, Progress(count) as progress:
        while done < count and not is_interrupted():
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
    run, now = trainer.run, trainer.now
    missing = count - done if bad is None else 0
    ended = Ended(
        now.iteration,
        _epochs(run, now.iteration),
        _scores(trainer, history),
        missing,
        _why(trainer, bad),
    )
    return SavedRun(run, now, history, checkpoints), ended


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


def _scores(trainer: Trainer, history: History) -> str:
    """How well the last state does; held-out samples are asked if they have not been."""
    if trainer.run.dataset.validation is not None:
        newest = history.validated[-1:]
        is_known = bool(newest) and newest[0].iteration == trainer.now.iteration
        return _validated_words(newest[0] if is_known else trainer.validate())
    loss = trainer.now.loss
    return "no update" if loss is None else f"loss {loss:.4g}"


def _epochs(run: Run, iteration: int) -> str:
    place = run.course.place(iteration + 1)
    epochs = place.epoch - 1 + place.first / run.course.samples
    return "1 epoch" if epochs == 1 else f"{epochs:.3g} epochs"


def _why(trainer: Trainer, bad: Updated | None) -> str:
    if bad is None:
        return ""
    moment = Moment(trainer.run, trainer.now, trainer.now.iteration + 1)
    found = first_bad(moment.record())
    where = f"in update {bad.measured.iteration:,}"
    return f"{where}, {found.sentence}" if found else f"{where}, a number was not finite."


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl+C was pressed; pressed again, it ends the program as ever."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def press(_number: int, _frame: FrameType | None) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
