"""The explanation of the current step, with its switches: code version, all terms, copy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from PySide6.QtGui import QGuiApplication

from backpropviz.figures.view import View
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import Theme
from backpropviz.ui.panels import ScenePanel

if TYPE_CHECKING:
    from backpropviz.engine.gradcheck import Checked
    from backpropviz.figures.code.code import CodeVersion


_FLOAT32: Final = 1e-3
"""How far a pass in float32 may lie from the same in float64."""


class ExplanationPanel(ScenePanel):
    """Remembers how the person wants a step written; the figure is imported when first drawn."""

    def __init__(self, title: str) -> None:
        super().__init__(title, self._figure_of)
        self._version: CodeVersion | None = None
        self._is_unfolded = False
        self._checked: Checked | None = None
        self._also = ""
        self.canvas.clicked.connect(self._click)

    def show_check(self, checked: Checked, also: str) -> None:
        """Show the verdict on a gradient wherever that gradient is explained."""
        self._checked, self._also = checked, also
        self.draw()

    def _figure_of(self, view: View, width: float, colors: Theme) -> Scene:
        from backpropviz.figures.code.code import CodeVersion
        from backpropviz.figures.explanation.explanation import explanation

        self._version = self._version or CodeVersion.LOOPS
        found = explanation(
            view.explained,
            width,
            colors,
            code_version=self._version,
            unfolded=self._is_unfolded,
        )
        if self._checked is None or not _is_of(self._checked, view):
            return found
        from backpropviz.figures.analysis.check_badge import under_badge

        return under_badge(self._checked, self._also, found, colors)

    def _click(self, key: str) -> None:
        from backpropviz.figures.code.block import COPY_KEY, version_key
        from backpropviz.figures.code.code import CodeVersion
        from backpropviz.figures.explanation.explanation import UNFOLD_KEY

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
        from backpropviz.figures.code.code import CodeVersion, code_source

        if self.shown is not None:
            source = code_source(self.shown.explained, self._version or CodeVersion.LOOPS)
            QGuiApplication.clipboard().setText(source)


def _is_of(checked: Checked, view: View) -> bool:
    """Whether a verdict is on the value that is explained, in this very pass."""
    derivation, gradient = view.explained.derivation, checked.address.grad
    if derivation is None or gradient.array not in view.tape:
        return False
    is_there = view.tape.resolve(gradient) == view.tape.resolve(derivation.address)
    return is_there and math.isclose(
        view.tape.value(gradient), checked.analytic, rel_tol=_FLOAT32, abs_tol=_FLOAT32
    )
