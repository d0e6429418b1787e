"""Activations that no longer pass a gradient: dead ReLUs, saturated tanh and sigmoid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Self

import numpy as np

from backpropviz.diagnosis.inactive import NOT_LOOKED, Inactive
from backpropviz.diagnosis.rule import Alert, PlacesRule, Severity
from backpropviz.diagnosis.wording import counted, listed, percent
from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.kinds.activation import SATURATED
from backpropviz.engine.training.measure import Measured
from backpropviz.frozen import frozen

_MILDER = 0.8
"""The share of a threshold below which an alert may end."""


@frozen(eq=False)
class DeadReLU(PlacesRule):
    """Many maps of a ReLU give 0 for all images of many updates."""

    name: ClassVar[str] = "dead ReLU"
    inactive: Inactive = NOT_LOOKED
    batch: int = 1
    span: int = 0
    """For how many updates the dead units were inactive when the alert came."""

    @property
    def applies(self) -> bool:
        images = self.facts.images
        is_enough = images is None or images.count >= self.limits.dead_images
        return bool(self.facts.rectifiers) and is_enough

    def after(self, row: Measured) -> Self:
        if not row.activities or not self.facts.rectifiers:
            return self
        inactive = self.inactive.after(
            row.iteration, self.facts.rectifiers, row.activities, self.limits.inactive_share
        )
        looked = replace(self, inactive=inactive, batch=row.count)
        if not self.applies:  # another threshold may have put it to rest
            return replace(looked, latches=(), values=(), since=0, raised=None)
        limit = self.limits.dead_share
        after = looked.judged(
            row.iteration,
            inactive.shares(looked.is_dead),
            lambda share: share >= limit,
            lambda share: share < _MILDER * limit,
            patience=1,
            calm=2,
        )
        if after.raised != row.iteration:
            return after
        dead, spans = after.of_first(after.is_dead), after.of_first(inactive.updates())
        return replace(after, span=int(spans[dead].min()))

    @property
    def is_dead(self) -> Array:
        """Which units count as dead now."""
        looks = math.ceil(self.limits.dead_images / self.batch)
        return self.inactive.is_dead(self.limits.dead_updates, looks)

    @property
    def inactive_for(self) -> Mapping[str, Array]:
        """For how many updates each unit of each ReLU has been inactive, as far as was looked."""
        updates = self.inactive.updates()
        layers = enumerate(self.facts.rectifiers) if len(updates) else ()
        return {layer: self.inactive.of_layer(updates, place) for place, layer in layers}

    @property
    def alert(self) -> Alert | None:
        if self.raised is None:
            return None
        layers = [self.facts.rectifiers[place] for place in self.lit]
        layer, since = layers[0], self.raised - self.span + 1
        dead = self.of_first(self.is_dead)
        noun, count = self.facts.unit_noun(layer), int(np.count_nonzero(dead))
        return Alert(
            "dead_relu",
            Severity.WARNING,
            f"ReLU {layer}: {count} of {counted(len(dead), noun)} inactive for "
            f"{counted(self.span, 'update')} (threshold {percent(self.limits.dead_share)})",
            _evidence(since, layers),
            _meaning_of_dead(self.facts.feeders[layer], noun, count),
            ("dead_share", "dead_updates", "inactive_share", "dead_images"),
            since,
            self.raised,
            layer,
            self.facts.element(layer, int(np.argmax(dead))),
        )

    def of_first(self, every: Array) -> Array:
        """The part of an array over all units that is of the first layer of the alert."""
        return self.inactive.of_layer(every, self.lit[0])


def _meaning_of_dead(feeder: str, noun: str, count: int) -> str:
    part = "filter" if noun == "map" else "row"
    if not feeder:
        loss = "nothing behind them learns"
    elif count == 1:
        loss = f"the {part} of {feeder} behind this {noun} no longer learns"
    else:
        loss = f"the {count:,} {part}s of {feeder} behind these {noun}s no longer learn"
    return (
        f"Where a ReLU gives 0 its derivative is 0, so {loss}. The usual cause is an update that "
        "was too large, or a bias far below 0."
    )


def _evidence(since: int, layers: list[str]) -> str:
    also = f" Also {listed(layers[1:])}." if len(layers) > 1 else ""
    return f"Since update {since:,}.{also}"


@frozen(eq=False)
class Saturation(PlacesRule):
    """Most values of a tanh or sigmoid lie in its flat ends."""

    name: ClassVar[str] = "saturation"
    looked: int = 0
    """The last update that was looked at; 0: none yet."""

    @property
    def applies(self) -> bool:
        return bool(self.facts.squashers)

    def after(self, row: Measured) -> Self:
        if not row.activities or not self.applies:
            return self
        spacing = row.iteration - self.looked if self.looked else 1
        limit = self.limits.saturated_share
        return replace(self, looked=row.iteration).judged(
            row.iteration,
            [1 - float(row.activities[layer].mean()) for layer in self.facts.squashers],
            lambda share: share >= limit,
            lambda share: share < _MILDER * limit,
            patience=1 + math.ceil((self.limits.saturated_updates - 1) / spacing),
        )

    @property
    def alert(self) -> Alert | None:
        if self.raised is None:
            return None
        layers = [self.facts.squashers[place] for place in self.lit]
        layer, share = layers[0], self.values[self.lit[0]]
        return Alert(
            "saturation",
            Severity.WARNING,
            f"{layer}: {percent(share)} of its values are saturated "
            f"(threshold {percent(self.limits.saturated_share)})",
            f"{_evidence(self.since, layers)} Saturated: in the outer "
            f"{percent(1 - SATURATED)} of the range.",
            "At its ends the function is flat: its derivative, and with it the gradient of all "
            "behind it, is next to 0. Smaller starting weights, a lower learning rate, "
            "normalization or ReLU help.",
            ("saturated_share", "saturated_updates"),
            self.since,
            self.raised,
            layer,
            Address(layer, "output").grad,
        )
