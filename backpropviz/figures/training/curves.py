"""What the four charts of a run draw: series with their names, colors, raw values and marks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Final

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.training.history import Columns, History
from backpropviz.frozen import frozen
from backpropviz.scene.marks import Color
from backpropviz.scene.theme import SERIES, Theme

RATIO_GUIDE: Final = 1e-3
_RECENT: Final = 64
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
        return _TITLES[self][2]

    @property
    def begins_log(self) -> bool:
        """Whether its scale is logarithmic unless one asks for the other."""
        return self in {ChartKind.RATIO, ChartKind.GRADIENT}

    @property
    def is_share(self) -> bool:
        """Whether it shows shares of 1, written as percent."""
        return self is ChartKind.ACCURACY


_TITLES: Final[Mapping[ChartKind, tuple[str, str, str]]] = {
    ChartKind.LOSS: (
        "Loss",
        "of each batch",
        "The loss of every update will be drawn here.",
    ),
    ChartKind.ACCURACY: (
        "Accuracy",
        "share of right answers",
        "The share of right answers will be drawn here.",
    ),
    ChartKind.RATIO: (
        "Update / weight",
        "per layer",
        "How far each update moves each layer will be drawn here.",
    ),
    ChartKind.GRADIENT: (
        "Gradient norm",
        "per layer",
        "The size of each layer's gradient will be drawn here.",
    ),
    ChartKind.LEARNING_RATE: (
        "Learning rate",
        "of each update",
        "The learning rate of every update will be drawn here.",
    ),
}
FOUR_CHARTS: Final = (
    ChartKind.LOSS,
    ChartKind.ACCURACY,
    ChartKind.RATIO,
    ChartKind.GRADIENT,
)


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
        found += [_named(series, prefix, number) for series in own if _has_values(series)]
    return tuple(found)


def _named(series: Series, prefix: str, number: int) -> Series:
    return replace(series, key=f"{number}:{series.key}", name=f"{prefix}{series.name}")


def _has_values(series: Series) -> bool:
    recent = series.values[-_RECENT:]
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
