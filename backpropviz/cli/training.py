"""The loop of `train`: updates, a validation an epoch, a line for each; signals end it well."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from pathlib import Path
from types import FrameType
from typing import Any, Self

from backpropviz.document import KIND_FIELD, LARGEST_INTEGER, real_number, whole_number
from backpropviz.engine.optimizers import Optimizer, Sgd, optimizer_kinds
from backpropviz.engine.training.checkpoints import Checkpoints, Moment, first_bad, size_bytes
from backpropviz.engine.training.history import History, Measured, Validated, tensors_of
from backpropviz.engine.training.run import UNCHANGED, Hyperparameters, Run
from backpropviz.engine.training.trainer import Trainer, Updated
from backpropviz.engine.training.update import (
    ConstantRate,
    Cosine,
    Curve,
    Product,
    Then,
    curve_from_fields,
    curve_kinds,
)
from backpropviz.errors import UsageError, UserError
from backpropviz.files.atomic import check_writable
from backpropviz.files.data.load import BUNDLED, shipped_dataset
from backpropviz.files.run import (
    SavedRun,
    data_size_bytes,
    data_to_json,
    refuse_large_data,
    save_run,
)
from backpropviz.frozen import frozen

_WIDTH = 20
_PERIOD_S = 0.1
_CLEAR = "\r\x1b[K"


class ProgressLine:
    """How many of so many updates are done, what they say, and the time that is left."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._is_watched = sys.stderr is not None and sys.stderr.isatty()
        self._began_s = self._told_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write(_CLEAR)

    def show(self, done: int, measured: Measured) -> None:
        """Tell the newest update, several times a second."""
        if not self._is_watched:
            return
        now_s = time.monotonic()
        if now_s - self._told_s < _PERIOD_S and done < self._count:
            return
        self._told_s = now_s
        left_s = (now_s - self._began_s) / done * (self._count - done)
        self._write(f"{_CLEAR}{progress_text(done, self._count, measured, left_s)}")

    def line(self, text: str) -> None:
        """Print a line of results, above the one of progress."""
        self._write(_CLEAR)
        # A reader that has gone, or a full disk, must not end hours of training.
        with suppress(OSError):
            print(text, flush=True)

    def _write(self, text: str) -> None:
        if self._is_watched:
            try:
                print(text, end="", file=sys.stderr, flush=True)
            except OSError:
                self._is_watched = False


def progress_text(done: int, count: int, measured: Measured, left_s: float) -> str:
    """`[####   ] update 120 of 500, epoch 3, loss 0.123, 93.8% of the batch right, 0:12 left`."""
    filled = _WIDTH * done // count
    bar = "#" * filled + " " * (_WIDTH - filled)
    accuracy = measured.accuracy
    right = "" if accuracy is None else f", {accuracy:.1%} of the batch right"
    minutes, seconds = divmod(round(left_s), 60)
    return (
        f"[{bar}] update {done:,} of {count:,}, epoch {measured.epoch}, "
        f"loss {measured.loss:.4g}{right}, {minutes}:{seconds:02} left"
    )


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
    with ProgressLine(count) as progress:
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


def _end_epoch(trainer: Trainer, history: History, progress: ProgressLine, every: int) -> None:
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


DEFAULTS = Hyperparameters(Sgd(0.02, 0.9), batch_size=32)
_SIMPLE = tuple(kind for kind in curve_kinds() if kind not in {Then.kind, Product.kind})


def with_settings(run: Run, done: int, arguments: argparse.Namespace) -> Run:
    """The run with what is asked for from the next update on; the rest stays."""
    old = run.course.at(done + 1)
    new = replace(
        old,
        optimizer=_optimizer(old.optimizer, arguments),
        batch_size=arguments.batch or old.batch_size,
    )
    run = run.with_course(run.course.changed(done + 1, new))
    if arguments.schedule is None:
        return run
    curve = read_schedule(arguments.schedule, updates_wanted(run, done, arguments))
    if done and curve != UNCHANGED:  # it begins now, not with the run
        curve = Then(UNCHANGED, done, curve)
    return run.with_course(run.course.changed(done + 1, replace(new, curve=curve)))


