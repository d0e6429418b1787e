"""Networks that always answer the same, and filters that are all the same."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar, Self

import numpy as np

from backpropviz.diagnosis.rule import QUIET, Alert, Latch, PlacesRule, Rule, Severity
from backpropviz.diagnosis.wording import counted, listed, percent
from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.training.measure import Validated
from backpropviz.frozen import frozen

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
class Collapsed(Rule):
    """Nearly all validation images get the same answer."""

    name: ClassVar[str] = "same answer"
    answer: int = 0
    share: float = 0.0
    latch: Latch = QUIET
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

    @property
    def is_raised(self) -> bool:
        return self.latch.is_raised

    @property
    def alert(self) -> Alert | None:
        if self.latch.raised is None:
            return None
        name = self.facts.class_name(self.answer)
        return Alert(
            "collapsed",
            Severity.WARNING,
            f"{percent(self.share)} of the validation images are answered “{name}” "
            f"(threshold {percent(self.limits.collapsed_share)})",
            f"In the last {counted(self.latch.bad, 'validation')}, since update "
            f"{self.latch.first:,}.",
            "The output no longer depends on the image: dead units, weights thrown far away, or "
            "one class so frequent that naming it always is cheap.",
            ("collapsed_share", "collapsed_validations"),
            self.latch.first,
            self.latch.raised,
            self.facts.output,
            Address(self.facts.output, "output"),
        )


@frozen(eq=False)
class Symmetry(PlacesRule):
    """Filters of a layer are copies of one another."""

    name: ClassVar[str] = "symmetry"

    @property
    def places(self) -> tuple[int, ...]:
        """The tensors that have more than one filter."""
        marks = zip(self.facts.is_weight, self.facts.filters, strict=True)
        return tuple(k for k, (is_weight, count) in enumerate(marks) if is_weight and count > 1)

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

    @property
    def alert(self) -> Alert | None:
        if self.raised is None:
            return None
        tensors = [self.facts.tensors[self.places[place]] for place in self.lit]
        where, count = tensors[0], self.facts.filters[self.places[self.lit[0]]]
        copies = round(self.values[self.lit[0]] * count)
        names = f" In all: {listed([str(t) for t in tensors])}." if len(tensors) > 1 else ""
        return Alert(
            "symmetry",
            Severity.WARNING,
            f"{where}: {copies} of its {count} filters are copies of another "
            f"(threshold {percent(self.limits.equal_share)})",
            f"Since update {self.since:,}.{names}",
            "Equal filters see the same and, where what follows treats them alike, get the same "
            "gradient: they stay equal but for rounding, and the layer is no better than with one. "
            "Start from random weights.",
            ("equal_share",),
            self.since,
            self.raised,
            where.layer,
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
    room = _room(len(rows), rows.shape[1], updates) * np.maximum(sizes[1:], sizes[:-1])
    return int(np.count_nonzero(apart <= room))


def _room(filters: int, values: int, updates: int) -> float:
    """How far copies may lie apart; filters of few values come nearer than that by chance."""
    grown = min(_ROUNDING * (1 + updates), _MOST_ROUNDING)
    by_chance = math.exp(math.log(_BY_CHANCE / filters) / max(values, 1))
    return max(_ROUNDING, min(grown, by_chance))
