"""Schedules: their values by hand, composed, as JSON, and in training."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import numpy as np
import pytest

from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Adam, Sgd
from backpropviz.engine.training.samples import Batches
from backpropviz.engine.training.update import (
    ConstantRate,
    Cosine,
    Curve,
    Product,
    StepDecay,
    Then,
    Trained,
    WarmUp,
    curve_from_fields,
    curve_to_fields,
    scheduled,
    train,
)
from backpropviz.errors import UserError


@pytest.mark.parametrize(
    ("curve", "values"),
    [
        (ConstantRate(), [1, 1, 1, 1, 1, 1]),
        (StepDecay(2, 0.5), [1, 1, 0.5, 0.5, 0.25, 0.25]),
        (Cosine(2), [1, 0.5, 0, 0, 0, 0]),
        (Cosine(2, 0.2), [1, 0.6, 0.2, 0.2, 0.2, 0.2]),
        (Cosine(2, mirrored=True), [1, 0.5, 0, 0.5, 1, 0.5]),
        (WarmUp(4), [0, 0.25, 0.5, 0.75, 1, 1]),
        (WarmUp(2, 0.5), [0.5, 0.75, 1, 1, 1, 1]),
        (Then(WarmUp(2), 2, Cosine(2)), [0, 0.5, 1, 0.5, 0, 0]),
        (Product(WarmUp(2), StepDecay(3, 0.1)), [0, 0.5, 1, 0.1, 0.1, 0.1]),
    ],
    ids=str,
)
def test_a_curve_by_hand_and_as_json(curve: Curve, values: list[float]) -> None:
    assert [curve(k + 1) for k in range(6)] == pytest.approx(values, abs=1e-15)
    assert curve_from_fields(json.loads(json.dumps(curve_to_fields(curve)))) == curve


def test_the_learning_rate_is_multiplied_and_the_rest_stays() -> None:
    rule = scheduled(Adam(0.2, (0.5, 0.75), weight_decay=0.1), StepDecay(1, 0.5))
    assert rule(3) == Adam(0.05, (0.5, 0.75), weight_decay=0.1)


def test_training_asks_for_each_update() -> None:
    network = chain("net", (2,), {"dense": Dense(1)}, SquaredError())
    batches = Batches(np.ones((4, 2), np.float32), np.ones((4, 1)), size=2)
    start = Trained(initialize(network))
    rule = scheduled(Sgd(0.1), Then(ConstantRate(), 2, ConstantRate(0.0)))
    states = list(islice(train(network, start, batches, rule), 4))
    weights = [state.parameters["dense"]["weight"] for state in states]
    assert not np.array_equal(weights[0], weights[1])
    assert np.array_equal(weights[1], weights[3])


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Cosine(0), "updates = 0 must be a whole number"),
        (lambda: Cosine(3, -1), "least = -1"),
        (lambda: StepDecay(0), "every = 0"),
        (lambda: WarmUp(2, float("nan")), "start = nan"),
        (lambda: Then(ConstantRate(), 0, ConstantRate()), "updates = 0"),
        (lambda: ConstantRate(-0.5), "factor = -0.5"),
        (lambda: curve_from_fields({"kind": "saw"}), "“saw” is not a kind of schedule; there are"),
        (lambda: curve_from_fields({"kind": "cosine"}), "cosine has no “updates”"),
        (
            lambda: curve_from_fields({"kind": "product", "first": 3, "second": 3}),
            "first = 3 must be a schedule",
        ),
        (
            lambda: curve_from_fields(
                curve_to_fields(Product(ConstantRate(), ConstantRate())) | {"x": 1}
            ),
            "schedule: “x” is not a field of product",
        ),
    ],
)
def test_schedules_without_meaning_are_refused(build: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        build()


def test_a_then_without_updates_and_one_too_deep_are_refused() -> None:
    plain = curve_to_fields(ConstantRate())
    with pytest.raises(UserError, match="then has no “updates”"):
        curve_from_fields({"kind": "then", "first": plain, "second": plain})
    for _ in range(20):
        plain = {"kind": "product", "first": plain, "second": curve_to_fields(ConstantRate())}
    with pytest.raises(UserError, match="more than 16 schedules"):
        curve_from_fields(plain)
