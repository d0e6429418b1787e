"""Each rule sees its fault at the right update, does not flicker, and is quiet otherwise."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from backpropviz.diagnosis.activity import copies_share
from backpropviz.diagnosis.rule import Alert, RunFacts, Severity, facts_of
from backpropviz.diagnosis.thresholds import Thresholds
from backpropviz.diagnosis.watch import Diagnosis, begin_diagnosis
from backpropviz.engine.kinds.activation import Sigmoid, Tanh
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.network import chain
from backpropviz.engine.training.history import Measured, Validated
from backpropviz.engine.value import Array, parse
from tests.diagnosis.watched import facts, relu, row, validation
from tests.engine.training.runs import stripes

FEW_IMAGES = Thresholds(dead_images=1)
"""`stripes` has 30 images only."""


def after(
    rows: Iterable[Measured | Validated],
    limits: Thresholds = FEW_IMAGES,
    of: RunFacts | None = None,
) -> Diagnosis:
    now = begin_diagnosis(of or facts(), limits)
    for one in rows:
        now = now.after(one) if isinstance(one, Measured) else now.validated(one)
    return now


def found(now: Diagnosis, rule: str) -> Alert | None:
    return next((alert for alert in now.active if alert.rule == rule), None)


def alert_of(now: Diagnosis, rule: str) -> Alert:
    alert = found(now, rule)
    assert alert is not None
    return alert


def test_a_healthy_course_is_quiet() -> None:
    now = after(row(k, 2 / k, active=relu(0.5, 0.4, 0.3)) for k in range(1, 150))
    assert now.active == ()
    assert now.over == ()
    assert set(now.quiet) >= {"NaN or infinity", "vanishing", "exploding", "dead ReLU"}
    # What the run cannot show is not called quiet.
    assert "saturation" not in now.quiet
    assert "overfitting" not in now.quiet


def test_vanishing_after_ten_updates_and_no_flicker() -> None:
    tiny = [row(k, gradients={0: 1e-9}) for k in range(1, 11)]
    assert found(after(tiny[:9]), "vanishing") is None
    now = after(tiny)
    alert = alert_of(now, "vanishing")
    assert (alert.since, alert.raised) == (1, 10)
    assert alert.look_at == parse("conv1.weight.grad")
    assert "3.3" not in alert.title
    rms = 1e-9 / math.sqrt(27)
    assert f"{rms:.3g}".split("e")[0] in alert.title
    # Just over the threshold is not well yet; well over it for ten updates is.
    size = math.sqrt(27)
    between = [row(k, gradients={0: 1.5e-7 * size}) for k in range(11, 31)]
    now = after([*tiny, *between])
    assert found(now, "vanishing") is not None
    now = after([*tiny, *between, *(row(k) for k in range(31, 41))])
    assert found(now, "vanishing") is None
    assert [(over.rule, over.since, over.until) for over in now.over] == [("vanishing", 1, 40)]


def test_an_alert_keeps_its_key_and_is_not_raised_twice() -> None:
    rows = [row(k, gradients={0: 1e-9}) for k in range(1, 40)]
    keys = {alert_of(after(rows[:n]), "vanishing").key for n in (10, 20, 39)}
    assert keys == {"vanishing@10"}


def test_small_gradients_of_a_learned_task_are_well() -> None:
    learned = [row(1, 2.0), *(row(k, 1e-3, gradient=1e-9) for k in range(2, 30))]
    assert found(after(learned), "vanishing") is None
    stuck = [row(1, 2.0), *(row(k, 2.0, gradient=1e-9) for k in range(2, 30))]
    assert found(after(stuck), "vanishing") is not None


def test_exploding_is_said_at_once_with_its_peak() -> None:
    now = after([row(1), row(2, gradients={2: 5e4}), row(3, gradients={2: 2e4})])
    alert = alert_of(now, "exploding")
    assert (alert.severity, alert.raised) == (Severity.ERROR, 2)
    assert "dense1.weight explodes: norm 5e4 at update 2" in alert.title.replace("50000", "5e4")
    assert found(after([row(1, gradient=9e3)]), "exploding") is None


def test_a_ratio_out_of_range() -> None:
    large = [row(k, step=0.5) for k in range(1, 11)]
    assert found(after(large[:9]), "ratio") is None
    alert = alert_of(after(large), "ratio")
    assert alert.thresholds[0] == "ratio_high"
    assert alert.look_at == parse("conv1.weight.step")
    assert alert_of(after(row(k, step=1e-10) for k in range(1, 11)), "ratio").thresholds[0] == (
        "ratio_low"
    )
    resting = [row(k, step=0.0, rate=0.0) for k in range(1, 30)]
    assert found(after(resting), "ratio") is None


def test_dead_maps_with_the_first_update_that_shows_it() -> None:
    alive = [row(k, active=relu(0.2, 0.3, 0.4)) for k in range(1, 6)]
    dead = [row(k, active=relu(0.0, 0.01, 0.4)) for k in range(6, 16)]
    assert found(after([*alive, *dead[:-1]]), "dead_relu") is None
    now = after([*alive, *dead])
    alert = alert_of(now, "dead_relu")
    assert alert.title == "ReLU relu1: 2 of 3 maps inactive for 10 updates (threshold 50 %)"
    assert (alert.since, alert.raised) == (6, 15)
    assert "2 filters of conv1" in alert.meaning
    assert alert.look_at == parse("relu1.output[0,0,0,0]")
    assert now.inactive_for["relu1"].tolist() == [10, 10, 0]


def test_a_dead_map_needs_images_that_could_have_woken_it() -> None:
    dead = [row(k, active=relu(0.0, 0.0, 0.0)) for k in range(1, 50)]
    assert found(after(dead, Thresholds()), "dead_relu") is None  # 30 images in all
    looks = Thresholds(dead_images=30, dead_updates=1)
    small = [row(k, count=10, active=relu(0.0, 0.0, 0.0)) for k in range(1, 4)]
    assert found(after(small[:2], looks), "dead_relu") is None
    assert found(after(small, looks), "dead_relu") is not None


def test_a_rule_that_is_put_to_rest_takes_its_alert_back() -> None:
    now = after(row(k, active=relu(0.0, 0.0, 0.4)) for k in range(1, 11))
    assert found(now, "dead_relu") is not None
    now = now.with_limits(Thresholds()).after(row(11, active=relu(0.0, 0.0, 0.4)))
    assert found(now, "dead_relu") is None
    assert "dead ReLU" not in now.quiet


def test_dead_maps_wake_up() -> None:
    dead = [row(k, active=relu(0.0, 0.0, 0.4)) for k in range(1, 11)]
    awake = [row(k, active=relu(0.2, 0.3, 0.4)) for k in range(11, 13)]
    now = after([*dead, *awake])
    assert found(now, "dead_relu") is None
    assert now.over[0].until == 12


def test_saturation_of_tanh_and_sigmoid() -> None:
    layers: dict[str, Layer] = {
        "dense1": Dense(4),
        "tanh1": Tanh(),
        "dense2": Dense(2),
        "sigmoid1": Sigmoid(),
    }
    own = facts_of(chain("squashed", (3,), layers, CrossEntropy()))
    assert own.squashers == ("tanh1", "sigmoid1")
    active = {"tanh1": np.array([0.1, 0.2, 0.0, 0.1]), "sigmoid1": np.array([0.9, 1.0])}
    rows = [row(k, active=active) for k in range(1, 22, 10)]
    assert found(after(rows[:1], of=own), "saturation") is None
    alert = alert_of(after(rows[:2], of=own), "saturation")
    assert alert.title == "tanh1: 90 % of its values are saturated (threshold 50 %)"
    assert alert.look_at == parse("tanh1.output.grad")


def test_a_loss_that_no_longer_falls() -> None:
    falling = [row(k, 2 - 0.01 * k) for k in range(1, 101)]
    flat = [row(k, 1.0) for k in range(101, 400)]
    now = after([*falling, *flat])
    alert = alert_of(now, "flat")
    assert alert.severity is Severity.NOTE
    assert alert.raised - alert.since == 100
    again = [row(k, 0.2) for k in range(400, 420)]
    assert found(after([*falling, *flat, *again]), "flat") is None
    learned = [row(1, 2.0), *(row(k, 0.001) for k in range(2, 400))]
    assert found(after(learned), "flat") is None


def test_overfitting_wants_falling_training_and_rising_validation() -> None:
    def course(validations: list[float], train: float) -> list[Measured | Validated]:
        rows: list[Measured | Validated] = []
        for epoch, loss in enumerate(validations):
            rows += [row(10 * epoch + k, 1 + train * epoch) for k in range(1, 11)]
            rows.append(validation(10 * epoch + 10, loss))
        return rows

    rising = [1.0, 0.5, 0.6, 0.7, 0.8]
    alert = alert_of(after(course(rising, -0.1)), "overfitting")
    assert (alert.since, alert.raised) == (30, 50)
    assert "lowest 0.5 at update 20" in alert.title
    assert found(after(course(rising, 0.1)), "overfitting") is None
    assert found(after(course(rising[:4], -0.1)), "overfitting") is None
    now = after([*course(rising, -0.1), validation(60, 0.4)])
    assert found(now, "overfitting") is None


def test_the_same_answer_for_all() -> None:
    same = np.array([[0, 50], [0, 50]])
    mixed = np.array([[40, 10], [0, 50]])
    rows = [validation(10, 1.0, 0.5, same), validation(20, 1.0, 0.5, same)]
    assert found(after(rows[:1]), "collapsed") is None
    alert = alert_of(after(rows), "collapsed")
    assert "“level”" in alert.title
    assert (alert.since, alert.raised) == (10, 20)
    assert found(after([*rows, validation(30, 1.0, 0.9, mixed)]), "collapsed") is None


def test_not_finite_names_what_and_then_where() -> None:
    now = after([row(1), row(2, math.nan, gradients={0: math.inf})])
    alert = alert_of(now, "not_finite")
    assert alert.title == "Not finite at update 2: the loss is NaN, conv1.weight.grad"
    look = parse("conv1.output[0,1,2,3]")
    alert = alert_of(now.located(look, "conv1.output[0,1,2,3] is infinite."), "not_finite")
    assert (alert.look_at, alert.evidence) == (look, "conv1.output[0,1,2,3] is infinite.")
    hidden = begin_diagnosis(facts()).after(row(3), is_finite=False)
    assert alert_of(hidden, "not_finite").raised == 3
    assert found(now.after(row(3)), "not_finite") is None


def test_the_worst_comes_first() -> None:
    rows = [row(k, step=0.5) for k in range(1, 11)]
    now = after([*rows, row(11, step=0.5, gradients={0: 1e6})])
    assert [alert.rule for alert in now.active] == ["exploding", "ratio"]


def test_other_thresholds_hold_from_then_on() -> None:
    now = after([row(k, gradient=50.0) for k in range(1, 5)])
    assert now.active == ()
    now = now.with_limits(replace(now.limits, exploding_norm=10)).after(row(5, gradient=50.0))
    assert alert_of(now, "exploding").raised == 5


@pytest.mark.parametrize(
    ("weights", "share"),
    [
        (np.ones((4, 2, 3, 3)), 0.75),
        (np.zeros((2, 5)), 0.5),
        (np.random.default_rng(0).normal(size=(50, 1, 3, 3)), 0.0),
        (np.repeat(np.random.default_rng(0).normal(size=(5, 3000)), 2, axis=0), 0.5),
    ],
)
def test_copies_are_counted(weights: Array, share: float) -> None:
    assert copies_share(weights) == share


def test_copies_that_differ_late_are_none() -> None:
    rows = np.ones((3, 3000))
    rows[1, -1] = rows[2, -2] = 2
    assert copies_share(rows) == 0


def test_unbalanced_classes_and_unnormalized_images() -> None:
    own = facts()
    assert own.images is not None
    begun = begin_diagnosis(own)
    assert begun.active == ()
    uneven = replace(own, images=replace(own.images, class_counts={"upright": 25, "level": 5}))
    alert = alert_of(begin_diagnosis(uneven), "unbalanced")
    assert "25 images of “upright”, 5 of “level”" in alert.title
    assert (alert.since, alert.look_at) == (0, None)
    for mean, deviation, threshold in (
        (33.0, 78.0, "input_spread_high"),
        (0.5, 0.001, "input_spread_low"),
        (100.0, 2.0, "input_offset"),
    ):
        images = replace(own.images, mean=mean, deviation=deviation)
        alert = alert_of(begin_diagnosis(replace(own, images=images)), "unnormalized")
        assert alert.thresholds == (threshold,)


def test_the_images_are_read_as_they_are() -> None:
    data, own = stripes(), facts()
    assert own.images is not None
    images = data.training.images.astype(np.float64)
    assert own.images.mean == pytest.approx(float(images.mean()), rel=1e-9)
    assert own.images.deviation == pytest.approx(float(images.std()), rel=1e-9)
    assert own.images.class_counts == {"upright": 15, "level": 15}
