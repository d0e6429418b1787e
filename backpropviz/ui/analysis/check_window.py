"""The gradient check as a window: it runs beside the debugger and can be stopped."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QProgressBar

from backpropviz.engine.base_point import base_point_of
from backpropviz.engine.gradcheck import PER_ARRAY, Checked, Report, check, plan, report
from backpropviz.engine.tape import Tape
from backpropviz.figures.analysis.check_figure import check_figure
from backpropviz.scene.marks import Scene
from backpropviz.ui.analysis.window import AnalysisWindow
from backpropviz.ui.background import sentence
from backpropviz.ui.mark_keys import address_of
from backpropviz.ui.opened import Opened

if TYPE_CHECKING:
    from backpropviz.ui.main_window import MainWindow
    from backpropviz.ui.workbench import Workbench

_EVERY: Final = sys.maxsize
_PARTS_OF_PROGRESS: Final = 100


class CheckWindow(AnalysisWindow):
    """Starts at once; a stopped check shows what it has found."""

    progressed = Signal(int, int)
    finished_check = Signal()

    def __init__(self, bench: Workbench, window: MainWindow, opened: Opened) -> None:
        super().__init__(bench, window, window.tr("Gradient check"))
        self._opened = opened
        self.report: Report | None = None
        self._per_array, self._has_pixels = PER_ARRAY, False
        self._stop = threading.Event()
        self._amount = self.add_choices(
            self.tr("How many"),
            [
                (
                    self.tr("{n} an array").format(n=PER_ARRAY),
                    PER_ARRAY,
                    self.tr("A sample of each larger array."),
                ),
                (self.tr("All"), _EVERY, self.tr("Every value; this may take long.")),
            ],
            PER_ARRAY,
            self._use_amount,
        )
        self._which = self.add_choices(
            self.tr("Which"),
            [
                (self.tr("Parameters"), False, self.tr("Weights and biases.")),
                (self.tr("and pixels"), True, self.tr("Weights, biases and the image.")),
            ],
            False,
            self._use_pixels,
        )
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(180)
        self.foot.addWidget(self._bar)
        self._cancel = self.add_button(self.tr("Stop"), self._cancel_run)
        self._again = self.add_button(self.tr("Check again"), self.run)
        self.progressed.connect(self._advance)
        self.worker.answered.connect(self._take)
        self.worker.failed.connect(self._fail)
        self.canvas.clicked.connect(self._click)
        self.resize(860, 680)
        self.run()

    def run(self) -> None:
        """Check anew."""
        self._stop.set()
        self._stop = threading.Event()
        self._show_running(is_running=True)
        self._bar.setValue(0)
        self.note.setText(self.tr("Each value is moved by ±h, with two forward passes."))
        self.worker.run(
            _job(
                self._opened.view.tape,
                self._per_array,
                has_pixels=self._has_pixels,
                stop=self._stop,
                tell=self.progressed.emit,
            )
        )

    def follow(self, opened: Opened) -> None:
        """Check the new pass."""
        self._opened = opened
        self.run()

    def figure(self, width: float, _height: float) -> Scene | None:
        """The report for a width."""
        return check_figure(self.report, width, self.colors) if self.report else None

    def _use_amount(self, amount: object) -> None:
        if isinstance(amount, int):
            self._per_array = amount
            self._amount.set_value(amount)
            self.run()

    def _use_pixels(self, wanted: object) -> None:
        self._has_pixels = bool(wanted)
        self._which.set_value(self._has_pixels)
        self.run()

    def _cancel_run(self) -> None:
        self._stop.set()

    def _advance(self, done: int, count: int) -> None:
        self._bar.setRange(0, count)
        self._bar.setValue(done)
        text = self.tr("{done} of {count} values").format(done=f"{done:,}", count=f"{count:,}")
        if self.worker.is_busy:
            self.note.setText(text)

    def _take(self, found: Report) -> None:
        self.report = found
        self._show_running(is_running=False)
        self.note.setText(self.tr("A click on a row goes to the step that computes it."))
        self.draw()
        self.finished_check.emit()

    def _fail(self, error: BaseException) -> None:
        self._show_running(is_running=False)
        self.note.setText(sentence(error))
        self.finished_check.emit()

    def _show_running(self, *, is_running: bool) -> None:
        self._bar.setVisible(is_running)
        self._cancel.setVisible(is_running)
        self._again.setVisible(not is_running)

    def _click(self, key: str) -> None:
        address = address_of(key)
        if address is not None:
            self.go_to(address)

    def done(self, result: int) -> None:
        """Stop and close."""
        self._stop.set()
        super().done(result)


def _job(
    tape: Tape,
    per_array: int,
    *,
    has_pixels: bool,
    stop: threading.Event,
    tell: Callable[[int, int], object],
) -> Callable[[], Report]:
    """A check that tells how far it is, and ends early where it is stopped."""

    def work() -> Report:
        point = base_point_of(tape)
        wanted = plan(point, per_array, pixels=has_pixels)
        every = max(1, wanted.count // _PARTS_OF_PROGRESS)

        def until_stopped() -> Iterator[Checked]:
            for done, result in enumerate(check(point, wanted), 1):
                yield result
                if done % every == 0:
                    tell(done, wanted.count)
                if stop.is_set():
                    return

        return report(point, wanted, until_stopped())

    return work
