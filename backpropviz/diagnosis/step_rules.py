"""Updates that are too large or too small for their weights."""

from __future__ import annotations

import math
from itertools import compress
from typing import ClassVar, Self

from backpropviz.diagnosis.rule import Alert, PlacesRule, Severity
from backpropviz.diagnosis.wording import counted, listed, number
from backpropviz.engine.training.measure import Measured
from backpropviz.frozen import frozen

_MILDER = 2
"""How far on the good side of a bound a ratio must lie before an alert ends."""


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
            tuple(compress(row.ratios, self.facts.is_weight)),
            lambda ratio: ratio < low or high < ratio < math.inf,
            lambda ratio: _MILDER * low < ratio < high / _MILDER,
            self.limits.ratio_updates,
        )

    @property
    def alert(self) -> Alert | None:
        if self.raised is None:
            return None
        weights = [k for k, is_weight in enumerate(self.facts.is_weight) if is_weight]
        tensors = [self.facts.tensors[weights[place]] for place in self.lit]
        values = [self.values[place] for place in self.lit]
        low, high = self.limits.ratio_low, self.limits.ratio_high
        is_high = max(values) > high / _MILDER
        place = values.index(max(values) if is_high else min(values))
        where, updates = tensors[place], counted(self.limits.ratio_updates, "update")
        names = f" In all: {listed([str(t) for t in tensors])}." if len(tensors) > 1 else ""
        return Alert(
            "ratio",
            Severity.WARNING,
            f"Update / weight of {where}: {number(values[place])} "
            f"(threshold {number(high if is_high else low)})",
            f"Since update {self.since:,}, for at least {updates}.{names}",
            _TOO_LARGE if is_high else _TOO_SMALL,
            ("ratio_high" if is_high else "ratio_low", "ratio_updates"),
            self.since,
            self.raised,
            where.layer,
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
