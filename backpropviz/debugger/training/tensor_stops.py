"""Stops on tensors and layers: gradient norms, update / weight ratios, dead ReLUs."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import compress
from typing import ClassVar

from backpropviz.debugger.training.facts import RunFacts
from backpropviz.debugger.training.stop import (
    Condition,
    Memory,
    Met,
    Stop,
    check_number,
    check_positive,
)
from backpropviz.debugger.training.thresholds import DEFAULTS
from backpropviz.debugger.training.wording import counted, listed, number, percent
from backpropviz.engine.kinds.configuration import positive
from backpropviz.engine.training.measure import Measured
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class GradientAbove(Condition):
    """The norm of a tensor's gradient, or of all together, is too large.

    Raises:
        UserError: the bound is not above 0.
    """

    kind: ClassVar[str] = "gradient_above"
    title: ClassVar[str] = "Gradient norm"
    norm: float = 100.0
    tensor: str = ""
    """An address such as `conv1.weight`; empty: √Σg² over all tensors."""

    def __post_init__(self) -> None:
        check_positive("norm", self.norm)

    @property
    def words(self) -> str:
        """The condition as a clause."""
        where = self.tensor or "all parameters"
        return f"the gradient norm of {where} is above {number(self.norm)}"

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        norms = row.gradient_norms
        place = _place(facts, self.tensor) if self.tensor else norms.index(max(norms))
        found = norms[place] if self.tensor else row.gradient_norm
        if not found > self.norm:
            return replace(memory, met=None)
        sentence = (
            f"The gradient norm of {self.tensor or 'all parameters'} is {number(found)}, above "
            f"{number(self.norm)}, at update {row.iteration:,}."
        )
        return replace(memory, met=Met(sentence, facts.tensors[place].grad))


@frozen
class RatioOutside(Condition):
    """‖update‖ / ‖weights‖ of a tensor, or of any weight tensor, lies outside [low, high].

    Raises:
        UserError: the bounds leave nothing between them.
    """

    kind: ClassVar[str] = "ratio_outside"
    title: ClassVar[str] = "Update / weight ratio"
    low: float = DEFAULTS.ratio_low
    high: float = DEFAULTS.ratio_high
    tensor: str = ""
    """An address such as `conv1.weight`; empty: any weight tensor."""

    def __post_init__(self) -> None:
        check_number("low", self.low, 0)
        if not self.low < self.high < math.inf:
            raise UserError(
                f"update / weight outside {number(self.low)} … {number(self.high)}: make the "
                "lower bound the smaller one."
            )

    @property
    def words(self) -> str:
        """The condition as a clause."""
        where = self.tensor or "any weight"
        return f"update / weight of {where} is outside {number(self.low)} … {number(self.high)}"

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        if row.learning_rate == 0:
            return replace(memory, met=None)
        ratios = row.ratios
        place = next((k for k in self._places(facts) if self._is_outside(ratios[k])), None)
        if place is None:
            return replace(memory, met=None)
        tensor = facts.tensors[place]
        sentence = (
            f"Update / weight of {tensor} is {number(ratios[place])}, outside "
            f"{number(self.low)} … {number(self.high)}, at update {row.iteration:,}."
        )
        return replace(memory, met=Met(sentence, tensor.of("step")))

    def _places(self, facts: RunFacts) -> tuple[int, ...]:
        if self.tensor:
            return (_place(facts, self.tensor),)
        return tuple(compress(range(len(facts.tensors)), facts.is_weight))

    def _is_outside(self, ratio: float) -> bool:
        return ratio < self.low or ratio > self.high


@frozen
class DeadShare(Condition):
    """So large a share of a ReLU's maps or units has been inactive for so many updates.

    Raises:
        UserError: the share is not in 0 … 1, or `updates` is no whole number of at least 1.
    """

    kind: ClassVar[str] = "dead_share"
    title: ClassVar[str] = "Dead ReLU"
    share: float = DEFAULTS.dead_share
    updates: int = DEFAULTS.dead_updates
    layer: str = ""
    """The name of a ReLU; empty: any of them."""

    def __post_init__(self) -> None:
        check_positive("share", self.share)
        check_number("share", self.share, 0, 1)
        positive("updates", self.updates)

    @property
    def words(self) -> str:
        """The condition as a clause."""
        where = self.layer or "any ReLU"
        updates = counted(self.updates, "update")
        return f"{percent(self.share)} of {where} is inactive for {updates}"

    def after(self, facts: RunFacts, memory: Memory, row: Measured) -> Memory:
        layers = (self.layer,) if self.layer else facts.rectifiers
        if not layers or not row.activities:
            return memory
        _check_rectifier(facts, self.layer)
        inactive = memory.inactive.after(
            row.iteration, layers, row.activities, DEFAULTS.inactive_share
        )
        shares = inactive.shares(inactive.is_dead(self.updates, looks=1))
        place = next((k for k, share in enumerate(shares) if share >= self.share), None)
        met = None
        if place is not None:
            updates = counted(self.updates, "update")
            met = Met(
                f"{percent(shares[place])} of {layers[place]} has been inactive for {updates}, at "
                f"update {row.iteration:,}.",
                facts.output_of(layers[place]),
            )
        return replace(memory, met=met, inactive=inactive)


def check_place(facts: RunFacts, stop: Stop) -> None:
    """Refuse a stop on a tensor or layer that the network does not have.

    Raises:
        UserError: there is none of that name.
    """
    if isinstance(stop, GradientAbove | RatioOutside) and stop.tensor:
        _place(facts, stop.tensor)
    if isinstance(stop, DeadShare):
        _check_rectifier(facts, stop.layer)


def _place(facts: RunFacts, tensor: str) -> int:
    for place, own in enumerate(facts.tensors):
        if own.name == tensor:
            return place
    names = listed([own.name for own in facts.tensors])
    raise UserError(f"“{tensor}” is no parameter of this network; there are {names}.")


def _check_rectifier(facts: RunFacts, layer: str) -> None:
    if layer and layer not in facts.rectifiers:
        names = listed(facts.rectifiers) or "none"
        raise UserError(f"“{layer}” is no ReLU of this network; there are {names}.")
