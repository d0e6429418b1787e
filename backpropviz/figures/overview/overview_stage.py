"""What the stage shows where the focus holds several tensors: a layer, a phase, the whole step."""

from __future__ import annotations

from backpropviz.debugger.steps import Depth
from backpropviz.engine.kinds.protocol import LOSS_NAME
from backpropviz.engine.program import Phase
from backpropviz.figures.overview.layer import layer_marks
from backpropviz.figures.overview.phase import phase_marks
from backpropviz.figures.overview.step import step_marks
from backpropviz.figures.stage.loss_stage import loss_stage
from backpropviz.figures.view import View
from backpropviz.scene.marks import Box, Mark
from backpropviz.scene.theme import Theme


def overview_stage(view: View, body: Box, theme: Theme) -> tuple[Mark, ...]:
    """The stage at layer, phase and pass depth, and when every step has run."""
    if view.is_done or view.depth is Depth.PASS:
        return step_marks(view, body, theme)
    operation = view.timeline.operations[view.timeline.operation_at(view.state.k)]
    if operation.phase is Phase.LOSS or operation.layer == LOSS_NAME:
        is_phase = view.depth is Depth.PHASE and operation.phase is not Phase.LOSS
        figure = None if is_phase else loss_stage(view, None, body, theme)
        if figure is not None:
            return figure
    if view.depth is Depth.PHASE:
        return phase_marks(view, operation.phase, body, theme)
    return layer_marks(view, operation.phase, operation.layer, body, theme)
