"""What keeps an eye on a run: its stops and its diagnosis, asked together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from backpropviz.diagnosis.diagnosis import NOT_FINITE_STATE, Diagnosis, begin_diagnosis
from backpropviz.diagnosis.facts import RunFacts, facts_of
from backpropviz.diagnosis.loss_rules import not_finite
from backpropviz.diagnosis.stops import DEFAULT_STOPS, NO_MEMORY, Memory, Stop, Stopped, check_place
from backpropviz.diagnosis.thresholds import DEFAULTS, Thresholds
from backpropviz.diagnosis.wording import listed
from backpropviz.engine.address import Address
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.kinds.protocol import LOSS
from backpropviz.engine.training.measure import Measured, Validated
from backpropviz.engine.training.run import Run
from backpropviz.frozen import frozen


@frozen(eq=False)
class Watch:
    """A stop and what it remembers; `stopped` is set at the event at which it begins to hold.

    It does not tell again while it holds: one who goes on after a stop gets on.
    """

    stop: Stop
    facts: RunFacts
    memory: Memory = NO_MEMORY
    stopped: Stopped | None = None

    def after(self, row: Measured) -> Watch:
        """After an update."""
        if not self.stop.enabled:
            return self
        return self._told(self.stop.after(self.facts, self.memory, row), row.iteration)

    def validated(self, row: Validated) -> Watch:
        """After a validation."""
        if not self.stop.enabled:
            return self
        return self._told(self.stop.validated(self.facts, self.memory, row), row.iteration)

    def _told(self, memory: Memory, iteration: int) -> Watch:
        met, stopped = memory.met, None
        if met is not None and self.memory.met is None:
            stopped = Stopped(iteration, met.sentence, met.look_at)
        if memory is self.memory and stopped is self.stopped:
            return self
        return replace(self, memory=memory, stopped=stopped)


def watch(stop: Stop, facts: RunFacts) -> Watch:
    """A stop before the first update.

    Raises:
        UserError: it names a tensor or layer that the network does not have.
    """
    check_place(facts, stop)
    return Watch(stop, facts)


@frozen(eq=False)
class Watches:
    """All stops of a run."""

    each: tuple[Watch, ...]

    def after(self, row: Measured) -> Watches:
        """After an update."""
        return self._changed(lambda one: one.after(row))

    def validated(self, row: Validated) -> Watches:
        """After a validation."""
        return self._changed(lambda one: one.validated(row))

    @property
    def stopped(self) -> Stopped | None:
        """Why to stop now: the first stop that began to hold at the last event, or None."""
        return next((one.stopped for one in self.each if one.stopped is not None), None)

    @property
    def stops(self) -> tuple[Stop, ...]:
        """The conditions."""
        return tuple(one.stop for one in self.each)

    def with_stops(self, stops: Iterable[Stop], facts: RunFacts) -> Watches:
        """Other stops from now on; those that stay remember what they have seen.

        Raises:
            UserError: a stop names a tensor or layer that the network does not have.
        """
        known = {one.stop: one for one in self.each}
        return Watches(tuple(known.get(stop) or watch(stop, facts) for stop in stops))

    def _changed(self, event: Callable[[Watch], Watch]) -> Watches:
        each = tuple(map(event, self.each))
        if all(now is before for now, before in zip(each, self.each, strict=True)):
            return self
        return Watches(each)


def watches(stops: Iterable[Stop], facts: RunFacts) -> Watches:
    """All stops of a run before its first update.

    Raises:
        UserError: a stop names a tensor or layer that the network does not have.
    """
    return Watches(()).with_stops(stops, facts)


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
        stopped = seen.stopped or _paused(diagnosis, row.iteration)
        if stopped is None and not is_finite:
            found = not_finite(row, self.facts.tensors) or NOT_FINITE_STATE
            sentence = f"Not finite at update {row.iteration:,}: {listed(found)}."
            stopped = Stopped(row.iteration, sentence, LOSS)
        return Guard(self.facts, seen, diagnosis, stopped)

    def validated(self, row: Validated) -> Guard:
        """After a validation."""
        seen, diagnosis = self.watches.validated(row), self.diagnosis.validated(row)
        stopped = seen.stopped or _paused(diagnosis, row.iteration)
        return Guard(self.facts, seen, diagnosis, stopped)

    def weighed(self, iteration: int, parameters: Parameters) -> Guard:
        """After a look at the weights: at the start and with every picture, not every update."""
        diagnosis = self.diagnosis.weighed(iteration, parameters)
        stopped = self.stopped or _paused(diagnosis, iteration)
        return replace(self, diagnosis=diagnosis, stopped=stopped)

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


def _paused(diagnosis: Diagnosis, iteration: int) -> Stopped | None:
    """Why a rule pauses the run now."""
    alert = diagnosis.pausing
    return None if alert is None else Stopped(iteration, f"{alert.title}.", alert.look_at)


def guard(run: Run, stops: Iterable[Stop] = DEFAULT_STOPS, limits: Thresholds = DEFAULTS) -> Guard:
    """What keeps an eye on a run, before its first update; the images are read once.

    Raises:
        UserError: a stop names a tensor or layer that the network does not have.
    """
    facts = facts_of(run.network, run.dataset)
    begun = begin_diagnosis(facts, limits).weighed(run.start.iteration, run.start.parameters)
    return Guard(facts, watches(stops, facts), begun)
