"""All curves of runs as a table: a row an update, what was not measured is left empty."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from backpropviz.figures.training.curves import RunCurves

_FIRST = ("run", "epoch", "update", "loss", "accuracy", "learning_rate", "val_loss", "val_accuracy")


def curve_rows(runs: Sequence[RunCurves]) -> Iterator[tuple[str, ...]]:
    """The header, then the rows of each run; ratio and gradient norm of each tensor at the end."""
    tensors = list(dict.fromkeys(tensor for run in runs for tensor in run.tensors))
    ratios = (f"{tensor.name}.ratio" for tensor in tensors)
    yield (*_FIRST, *ratios, *(f"{tensor.grad.name}.norm" for tensor in tensors))
    for run in runs:
        columns, table = run.columns, run.columns.ratios
        places = [run.tensors.index(t) if t in run.tensors else None for t in tensors]
        checked = {int(k): place for place, k in enumerate(run.validated)}
        for row, iteration in enumerate(columns.iteration.tolist()):
            place = checked.get(iteration)
            yield (
                run.title,
                str(int(columns.epoch[row])),
                str(iteration),
                _number(columns.loss[row]),
                _number(columns.accuracy[row]),
                _number(columns.learning_rate[row]),
                "" if place is None else _number(run.losses[place]),
                "" if place is None else _number(run.accuracies[place]),
                *("" if k is None else _number(table[row, k]) for k in places),
                *("" if k is None else _number(columns.gradient_norms[row, k]) for k in places),
            )


def _number(value: float) -> str:
    """All digits; a loss that is infinite is told, what there is not is nothing."""
    return "" if math.isnan(value) else repr(float(value))
