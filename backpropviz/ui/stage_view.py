"""The stage as a widget: the same picture that is exported, drawn as large as the room.

Of a plane that is too large a part is drawn, and a map of the whole: dragging on the map, the wheel
over the part, and Shift with an arrow ask for another part, as a click on a mark would.
"""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QKeyCombination, QPointF, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from backpropviz.figures.stage.close_up import Window, spot_of
from backpropviz.figures.stage.headings import HEADER_HEIGHT
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import View
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui.scene_focus import DIRECTIONS
from backpropviz.ui.scene_view import ZOOM_STEP, SceneView
from backpropviz.ui.windows_shown import main_window_shown, scrolled, window_at


class StageView(SceneView):
    """Draws the stage anew whenever the moment, the room or the theme changes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, is_zoomable=True)
        self.setAccessibleName(self.tr("Stage"))
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

    def _arrow_window(self, event: QKeyEvent) -> Window | None:
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

    def _scroll(self, window: Window, across: float, down: float) -> None:
        moved = scrolled(window, across, down)
        if moved != window:
            self.clicked.emit(moved.key)
