"""A rule may alert, pause the run, or both; it pauses at the event at which it begins to be met."""

from __future__ import annotations

from backpropviz.diagnosis.stops import Watches
from backpropviz.diagnosis.thresholds import Thresholds
from backpropviz.diagnosis.watch import Guard, begin_diagnosis
from backpropviz.engine.value import parse
from tests.diagnosis.watched import facts, relu, row, validation


def begun(silent: tuple[str, ...] = (), pausing: tuple[str, ...] = ()) -> Guard:
    """A guard without stops of its own."""
    limits = Thresholds(
        silent=frozenset(silent), pausing=frozenset(pausing), ratio_updates=3, overfit_validations=2
    )
    return Guard(facts(), Watches(facts()), begin_diagnosis(facts(), limits))


def test_a_rule_alerts_and_does_not_pause_unless_asked() -> None:
    guard = begun().after(row(1, gradient=1e5))
    assert [alert.rule for alert in guard.diagnosis.active] == ["exploding"]
    assert guard.stopped is None


def test_a_pausing_rule_stops_the_run_once_while_it_is_met() -> None:
    guard = begun(pausing=("exploding",)).after(row(1))
    assert guard.stopped is None
    guard = guard.after(row(2, gradients={2: 1e5}))
    assert guard.stopped is not None
    assert guard.stopped.iteration == 2
    assert guard.stopped.sentence == (
        "Gradient of dense1.weight explodes: norm 1e5 at update 2 (threshold 1e4)."
    )
    assert guard.stopped.look_at == parse("dense1.weight.grad")
    assert guard.after(row(3, gradients={2: 1e5})).stopped is None  # who goes on gets on


def test_a_rule_with_patience_pauses_when_it_is_sure() -> None:
    guard = begun(pausing=("update / weight ratio",))
    stops = []
    for k in range(1, 6):
        guard = guard.after(row(k, step=0.5))
        stops.append(guard.stopped is not None)
    assert stops == [False, False, True, False, False]


def test_a_validation_can_pause() -> None:
    guard = begun(pausing=("overfitting",))
    for k, (loss, held_out) in enumerate([(2.0, 1.0), (1.0, 1.5), (0.5, 1.6)], start=1):
        guard = guard.after(row(k, loss)).validated(validation(k, held_out))
    assert guard.stopped is not None
    assert "Overfitting" in guard.stopped.sentence


def test_a_silent_rule_says_nothing_and_may_pause() -> None:
    guard = begun(("exploding", "dead ReLU"), ("exploding",))
    assert not {"exploding", "dead ReLU"} & set(guard.diagnosis.quiet)
    guard = guard.after(row(1, gradient=1e5, active=relu(0.0, 0.0)))
    assert guard.stopped is not None
    assert not guard.diagnosis.active
    for k in range(2, 20):
        guard = guard.after(row(k))
    assert not guard.diagnosis.over


def test_responses_can_be_changed_while_a_rule_is_met() -> None:
    guard = begun().after(row(1, gradient=1e5))
    guard = guard.with_limits(Thresholds(pausing=frozenset({"exploding"})))
    assert guard.after(row(2, gradient=1e5)).stopped is None  # it began before
