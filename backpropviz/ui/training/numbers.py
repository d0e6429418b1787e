"""A run in numbers, as its figures take them: counters, layers, activity, the way through it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator

from backpropviz.engine.arrays import Array, shape_text
from backpropviz.engine.training.history import Columns
from backpropviz.engine.training.measure import Validated
from backpropviz.figures.training.counters import Counter
from backpropviz.figures.training.layer_list import LayerFacts
from backpropviz.figures.training.short_text import percent, short
from backpropviz.figures.training.time_slider import SliderState
from backpropviz.frozen import frozen
from backpropviz.ui.training.curve_marks import marks_of
from backpropviz.ui.training.epoch import updates_in
from backpropviz.ui.training.state import RunState

_MOST_EPOCHS = 12
_MANY_UNITS = 64
_TENTHS = (10, 15, 20, 30, 40, 50, 60, 80, 100, 120)


@frozen(eq=False)
class Activity:
    """A layer's maps: their active share when last measured, and for how long they were not."""

    layer: str
    shares: Array
    inactive: Array


def worst_activity(run: RunState) -> Activity | None:
    """The rectifier with the largest share of inactive maps; None where that is not known: before
    the first update, and of the past.

    Layers of many units are left out where there are others: they have no room beside the rest.
    """
    measured = next((m for m in reversed(run.history.recent) if m.activities), None)
    if measured is None or run.guard is None or run.visited is not None:
        return None
    inactive = run.guard.diagnosis.inactive_for
    found = [
        Activity(layer, shares, inactive[layer])
        for layer, shares in measured.activities.items()
        if layer in inactive and len(inactive[layer]) == len(shares)
    ]
    few = [one for one in found if len(one.shares) <= _MANY_UNITS]
    return max(few or found, key=lambda one: float((one.inactive > 0).mean()), default=None)


def counters_of(run: RunState) -> tuple[Counter, ...]:
    """What is read from afar, of the shown update."""
    shown = run.shown_iteration
    row = run.history.columns(shown, shown)
    course = run.run.course
    done, total = updates_in(course, max(1, shown))
    epoch = course.place(max(1, shown)).epoch
    speed = run.samples_per_second
    within = f"{done if shown else 0} of {total}{_left(run, total - done)}"
    return (
        Counter("Update", f"{shown:,}"),
        Counter("Epoch", f"{epoch:,}", within),
        Counter("Samples per second", "not yet" if speed is None else f"{speed:,.0f}"),
        _loss(run, float(row.loss[0]) if len(row) else math.nan),
        *_accuracy(run),
    )


def _left(run: RunState, updates: int) -> str:
    speed = run.samples_per_second
    if not speed or run.visited is not None:
        return ""
    seconds = updates * run.run.course.at(run.now.iteration + 1).batch_size / speed
    return f", {seconds:,.0f} s left" if seconds >= 1 else ""


def _loss(run: RunState, loss: float) -> Counter:
    validated = _validated(run)
    remark = f"validation {short(validated[-1].loss)}" if validated else ""
    return Counter("Loss, last batch", "not yet" if math.isnan(loss) else short(loss), remark)


def _accuracy(run: RunState) -> Iterator[Counter]:
    if run.run.dataset.validation is None or not run.run.dataset.class_names:
        return
    found = [v.accuracy for v in _validated(run) if v.accuracy is not None]
    if found:
        best = f"best {percent(max(found))}"
        yield Counter("Validation accuracy", percent(found[-1]), best)
    else:
        yield Counter("Validation accuracy", "not yet", "at the epoch's end")


def _validated(run: RunState) -> tuple[Validated, ...]:
    """Up to the shown update."""
    return tuple(v for v in run.history.validated if v.iteration <= run.shown_iteration)


def layers_of(run: RunState) -> tuple[LayerFacts, ...]:
    """The layers with weights, and what the shown update did to them."""
    shown = run.shown_iteration
    row = run.history.columns(shown, shown)
    network = run.run.network
    return tuple(
        LayerFacts(
            tensor.layer,
            shape_text(network.parameter_shapes(network.by_name[tensor.layer])[tensor.quantity]),
            *_measured(row, place),
        )
        for place, tensor in enumerate(run.history.tensors)
        if tensor.quantity == "weight"
    )


def _measured(row: Columns, place: int) -> tuple[float, float]:
    if not len(row):
        return math.nan, math.nan
    return float(row.ratios[0, place]), float(row.gradient_norms[0, place])


def slider_of(run: RunState) -> SliderState:
    """The way through a run, up to a round number ahead of where it stands."""
    last = run.now.iteration
    return SliderState(
        shown=run.shown_iteration,
        last=last,
        end=_round_end(last),
        epochs=_epochs(run, last),
        checkpoints=run.kept.iterations,
        marks=marks_of(run),
    )


def _round_end(last: int) -> int:
    """So far the line goes, so that it need not grow with every update."""
    power: int = 10 ** max(1, len(str(last)) - 1)
    tenths = next(tenths for tenths in _TENTHS if tenths * power > 10.2 * last)
    return max(power, tenths * power // 10)


def _epochs(run: RunState, last: int) -> tuple[tuple[int, int], ...]:
    """(number, first update) of as many epochs as can be told apart, evenly spread."""
    course = run.run.course
    most = course.place(max(1, last)).epoch
    wanted = range(1, most + 1, -(-most // _MOST_EPOCHS))
    updates = range(1, last + 1)
    return tuple(
        (epoch, 1 + bisect_left(updates, epoch, key=lambda k: course.place(k).epoch))
        for epoch in wanted
    )
