"""The thresholds of the diagnosis: each with a default, where that comes from, and what it does.

A person may change every one; an alert names those that it was held against.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, fields
from typing import Any

from backpropviz.engine.kinds.configuration import is_whole
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

_MOST_NAMES = 3


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits: 0.0123, 3.1e−8, NaN, ∞."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


def percent(share: float) -> str:
    """A share of 1 in percent: 62.5 %."""
    return f"{number(100 * share)} %"


def counted(count: int, noun: str) -> str:
    """A count with its noun: 1 update, 10 updates."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: Sequence[str]) -> str:
    """The first three names, and how many others there are."""
    shown = ", ".join(names[:_MOST_NAMES])
    others = len(names) - _MOST_NAMES
    return f"{shown} and {others} more" if others > 0 else shown


OWN_CHOICE = "our own choice"


@frozen
class Limit:
    """What is to be known of a threshold: its words, its source and its range."""

    group: str
    title: str
    explanation: str
    source: str
    low: float
    high: float
    is_whole: bool = False
    is_share: bool = False
    """A share of 1, which people write in percent."""

    @property
    def range_text(self) -> str:
        """The range as people read it."""
        if self.is_share:
            return f"{number(100 * self.low)} … {number(100 * self.high)} %"
        return f"{number(self.low)} … {number(self.high)}"

    def check(self, value: float) -> None:
        """Refuse a value out of the range."""
        where = f"{self.group}, “{self.title}”"
        if self.is_whole and not is_whole(value, int(self.low)):
            raise UserError(f"{where}: {value!r} must be a whole number of at least {self.low:g}.")
        if not self.low <= value <= self.high:
            shown = percent(value) if self.is_share else number(value)
            raise UserError(f"{where}: {shown} must lie in {self.range_text}.")


def _limit(
    default: float,
    group: str,
    title: str,
    explanation: str,
    bounds: tuple[float, float],
    *,
    source: str = OWN_CHOICE,
    **kind: bool,
) -> Any:
    limit = Limit(group, title, explanation, source, *bounds, **kind)
    return field(default=default, metadata={"limit": limit})


def _share(
    default: float, group: str, title: str, explanation: str, source: str = OWN_CHOICE
) -> Any:
    return _limit(default, group, title, explanation, (0, 1), source=source, is_share=True)


def _count(default: int, group: str, title: str, explanation: str, most: int = 1_000_000) -> Any:
    return _limit(default, group, title, explanation, (1, most), is_whole=True)


_GRADIENTS, _ACTIVITY, _STEPS = "Gradients", "Activations", "Updates"
_LOSS, _ANSWERS, _DATA = "Loss", "Answers and weights", "Data"


