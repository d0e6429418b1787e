"""Activations that no longer pass a gradient: dead ReLUs, saturated tanh and sigmoid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar, Self

import numpy as np

from backpropviz.diagnosis.rule import Alert, LampRule, PlacesRule
from backpropviz.diagnosis.thresholds import counted, listed, percent
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.kinds.activation import SATURATED
from backpropviz.engine.training.history import Measured, Validated
from backpropviz.engine.value import Address, Array
from backpropviz.frozen import frozen


def _none() -> Array:
    return np.zeros(0, dtype=np.int64)


@frozen(eq=False)
class Inactive:
    """Unit by unit: the first of the looks in a row that found it inactive, and their number.

    Not every update is looked at. The layers lie one after the other, `sizes` units each.
    """

    iteration: int = 0
    """The last update that was looked at."""
    since: Array = field(default_factory=_none)
    looks: Array = field(default_factory=_none)
    sizes: tuple[int, ...] = ()

    def after(
        self,
        iteration: int,
        layers: Sequence[str],
        activities: Mapping[str, Array],
        most_active: float,
    ) -> Inactive:
        """After an update in which these shares of each unit's values were above 0."""
        shares = [activities[layer] for layer in layers]
        is_inactive = np.concatenate(shares) <= most_active
        known = self.sizes or tuple(map(len, shares))
        none = np.zeros(len(is_inactive), dtype=np.int64)
        looks = ((self.looks if self.sizes else none) + 1) * is_inactive
        since = np.where(looks == 1, iteration, self.since if self.sizes else none)
        return Inactive(iteration, since, looks, known)

    def is_dead(self, updates: int, looks: int) -> Array:
        """Which units have been inactive for so many updates, of which so many were looked at."""
        # The number of looks rules out the units that are active.
        dead: Array = (self.looks >= max(looks, 1)) & (self.iteration - self.since + 1 >= updates)
        return dead

    def shares(self, is_dead: Array) -> tuple[float, ...]:
        """The share of each layer's units that are marked."""
        parts = (self.of_layer(is_dead, place) for place in range(len(self.sizes)))
        return tuple(np.count_nonzero(part) / len(part) for part in parts)

    def of_layer(self, every: Array, place: int) -> Array:
        """The part of an array over all units that is of one layer."""
        start = sum(self.sizes[:place])
        return every[start : start + self.sizes[place]]

    def updates(self) -> Array:
        """For how many updates each unit has been inactive, as far as was looked."""
        spans: Array = (self.iteration - self.since + 1) * (self.looks > 0)
        return spans


NOT_LOOKED = Inactive()
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

    def told(self, raised: int) -> Alert:
        layers = [self.facts.rectifiers[place] for place in self.lit]
        layer, since = layers[0], raised - self.span + 1
        dead = self.of_first(self.is_dead)
        axes, count = len(self.facts.shapes[layer]), int(np.count_nonzero(dead))
        noun, part = ("map", "filter") if axes == 3 else ("unit", "row")
        feeder = self.facts.feeders[layer]
        if not feeder:
            loss = "nothing behind them learns"
        elif count == 1:
            loss = f"the {part} of {feeder} behind this {noun} no longer learns"
        else:
            loss = f"the {count:,} {part}s of {feeder} behind these {noun}s no longer learn"
        # The first value of the first dead channel, for the batch's first image.
        look_at = Address(layer, "output", indices=(0, int(np.argmax(dead)), *(0,) * (axes - 1)))
        return Alert(
            "dead_relu",
            f"ReLU {layer}: {count} of {counted(len(dead), noun)} inactive for "
            f"{counted(self.span, 'update')} (threshold {percent(self.limits.dead_share)})",
            _evidence(since, layers),
            f"Where a ReLU gives 0 its derivative is 0, so {loss}. The usual cause is an update "
            "that was too large, or a bias far below 0.",
            ("dead_share", "dead_updates", "inactive_share", "dead_images"),
            since,
            raised,
            look_at,
        )

    def of_first(self, every: Array) -> Array:
        """The part of an array over all units that is of the first layer of the alert."""
        return self.inactive.of_layer(every, self.lit[0])


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

    def told(self, raised: int) -> Alert:
        layers = [self.facts.squashers[place] for place in self.lit]
        layer, share = layers[0], self.values[self.lit[0]]
        return Alert(
            "saturation",
            f"{layer}: {percent(share)} of its values are saturated "
            f"(threshold {percent(self.limits.saturated_share)})",
            f"{_evidence(self.since, layers)} Saturated: in the outer "
            f"{percent(1 - SATURATED)} of the range.",
            "At its ends the function is flat: its derivative, and with it the gradient of all "
            "behind it, is next to 0. Smaller starting weights, a lower learning rate, "
            "normalization or ReLU help.",
            ("saturated_share", "saturated_updates"),
            self.since,
            raised,
            Address(layer, "output").grad,
        )


