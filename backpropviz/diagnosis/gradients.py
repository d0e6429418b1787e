"""Gradients that vanish, and gradients that explode."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar, Self

from backpropviz.diagnosis.rule import Alert, PlacesRule, Severity
from backpropviz.diagnosis.thresholds import number
from backpropviz.engine.training.history import Measured
from backpropviz.frozen import frozen

_MILDER = 2
"""How far on the good side of a threshold a value must lie before an alert ends."""
_LEARNED = 0.01
"""Below this share of the first loss small gradients are what a learned task has."""


@frozen(eq=False)
class Vanishing(PlacesRule):
    """The gradient of a weight is next to nothing, update after update.

    Measured is the root mean square, which is never below the mean of |g| that other tools take.
    """

    name: ClassVar[str] = "vanishing"
    first_loss: float = math.nan

    def after(self, row: Measured) -> Self:
        known = self if not math.isnan(self.first_loss) else replace(self, first_loss=row.loss)
        limit = self.limits.vanishing_rms
        is_learned = row.loss <= _LEARNED * known.first_loss
        # Of the weights alone: a bias before a normalization has the gradient 0 by right.
        norms, sizes = row.gradient_norms, self.facts.sizes
        values = [norms[k] / math.sqrt(sizes[k]) for k in self.facts.weights]
        return known.judged(
            row.iteration,
            values,
            lambda rms: rms < limit and not is_learned,
            lambda rms: rms > _MILDER * limit or is_learned,
            self.limits.vanishing_updates,
        )

    def told(self, raised: int) -> Alert:
        tensors = [self.facts.tensors[self.facts.weights[place]] for place in self.lit]
        values = [self.values[place] for place in self.lit]
        least = min(range(len(values)), key=values.__getitem__)
        where, limit = tensors[least], number(self.limits.vanishing_rms)
        shown = f"{number(values[least])} in root mean square" if values[least] else "exactly 0"
        return Alert(
            "vanishing",
            f"Gradient of {where} vanishes: {shown} (threshold {limit})",
            self.evidence(tensors, self.limits.vanishing_updates),
            _SMALL if values[least] else _NONE.format(layer=where.layer),
            ("vanishing_rms", "vanishing_updates"),
            self.since,
            raised,
            where.grad,
        )


_NONE = (
    "No gradient reaches {layer} at all, so it does not learn: behind it every path is cut, by "
    "ReLUs that give 0 or by saturated units."
)
_SMALL = (
    "On its way back the gradient is multiplied by each layer's slope and weights; where these are "
    "small, early layers learn nothing. ReLU for sigmoid, weights that start larger, normalization "
    "or residual joins keep it up."
)


@frozen(eq=False)
class Exploding(PlacesRule):
    """The gradient of a tensor is huge; said at once."""

    name: ClassVar[str] = "exploding"
    peak: float = 0.0
    """The largest norm while the alert has lasted, and whose it was, when."""
    peak_place: int = 0
    peak_at: int = 0

    def after(self, row: Measured) -> Self:
        limit = self.limits.exploding_norm
        after = self.judged(
            row.iteration,
            row.gradient_norms,
            lambda norm: limit < norm < math.inf,
            lambda norm: norm < limit / _MILDER,
            patience=1,
            calm=10,
        )
        if after is self:
            return self
        before = 0.0 if self.raised is None else self.peak
        finite = [norm if math.isfinite(norm) else 0.0 for norm in row.gradient_norms]
        peak = max(finite)
        if peak <= before:
            return after
        return replace(after, peak=peak, peak_place=finite.index(peak), peak_at=row.iteration)

    def told(self, raised: int) -> Alert:
        where = self.facts.tensors[self.peak_place]
        return Alert(
            "exploding",
            f"Gradient of {where} explodes: norm {number(self.peak)} at update {self.peak_at:,} "
            f"(threshold {number(self.limits.exploding_norm)})",
            self.evidence([self.facts.tensors[place] for place in self.lit]),
            "The next update is this gradient times the learning rate, so it may throw the weights "
            "far away. A lower learning rate, smaller starting weights or images scaled to about "
            "−1 … 1 help.",
            ("exploding_norm",),
            self.since,
            raised,
            where.grad,
            severity=Severity.ERROR,
        )


@frozen(eq=False)
class Ratio(PlacesRule):
    """‖update‖ / ‖weights‖ of a weight tensor lies out of range, update after update."""

    name: ClassVar[str] = "update / weight ratio"

    def after(self, row: Measured) -> Self:
        low, high = self.limits.ratio_low, self.limits.ratio_high
        if row.learning_rate == 0:  # nothing is to move
            return self
        return self.judged(
            row.iteration,
            [row.ratios[k] for k in self.facts.weights],
            lambda ratio: ratio < low or high < ratio < math.inf,
            lambda ratio: _MILDER * low < ratio < high / _MILDER,
            self.limits.ratio_updates,
        )

    def told(self, raised: int) -> Alert:
        tensors = [self.facts.tensors[self.facts.weights[place]] for place in self.lit]
        values = [self.values[place] for place in self.lit]
        low, high = self.limits.ratio_low, self.limits.ratio_high
        is_high = max(values) > high / _MILDER
        place = values.index(max(values) if is_high else min(values))
        where = tensors[place]
        return Alert(
            "ratio",
            f"Update / weight of {where}: {number(values[place])} "
            f"(threshold {number(high if is_high else low)})",
            self.evidence(tensors, self.limits.ratio_updates),
            _TOO_LARGE if is_high else _TOO_SMALL,
            ("ratio_high" if is_high else "ratio_low", "ratio_updates"),
            self.since,
            raised,
            where.of("step"),
        )


_TOO_LARGE = (
    "Each update changes the weights by a large part of their own size (about 1e−3 is usual), so "
    "what was learned is thrown about. Lower the learning rate."
)
_TOO_SMALL = (
    "The weights hardly move (about 1e−3 of their size in an update is usual): the learning rate "
    "is too low, or no gradient arrives."
)
