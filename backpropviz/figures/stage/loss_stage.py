"""The stage of the loss, by its kind, forward and backward."""

from __future__ import annotations

from backpropviz.engine.kinds.protocol import LOSS_NAME
from backpropviz.figures.stage.cross_entropy_stage import cross_entropy_marks
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.squared_error_stage import squared_error_marks
from backpropviz.figures.view import View
from backpropviz.scene.marks import Box, Mark
from backpropviz.scene.theme import Theme

_FIGURES = {"classes": cross_entropy_marks, "differences": squared_error_marks}


def loss_stage(view: View, focus: Focus | None, body: Box, theme: Theme) -> tuple[Mark, ...] | None:
    """The loss's own figure, at any depth; None for another layer, or a kind without a figure."""
    if focus is not None and focus.operation.layer != LOSS_NAME:
        return None
    figure = _FIGURES.get(view.tape.network.loss.about.figure)
    return None if figure is None else figure(view, focus, body, theme)
