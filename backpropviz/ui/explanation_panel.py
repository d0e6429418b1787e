"""The explanation of the current step, with its switches: code version, all terms, copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from backpropviz.figures.view import View
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import Theme
from backpropviz.ui.panels import ScenePanel

if TYPE_CHECKING:
    from backpropviz.figures.code import CodeVersion


class ExplanationPanel(ScenePanel):
    """Remembers how the person wants a step written; the figure is imported when first drawn."""

    def __init__(self, title: str) -> None:
        super().__init__(title, self._figure_of)
        self._version: CodeVersion | None = None
        self._is_unfolded = False
        self.canvas.clicked.connect(self._click)

    def _figure_of(self, view: View, width: float, colors: Theme) -> Scene:
        from backpropviz.figures.code import CodeVersion
        from backpropviz.figures.explanation import explanation

        self._version = self._version or CodeVersion.LOOPS
        return explanation(
            view.explained,
            width,
            colors,
            code_version=self._version,
            unfolded=self._is_unfolded,
        )

    def _click(self, key: str) -> None:
        from backpropviz.figures.code import CodeVersion
        from backpropviz.figures.code_block import COPY_KEY, version_key
        from backpropviz.figures.explanation import UNFOLD_KEY

        if key == COPY_KEY:
            self._copy()
            return
        chosen = next((v for v in CodeVersion if version_key(v) == key), None)
        if chosen is None and key != UNFOLD_KEY:
            return
        self._version = chosen or self._version
        self._is_unfolded ^= key == UNFOLD_KEY
        self.draw()

    def _copy(self) -> None:
        from backpropviz.figures.code import CodeVersion, code_source

        if self.shown is not None:
            source = code_source(self.shown.explained, self._version or CodeVersion.LOOPS)
            QGuiApplication.clipboard().setText(source)
