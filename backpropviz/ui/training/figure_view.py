"""A figure as high as it is, in the width that there is."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt

from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import Theme
from backpropviz.ui.scene_view import SceneView


class FigureView(SceneView):
    """Draws what `figure` makes of a width; nothing where that is None."""

    def __init__(self, name: str, margin: int = 16) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._make: Callable[[float], Scene | None] = _nothing
        self._theme: Theme | None = None
        self.setViewportMargins(margin, 0, margin, 0)
        self.setFixedHeight(1)
        self.resized.connect(self.draw)

    def show_figure(self, make: Callable[[float], Scene | None], colors: Theme) -> None:
        """Draw another figure."""
        self._make, self._theme = make, colors
        self.draw()

    def draw(self) -> None:
        """Draw in the width that there is."""
        width = self.viewport().width()
        scene = self._make(float(width)) if self._theme is not None and width > 40 else None
        if scene is None or self._theme is None:
            return
        if self.height() != round(scene.height):
            self.setFixedHeight(round(scene.height))
        self.show_scene(scene, self._theme)


def _nothing(_width: float) -> Scene | None:
    return None
