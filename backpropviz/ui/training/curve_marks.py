"""A run as the charts draw it: its history, the settings that were changed, and its alerts."""

from __future__ import annotations

from backpropviz.figures.training.curves import CurveMark, RunCurves, run_curves
from backpropviz.ui.training.state import RunState


def curves_of(run: RunState) -> RunCurves:
    """The curves up to the snapshot that was told last."""
    return run_curves(run.run.title, run.history, marks_of(run))


def marks_of(run: RunState) -> tuple[CurveMark, ...]:
    """What happened in the run, by update."""
    changes = [CurveMark(change.iteration, change.words) for change in run.run.course.changes]
    if run.guard is None:
        return tuple(changes)
    diagnosis = run.guard.diagnosis
    alerts = [
        CurveMark(alert.raised, alert.title, is_alert=True, until=alert.until)
        for alert in (*diagnosis.active, *diagnosis.over)
        if alert.raised
    ]
    return tuple(sorted((*changes, *alerts), key=lambda mark: mark.iteration))
