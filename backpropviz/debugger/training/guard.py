"""What keeps an eye on a run: its stops and its diagnosis, asked together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from backpropviz.debugger.training.diagnosis import NOT_FINITE_STATE, Diagnosis, begin_diagnosis
from backpropviz.debugger.training.facts import RunFacts, facts_of
from backpropviz.debugger.training.loss_rules import not_finite
from backpropviz.debugger.training.stop import Stop, Stopped
from backpropviz.debugger.training.stops import DEFAULT_STOPS
from backpropviz.debugger.training.thresholds import DEFAULTS, Thresholds
from backpropviz.debugger.training.watch import Watches, watches
from backpropviz.debugger.training.wording import listed
from backpropviz.engine.address import Address
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.kinds.protocol import LOSS
from backpropviz.engine.training.measure import Measured, Validated
from backpropviz.engine.training.run import Run
from backpropviz.frozen import frozen


@frozen(eq=False)
class Guard:
    """Frozen: each event gives the guard as it is afterwards; `stopped` is why to stop now."""

    facts: RunFacts
    watches: Watches
    diagnosis: Diagnosis
    stopped: Stopped | None = None

    def after(self, row: Measured, *, is_finite: bool = True) -> Guard:
        """After an update; one that is not finite stops the run whatever stops there are."""
        seen = self.watches.after(row)
        diagnosis = self.diagnosis.after(row, is_finite=is_finite)
        stopped = seen.stopped
        if stopped is None and not is_finite:
            found = not_finite(row, self.facts.tensors) or NOT_FINITE_STATE
            sentence = f"Not finite at update {row.iteration:,}: {listed(found)}."
            stopped = Stopped(row.iteration, sentence, LOSS)
        return Guard(self.facts, seen, diagnosis, stopped)

    def validated(self, row: Validated) -> Guard:
        """After a validation."""
        seen = self.watches.validated(row)
        return Guard(self.facts, seen, self.diagnosis.validated(row), seen.stopped)

    def weighed(self, iteration: int, parameters: Parameters) -> Guard:
        """After a look at the weights: at the start and with every picture, not every update."""
        return replace(self, diagnosis=self.diagnosis.weighed(iteration, parameters))

    def located(self, look: Address | None, origin: str) -> Guard:
        """Once it is known which operation made the first value that is not finite."""
        stopped = self.stopped
        if stopped is not None:
            stopped = Stopped(stopped.iteration, f"{stopped.sentence} {origin}", look)
        return replace(self, diagnosis=self.diagnosis.located(look, origin), stopped=stopped)

    def with_stops(self, stops: Iterable[Stop]) -> Guard:
        """Other stops from now on.

        Raises:
            UserError: a stop names a tensor or layer that the network does not have.
        """
        return replace(self, watches=self.watches.with_stops(stops, self.facts))

    def with_limits(self, limits: Thresholds) -> Guard:
        """Other thresholds from now on."""
        return replace(self, diagnosis=self.diagnosis.with_limits(limits))


def guard(run: Run, stops: Iterable[Stop] = DEFAULT_STOPS, limits: Thresholds = DEFAULTS) -> Guard:
    """What keeps an eye on a run, before its first update; the images are read once.

    Raises:
        UserError: a stop names a tensor or layer that the network does not have.
    """
    facts = facts_of(run.network, run.dataset)
    begun = begin_diagnosis(facts, limits).weighed(run.start.iteration, run.start.parameters)
    return Guard(facts, watches(stops, facts), begun)
