"""What a rule of the diagnosis is: frozen, with all that it remembers of the run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar, Self

from backpropviz.diagnosis.alert import Alert
from backpropviz.diagnosis.facts import RunFacts
from backpropviz.diagnosis.latch import QUIET, Latch
from backpropviz.diagnosis.thresholds import Thresholds
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.training.measure import Measured, Validated
from backpropviz.frozen import frozen


@frozen(eq=False)
class Rule(ABC):
    """One thing that can go wrong; each event gives the rule as it is afterwards."""

    name: ClassVar[str]
    """What it looks for, in a few words."""

    can_pause: ClassVar[bool] = True
    """Whether it can begin to be met while the network trains."""

    facts: RunFacts
    limits: Thresholds

    @property
    def applies(self) -> bool:
        """Whether the run has what the rule looks at."""
        return True

    def after(self, row: Measured) -> Self:
        """After an update."""
        return self

    def validated(self, row: Validated) -> Self:
        """After a validation."""
        return self

    def weighed(self, iteration: int, parameters: Parameters) -> Self:
        """After a look at the weights; rarer than updates."""
        return self

    @property
    def alerts(self) -> bool:
        """Whether it says what it sees."""
        return self.name not in self.limits.silent

    @property
    def pauses(self) -> bool:
        """Whether it pauses the run when it begins to be met."""
        return self.can_pause and self.name in self.limits.pausing

    @property
    @abstractmethod
    def is_raised(self) -> bool:
        """Whether there is an alert."""

    @property
    @abstractmethod
    def alert(self) -> Alert | None:
        """What is to be said now."""


@frozen(eq=False)
class PlacesRule(Rule):
    """A rule about several places, each with its lamp; none is kept while all is well."""

    latches: tuple[Latch, ...] = ()
    values: tuple[float, ...] = ()
    """What was measured last, by place."""
    since: int = 0
    """The first bad update of the place that went bad first."""
    raised: int | None = None
    """The update at which the first lamp was lit, of those that followed one another."""

    def judged(
        self,
        iteration: int,
        values: Sequence[float],
        is_bad: Callable[[float], bool],
        is_good: Callable[[float], bool],
        patience: int,
        calm: int = 0,
    ) -> Self:
        """After an event that measured these values; `calm` is as long as `patience` if not given.

        NaN is neither bad nor good here: that is said by the rule that looks for it.
        """
        if not self.latches and not any(map(is_bad, values)):
            return self
        before = self.latches or (QUIET,) * len(values)
        latches = tuple(
            latch.after(
                iteration,
                is_bad=is_bad(value),
                is_good=is_good(value),
                patience=patience,
                calm=calm or patience,
            )
            for latch, value in zip(before, values, strict=True)
        )
        if all(latch is QUIET for latch in latches):
            return replace(self, latches=(), values=(), since=0, raised=None)
        lit = [latch for latch in latches if latch.is_raised]
        since, raised = self.since, self.raised
        if not lit:
            since, raised = 0, None
        elif raised is None:
            since, raised = min(latch.first for latch in lit), iteration
        return replace(self, latches=latches, values=tuple(values), since=since, raised=raised)

    @property
    def is_raised(self) -> bool:
        return self.raised is not None

    @property
    def lit(self) -> tuple[int, ...]:
        """The places where the lamp is lit, the one that was lit first at the head."""
        found = [(latch.raised, k) for k, latch in enumerate(self.latches) if latch.is_raised]
        return tuple(k for _, k in sorted(found))
