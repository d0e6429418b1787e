"""What the status bar says of a run."""

from __future__ import annotations

from backpropviz.ui.background import sentence
from backpropviz.ui.training.state import RunState, TrainingState


def mood(state: TrainingState) -> str:
    """The color of the bar."""
    run = state.run
    if state.is_running:
        return "training"
    return "paused" if run is not None and run.now.iteration else "idle"


def standing(state: TrainingState) -> str:
    """In a word, what happens."""
    if state.is_running:
        return "Training"
    run = state.run
    return "Paused" if run is not None and run.now.iteration else "Ready"


def message(run: RunState) -> str:
    """Where the run stands, or why it has stopped by itself."""
    if run.error is not None:
        return sentence(run.error)
    if run.stopped is not None:
        return run.stopped.sentence
    text = f"Update {run.now.iteration:,}"
    if run.samples_per_second is not None:
        text += f", {run.samples_per_second:,.0f} samples per second"
    if run.visited is not None:
        text += f"; update {run.visited.iteration:,} is shown"
    return text


def facts(run: RunState) -> str:
    """What does not change."""
    return f"{run.run.model.parameter_count:,} parameters      {run.run.dtype}"
