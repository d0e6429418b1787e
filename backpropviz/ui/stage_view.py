"""The stage as a widget: the same picture that is exported, drawn as large as the room.

Of a plane that is too large a part is drawn, and a map of the whole: dragging on the map, the wheel
over the part, and Shift with an arrow ask for another part, as a click on a mark would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QKeyCombination, QPoint, QPointF, QRect, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QToolTip, QWidget

from backpropviz.debugger.commands import GoToBlock, ToStart
from backpropviz.figures.stage.headings import HEADER_HEIGHT
from backpropviz.figures.stage.planes import WINDOW_KEY, ViewWindow, spot_of, window_of
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import HEIGHT, View
from backpropviz.scene.hit import mark_box
from backpropviz.scene.marks import Rect, Scene
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui.controls import plain_tip
from backpropviz.ui.scene_view import DIRECTIONS, ZOOM_STEP, SceneView

if TYPE_CHECKING:
    from backpropviz.figures.timeline import TimelineFigure


_SHARE = 1 / 8
"""What a notch of the wheel, or an arrow, moves of the part's own side."""


def window_at(scene: Scene, x: float, y: float) -> ViewWindow | None:
    """The part that is drawn, or whose map lies, under a point."""
    return next((window_of(m.key) for m in _marks(scene) if mark_box(m).contains(x, y)), None)


def main_window_shown(scene: Scene) -> ViewWindow | None:
    """The part that arrows scroll: the result's, which stands last."""
    found = [window_of(mark.key) for mark in _marks(scene)]
    return found[-1] if found else None


def scrolled(window: ViewWindow, across: float, down: float) -> ViewWindow:
    """The part after so many notches to the right and down."""
    return window.moved(_cells(down, len(window.rows)), _cells(across, len(window.columns)))


def _cells(notches: float, side: int) -> int:
    """At least one in the direction, so that slow turns of a fine wheel move it too."""
    wanted = notches * max(1.0, side * _SHARE)
    return round(wanted) or (0 if not notches else 1 if notches > 0 else -1)


def _marks(scene: Scene) -> Iterator[Rect]:
    for mark in scene.marks:
        if isinstance(mark, Rect) and mark.key.startswith(WINDOW_KEY):
            yield mark


