"""Where a value came from, and what it feeds: a way through the pass, stop by stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from backpropviz.debugger.ancestry import Ancestry
from backpropviz.debugger.feeds import feeds
from backpropviz.engine.address import Address
from backpropviz.errors import UserError
from backpropviz.figures.analysis.ancestry_feeds import feeds_figure
from backpropviz.figures.analysis.ancestry_figure import ancestry_figure
from backpropviz.figures.analysis.ancestry_route import Route, rerouted, route
from backpropviz.scene.marks import Scene
from backpropviz.ui.analysis.window import AnalysisWindow
from backpropviz.ui.mark_keys import address_of
from backpropviz.ui.opened import Opened

if TYPE_CHECKING:
    from backpropviz.ui.main_window import MainWindow
    from backpropviz.ui.workbench import Workbench

ORIGIN: Final = "origin"
FEEDS: Final = "feeds"


class AncestryWindow(AnalysisWindow):
    """A stop of the shown way is a link to its step; any other value leads the way through it."""

    def __init__(self, bench: Workbench, window: MainWindow, opened: Opened) -> None:
        super().__init__(bench, window, window.tr("Ancestry"))
        self._opened = opened
        self._ancestry = Ancestry(opened.view.tape, tuple(opened.timeline.operations))
        self.route: Route | None = None
        self.address: Address | None = None
        self.page: str = ORIGIN
        self._before: list[tuple[Address, Route, str]] = []
        self._pages = self.add_choices(
            self.tr("Shown"),
            [
                (self.tr("Where from?"), ORIGIN, self.tr("What the value was made of.")),
                (self.tr("What does it feed?"), FEEDS, self.tr("What the value is a part of.")),
            ],
            ORIGIN,
            self.show_page,
        )
        self._back = self.add_button(self.tr("Back"), self.go_back)
        self.add_button(self.tr("Go to its step"), self._go_there)
        self.canvas.clicked.connect(self._click)
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
            self.tr("A click leads the way through a value; on a stop it goes to its step.")
            if self.page == ORIGIN
            else self.tr("A click asks the same of another value.")
        )
        self.canvas.verticalScrollBar().setValue(0)
        self.draw()

    def figure(self, width: float, _height: float) -> Scene | None:
        """The page for a width."""
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

    def _click(self, key: str) -> None:
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
