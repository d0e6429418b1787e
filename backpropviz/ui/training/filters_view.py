"""The live filters: weights, gradients and change since the start, on scales that are stated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import QPoint, QRect, Signal
from PySide6.QtGui import QAction, QHideEvent

from backpropviz.diagnosis.watch import Guard
from backpropviz.engine.address import Address, parse
from backpropviz.engine.arrays import Array
from backpropviz.engine.network import Network
from backpropviz.errors import UserError
from backpropviz.figures.training.filter_close_up import CloseUpLook, filter_close_up
from backpropviz.figures.training.filter_page import FilterOptions, filters_of_rows
from backpropviz.figures.training.filter_planes import FilterPlane, tile_box
from backpropviz.figures.training.filter_rows import (
    CHANGE_PREFIX,
    FilterState,
    Limits,
    ShownRows,
    shown_rows,
)
from backpropviz.figures.training.filter_words import value_words
from backpropviz.scene.hit import find
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import Theme
from backpropviz.ui.menus import Menu
from backpropviz.ui.plain_text import plain_title
from backpropviz.ui.training.filter_card import FilterCard
from backpropviz.ui.training.filter_scene import FilterScene
from backpropviz.ui.training.state import RunState

_MOST_TOGETHER = 3
"""So many input channels can be shown at once."""
_OUTGROWN = 1.25
"""A locked limit is moved once the values are so much larger; the picture says since when."""


class FiltersView(FilterScene):
    """Draws the shown update of a run."""

    debug_wanted = Signal(object)
    """The `Address` of the gradient of a tile's first value."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Filters"))
        self._options = FilterOptions()
        self._run_number = 0
        self._theme: Theme | None = None
        self._run: RunState | None = None
        self._is_locked = True
        self._rows = ShownRows((), {})
        self._large: FilterPlane | None = None
        self._large_at = QRect()
        self.card = FilterCard(self)
        self.card.view.double_clicked.connect(self._want_debugging)
        self.card.view.describe = self._describe_large
        self.resized.connect(self.draw)
        self.clicked.connect(self._click)
        self.double_clicked.connect(self._want_debugging)
        self.describe = self._describe

    def show_run(self, run: RunState, theme: Theme, *, is_locked: bool, colormap: str) -> None:
        """Draw an update; nothing while it is computed again."""
        if run.number != self._run_number:
            self._options, self._run_number = FilterOptions(), run.number
        self._options = replace(self._options, colormap=colormap)
        if is_locked != self._is_locked:
            self._options, self._is_locked = replace(self._options, locked=None), is_locked
        self._run, self._theme = run, theme
        self.draw()

    def figure(self, width: float) -> Scene | None:
        """The picture in a width, as it is shown and as it is exported."""
        run = self._run
        if run is None or self._theme is None or run.shown is None:
            return None
        inactive = {} if run.guard is None else _inactive_filters(run.guard)
        state = FilterState(
            run.shown.parameters,
            run.shown_gradients,
            run.run.start.parameters,
            {} if run.visited is not None else inactive,
        )
        self._rows = shown_rows(run.run.network, state)
        self._lock(self._rows.limits, run.shown.iteration)
        self.use_network(run.run.network, self._options.as_images)
        return filters_of_rows(run.run.network, self._rows, width, self._theme, self._options)

    def draw(self) -> None:
        """Draw in the room there is."""
        scene = self.figure(float(self.viewport().width()))
        if scene is not None and self._theme is not None:
            self.show_scene(scene, self._theme)
            if self.card.isVisible():
                self._draw_large()

    def hideEvent(self, event: QHideEvent) -> None:
        self.card.hide()
        super().hideEvent(event)

    def _lock(self, measured: Limits, iteration: int) -> None:
        if not self._is_locked:
            return
        held = self._options.locked or {}
        grown = {k: v for k, v in measured.items() if v > _OUTGROWN * held.get(k, 0.0)}
        if grown:
            locked: Limits = {**held, **grown}
            self._options = replace(self._options, locked=locked, locked_at=iteration)

    def _click(self, key: str) -> None:
        plane = self.plane(key)
        was_large = self._large if self.card.isVisible() else None
        self.card.hide()
        if plane is not None and plane != was_large:
            self._show_large(plane, key)
            return
        kind, _, layer = key.partition(":")
        if kind == "channel" and self._run is not None:
            self._ask_channel(self._run.run.network, layer)
        elif kind == "images":
            images = self._options.as_images ^ {layer}
            self._options = replace(self._options, as_images=images)
            self.draw()

    def _tile(self, key: str) -> tuple[Address, Array] | None:
        """The parameter and the values of a tile, and where it begins."""
        run = self._run
        if run is None or run.shown is None:
            return None
        try:
            address = parse(key.removeprefix(CHANGE_PREFIX))
        except UserError:
            return None
        parameter, first = Address(address.layer, address.quantity), address.indices
        own = run.shown.parameters.get(parameter.layer, {}).get(parameter.quantity)
        array = run.shown_gradients.get(parameter) if address.is_gradient else own
        if array is None or len(first) > array.ndim:
            return None
        return address.at((*first, *(0,) * (array.ndim - len(first)))), array[first]

    def _describe(self, key: str) -> str:
        if key.startswith("channel:"):
            return self.tr("Choose what is shown of this layer.")
        told = value_words(self._rows.rows, key)
        if not told:
            return ""
        more = "" if self.plane(key) is None else self.tr("Click: this filter large.") + " "
        return f"{told}\n{more}{self.tr('Double-click: debug its gradient.')}"

    def _show_large(self, plane: FilterPlane, key: str) -> None:
        """The filter on a card beside the tile that a key names."""
        box = None if self.scene is None else tile_box(self.scene, plane, key)
        if box is not None:
            self._large, self._large_at = plane, self.view_box(box).toAlignedRect()
            self._draw_large()

    def _describe_large(self, key: str) -> str:
        told = value_words(self._rows.rows, key)
        return f"{told}\n{self.tr('Double-click: debug its gradient.')}" if told else ""

    def _draw_large(self) -> None:
        plane, theme = self._large, self._theme
        if plane is None or theme is None:
            return
        limits = {**self._rows.limits, **(self._options.locked or {})}
        look = CloseUpLook(theme, self._options.colormap or theme.diverging, limits)
        scene = filter_close_up(self._rows.rows, plane, self.card.room, look)
        self.card.show_beside(scene, theme, self._large_at)

    def _want_debugging(self, key: str) -> None:
        found = self._tile(key)
        if found is not None:
            self.card.hide()
            address = found[0]
            self.debug_wanted.emit(address if address.is_gradient else address.grad)

    def _ask_channel(self, network: Network, layer: str) -> None:
        menu = Menu(parent=self)
        count = network.parameter_shapes(network.by_name[layer])["weight"][1]
        choices: tuple[int | None, ...] = tuple(range(count))
        if count <= _MOST_TOGETHER:
            choices = (None, *choices)
        for channel in choices:
            title = self.tr("all") if channel is None else str(channel)
            action = QAction(plain_title(title), menu)
            action.setData((layer, channel))
            action.triggered.connect(self._choose_channel)
            menu.addAction(action)
        box = find(self.scene, f"channel:{layer}") if self.scene is not None else None
        at = QPoint() if box is None else self.view_box(box).bottomLeft().toPoint()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.viewport().mapToGlobal(at))

    def _choose_channel(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            layer, channel = action.data()
            channels = {**self._options.channels, layer: channel}
            self._options = replace(self._options, channels=channels)
            self.draw()


def _inactive_filters(guard: Guard) -> Mapping[str, Array]:
    """For how many updates each filter's map has been inactive, by the filters' layer."""
    feeders = guard.facts.feeders
    found = guard.diagnosis.inactive_for
    return {feeders[relu]: counts for relu, counts in found.items() if feeders.get(relu)}
