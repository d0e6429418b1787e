"""Guard of a run: its rules in one table, and its stops, asked together after each event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from backpropviz.diagnosis.activity import Collapsed, DeadReLU, Saturation, Symmetry
from backpropviz.diagnosis.gradients import Exploding, Ratio, Vanishing
from backpropviz.diagnosis.loss import (
    DoubledActivation,
    Flat,
    NotFinite,
    Overfitting,
    Unbalanced,
    Unnormalized,
    not_finite,
)
from backpropviz.diagnosis.rule import Alert, Rule, RunFacts, facts_of
from backpropviz.diagnosis.stops import DEFAULT_STOPS, Stop, Stopped, Watches
from backpropviz.diagnosis.thresholds import DEFAULTS, Thresholds, listed
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.kinds.protocol import LOSS
from backpropviz.engine.training.history import Measured, Validated
from backpropviz.engine.training.run import Run
from backpropviz.engine.value import Address, Array
from backpropviz.frozen import frozen

RULES: tuple[type[Rule], ...] = (
    NotFinite,
    Exploding,
    Vanishing,
    Ratio,
    DeadReLU,
    Saturation,
    Symmetry,
    Collapsed,
    Overfitting,
    Flat,
    DoubledActivation,
    Unnormalized,
    Unbalanced,
)
_MOST_OVER = 20
NOT_FINITE_STATE = ("a weight or a state of the optimizer",)


@frozen(eq=False)
class Diagnosis:
    """The rules after some updates; `over` are the alerts that have ended, the last one first.

    `pausing` is the alert of a rule that pauses the run and began to be met at the last event.
    """

    rules: tuple[Rule, ...]
    over: tuple[Alert, ...] = ()
    pausing: Alert | None = None

    def after(self, row: Measured, *, is_finite: bool = True) -> Diagnosis:
        """After an update; `is_finite` false tells what the row's numbers may not show."""
        after = self._changed(row.iteration, lambda rule: rule.after(row))
        if is_finite:
            return after
        rules = (
            rule.found(row.iteration, NOT_FINITE_STATE)
            if isinstance(rule, NotFinite) and rule.raised is None
            else rule
            for rule in after.rules
        )
        return replace(after, rules=tuple(rules))

    def validated(self, row: Validated) -> Diagnosis:
        return self._changed(row.iteration, lambda rule: rule.validated(row))

    def weighed(self, iteration: int, parameters: Parameters) -> Diagnosis:
        """After a look at the weights: at the start, and now and then."""
        return self._changed(iteration, lambda rule: rule.weighed(iteration, parameters))

    def located(self, look: Address | None, origin: str) -> Diagnosis:
        """Once it is known which operation made the first value that is not finite."""
        rules = (
            replace(rule, look=look, origin=origin) if isinstance(rule, NotFinite) else rule
            for rule in self.rules
        )
        return replace(self, rules=tuple(rules))

    def with_limits(self, limits: Thresholds) -> Diagnosis:
        """The same history held against other thresholds from now on."""
        return replace(self, rules=tuple(replace(rule, limits=limits) for rule in self.rules))

    @property
    def active(self) -> tuple[Alert, ...]:
        """What is wrong now: the worst first, among equals the newest first."""
        alerts = (rule.alert for rule in self.rules if rule.alerts)
        found = [alert for alert in alerts if alert is not None]
        return tuple(sorted(found, key=lambda alert: (-alert.severity, -alert.raised)))

    @property
    def quiet(self) -> tuple[str, ...]:
        """The names of the rules that look at this run, and see nothing to say."""
        looking = (rule for rule in self.rules if rule.applies and rule.alerts)
        return tuple(rule.name for rule in looking if rule.raised is None)

    @property
    def limits(self) -> Thresholds:
        """The thresholds of all rules."""
        return self.rules[0].limits

    @property
    def inactive_for(self) -> Mapping[str, Array]:
        """For how many updates each unit of each ReLU has been inactive, as far as was looked."""
        return next(rule.inactive_for for rule in self.rules if isinstance(rule, DeadReLU))

    def _changed(self, iteration: int, event: Callable[[Rule], Rule]) -> Diagnosis:
        rules = tuple(map(event, self.rules))
        ended = [
            replace(alert, until=iteration)
            for before, now in zip(self.rules, rules, strict=True)
            if before is not now and now.raised is None and before.alerts
            if (alert := before.alert) is not None
        ]
        over = (*ended, *self.over)[:_MOST_OVER] if ended else self.over
        begun = (
            now.alert
            for before, now in zip(self.rules, rules, strict=True)
            if now.pauses and before.raised is None and now.raised is not None
        )
        return Diagnosis(rules, over, next(begun, None))


def begin_diagnosis(facts: RunFacts, limits: Thresholds = DEFAULTS) -> Diagnosis:
    """The diagnosis of a run before its first update."""
    return Diagnosis(tuple(rule(facts, limits) for rule in RULES))


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
        found = not_finite(row, self.facts.tensors) or (() if is_finite else NOT_FINITE_STATE)
        if found:
            sentence = f"Not finite at update {row.iteration:,}: {listed(found)}."
            return Guard(self.facts, seen, diagnosis, Stopped(row.iteration, sentence, LOSS))
        return Guard(self.facts, seen, diagnosis, seen.stopped or _paused(diagnosis, row.iteration))

    def validated(self, row: Validated) -> Guard:
        seen, diagnosis = self.watches.validated(row), self.diagnosis.validated(row)
        return Guard(self.facts, seen, diagnosis, seen.stopped or _paused(diagnosis, row.iteration))

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
        """Other stops from now on."""
        return replace(self, watches=self.watches.with_stops(stops))

    def with_limits(self, limits: Thresholds) -> Guard:
        """Other thresholds from now on."""
        return replace(self, diagnosis=self.diagnosis.with_limits(limits))


def _paused(diagnosis: Diagnosis, iteration: int) -> Stopped | None:
    """Why a rule pauses the run now."""
    alert = diagnosis.pausing
    return None if alert is None else Stopped(iteration, f"{alert.title}.", alert.look_at)


def guard(run: Run, stops: Iterable[Stop] = DEFAULT_STOPS, limits: Thresholds = DEFAULTS) -> Guard:
    """What keeps an eye on a run, before its first update; the images are read once."""
    facts = facts_of(run.network, run.dataset)
    begun = begin_diagnosis(facts, limits).weighed(run.start.iteration, run.start.parameters)
    return Guard(facts, Watches(facts).with_stops(stops), begun)