_GLANCE = 1024
"""So many values of each filter are compared first; they nearly always differ there."""
_ROUNDING = 1e-4
"""How far equal filters may lie apart, as a share of their largest weight, after one update.

Equal filters get gradients that are equal in mathematics; a processor that adds them up in another
order for each lets them part by rounding, and each update makes more of it.
"""
_MOST_ROUNDING = 0.05
_BY_CHANCE = 0.1
"""The share of different filters that may lie so near one another by chance."""


@frozen(eq=False)
class Collapsed(LampRule):
    """Nearly all validation images get the same answer."""

    name: ClassVar[str] = "same answer"
    answer: int = 0
    share: float = 0.0
    has_rows: bool = False

    @property
    def applies(self) -> bool:
        return self.has_rows

    def validated(self, row: Validated) -> Self:
        table = row.confusion
        if table is None or np.count_nonzero(table.sum(axis=1)) < 2:
            return self
        answers = table.sum(axis=0)
        answer = int(answers.argmax())
        share = float(answers[answer] / answers.sum())
        latch = self.latch.after(
            row.iteration,
            is_bad=share >= self.limits.collapsed_share,
            is_good=True,
            patience=self.limits.collapsed_validations,
            calm=1,
        )
        return replace(self, answer=answer, share=share, latch=latch, has_rows=True)

    def told(self, raised: int) -> Alert:
        names, answer = self.facts.class_names, self.answer
        name = names[answer] if answer < len(names) else str(answer)
        return Alert(
            "collapsed",
            f"{percent(self.share)} of the validation images are answered “{name}” "
            f"(threshold {percent(self.limits.collapsed_share)})",
            f"In the last {counted(self.latch.bad, 'validation')}, since update "
            f"{self.latch.first:,}.",
            "The output no longer depends on the image: dead units, weights thrown far away, or "
            "one class so frequent that naming it always is cheap.",
            ("collapsed_share", "collapsed_validations"),
            self.latch.first,
            raised,
            Address(self.facts.output, "output"),
        )


@frozen(eq=False)
class Symmetry(PlacesRule):
    """Filters of a layer are copies of one another."""

    name: ClassVar[str] = "symmetry"

    @property
    def places(self) -> tuple[int, ...]:
        """The tensors that have more than one filter."""
        return tuple(k for k in self.facts.weights if self.facts.filters[k] > 1)

    @property
    def applies(self) -> bool:
        return bool(self.places)

    def weighed(self, iteration: int, parameters: Parameters) -> Self:
        tensors = (self.facts.tensors[k] for k in self.places)
        limit = self.limits.equal_share
        return self.judged(
            iteration,
            [
                copies_share(parameters[tensor.layer][tensor.quantity], iteration)
                for tensor in tensors
            ],
            lambda share: share >= limit,
            lambda share: share < limit,
            patience=1,
        )

    def told(self, raised: int) -> Alert:
        tensors = [self.facts.tensors[self.places[place]] for place in self.lit]
        where, count = tensors[0], self.facts.filters[self.places[self.lit[0]]]
        copies = round(self.values[self.lit[0]] * count)
        return Alert(
            "symmetry",
            f"{where}: {copies} of its {count} filters are copies of another "
            f"(threshold {percent(self.limits.equal_share)})",
            self.evidence(tensors),
            "Equal filters see the same and, where what follows treats them alike, get the same "
            "gradient: they stay equal but for rounding, and the layer is no better than with one. "
            "Start from random weights.",
            ("equal_share",),
            self.since,
            raised,
            where.grad,
        )


def copies_share(weights: Array, updates: int = 0) -> float:
    """The share of filters (along the first axis) that equal another one before them.

    After so many updates, equal means equal but for the rounding that they leave.
    """
    rows = weights.reshape(len(weights), -1)
    copies = _copies(rows[:, :_GLANCE], updates)
    if copies and rows.shape[1] > _GLANCE:
        copies = _copies(rows, updates)
    return copies / len(rows)


def _copies(rows: Array, updates: int) -> int:
    """Sorted by a sum that hardly two different filters share, equal ones are neighbors."""
    mix = np.cos(np.arange(1, rows.shape[1] + 1))
    ordered = rows[np.argsort(rows @ mix, kind="stable")]
    sizes = np.abs(ordered).max(axis=1, initial=0)
    apart = np.abs(np.diff(ordered, axis=0)).max(axis=1, initial=0)
    # How far copies may lie apart; filters of few values come nearer than that by chance.
    grown = min(_ROUNDING * (1 + updates), _MOST_ROUNDING)
    by_chance = math.exp(math.log(_BY_CHANCE / len(rows)) / max(rows.shape[1], 1))
    room = max(_ROUNDING, min(grown, by_chance)) * np.maximum(sizes[1:], sizes[:-1])
    return int(np.count_nonzero(apart <= room))
