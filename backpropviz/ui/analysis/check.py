"""Gradients held against finite differences: the check of all, of one, and of conventions."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QProgressBar

from backpropviz.engine.conventions import (
    OPTIONS,
    STANDARD,
    Convention,
    Evidence,
    Option,
    agrees,
    applicable,
    disputed,
    evidence,
)
from backpropviz.engine.gradcheck import (
    PER_ARRAY,
    Checked,
    Outcome,
    Report,
    by_correlation,
    check,
    check_value,
    plan,
    report,
)
from backpropviz.engine.kinds.protocol import IMAGE
from backpropviz.engine.nudge import BasePoint, base_point_of
from backpropviz.engine.tape import Comparison, Tape, compared
from backpropviz.engine.value import Address
from backpropviz.errors import UserError
from backpropviz.figures.analysis.check import (
    check_figure,
    conventions_figure,
    error_text,
    pair_texts,
)
from backpropviz.frozen import frozen
from backpropviz.scene.marks import Scene
from backpropviz.ui.analysis.window import AnalysisWindow
from backpropviz.ui.background import sentence
from backpropviz.ui.host import Host
from backpropviz.ui.opened import Opened, Subject
from backpropviz.ui.pointing import address_of

_EVERY: Final = sys.maxsize
_PARTS_OF_PROGRESS: Final = 100


class CheckWindow(AnalysisWindow):
    """Starts at once; a stopped check shows what it has found."""

    progressed = Signal(int, int)
    finished_check = Signal()

    def __init__(self, host: Host, opened: Opened) -> None:
        super().__init__(host, "Gradient check")
        self._opened = opened
        self.report: Report | None = None
        self._per_array, self._has_pixels = PER_ARRAY, False
        self._stop = threading.Event()
        self._amount = self.add_choices(
            "How many",
            [
                (f"{PER_ARRAY} an array", PER_ARRAY, "A sample of each larger array."),
                ("All", _EVERY, "Every value; this may take long."),
            ],
            PER_ARRAY,
            self._use_amount,
        )
        self._which = self.add_choices(
            "Which",
            [
                ("Parameters", False, "Weights and biases."),
                ("and pixels", True, "Weights, biases and the image."),
            ],
            False,
            self._use_pixels,
        )
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(180)
        self.foot.addWidget(self._bar)
        self._cancel = self.add_button("Stop", self._cancel_run)
        self._again = self.add_button("Check again", self.run)
        self.progressed.connect(self._advance)
        self.worker.answered.connect(self._take)
        self.worker.failed.connect(self._fail)
        self.resize(860, 680)
        self.run()

    def run(self) -> None:
        self._stop.set()
        self._stop = threading.Event()
        self._show_running(is_running=True)
        self._bar.setValue(0)
        self.note.setText("Each value is moved by ±h, with two forward passes.")
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
        self._opened = opened
        self.run()

    def figure(self, width: float, _height: float) -> Scene | None:
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
        if self.worker.is_busy:
            self.note.setText(f"{done:,} of {count:,} values")

    def _take(self, found: Report) -> None:
        self.report = found
        self._show_running(is_running=False)
        self.note.setText("A click on a row goes to the step that computes it.")
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

    def done(self, result: int) -> None:
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


@frozen
class Single:
    """A verdict, and what else gives the same number."""

    checked: Checked
    also: str = ""


def checked(tape: Tape, address: Address) -> Single:
    """The verdict on ∂L/∂(a value), computed anew in float64.

    Raises:
        UserError: the address names nothing that can be nudged.
    """
    point = base_point_of(tape)
    found = check_value(point, address)
    other = by_correlation(point, address)
    is_same = other is not None and agrees(other, found.analytic, point.loss)
    return Single(found, "SciPy’s correlate" if is_same else "")


def verdict(found: Checked, also: str = "") -> str:
    """Both numbers, and whether they agree."""
    analytic, numeric = pair_texts(found)
    pair = f"gradient {analytic}, finite difference {numeric}"
    if found.outcome is Outcome.KINK:
        if found.closer is None:
            return f"{pair}: the value stands on a kink, so there is no verdict."
        numeric = f"{found.closer.numeric + 0.0:.9g}".replace("-", "−")
        return (
            f"✓ {pair}: a kink lies within ±h; with h = {found.closer.h:.0e}, where none lies, "
            f"the difference is {numeric} and agrees."
        )
    if found.outcome is Outcome.FAILS:
        return f"✗ {pair}: they do not agree."
    error = error_text(found)
    off = f", relative error {error}" if error else ""
    more = f"; {also} gives the same" if also else ""
    return f"✓ {pair}: they agree{off}{more}."


_TITLES = {
    "ties": "Ties",
    "relu_at_zero": "ReLU′(0)",
    "reduction": "Mean or sum",
    "flip": "Kernels",
}


@frozen(eq=False)
class Proof:
    """The evidence at one value, and what the choice changes in the whole pass."""

    evidence: Evidence
    changes: Comparison | None
    chosen: Option


class ConventionsWindow(AnalysisWindow):
    """A row of the figure is a switch."""

    def __init__(self, host: Host, opened: Opened, wanted: Address | None) -> None:
        super().__init__(host, "Conventions")
        self._opened, self._wanted = opened, wanted
        self.proof: Proof | None = None
        known = applicable(opened.view.tape.network)
        self.convention: Convention = known[0]
        self._titles = self.add_choices(
            "Convention",
            [(_TITLES[name], name, "") for name in known],
            self.convention,
            self.choose,
        )
        self.worker.answered.connect(self._take)
        self.worker.failed.connect(self._fail)
        self.resize(760, 640)
        self._ask()

    def choose(self, convention: object) -> None:
        self.convention = next(name for name in OPTIONS if name == convention)
        self._titles.set_value(self.convention)
        self._ask()

    def follow(self, opened: Opened) -> None:
        """The same question to another pass."""
        known = applicable(opened.view.tape.network)
        if self.convention not in known or opened.subject.network != self._opened.subject.network:
            self.done(0)
            return
        self._opened = opened
        self._ask()

    def figure(self, width: float, _height: float) -> Scene | None:
        if self.proof is None:
            return None
        found = self.proof
        return conventions_figure(found.evidence, found.changes, found.chosen, width, self.colors)

    def _ask(self) -> None:
        self.note.setText("Comparing…")
        self.worker.run(partial(proof, self._opened.subject, self.convention, self._wanted))

    def _take(self, found: Proof) -> None:
        self.proof = found
        self.note.setText("A click on a choice records the pass with it; the place is kept.")
        self.draw()

    def _fail(self, error: BaseException) -> None:
        self.note.setText(sentence(error))

    def click(self, key: str) -> None:
        address = address_of(key)
        if address is not None:
            self.go_to(address)
            return
        kind, _, name = key.rpartition(":")
        if kind != f"convention:{self.convention}":
            return
        for option in OPTIONS[self.convention]:
            if str(option) == name:
                self._switch(option)

    def _switch(self, option: Option) -> None:
        convention = self.convention
        self.controller.change(lambda subject: subject.with_convention(convention, option))


def proof(subject: Subject, convention: Convention, wanted: Address | None) -> Proof:
    """At the wanted value if choices differ there, else at the first where they do."""
    exact = subject.with_float_bits(64)
    point = base_point_of(exact.record())
    chosen = subject.conventions.option(convention)
    standard = STANDARD.option(convention)
    changes = None
    if chosen != standard:
        before = exact.with_convention(convention, standard).record()
        changes = compared(before, exact.record())
    return Proof(_evidence(point, convention, wanted), changes, chosen)


def _evidence(point: BasePoint, convention: Convention, wanted: Address | None) -> Evidence:
    at_wanted = None
    if wanted is not None:
        try:
            at_wanted = evidence(point, wanted, convention)
        except UserError:
            at_wanted = None  # the value in focus can be one that nobody can nudge
    if at_wanted is not None and at_wanted.is_disputed:
        return at_wanted
    found = next(disputed(point, convention), None)
    if found is None and at_wanted is not None:
        return at_wanted
    return evidence(point, found or _first_value(point), convention)


def _first_value(point: BasePoint) -> Address:
    for layer, own in point.parameters.items():
        for name in point.network.parameter_shapes(point.network.by_name[layer]):
            return Address(layer, name).at((0,) * own[name].ndim)
    return IMAGE.at((0,) * point.images.ndim)
