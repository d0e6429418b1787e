"""A filter large, on a card over the page, until one clicks elsewhere."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QFrame, QVBoxLayout, QWidget

from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import Theme
from backpropviz.ui.scene_view import SceneView

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
        self.view.setAccessibleName(self.tr("Filter, large"))
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = QVBoxLayout(self)
        column.setContentsMargins(_BORDER, _BORDER, _BORDER, _BORDER)
        column.addWidget(self.view)
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
        """Take it away."""
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