def updates_wanted(run: Run, done: int, arguments: argparse.Namespace) -> int:
    """How many updates to make: to the end of so many epochs, begun ones included, or fewer."""
    course = run.course
    place, size = course.place(done + 1), course.at(done + 1).batch_size
    rest = -(-(course.samples - place.first) // size)
    counts = [] if arguments.updates is None else [arguments.updates]
    if arguments.epochs is not None:
        counts.append(rest + (arguments.epochs - 1) * -(-course.samples // size))
    return int(min(counts))


def _optimizer(old: Optimizer, arguments: argparse.Namespace) -> Optimizer:
    kind = arguments.optimizer or old.kind
    optimizer: Any = old if kind == old.kind else optimizer_kinds()[kind]()
    if kind == Sgd.kind != old.kind:
        optimizer = DEFAULTS.optimizer
    wanted = {"learning_rate": arguments.learning_rate, "momentum": arguments.momentum}
    known = {field.name for field in fields(optimizer)}
    if wanted["momentum"] is not None and "momentum" not in known:
        raise UsageError(f"{kind} has no momentum to set: leave out --momentum.")
    given = {name: value for name, value in wanted.items() if value is not None}
    changed: Optimizer = replace(optimizer, **given)
    return changed


def read_schedule(text: str, updates: int) -> Curve:
    """`cosine`, `step:200:0.5`, `warm_up:50*cosine:500`: kinds with the numbers that they have.

    A cosine without numbers falls to 0 over so many updates.

    Raises:
        UsageError: it is not understood.
    """
    curves = [_curve(part.strip(), updates) for part in text.split("*")]
    found = curves[0]
    for curve in curves[1:]:
        found = Product(found, curve)
    return found


def _curve(text: str, updates: int) -> Curve:
    kind, *numbers = text.split(":")
    if kind not in _SIMPLE:
        raise UsageError(f"“{text}” is no schedule: use {', '.join(_SIMPLE)}, such as step:200.")
    if kind == Cosine.kind and not numbers:
        return Cosine(updates)
    if kind == ConstantRate.kind and not numbers:
        return UNCHANGED
    names = [field.name for field in fields(curve_kinds()[kind])]  # type: ignore[arg-type]
    if len(numbers) > len(names):
        raise UsageError(f"“{text}”: {kind} has {len(names)} numbers at most.")
    given = dict(zip(names, map(_number, numbers), strict=False))
    try:
        return curve_from_fields({KIND_FIELD: kind, **given}, f"“{text}”")
    except UserError as error:
        raise UsageError(str(error)) from None


def _number(text: str) -> object:
    whole = whole_number(text, -LARGEST_INTEGER)
    return whole if whole is not None else text if (n := real_number(text)) is None else n


EVERY_S = 30.0
_MOST_SHARE = 0.1
"""Of the time that saving on the way may take."""
_STATES = 3
"""At least in a file: the first, the newest, and the newest as a model."""


class Keeper:
    """Writes a run to its file every so many seconds, whole or not at all."""

    def __init__(self, path: Path, every_s: float = EVERY_S) -> None:
        self._path = path
        self._every_s = every_s
        self._due_s = time.monotonic() + every_s
        self._data: Mapping[str, object] | None = None
        self._has_failed = False

    def keep(self, saved: SavedRun) -> None:
        """Write it, if it is time; a full disk is told once, and the training goes on."""
        began_s = time.monotonic()
        if began_s < self._due_s:
            return
        try:
            self._save(saved, is_quick=True)
            self._has_failed = False
        except UserError as error:
            self._tell(error)
        now_s = time.monotonic()
        self._due_s = now_s + max(self._every_s, (now_s - began_s) / _MOST_SHARE)

    def finish(self, saved: SavedRun, *, is_hurried: bool) -> Path:
        """Write it at the end; where the file refuses, to the folder for temporary files.

        Raises:
            UserError: neither can be written.
        """
        try:
            self._save(saved, is_quick=is_hurried)
        except UserError as error:
            spare = Path(tempfile.mkdtemp(prefix="backpropviz-kept-")) / self._path.name
            try:
                save_run(spare, saved, shipped_dataset, data=self._data, is_quick=True)
            except (UserError, OSError):
                with suppress(OSError):
                    spare.parent.rmdir()
                raise error from None
            error.add_note(f"What was learned is in {spare} instead.")
            raise
        return self._path

    def _save(self, saved: SavedRun, *, is_quick: bool) -> None:
        if self._data is None:
            run = saved.run
            self._data = data_to_json(run.dataset, run.network, shipped_dataset)
        save_run(self._path, saved, shipped_dataset, data=self._data, is_quick=is_quick)

    def _tell(self, error: UserError) -> None:
        if not self._has_failed and sys.stderr is not None:
            self._has_failed = True
            with suppress(OSError):
                print(f"backpropviz: {error} The training goes on.", file=sys.stderr, flush=True)


def check_room(path: Path, saved: SavedRun) -> None:
    """Refuse a file that could not be written, before hours of training end at it.

    Raises:
        UserError: the place refuses, is too small, or the data are too large for any file.
    """
    size, dataset = _STATES * size_bytes(saved.now), saved.run.dataset
    if dataset.source not in BUNDLED:
        refuse_large_data(dataset)
        size += data_size_bytes(dataset)
    check_writable(path, size)
