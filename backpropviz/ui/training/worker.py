"""The thread that trains: one update after the other, wishes between two of them.

It owns the run that it trains. What it tells is frozen, at most as often as the window draws.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, QThread, Signal

from backpropviz.diagnosis.stops import Stopped
from backpropviz.engine.training.trainer import Updated
from backpropviz.ui.training.live_run import LiveRun
from backpropviz.ui.training.mailbox import Ask, Change, Go, Halt, Mailbox, Quit, Redraw, Take, Wish
from backpropviz.ui.training.pace import Pace
from backpropviz.ui.training.snapshot import Snapshot
from backpropviz.ui.training.speed import Speed

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
            case Change(hyperparameters) if self._live is not None:
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
