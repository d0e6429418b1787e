"""Everything that one weight meets: its inputs, what comes back to it, and their sum."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from PySide6.QtCore import QTimer

from backpropviz.debugger.steps import Depth
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.address import Address
from backpropviz.engine.program import operations
from backpropviz.engine.run import run
from backpropviz.errors import UserError
from backpropviz.figures.analysis.weight_terms import WeightTerms
from backpropviz.figures.analysis.weight_view import dense_weight, weight_view
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.figures.explanation.term_keys import TERM, lit_keys
from backpropviz.figures.scales import Scales
from backpropviz.figures.view import View
from backpropviz.scene.marks import Scene
from backpropviz.ui.analysis.window import AnalysisWindow
from backpropviz.ui.mark_keys import address_of
from backpropviz.ui.opened import Opened

if TYPE_CHECKING:
    from backpropviz.ui.main_window import MainWindow
    from backpropviz.ui.workbench import Workbench

BACKWARD: Final = "backward"
FORWARD: Final = "forward"
_EXAMPLE: Final = "tiny-dense"


class WeightWindow(AnalysisWindow):
    """Follows the debugger from weight to weight; what is pointed at lights up with its partners.

    Beside a filter value stands a dense weight: one of the network, or where it has none one of the
    small example.
    """

    def __init__(self, bench: Workbench, window: MainWindow, opened: Opened) -> None:
        super().__init__(bench, window, window.tr("Everything this weight meets"))
        self.address: Address | None = None
        self._opened = opened
        self._borrowed: View | None = None
        self._page: str = BACKWARD
        self._pages = self.add_choices(
            self.tr("Shown"),
            [
                (self.tr("What moves it"), BACKWARD, self.tr("What comes back to it.")),
                (self.tr("What it did"), FORWARD, self.tr("What it added to each output.")),
            ],
            BACKWARD,
            self.show_page,
        )
        self._before = self.add_button(self.tr("Previous weight"), partial(self._move, -1))
        self._after = self.add_button(self.tr("Next weight"), partial(self._move, 1))
        self.add_button(self.tr("Go to its gradient"), self._go_there)
        self.note.setText(
            self.tr("Point at a cell to see its partners; a click goes to where it is computed.")
        )
        self.worker.answered.connect(self._take_example)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self.draw)
        self.canvas.hovered.connect(self._light)
        self.canvas.clicked.connect(self._click)
        self.controller.state_changed.connect(self._follow_focus)
        self.resize(1120, 720)

    def ask(self, address: Address) -> None:
        """Show a weight.

        Raises:
            UserError: the address is no weight of the network.
        """
        weight = Address(address.layer, address.quantity, "", address.indices)
        _ = WeightTerms(self._opened.view, weight).operation
        self.address = weight
        if self._borrowed is None and dense_weight(self._opened.view) is None:
            self.worker.run(_example)
        self.draw()

    def show_page(self, page: object) -> None:
        """Backwards or forwards."""
        self._page = str(page)
        self._pages.set_value(self._page)
        self.draw()

    def follow(self, opened: Opened) -> None:
        """The same weight in another pass."""
        self._opened = opened
        try:
            if self.address is not None:
                _ = opened.view.tape.value(self.address)
                self.ask(self.address)
        except UserError:
            self.done(0)

    def figure(self, width: float, height: float) -> Scene | None:
        """The weight in a room."""
        if self.address is None:
            return None
        return weight_view(
            self._opened.view,
            self.address,
            width,
            height,
            self.colors,
            dense=self._borrowed,
            forward=self._page == FORWARD,
        )

    def done(self, result: int) -> None:
        """Close, and put out what was lit."""
        self.bench.stage.light(())
        super().done(result)

    def _take_example(self, example: object) -> None:
        if isinstance(example, View):
            self._borrowed = example
            self.draw()

    def _follow_focus(self, _old: Opened | None, new: Opened | None) -> None:
        """Another weight in focus, or the one that was pinned last, is shown here."""
        if new is None or new.view.tape is not self._opened.view.tape:
            return
        before, wanted = self._weight_of(self._opened), self._weight_of(new)
        self._opened = new
        if wanted is None or wanted in {before, self.address}:
            return
        try:
            _ = WeightTerms(new.view, wanted).operation
        except UserError:
            return
        self.address = wanted
        self._later.start()  # the debugger's own frame goes first

    @staticmethod
    def _weight_of(opened: Opened) -> Address | None:
        """The weight that is in focus or was pinned last."""
        for address in (opened.focus_address, *opened.state.pins[::-1]):
            if address is not None and address.quantity == "weight" and address.indices:
                return Address(address.layer, "weight", "", address.indices)
        return None

    def _light(self, key: str) -> None:
        keys = self._partners(key)
        self.canvas.light(keys)
        self.bench.stage.light(keys)

    def _partners(self, key: str) -> tuple[str, ...]:
        """A cell with all that it is multiplied with, and the products."""
        if not key or self.address is None:
            return ()
        terms = WeightTerms(self._opened.view, self.address)
        tape = self._opened.view.tape
        step = ExplainedStep(terms.derivation, terms.operation, Depth.ELEMENT, tape)
        found = lit_keys(step, key)
        others = [k for one in found if one.startswith(TERM) for k in lit_keys(step, one)]
        return tuple(dict.fromkeys((*found, *others)))

    def _click(self, key: str) -> None:
        address = address_of(key)
        if address is not None:
            self.go_to(address)

    def _go_there(self) -> None:
        if self.address is not None:
            self.go_to(self.address.grad)

    def _move(self, by: int) -> None:
        """To a neighbor in row-major order, around the ends."""
        if self.address is None:
            return
        shape = self._opened.view.tape[self.address.array].shape
        flat = int(np.ravel_multi_index(self.address.indices, shape)) + by
        found = np.unravel_index(flat % int(np.prod(shape)), shape)
        self.ask(self.address.at(tuple(int(index) for index in found)))


def _example() -> View:
    """The small network with a dense layer, recorded on its own example."""
    from backpropviz.debugger.state import SessionState
    from backpropviz.storage.networks import load_network

    model = load_network(_EXAMPLE)
    tape = run(model)
    timeline = Timeline(operations(tape.network, tape.batch, tape.optimizer, tape.iteration))
    return View(model, tape, timeline, SessionState(), Scales(tape))
