"""The stage: the picture of the current step, for the window and for every export."""

from __future__ import annotations

from backpropviz.figures.headings import HEADER_HEIGHT, header, path_parts
from backpropviz.figures.loss_stage import loss_stage
from backpropviz.figures.operation_stage import operation_stage
from backpropviz.figures.overview_stage import overview_stage
from backpropviz.figures.pooling_stage import pooling_stage
from backpropviz.figures.update_stage import update_stage
from backpropviz.figures.view import View
from backpropviz.scene.marks import Box, Mark, Scene
from backpropviz.scene.theme import Theme

_SPECIAL = (pooling_stage, loss_stage, update_stage)
"""Stages of their own; each is asked in turn and returns None where it has nothing to say."""
_MARGIN = 32
_NARROW = 700


def stage(view: View, width: float, height: float, theme: Theme) -> Scene:
    """The step in focus as it will be when it has run."""
    margin = _MARGIN if width >= _NARROW else _MARGIN / 2
    body = Box(margin, HEADER_HEIGHT + 20, width - 2 * margin, height - HEADER_HEIGHT - 20 - 16)
    marks = (*header(view, width, theme), *_body(view, body, theme))
    return Scene(width, height, theme.stage, marks, title(view))


def title(view: View) -> str:
    """The path to the step, as text."""
    return " › ".join(text for text, _ in path_parts(view))


def _body(view: View, body: Box, theme: Theme) -> tuple[Mark, ...]:
    focus = view.focus
    if focus is None:
        return overview_stage(view, body, theme)
    for special in _SPECIAL:
        marks = special(view, focus, body, theme)
        if marks is not None:
            return marks
    return operation_stage(view, focus, body, theme)
