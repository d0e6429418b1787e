"""A figure along which a value is dragged, by the pointer or by the arrow keys."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent

from backpropviz.scene.marks import Box
from backpropviz.ui.scene_view import SceneView

_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: -1, Qt.Key.Key_Up: 1}
_LEAP = 10


class NudgeCanvas(SceneView):
    """Inside `plane` the pointer drags; `dragged` carries the scene's x, `stepped` a number."""

    dragged = Signal(float)
    stepped = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.plane: Box | None = None
        self._is_held = False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        x, y = event.position().x(), event.position().y() + self.verticalScrollBar().value()
        box = self.plane
        is_inside = box is not None and box.x - 8 <= x <= box.right + 8 and box.y <= y
        if box is None or not is_inside or y > box.bottom + 24:
            super().mousePressEvent(event)
            return
        if event.button() == Qt.MouseButton.LeftButton:
            self._is_held = True
            self.viewport().setCursor(Qt.CursorShape.SizeHorCursor)
            self.dragged.emit(x)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._is_held:
            self.dragged.emit(event.position().x())
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._is_held:
            self._is_held = False
            self.viewport().unsetCursor()
        else:
            super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()))
        if self.plane is None or step is None or self.focused_key:
            super().keyPressEvent(event)
            return
        is_leap = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self.stepped.emit(step * (_LEAP if is_leap else 1))
