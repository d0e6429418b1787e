"""Where a value came from and what it feeds, stop by stop; and everything a weight meets."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from backpropviz.debugger.ancestry import Ancestry, feeds
from backpropviz.debugger.timeline import Depth, Timeline
from backpropviz.engine.record import run
from backpropviz.engine.tape import operations
from backpropviz.engine.value import Address
from backpropviz.errors import UserError
from backpropviz.figures.analysis.ancestry import (
    Route,
    ancestry_figure,
    feeds_figure,
    rerouted,
    route,
)
from backpropviz.figures.analysis.weight import WeightTerms, dense_weight, weight_view
from backpropviz.figures.numbers import Scales
from backpropviz.figures.view import TERM, ExplainedStep, View, lit_keys
from backpropviz.scene.marks import Scene
from backpropviz.ui import boxes
from backpropviz.ui.analysis.window import AnalysisWindow
from backpropviz.ui.host import Host
from backpropviz.ui.opened import Opened
from backpropviz.ui.pointing import address_of

ORIGIN: Final = "origin"
FEEDS: Final = "feeds"


class AncestryWindow(AnalysisWindow):
    """A stop of the shown way is a link to its step; any other value leads the way through it."""

    def __init__(self, host: Host, opened: Opened) -> None:
        super().__init__(host, "Ancestry")
        self._opened = opened
        self._ancestry = Ancestry(opened.view.tape, tuple(opened.timeline.operations))
        self.route: Route | None = None
        self.address: Address | None = None
        self.page: str = ORIGIN
        self._before: list[tuple[Address, Route, str]] = []
        self._pages = self.add_choices(
            "Shown",
            [
                ("Where from?", ORIGIN, "What the value was made of."),
                ("What does it feed?", FEEDS, "What the value is a part of."),
            ],
            ORIGIN,
            self.show_page,
        )
        self._back = self.add_button("Back", self.go_back)
        self.add_button("Go to its step", self._go_there)
        self.resize(760, 720)

    def ask(self, address: Address, page: str) -> None:
        """Show the way of a value.

        Raises:
            UserError: there is no such value.
        """
        found = route(self._ancestry, address)
        self._before.clear()
        self._become(address, found, page)

    def follow(self, opened: Opened) -> None:
        """The same question to another pass."""
        self._opened = opened
        self._ancestry = Ancestry(opened.view.tape, tuple(opened.timeline.operations))
        try:
            if self.address is not None:
                self.ask(self.address, self.page)
        except UserError:
            self.done(0)

    def show_page(self, page: object) -> None:
        """Backwards or forwards."""
        self.page = str(page)
        self._pages.set_value(self.page)
        self.note.setText(
            "A click leads the way through a value; on a stop it goes to its step."
            if self.page == ORIGIN
            else "A click asks the same of another value."
        )
        self.canvas.verticalScrollBar().setValue(0)
        self.draw()

    def figure(self, width: float, _height: float) -> Scene | None:
        if self.route is None or self.address is None:
            return None
        if self.page == ORIGIN:
            return ancestry_figure(self._opened.view, self.route, width, self.colors)
        value = self._opened.view.tape.value(self.address)
        found = feeds(self._ancestry, self.address)
        return feeds_figure(self.address, value, found, width, self.colors)

    def go_back(self) -> None:
        """To what was shown before."""
        if self._before:
            address, found, page = self._before.pop()
            self._become(address, found, page)

    def _become(self, address: Address, found: Route, page: str) -> None:
        self.address, self.route = address, found
        self._back.setEnabled(bool(self._before))
        self.show_page(page)

    def click(self, key: str) -> None:
        address = address_of(key)
        if address is None or self.route is None or self.address is None:
            return
        try:
            self._choose(address, self.address, self.route)
        except UserError as error:
            self.note.setText(str(error))

    def _choose(self, chosen: Address, address: Address, shown: Route) -> None:
        on_way = {name for stop in shown.path.stops for name in (stop.address, stop.named)}
        if self.page == ORIGIN and chosen in on_way:
            self.go_to(chosen)
            return
        found = (
            rerouted(self._ancestry, shown, chosen)
            if self.page == ORIGIN
            else route(self._ancestry, chosen)
        )
        self._before.append((address, shown, self.page))
        scrolled = self.canvas.verticalScrollBar().value()
        self._become(found.path.stops[0].named, found, self.page)
        if self.page == ORIGIN:
            self.canvas.verticalScrollBar().setValue(scrolled)

    def _go_there(self) -> None:
        if self.address is not None:
            self.go_to(self.address)


BACKWARD: Final = "backward"
FORWARD: Final = "forward"
_EXAMPLE: Final = "tiny-dense"


class WeightWindow(AnalysisWindow):
    """Follows the debugger from weight to weight; what is pointed at lights up with its partners.

    Beside a filter value stands a dense weight: one of the network, or where it has none one of the
    small example.
    """

    def __init__(self, host: Host, opened: Opened) -> None:
        super().__init__(host, "Everything this weight meets")
        self.address: Address | None = None
        self._opened = opened
        self._borrowed: View | None = None
        self._page: str = BACKWARD
        self._pages = self.add_choices(
            "Shown",
            [
                ("What moves it", BACKWARD, "What comes back to it."),
                ("What it did", FORWARD, "What it added to each output."),
            ],
            BACKWARD,
            self.show_page,
        )
        self._before = self.add_button("Previous weight", partial(self._move, -1))
        self._after = self.add_button("Next weight", partial(self._move, 1))
        self.add_button("Go to its gradient", self._go_there)
        self.note.setText(
            "Point at a cell to see its partners; a click goes to where it is computed."
        )
        self.worker.answered.connect(self._take_example)
        self._later = boxes.soon(self, self.draw)
        self.canvas.hovered.connect(self._light)
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
        self.host.stage.light(())
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
        self.host.stage.light(keys)

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
    from backpropviz.debugger.session import SessionState
    from backpropviz.files.networks import load_network

    model = load_network(_EXAMPLE)
    tape = run(model)
    timeline = Timeline(operations(tape.network, tape.batch, tape.optimizer, tape.iteration))
    return View(model, tape, timeline, SessionState(), Scales(tape))