class StageView(SceneView):
    """Draws the stage anew whenever the moment, the room or the theme changes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, is_zoomable=True)
        self.setAccessibleName("Stage")
        self.setObjectName("Stage")
        self.pinned_top = float(HEADER_HEIGHT)
        self._view: View | None = None
        self._theme: Theme = LIGHT
        self.actions_by_key: Mapping[str, QAction] = {}
        """What the keys do that belong to the stage alone."""
        self._wanted = ""
        """While a map of a whole plane is dragged on: the last part that was asked for."""
        self.resized.connect(self._draw)

    def show_view(self, view: View, colors: Theme) -> None:
        """Draw a moment."""
        self._view, self._theme = view, colors
        self._draw()

    def clear(self) -> None:
        """Forget the moment."""
        self._view = None

    def zoom_in(self) -> None:
        """Larger."""
        self.set_zoom(self.zoom * ZOOM_STEP)

    def zoom_out(self) -> None:
        """Smaller."""
        self.set_zoom(self.zoom / ZOOM_STEP)

    def zoom_reset(self) -> None:
        """At its own size."""
        self.set_zoom(1.0)

    def _draw(self) -> None:
        if self._view is None:
            return
        size = self.maximumViewportSize()
        if size.width() < 1 or size.height() < 1:
            return
        focus = self._view.focus
        if focus is not None and focus.target is not None:
            self.preferred_key = str(focus.nest.target.at(focus.target))
        self.pinned_keys = tuple(str(pin) for pin in self._view.state.pins)
        scene = stage(self._view, float(size.width()), float(size.height()), self._theme)
        self.viewport().setAccessibleName(scene.title)
        self.show_scene(scene, self._theme)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        key = self._key_under(event.position())
        if event.button() == Qt.MouseButton.LeftButton and spot_of(key) is not None:
            self._look_at(key)
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not self._wanted:
            super().mouseMoveEvent(event)
        elif not event.buttons() & Qt.MouseButton.LeftButton:
            self._wanted = ""
        else:
            key = self._key_under(event.position())
            if spot_of(key) is not None:
                self._look_at(key)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._wanted:
            self._wanted = ""
            return
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if spot_of(self._key_under(event.position())) is None:
            super().mouseDoubleClickEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        at = self._to_scene(event.position())
        window = None if self.scene is None else window_at(self.scene, at.x(), at.y())
        if window is None or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event)
            return
        delta = event.angleDelta()
        across, down = -delta.x() / 120, -delta.y() / 120
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and not across:
            across, down = down, 0.0
        self._scroll(window, across, down)
        event.accept()

    def event(self, event: QEvent) -> bool:
        is_asked = event.type() == QEvent.Type.ShortcutOverride
        if is_asked and isinstance(event, QKeyEvent) and self._arrow_window(event) is not None:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        window = self._arrow_window(event)
        action = None if self._moves_focus(event) else self._action(event)
        if window is not None:
            across, down = DIRECTIONS[Qt.Key(event.key())]
            self._scroll(window, float(across), float(down))
        elif action is not None:
            action.trigger()
        else:
            super().keyPressEvent(event)

    def _action(self, event: QKeyEvent) -> QAction | None:
        keypad = Qt.KeyboardModifier.KeypadModifier
        pressed = QKeyCombination(event.modifiers() & ~keypad, Qt.Key(event.key()))
        return self.actions_by_key.get(QKeySequence(pressed).toString())

    def _arrow_window(self, event: QKeyEvent) -> ViewWindow | None:
        """What Shift with an arrow scrolls."""
        is_shifted = event.modifiers() == Qt.KeyboardModifier.ShiftModifier
        if not is_shifted or event.key() not in DIRECTIONS or self.scene is None:
            return None
        return main_window_shown(self.scene)

    def _key_under(self, point: QPointF) -> str:
        found = self._hit(point)
        return found.key if found is not None else ""

    def _look_at(self, key: str) -> None:
        spot = spot_of(key)
        if spot is not None and spot.wanted.key != self._wanted:
            self._wanted = spot.wanted.key
            self.clicked.emit(self._wanted)

    def _scroll(self, window: ViewWindow, across: float, down: float) -> None:
        moved = scrolled(window, across, down)
        if moved != window:
            self.clicked.emit(moved.key)


class TimelineView(SceneView):
    """Emits positions; while dragged, each place at most once."""

    place_wanted = Signal(object)
    """A command: a pass may have more steps than Qt's ints hold."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name_position: Callable[[int], str] = str
        self._figure: TimelineFigure | None = None
        self._wanted: GoToBlock | None = None
        self.setFixedHeight(HEIGHT)
        self.setAccessibleName("Timeline")
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    @property
    def is_drawn(self) -> bool:
        """Whether there has been anything to draw yet."""
        return self._figure is not None

    def show_view(self, view: View, colors: Theme) -> None:
        """Draw the timeline of a moment; its figure is imported when first drawn."""
        from backpropviz.figures.timeline import timeline

        self._figure = timeline(view, self.viewport().width(), colors)
        self.show_scene(self._figure.scene, colors)
        self.viewport().setAccessibleDescription(self._figure.scene.title)

    def _at(self, point: QPointF) -> int | None:
        return None if self._figure is None else self._figure.step_at(point.x(), point.y())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._wanted = None
            self._want(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = self._at(event.position())
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._want(event.position())
        if position is not None:
            self._tell(position, event.globalPosition().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._wanted = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # The arrows step on the stage; here Home and End go to the ends.
        if event.key() == Qt.Key.Key_Home:
            self.place_wanted.emit(ToStart())
        elif event.key() == Qt.Key.Key_End and self._figure is not None:
            self.place_wanted.emit(GoToBlock(self._figure.step_at(float(self.width()), 0.0)))
        else:
            super().keyPressEvent(event)

    def _want(self, point: QPointF) -> None:
        position = self._at(point)
        if self._figure is None or position is None:
            return
        wanted = GoToBlock(position, self._figure.depth_at(point.y()))
        if wanted != self._wanted:
            self._wanted = wanted
            self.place_wanted.emit(wanted)

    def _tell(self, position: int, at: QPoint) -> None:
        near = QRect(self.mapFromGlobal(at) - QPoint(2, 2), self.mapFromGlobal(at) + QPoint(2, 2))
        text = self.name_position(position)
        QToolTip.showText(at + QPoint(6, 12), plain_tip(text), self.viewport(), near)
