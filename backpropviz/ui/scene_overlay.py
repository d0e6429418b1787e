"""What is drawn live above a scene: pins, marked and lit keys, the hovered and the focused cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from backpropviz.frozen import frozen
from backpropviz.scene.hit import find, places
from backpropviz.scene.marks import Box, Scene
from backpropviz.scene.theme import Theme

_ROW_SHAPE = 4.0
"""A place so many times wider than high is a row, not a cell."""
_TINT = 46


@frozen
class Overlay:
    """Paints over one scene; `view_box` is where a box of the scene lies in the widget."""

    painter: QPainter
    scene: Scene | None
    colors: Theme
    view_box: Callable[[Box], QRectF]

    def outline_keys(self, keys: Iterable[str], color: str, gap: float) -> None:
        """A frame around each mark, where the scene has it."""
        for key in keys:
            box = find(self.scene, key) if self.scene is not None else None
            if box is not None:
                self.outline(box, color, gap)

    def light(self, keys: tuple[str, ...]) -> None:
        """Cells are outlined; texts and whole rows are tinted."""
        if self.scene is None or not keys:
            return
        for place in places(self.scene, keys):
            box = place.box
            if place.is_text or box.width > _ROW_SHAPE * box.height:
                tint = QColor(self.colors.text_secondary)
                tint.setAlpha(_TINT)
                self.painter.fillRect(self.view_box(box), tint)
            else:
                self.outline(box, self.colors.text_secondary, 0.0)

    def outline(self, box: Box, color: str, gap: float) -> None:
        """A frame of 2 px with round corners."""
        self.painter.setPen(QPen(QColor(color), 2))
        self.painter.setBrush(Qt.BrushStyle.NoBrush)
        self.painter.drawRoundedRect(self.view_box(box).adjusted(-gap, -gap, gap, gap), 2, 2)
