"""All rules over one run: what is wrong now, what was, and which rules have nothing to say.

Frozen, and cheap enough for every update: a rule that sees nothing stays the same object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from backpropviz.diagnosis.activity_rules import DeadReLU, Saturation
from backpropviz.diagnosis.answer_rules import Collapsed, Symmetry
from backpropviz.diagnosis.data_rules import Unbalanced, Unnormalized
from backpropviz.diagnosis.facts import RunFacts
from backpropviz.diagnosis.gradient_rules import Exploding, Vanishing
from backpropviz.diagnosis.loss_rules import DoubledActivation, Flat, NotFinite, Overfitting
from backpropviz.diagnosis.rule import Alert, Rule
from backpropviz.diagnosis.step_rules import Ratio
from backpropviz.diagnosis.thresholds import DEFAULTS, Thresholds
from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.training.measure import Measured, Validated
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
        return replace(after, rules=tuple(_blamed(rule, row.iteration) for rule in after.rules))

    def validated(self, row: Validated) -> Diagnosis:
        """After a validation."""
        return self._changed(row.iteration, lambda rule: rule.validated(row))

    def weighed(self, iteration: int, parameters: Parameters) -> Diagnosis:
        """After a look at the weights: at the start, and now and then."""
        return self._changed(iteration, lambda rule: rule.weighed(iteration, parameters))

    def located(self, look: Address | None, origin: str) -> Diagnosis:
        """Once it is known which operation made the first value that is not finite."""
        rules = tuple(
            rule.located(look, origin) if isinstance(rule, NotFinite) else rule
            for rule in self.rules
        )
        return replace(self, rules=rules)

    def with_limits(self, limits: Thresholds) -> Diagnosis:
        """The same history held against other thresholds from now on."""
        return replace(self, rules=tuple(replace(rule, limits=limits) for rule in self.rules))

    @property
    def active(self) -> tuple[Alert, ...]:
        """What is wrong now: the worst first, among equals the newest first."""
        alerts = [rule.alert for rule in self.rules if rule.is_raised and rule.alerts]
        found = [alert for alert in alerts if alert is not None]
        return tuple(sorted(found, key=lambda alert: (-alert.severity, -alert.raised)))

    @property
    def quiet(self) -> tuple[str, ...]:
        """The names of the rules that look at this run, and see nothing to say."""
        looking = (rule for rule in self.rules if rule.applies and rule.alerts)
        return tuple(rule.name for rule in looking if not rule.is_raised)

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
            if before is not now and before.is_raised and not now.is_raised and before.alerts
            if (alert := before.alert) is not None
        ]
        over = (*ended, *self.over)[:_MOST_OVER] if ended else self.over
        begun = (
            now.alert
            for before, now in zip(self.rules, rules, strict=True)
            if now.pauses and now.is_raised and not before.is_raised
        )
        return Diagnosis(rules, over, next(begun, None))


def _blamed(rule: Rule, iteration: int) -> Rule:
    """The rule after an update whose numbers are finite, but not all that it made."""
    if isinstance(rule, NotFinite) and not rule.is_raised:
        return rule.found(iteration, NOT_FINITE_STATE)
    return rule


def begin_diagnosis(facts: RunFacts, limits: Thresholds = DEFAULTS) -> Diagnosis:
    """The diagnosis of a run before its first update."""
    return Diagnosis(tuple(rule(facts, limits) for rule in RULES))
