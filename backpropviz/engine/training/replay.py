"""Any past state of a run: the checkpoint before it, and the updates from there once more."""

from __future__ import annotations

from collections.abc import Callable

from backpropviz.engine.training.checkpoints import Checkpoints
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.trainer import advanced
from backpropviz.engine.training.update import Trained, layer_workspaces
from backpropviz.errors import BackpropVizError


class ReplayStoppedError(BackpropVizError):
    """A replay was stopped on its way."""


def state_at(
    run: Run,
    checkpoints: Checkpoints,
    iteration: int,
    stop: Callable[[], bool] | None = None,
) -> Trained:
    """The state after an update, on one machine bit for bit; `stop` is asked before each update.

    Raises:
        UserError: the run began after that update.
        ReplayStoppedError: `stop` said so.
    """
    now = checkpoints.nearest(iteration)
    workspaces = layer_workspaces(run.network)
    while now.iteration < iteration:
        if stop is not None and stop():
            raise ReplayStoppedError(f"the way back to update {iteration} was stopped.")
        now = advanced(run, now, workspaces)
    return now
