"""Gradients that vanish, and gradients that explode."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar, Self

from backpropviz.diagnosis.rule import Alert, PlacesRule, Severity
from backpropviz.diagnosis.wording import counted, listed, number
from backpropviz.engine.address import Address
from backpropviz.engine.training.measure import Measured
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

    @property
    def weights(self) -> tuple[int, ...]:
        """The tensors that count: a bias before a normalization has the gradient 0 by right."""
        return tuple(k for k, is_weight in enumerate(self.facts.is_weight) if is_weight)

    def after(self, row: Measured) -> Self:
        known = self if not math.isnan(self.first_loss) else replace(self, first_loss=row.loss)
        limit = self.limits.vanishing_rms
        is_learned = row.loss <= _LEARNED * known.first_loss
        values = [
            row.gradient_norms[k] / math.sqrt(self.facts.sizes[k])
            for k, is_weight in enumerate(self.facts.is_weight)
            if is_weight
        ]
        return known.judged(
            row.iteration,
            values,
            lambda rms: rms < limit and not is_learned,
            lambda rms: rms > _MILDER * limit or is_learned,
            self.limits.vanishing_updates,
        )

    @property
    def alert(self) -> Alert | None:
        if self.raised is None:
            return None
        tensors = [self.facts.tensors[self.weights[place]] for place in self.lit]
        values = [self.values[place] for place in self.lit]
        least = min(range(len(values)), key=values.__getitem__)
        where, limit = tensors[least], number(self.limits.vanishing_rms)
        shown = f"{number(values[least])} in root mean square" if values[least] else "exactly 0"
        return Alert(
            "vanishing",
            Severity.WARNING,
            f"Gradient of {where} vanishes: {shown} (threshold {limit})",
            _evidence(self.since, self.limits.vanishing_updates, tensors),
            _meaning_of_vanishing(where, is_zero=not values[least]),
            ("vanishing_rms", "vanishing_updates"),
            self.since,
            self.raised,
            where.layer,
            where.grad,
        )


def _meaning_of_vanishing(where: Address, *, is_zero: bool) -> str:
    if is_zero:
        return (
            f"No gradient reaches {where.layer} at all, so it does not learn: behind it every path "
            "is cut, by ReLUs that give 0 or by saturated units."
        )
    return (
        "On its way back the gradient is multiplied by each layer's slope and weights; where these "
        "are small, early layers learn nothing. ReLU for sigmoid, weights that start larger, "
        "normalization or residual joins keep it up."
    )


def _evidence(since: int, updates: int, tensors: list[Address]) -> str:
    also = f" In all: {listed([str(tensor) for tensor in tensors])}." if len(tensors) > 1 else ""
    return f"Since update {since:,}, for at least {counted(updates, 'update')}.{also}"


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
        before = self.peak if self.is_raised else 0.0
        finite = [norm if math.isfinite(norm) else 0.0 for norm in row.gradient_norms]
        peak = max(finite)
        if peak <= before:
            return after
        return replace(after, peak=peak, peak_place=finite.index(peak), peak_at=row.iteration)

    @property
    def alert(self) -> Alert | None:
        if self.raised is None:
            return None
        where = self.facts.tensors[self.peak_place]
        tensors = [str(self.facts.tensors[place]) for place in self.lit]
        also = f" In all: {listed(tensors)}." if len(tensors) > 1 else ""
        return Alert(
            "exploding",
            Severity.ERROR,
            f"Gradient of {where} explodes: norm {number(self.peak)} at update {self.peak_at:,} "
            f"(threshold {number(self.limits.exploding_norm)})",
            f"Since update {self.since:,}.{also}",
            "The next update is this gradient times the learning rate, so it may throw the weights "
            "far away. A lower learning rate, smaller starting weights or images scaled to about "
            "−1 … 1 help.",
            ("exploding_norm",),
            self.since,
            self.raised,
            where.layer,
            where.grad,
        )
