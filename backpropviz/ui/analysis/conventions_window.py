"""Which choice of a convention does the finite difference agree with, and what does it change?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from backpropviz.engine.address import Address
from backpropviz.engine.base_point import BasePoint, base_point_of
from backpropviz.engine.comparison import Comparison, compared
from backpropviz.engine.conventions import OPTIONS, STANDARD, Convention, Option, applicable
from backpropviz.engine.evidence import Evidence, disputed, evidence
from backpropviz.engine.kinds.protocol import IMAGE
from backpropviz.errors import UserError
from backpropviz.figures.analysis.conventions_figure import conventions_figure
from backpropviz.frozen import frozen
from backpropviz.scene.marks import Scene
from backpropviz.ui.analysis.window import AnalysisWindow
from backpropviz.ui.background import sentence
from backpropviz.ui.mark_keys import address_of
from backpropviz.ui.opened import Opened
from backpropviz.ui.subject import Subject

if TYPE_CHECKING:
    from backpropviz.ui.main_window import MainWindow
    from backpropviz.ui.workbench import Workbench

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

    def __init__(
        self, bench: Workbench, window: MainWindow, opened: Opened, wanted: Address | None
    ) -> None:
        super().__init__(bench, window, window.tr("Conventions"))
        self._opened, self._wanted = opened, wanted
        self.proof: Proof | None = None
        known = applicable(opened.view.tape.network)
        self.convention: Convention = known[0]
        self._titles = self.add_choices(
            self.tr("Convention"),
            [(self.tr(_TITLES[name]), name, "") for name in known],
            self.convention,
            self.choose,
        )
        self.worker.answered.connect(self._take)
        self.worker.failed.connect(self._fail)
        self.canvas.clicked.connect(self._click)
        self.resize(760, 640)
        self._ask()

    def choose(self, convention: object) -> None:
        """Another convention."""
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
        """The proof for a width."""
        if self.proof is None:
            return None
        found = self.proof
        return conventions_figure(found.evidence, found.changes, found.chosen, width, self.colors)

    def _ask(self) -> None:
        self.note.setText(self.tr("Comparing…"))
        self.worker.run(partial(proof, self._opened.subject, self.convention, self._wanted))

    def _take(self, found: Proof) -> None:
        self.proof = found
        self.note.setText(
            self.tr("A click on a choice records the pass with it; the place is kept.")
        )
        self.draw()

    def _fail(self, error: BaseException) -> None:
        self.note.setText(sentence(error))

    def _click(self, key: str) -> None:
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