@frozen
class Thresholds:
    """All of them, with their defaults, and what follows where a rule is met: an alert, unless
    its name is among `silent`, and a pause, if it is among `pausing`.
    """

    vanishing_rms: float = _limit(
        1e-7,
        _GRADIENTS,
        "Vanishing below",
        "Root mean square of a weight's gradient below which it counts as vanished.",
        (0, 1),
        source="as in SageMaker Debugger and TorchLens (MindInsight: 1e−9), of the mean |g|",
    )
    vanishing_updates: int = _count(
        10, _GRADIENTS, "Vanishing for", "Updates in a row before it is said."
    )
    exploding_norm: float = _limit(
        1e4,
        _GRADIENTS,
        "Exploding above",
        "Norm of a tensor's gradient above which it counts as exploded, at once.",
        (0, 1e30),
        source="as in TorchLens",
    )
    inactive_share: float = _share(
        0.01,
        _ACTIVITY,
        "Inactive up to",
        "A map or unit is inactive in a batch if at most this share of its values is above 0.",
        "as in SageMaker Debugger (MindInsight: 0.1 %)",
    )
    dead_share: float = _share(
        0.5,
        _ACTIVITY,
        "Dead ReLU from",
        "Share of a layer's maps or units that must stay inactive.",
        "as in SageMaker Debugger",
    )
    dead_updates: int = _count(
        10, _ACTIVITY, "Dead ReLU for", "Updates in a row for which a map must be inactive."
    )
    dead_images: int = _count(
        100,
        _ACTIVITY,
        "Dead ReLU on",
        "Training images that must have passed meanwhile; with fewer in all, the rule rests.",
    )
    saturated_share: float = _share(
        0.5,
        _ACTIVITY,
        "Saturated from",
        "Share of a layer's values that lie in the flat ends of its tanh or sigmoid.",
    )
    saturated_updates: int = _count(
        10, _ACTIVITY, "Saturated for", "Updates in a row before it is said."
    )
    ratio_high: float = _limit(
        0.1,
        _STEPS,
        "Update / weight above",
        "Norm of an update over the norm of its weights; about 1e−3 is usual.",
        (0, 1e30),
        source="as in MindInsight (SageMaker Debugger: 10)",
    )
    ratio_low: float = _limit(
        1e-8,
        _STEPS,
        "Update / weight below",
        "The same ratio, where weights hardly move any more.",
        (0, 1),
        source="as in SageMaker Debugger (MindInsight: 1e−4)",
    )
    ratio_updates: int = _count(
        10, _STEPS, "Update / weight for", "Updates in a row before it is said."
    )
    flat_updates: int = _count(
        100,
        _LOSS,
        "Loss flat for",
        "Updates without a new lowest loss, smoothed over 20; one batch is too noisy to tell.",
    )
    flat_decrease: float = _share(
        0.01, _LOSS, "Loss falls by", "How much lower than the lowest so far counts as lower."
    )
    overfit_rise: float = _share(
        0.1,
        _LOSS,
        "Overfitting from",
        "Rise of the validation loss over its lowest, while the training loss goes on falling.",
    )
    overfit_validations: int = _count(
        3, _LOSS, "Overfitting for", "Validations in a row before it is said.", 10_000
    )
    collapsed_share: float = _share(
        0.99,
        _ANSWERS,
        "Same answer in",
        "Share of the validation images that get one and the same class.",
    )
    collapsed_validations: int = _count(
        2, _ANSWERS, "Same answer for", "Validations in a row before it is said.", 10_000
    )
    equal_share: float = _share(
        0.5,
        _ANSWERS,
        "Equal filters from",
        "Share of a layer's filters that are copies of another one.",
    )
    class_imbalance: float = _limit(
        4,
        _DATA,
        "Unbalanced from",
        "Images of the most frequent class over those of the rarest.",
        (1, 1e9),
    )
    input_spread_low: float = _limit(
        0.05,
        _DATA,
        "Input spread below",
        "Standard deviation of the images' values; about 1 is usual.",
        (0, 1e9),
    )
    input_spread_high: float = _limit(
        5,
        _DATA,
        "Input spread above",
        "The same deviation, where values of 0 to 255 were taken for 0 to 1.",
        (0, 1e9),
    )
    input_offset: float = _limit(
        5,
        _DATA,
        "Input offset above",
        "Mean of the images' values, in standard deviations.",
        (0, 1e9),
    )

    silent: frozenset[str] = frozenset()
    pausing: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse what lies out of range, or bounds that leave nothing between them."""
        for name, limit in LIMITS.items():
            limit.check(getattr(self, name))
        _check_order("update / weight ratio", self.ratio_low, self.ratio_high)
        _check_order("input's spread", self.input_spread_low, self.input_spread_high)


def _check_order(noun: str, low: float, high: float) -> None:
    if low >= high:
        raise UserError(
            f"the {noun} cannot lie above {number(low)} and below {number(high)}: "
            "make the lower bound the smaller one."
        )


LIMITS: Mapping[str, Limit] = {
    f.name: f.metadata["limit"] for f in fields(Thresholds) if "limit" in f.metadata
}
"""What is to be known of each threshold, by its field."""

DEFAULTS = Thresholds()
