"""The stage as a widget: the same picture that is exported, drawn as large as the room."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from backpropviz.figures.stage.headings import HEADER_HEIGHT
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import View
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui.scene_view import ZOOM_STEP, SceneView


class StageView(SceneView):
    """Draws the stage anew whenever the moment, the room or the theme changes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, is_zoomable=True)
        self.setAccessibleName(self.tr("Stage"))
        self.setObjectName("Stage")
        self.pinned_top = float(HEADER_HEIGHT)
        self._view: View | None = None
        self._theme: Theme = LIGHT
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
