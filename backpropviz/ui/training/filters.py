"""The live filters: weights, gradients and change since the start, on scales that are stated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent
from PySide6.QtWidgets import QApplication, QFrame, QWidget

from backpropviz.diagnosis.watch import Guard
from backpropviz.engine.network import Network
from backpropviz.engine.value import Address, Array, parse
from backpropviz.errors import UserError
from backpropviz.figures.training.filter_close_up import filter_close_up
from backpropviz.figures.training.filter_tiles import TileLook
from backpropviz.figures.training.filter_values import (
    CHANGE_PREFIX,
    FilterPlane,
    FilterState,
    Limits,
    ShownRows,
    plane_of,
    shown_rows,
    tile_box,
    value_at,
    value_box,
    value_words,
)
from backpropviz.figures.training.filters import FilterOptions, filters_of_rows
from backpropviz.scene.hit import Hit, find
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import Theme
from backpropviz.ui import boxes
from backpropviz.ui.controls import Menu
from backpropviz.ui.scene_view import SceneView
from backpropviz.ui.training.controller import RunState

_GAP = 6
_BORDER = 1


class FilterCard(QFrame):
    """Shows a scene beside a place of its owner, inside the owner's window.

    It takes no focus, so that the owner's keys go on working; Escape hides it.
    """

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self.setObjectName("ListCard")
        self._owner = owner
        self.view = SceneView()
        self.view.setAccessibleName("Filter, large")
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        boxes.column(self.view, margins=(_BORDER, _BORDER, _BORDER, _BORDER), owner=self)
        self.hide()

    @property
    def room(self) -> float:
        """The widest scene that its window has room for."""
        return self._owner.window().width() - 2 * (_GAP + _BORDER)

    def show_beside(self, scene: Scene, colors: Theme, tile: QRect) -> None:
        """Show a scene below a tile of the owner (above, where there is no room)."""
        window = self._owner.window()
        if self.parentWidget() is not window:
            self.setParent(window)
        self.view.show_scene(scene, colors)
        border = 2 * _BORDER
        self.resize(round(scene.width) + border, round(scene.height) + border)
        owner = QRect(self._owner.mapTo(window, QPoint()), self._owner.size())
        self.move(_beside(tile.translated(owner.topLeft()), self.rect(), owner, window.rect()))
        if not self.isVisible():
            QApplication.instance().installEventFilter(self)  # type: ignore[union-attr]
        self.show()
        self.raise_()

    def hide(self) -> None:
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)
        super().hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.MouseButtonPress and isinstance(watched, QWidget):
            if not (self.isAncestorOf(watched) or self._owner.isAncestorOf(watched)):
                self.hide()
            return False
        is_escape = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if kind == QEvent.Type.KeyPress and is_escape:
            self.hide()
            return True
        return False


def _beside(tile: QRect, card: QRect, owner: QRect, window: QRect) -> QPoint:
    """Where a card of a size goes: not over the tile, and over the panels at the sides last."""
    left = tile.center().x() - card.width() // 2
    left = max(owner.left(), min(left, owner.right() - card.width()))
    left = max(_GAP, min(left, window.width() - card.width() - _GAP))
    below, above = tile.bottom() + _GAP, tile.top() - _GAP - card.height()
    fits_below = below + card.height() <= window.height() - _GAP
    return QPoint(left, below if fits_below or above < 0 else above)


class FilterScene(SceneView):
    """Tells the value under the pointer, where the picture's keys name whole tiles."""

    def __init__(self) -> None:
        super().__init__()
        self._network: Network | None = None
        self._as_images: frozenset[str] = frozenset()

    def use_network(self, network: Network, as_images: frozenset[str] = frozenset()) -> None:
        """Whose filters they are, and which dense layers are seen as images."""
        self._network, self._as_images = network, as_images

    def plane(self, key: str) -> FilterPlane | None:
        """The plane that a key names a tile or a value of."""
        return plane_of(self._network, key, self._as_images) if self._network else None

    def _hit(self, point: QPointF) -> Hit | None:
        found = super()._hit(point)
        plane = self.plane(found.key) if found is not None else None
        if found is None or plane is None:
            return found
        at = self._to_scene(point)
        return value_at(plane, found, at.x(), at.y())

    def _again(self, before: Hit | None) -> Hit | None:
        found = super()._again(before)
        plane = self.plane(before.key) if found is None and before is not None else None
        if before is None or plane is None or self._scene is None:
            return found
        box = value_box(self._scene, plane, before.key)
        return None if box is None else Hit(before.key, box)


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
        self.setAccessibleName("Filters")
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
            return "Choose what is shown of this layer."
        told = value_words(self._rows.rows, key)
        if not told:
            return ""
        more = "" if self.plane(key) is None else "Click: this filter large." + " "
        return f"{told}\n{more}Double-click: debug its gradient."

    def _show_large(self, plane: FilterPlane, key: str) -> None:
        """The filter on a card beside the tile that a key names."""
        box = None if self.scene is None else tile_box(self.scene, plane, key)
        if box is not None:
            self._large, self._large_at = plane, self.view_box(box).toAlignedRect()
            self._draw_large()

    def _describe_large(self, key: str) -> str:
        told = value_words(self._rows.rows, key)
        return f"{told}\nDouble-click: debug its gradient." if told else ""

    def _draw_large(self) -> None:
        plane, theme = self._large, self._theme
        if plane is None or theme is None:
            return
        limits = {**self._rows.limits, **(self._options.locked or {})}
        look = TileLook(theme, self._options.colormap or theme.diverging, limits)
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
            title = "all" if channel is None else str(channel)
            menu.addAction(boxes.entry(title, menu, partial(self._choose_channel, layer), channel))
        box = find(self.scene, f"channel:{layer}") if self.scene is not None else None
        at = QPoint() if box is None else self.view_box(box).bottomLeft().toPoint()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.viewport().mapToGlobal(at))

    def _choose_channel(self, layer: str, channel: int | None) -> None:
        channels = {**self._options.channels, layer: channel}
        self._options = replace(self._options, channels=channels)
        self.draw()


def _inactive_filters(guard: Guard) -> Mapping[str, Array]:
    """For how many updates each filter's map has been inactive, by the filters' layer."""
    feeders = guard.facts.feeders
    found = guard.diagnosis.inactive_for
    return {feeders[relu]: counts for relu, counts in found.items() if feeders.get(relu)}
