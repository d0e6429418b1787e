"""Training with its page in sight: how fast, how smooth, how soon LeNet reads 94 %, and a soak.

Run by `python -m tests.benchmarks.training_view`. Speeds are taken in turns, with the page and
without, one thread for the mathematics; a timer of 16 ms tells how late the window comes to it.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec

from PySide6.QtCore import QEventLoop, QSettings, QStandardPaths, Qt, QTimer

from backpropviz.engine.training.run import Initial, Run
from backpropviz.engine.training.samples import Batches
from backpropviz.files.networks import load_network
from backpropviz.ui.application import make_application
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.training.controller import TrainingController
from backpropviz.ui.training.room import TrainingRoom
from backpropviz.ui.training.settings import RunChoices, made_run, suggested_settings
from backpropviz.ui.training.worker import LiveRun
from tests.benchmarks.timing import percentile, verdict

ROUNDS, STRETCH_S, PRESSES = 12, 2.0, 1000
SLOWEST_SHARE, LATEST_MS, LONGEST_S, WANTED = 1 / 0.9, 20.0, 60.0, 0.94
_TICK_S = 0.016


def lenet(seed: int) -> Run:
    """Fresh weights on the bundled digits, 1,600 to train on and 400 held out."""
    settings = suggested_settings("mnist")
    return made_run(RunChoices("lenet", load_network("lenet"), "mnist", settings, Initial(seed)))


def spin(seconds: float, is_over: Callable[[], bool] | None = None) -> None:
    """Let the window work, for so long or until it is over."""
    loop, watch = QEventLoop(), QTimer()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    if is_over is not None:
        watch.timeout.connect(lambda: loop.quit() if is_over() else None)
        watch.start(5)
    loop.exec()


class Lateness:
    """A timer of 16 ms that notes how late it comes."""

    def __init__(self) -> None:
        self.late_s: list[float] = []
        self._last = time.perf_counter()
        self.timer = QTimer()
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.setInterval(round(1000 * _TICK_S))
        self.timer.timeout.connect(self.tick)

    def start(self) -> None:
        """From now on."""
        self._last = time.perf_counter()
        self.timer.start()

    def tick(self) -> None:
        """Note it."""
        now = time.perf_counter()
        self.late_s.append(max(0.0, now - self._last - _TICK_S))
        self._last = now


def updates_alone(live: LiveRun) -> float:
    """Updates a second without a window's work."""
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < STRETCH_S:
        live.advance()
        done += 1
    return done / (time.perf_counter() - start)


def updates_in_sight(room: TrainingRoom, lateness: Lateness) -> float:
    """Updates a second while the page is drawn."""
    controller = room.controller
    run = controller.state.run
    assert run is not None
    controller.go()
    spin(0.5)
    first, start = run.live.now.iteration, time.perf_counter()
    lateness.start()
    spin(STRETCH_S)
    lateness.timer.stop()
    made = (run.live.now.iteration - first) / (time.perf_counter() - start)
    controller.pause()
    spin(0.5)
    return made


def compare(room: TrainingRoom) -> float:
    """Print speed and smoothness; returns updates a second in sight."""
    alone, lateness = LiveRun(99, lenet(1)), Lateness()
    alone.prepare()
    pairs = [(updates_alone(alone), updates_in_sight(room, lateness)) for _ in range(ROUNDS)]
    without, with_view = (statistics.median(column) for column in zip(*pairs, strict=True))
    share = statistics.median(own / other for own, other in pairs)
    print(
        f"with the view: {with_view:.0f} updates/s against {without:.0f} without, "
        f"{share:.2f} of the time, {verdict(share, SLOWEST_SHARE)}"
    )
    late_ms = 1000 * percentile(lateness.late_s, 0.95)
    print(f"a 16 ms timer is late by {late_ms:.1f} ms at p95, {verdict(late_ms, LATEST_MS)}")
    return float(with_view)


def compare_with_torch(updates_per_s: float) -> None:
    """Print the ratio of samples a second to PyTorch's eager training."""
    if find_spec("torch") is None:
        print("PyTorch is not here to compare with")
        return
    from tests.benchmarks.training import torch_updates

    run = lenet(1)
    samples, settings = run.dataset.training, run.course.at(1)
    # PyTorch wants arrays that it could write to.
    images, targets = samples.images.copy(), samples.targets.copy()
    batches = Batches(images, targets, settings.batch_size)
    theirs = torch_updates(run.model, batches, settings.optimizer)  # type: ignore[arg-type]
    for _ in range(10):  # the first imports PyTorch
        next(theirs)
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < STRETCH_S:
        next(theirs)
        done += 1
    rate = done / (time.perf_counter() - start)
    size = settings.batch_size
    print(
        f"{size * updates_per_s:,.0f} samples/s with the view, {size * rate:,.0f} by PyTorch "
        f"eager without one: {updates_per_s / rate:.2f}"
    )


def time_to_read(room: TrainingRoom) -> None:
    """Print how soon the held-out digits are read, with the view on."""
    controller = room.controller
    start = time.perf_counter()
    room.begin(lenet(5), starts=True)

    def reads() -> bool:
        run = controller.state.run
        found = run.history.validated if run is not None else ()
        return any((one.accuracy or 0.0) >= WANTED for one in found)

    spin(LONGEST_S, reads)
    taken = time.perf_counter() - start
    controller.pause()
    spin(0.3)
    words = verdict(taken, LONGEST_S) if reads() else "MISSES it"
    print(f"LeNet reads {WANTED:.0%} of the held-out digits after {taken:.1f} s, {words}")


def soak() -> None:
    """Press buttons in random order; what hangs or fails ends the program."""
    from tests.ui.training.test_presses import press_at_random

    controller, errors = TrainingController(), list[object]()
    controller.failed.connect(errors.append)
    controller.start(lenet(3))
    start = time.perf_counter()
    press_at_random(controller, PRESSES, 7, lambda: spin(0.05))
    controller.close()
    spin(0.1)
    run = controller.state.run
    assert run is not None
    assert not errors and run.error is None, (errors, run.error)  # noqa: PT018
    print(
        f"{PRESSES:,} random presses in {time.perf_counter() - start:.0f} s, no error, "
        f"{run.live.now.iteration:,} updates made"
    )


def main() -> None:
    """A line per measure."""
    QStandardPaths.setTestModeEnabled(True)
    with tempfile.TemporaryDirectory() as folder:
        for kind in (QSettings.Format.NativeFormat, QSettings.Format.IniFormat):
            QSettings.setPath(kind, QSettings.Scope.UserScope, folder)
        application = make_application()
        window = MainWindow("light")
        window.resize(1600, 1000)
        window.show()
        spin(30, lambda: window.workbench is not None)
        assert window.workbench is not None
        room = window.workbench.training.room
        room.begin(lenet(1), starts=False)
        spin(1)
        compare_with_torch(compare(room))
        time_to_read(room)
        window.close()
        soak()
        del application


if __name__ == "__main__":
    main()
