"""Stops while a run goes: each is asked at every update, and tells once when it begins to hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from backpropviz.diagnosis.facts import RunFacts
from backpropviz.diagnosis.stop import NO_MEMORY, Memory, Stop, Stopped
from backpropviz.diagnosis.tensor_stops import check_place
from backpropviz.engine.training.measure import Measured, Validated
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
