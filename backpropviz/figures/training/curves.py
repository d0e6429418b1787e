"""What the four charts of a run draw: series with their names, colors, raw values and marks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from enum import Enum
from typing import Final, TypeAlias

import numpy as np

from backpropviz.engine.training.history import Columns, History
from backpropviz.engine.value import Address, Array
from backpropviz.frozen import frozen
from backpropviz.scene.marks import Color
from backpropviz.scene.theme import SERIES, Theme

Reach: TypeAlias = tuple[float, float]
"""The first and the last update that are shown."""
RATIO_GUIDE: Final = 1e-3
TRAIN, VALID, RATE = "train", "valid", "rate"
_DASHES: Final[tuple[tuple[float, ...], ...]] = ((), (6.0, 3.0), (2.0, 3.0), (8.0, 3.0, 2.0, 3.0))


class ChartKind(Enum):
    """The charts of a run; the value names one in keys and settings."""

    LOSS = "loss"
    ACCURACY = "accuracy"
    RATIO = "ratio"
    GRADIENT = "gradient"
    LEARNING_RATE = "learning-rate"

    @property
    def title(self) -> str:
        """The heading of the chart."""
        return _TITLES[self][0]

    @property
    def told(self) -> str:
        """What is measured, in few words."""
        return _TITLES[self][1]

    @property
    def promise(self) -> str:
        """What an empty chart says."""
        return f"{_TITLES[self][2]} will be drawn here."

    @property
    def begins_log(self) -> bool:
        """Whether its scale is logarithmic unless one asks for the other."""
        return self in {ChartKind.RATIO, ChartKind.GRADIENT}

    @property
    def is_share(self) -> bool:
        """Whether it shows shares of 1, written as percent."""
        return self is ChartKind.ACCURACY


_TITLES: Final[Mapping[ChartKind, tuple[str, str, str]]] = {
    ChartKind.LOSS: ("Loss", "of each batch", "The loss of every update"),
    ChartKind.ACCURACY: ("Accuracy", "share of right answers", "The share of right answers"),
    ChartKind.RATIO: ("Update / weight", "per layer", "How far each update moves each layer"),
    ChartKind.GRADIENT: ("Gradient norm", "per layer", "The size of each layer's gradient"),
    ChartKind.LEARNING_RATE: (
        "Learning rate",
        "of each update",
        "The learning rate of every update",
    ),
}
"""The heading, what is measured, and what an empty chart promises to draw."""
FOUR_CHARTS: Final = (ChartKind.LOSS, ChartKind.ACCURACY, ChartKind.RATIO, ChartKind.GRADIENT)


@frozen
class CurveMark:
    """Something that happened at an update, or from it up to `until`: a change, an alert."""

    iteration: int
    words: str
    is_alert: bool = False
    until: int | None = None


@frozen(eq=False)
class RunCurves:
    """A run as the charts need it; validations are at `validated` with `losses`, `accuracies`."""

    title: str
    columns: Columns
    tensors: tuple[Address, ...]
    validated: Array
    losses: Array
    accuracies: Array
    marks: tuple[CurveMark, ...] = ()

    @property
    def weights(self) -> tuple[int, ...]:
        """The tensors drawn: the weights of each layer, which alone have a meaningful ratio."""
        found = [k for k, tensor in enumerate(self.tensors) if tensor.quantity == "weight"]
        return tuple(found or range(len(self.tensors)))


def run_curves(title: str, history: History, marks: tuple[CurveMark, ...] = ()) -> RunCurves:
    """A history as it stands now."""
    validated = history.validated
    return RunCurves(
        title,
        history.columns(),
        history.tensors,
        np.array([one.iteration for one in validated], np.int64),
        np.array([one.loss for one in validated], np.float64),
        np.array([math.nan if v.accuracy is None else v.accuracy for v in validated]),
        marks,
    )


@frozen(eq=False)
class Series:
    """A curve; its average is drawn where `is_smoothed`, the values behind it with `has_raw`."""

    key: str
    name: str
    iterations: Array
    values: Array
    color: Color
    is_smoothed: bool = True
    has_raw: bool = False
    has_dots: bool = False
    dash: tuple[float, ...] = ()


def series_of(runs: Sequence[RunCurves], kind: ChartKind, theme: Theme) -> tuple[Series, ...]:
    """The curves of one chart, run after run; curves without a finite value are left out.

    One run has a color per curve, layers those of the theme. Several runs differ in color where
    a chart has few curves and in dashes where it has one a layer.
    """
    several = len(runs) > 1
    found: list[Series] = []
    for number, run in enumerate(runs):
        if kind in {ChartKind.RATIO, ChartKind.GRADIENT}:
            own = _of_layers(run, kind, number, theme)
        else:
            own = _of_run(run, kind, number, theme, several=several)
        prefix = f"{run.title} " if several else ""
        found += [
            replace(series, key=f"{number}:{series.key}", name=f"{prefix}{series.name}")
            for series in own
            if _has_values(series)
        ]
    return tuple(found)


def _has_values(series: Series) -> bool:
    recent = series.values[-64:]
    return bool(np.isfinite(recent).any() or np.isfinite(series.values).any())


def _of_layers(run: RunCurves, kind: ChartKind, number: int, theme: Theme) -> Iterator[Series]:
    columns = run.columns
    rounds = -(-len(run.weights) // len(SERIES[theme.name]))
    for place, tensor in enumerate(run.weights):
        layer = run.tensors[tensor].layer
        color = layer_color(place, theme)
        # Where the colors begin again, dashes tell layers and runs apart.
        dash = _DASHES[(number * rounds + place // len(SERIES[theme.name])) % len(_DASHES)]
        is_ratio = kind is ChartKind.RATIO
        values = _ratio(columns, tensor) if is_ratio else columns.gradient_norms[:, tensor]
        yield Series(layer, layer, columns.iteration, values, color, dash=dash)


def _ratio(columns: Columns, tensor: int) -> Array:
    """‖step‖ / ‖weight‖ of one tensor; NaN where all its weights are 0."""
    steps, weights = columns.step_norms[:, tensor], columns.weight_norms[:, tensor]
    found = np.full(len(steps), np.nan)
    np.divide(steps, weights, found, where=weights != 0)
    return found


def layer_color(place: int, theme: Theme) -> Color:
    """The color of the n-th layer with weights, in curves and beside its name."""
    colors = SERIES[theme.name]
    return colors[place % len(colors)]


def _of_run(
    run: RunCurves, kind: ChartKind, number: int, theme: Theme, *, several: bool
) -> Iterator[Series]:
    columns = run.columns
    colors = (theme.text, theme.update)
    if several:
        colors = (layer_color(number, theme),) * 2
    if kind is ChartKind.LEARNING_RATE:
        rates = columns.learning_rate
        yield Series(RATE, RATE, columns.iteration, rates, colors[0], is_smoothed=False)
        return
    values = columns.loss if kind is ChartKind.LOSS else columns.accuracy
    checked = run.losses if kind is ChartKind.LOSS else run.accuracies
    yield Series(TRAIN, TRAIN, columns.iteration, values, colors[0], has_raw=True)
    yield Series(VALID, VALID, run.validated, checked, colors[1], is_smoothed=False, has_dots=True)


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


def decimated(iterations: Array, values: Array, reach: Reach, columns: int) -> tuple[Array, Array]:
    """The points between two updates, or two a column where there are more than that.

    `iterations` ascend. A point beyond each end is kept, so that lines leave the picture. A column
    whose values are none finite is NaN: the line is broken there.
    """
    first, last = rows_in(iterations, reach)
    first, last = max(0, first - 1), last + 1
    x, y = iterations[first:last], values[first:last]
    if len(x) <= 2 * columns:
        return x, y
    starts = np.arange(columns) * len(x) // columns
    finite = np.isfinite(y)
    complete = bool(finite.all())
    low = np.minimum.reduceat(y if complete else np.where(finite, y, np.inf), starts)
    high = np.maximum.reduceat(y if complete else np.where(finite, y, -np.inf), starts)
    pairs = np.empty((columns, 2))
    # The order of the column's own course, so that a rising line rises.
    falls = y[starts] > y[np.append(starts[1:], len(y)) - 1]
    pairs[:, 0], pairs[:, 1] = np.where(falls, high, low), np.where(falls, low, high)
    if not complete:
        pairs[~np.isfinite(pairs)] = np.nan
    ends = np.append(starts[1:], len(x)) - 1
    return np.stack([x[starts], x[ends]], axis=1).ravel(), pairs.ravel()


def rows_in(iterations: Array, reach: Reach) -> tuple[int, int]:
    """The first row inside an interval, and the one after the last."""
    # Whole numbers: for a fraction NumPy would turn the whole column into fractions first.
    first, last = math.ceil(reach[0]), math.floor(reach[1])
    return int(np.searchsorted(iterations, first)), int(np.searchsorted(iterations, last, "right"))


_LARGEST_GROWTH: Final = 1e12
"""Most that a weight may grow inside one block of the running sum, so that digits remain."""


class Average(Enum):
    """How neighbors are weighed."""

    NONE = "none"
    EXPONENTIAL = "exponential"
    MOVING = "moving"


@frozen
class Smoothing:
    """An average over the last `span` updates: moving, or with weights (1 − 2/(span + 1))ᵏ."""

    average: Average = Average.EXPONENTIAL
    span: int = 10

    @property
    def is_none(self) -> bool:
        """Whether values are shown as they are."""
        return self.average is Average.NONE or self.span <= 1

    @property
    def words(self) -> str:
        """What a title says of it."""
        if self.is_none:
            return "not smoothed"
        if self.average is Average.MOVING:
            return f"moving average over {self.span}"
        return f"smoothed over {self.span}"


NO_SMOOTHING: Final = Smoothing(Average.NONE, 1)


@frozen(eq=False)
class Smoothed:
    """Smoothed values, and the sums from which the next ones follow."""

    smoothing: Smoothing
    values: Array = field(default_factory=lambda: np.zeros(0))
    sums: tuple[float, float] = (0.0, 0.0)

    def extended(self, raw: Array) -> Smoothed:
        """The same, grown to all of `raw`, which begins with what was smoothed before.

        A value that is not finite counts for nothing, and is NaN itself.
        """
        known = len(self.values)
        if len(raw) == known:
            return self
        if self.smoothing.is_none:
            return Smoothed(self.smoothing, raw)
        if self.smoothing.average is Average.MOVING:
            added, sums = _moving(raw, known, self.smoothing.span), self.sums
        else:
            added, sums = _exponential(raw[known:], self.smoothing.span, self.sums)
        return Smoothed(self.smoothing, np.concatenate([self.values, added]), sums)


def smoothed(raw: Array, smoothing: Smoothing) -> Array:
    """A whole curve, smoothed."""
    return Smoothed(smoothing).extended(raw).values


def _moving(raw: Array, known: int, span: int) -> Array:
    """Means of up to `span` values, from the `known`-th on."""
    first = max(0, known - span + 1)
    values = raw[first:].astype(np.float64)
    finite = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    ends = np.arange(known - first + 1, len(values) + 1)
    begins = np.maximum(ends - span, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Array = (sums[ends] - sums[begins]) / (counts[ends] - counts[begins])
    means[~finite[known - first :]] = np.nan
    return means


def _exponential(
    raw: Array, span: int, sums: tuple[float, float]
) -> tuple[Array, tuple[float, float]]:
    """Σ rᵏxₙ₋ₖ / Σ rᵏ, r = 1 − 2/(span + 1), in blocks: rⁿ · running sum of x · r⁻ⁿ."""
    ratio = 1.0 - 2.0 / (span + 1)
    size = max(1, int(math.log(_LARGEST_GROWTH) / -math.log(ratio)))
    found = np.full(len(raw), np.nan)
    total, weight = sums
    for first in range(0, len(raw), size):
        block = raw[first : first + size].astype(np.float64)
        finite = np.isfinite(block)
        powers = ratio ** np.arange(1, len(block) + 1)
        totals = powers * (total + np.cumsum(np.where(finite, block, 0.0) / powers))
        weights = powers * (weight + np.cumsum(finite / powers))
        total, weight = float(totals[-1]), float(weights[-1])
        place = slice(first, first + len(block))
        np.divide(totals, weights, found[place], where=finite)
    return found, (total, weight)
