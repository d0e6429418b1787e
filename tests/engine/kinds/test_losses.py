"""Losses: their values by hand, and what targets they refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from backpropviz.engine.derivation import derive
from backpropviz.engine.kinds.binary_cross_entropy import BinaryCrossEntropy
from backpropviz.engine.kinds.configuration import Reduction
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import explain_value
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from tests.engine.passes import branched, nests_of, recorded


def test_cross_entropy_of_equal_logits_is_the_log_of_their_number() -> None:
    loss = CrossEntropy()
    value, residuals = loss.forward(np.zeros((1, 8)), loss.target(3, (1, 8)))
    assert float(value) == pytest.approx(math.log(8))
    assert residuals["probabilities"].tolist() == [[0.125] * 8]
    gradient = loss.vjp(np.ones(()), residuals, np.array([3]))
    assert gradient.tolist() == [[0.125] * 3 + [-0.875] + [0.125] * 4]


def test_the_mean_s_factor_enters_the_gradient_once() -> None:
    logits, target = np.array([[1.0, 2.0], [0.0, 5.0], [3.0, 3.0]]), np.array([0, 1, 1])
    mean, total = (
        loss.vjp(np.ones(()), loss.forward(logits, target)[1], target)
        for loss in (CrossEntropy("mean"), CrossEntropy("sum"))
    )
    assert mean == pytest.approx(total / 3)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_class_that_is_not_wanted_may_be_impossible(reduction: Reduction) -> None:
    """PyTorch leaves it out of the sum, where 0 · ∞ would be no number."""
    weighted = CrossEntropy(reduction, class_weights=(1.0, 2.0, 0.5))
    network = chain("sure", (3,), {"same": Flatten()}, weighted)
    images = np.array([[1.0, -np.inf, 2.0]], np.float32)
    tape = record(network, {}, images, [2], Sgd(0.1))
    share = 0.5 if reduction == "sum" else 1.0
    assert tape.loss == pytest.approx(share * math.log(1 + math.exp(-1)), rel=1e-6)
    assert np.isfinite(tape["loss.input.grad"]).all()
    for name in ("loss.surprise[0,1]", "loss.sample[0]", "loss"):
        found = explain_value(tape, parse(name))
        assert found.value == pytest.approx(found.derived, rel=1e-6)


def test_huge_logits_do_not_overflow() -> None:
    loss = CrossEntropy()
    logits = np.array([[1000.0, 0.0, -1000.0]])
    assert float(loss.forward(logits, loss.target(0, (1, 3)))[0]) == 0
    assert float(loss.forward(logits, loss.target(2, (1, 3)))[0]) == 2000


def test_the_gradient_s_terms_name_the_target() -> None:
    tape = recorded(branched(), [1, 3])
    nest = nests_of(tape)[parse("loss.input.grad")]
    hit = derive(tape, nest, parse("loss.input.grad[1,3]")).terms[0]
    assert [f.label or str(f.address) for f in hit.operands] == [
        "loss.probabilities[1,3]",
        "[3 = 3]",
        "1/2",
        "loss.grad",
    ]
    assert [f.value for f in hit.operands[1:]] == [1, 0.5, 1]
    sample = derive(tape, nests_of(tape)[parse("loss.sample")], parse("loss.sample[0]")).terms[0]
    assert str(sample.operands[1].address) == "loss.input[0,1]"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (12, "target 12 is out of range: the network has 10 classes, 0 to 9."),
        (-1, "target -1 is out of range: the network has 10 classes, 0 to 9."),
        ([1, 2], "2 targets do not fit 1 images: give one class for each."),
        ([], "0 targets do not fit 1 images: give one class for each."),
        (0.5, "target 0.5 is no class: give a whole number for each image."),
        ("seven", "target seven is no class: give a whole number for each image."),
        (None, "target None is no class: give a whole number for each image."),
        (True, "target True is no class: give a whole number for each image."),
        ([[1], 2], "the targets are no list: give a whole number for each image."),
        (10**30, f"target {10**30} is out of range: the network has 10 classes, 0 to 9."),
        ([[1]], "targets of 1×1 are no classes: give one number for each image."),
    ],
)
def test_cross_entropy_refuses_what_is_no_class(value: object, sentence: str) -> None:
    with pytest.raises(UserError) as raised:
        CrossEntropy().target(value, (1, 10))
    assert str(raised.value) == sentence


def test_cross_entropy_refuses_a_prediction_that_is_not_flat() -> None:
    with pytest.raises(UserError, match="4×1×1: add a flatten"):
        CrossEntropy().target(1, (2, 4, 1, 1))


@pytest.mark.parametrize(
    ("loss", "value", "gradient"),
    [
        (SquaredError(), 2.5, [1.0, 2.0]),
        (SquaredError(half=True), 1.25, [0.5, 1.0]),
        (SquaredError(reduction="sum"), 5.0, [2.0, 4.0]),
        (SquaredError(half=True, reduction="sum"), 2.5, [1.0, 2.0]),
    ],
)
def test_squared_error_by_hand(loss: SquaredError, value: float, gradient: list[float]) -> None:
    target = loss.target([1, 2], (1, 2))
    found, residuals = loss.forward(np.array([[2.0, 4.0]]), target)
    assert float(found) == value
    assert loss.vjp(np.ones(()), residuals, target).tolist() == [gradient]


@pytest.mark.parametrize("value", [[1, 2, 3], "six", [[1], [2]], math.nan, [1, math.inf], {}])
def test_squared_error_refuses_other_targets(value: Any) -> None:
    with pytest.raises(UserError, match="target"):
        SquaredError().target(value, (1, 2))


def test_weights_and_smoothing_by_hand() -> None:
    """Equal logits: every class has the surprise log 4, so only what is wanted matters."""
    logits, target = np.zeros((2, 4)), np.array([0, 2])
    loss = CrossEntropy("mean", 0.2, (1.0, 2.0, 3.0, 4.0))
    value, residuals = loss.forward(logits, target)
    assert residuals["wanted"] == pytest.approx(
        np.array([[0.85, 0.1, 0.15, 0.2], [0.05, 0.1, 2.55, 0.2]])
    )
    assert float(residuals["weight_sum"]) == 4
    assert float(value) == pytest.approx((1.3 + 2.9) * math.log(4) / 4)
    gradient = loss.vjp(np.ones(()), residuals, target)
    assert gradient[0] == pytest.approx((1.3 / 4 - np.array([0.85, 0.1, 0.15, 0.2])) / 4)


def test_weights_of_one_and_no_smoothing_are_the_plain_loss() -> None:
    random = np.random.default_rng(4)
    logits, target = random.normal(size=(3, 5)), np.array([1, 4, 0])
    plain, weighted = CrossEntropy(), CrossEntropy(class_weights=(1.0,) * 5)
    (a, kept), (b, others) = (loss.forward(logits, target) for loss in (plain, weighted))
    assert float(a) == pytest.approx(float(b), rel=1e-14)
    one = np.ones(())
    assert plain.vjp(one, kept, target) == pytest.approx(weighted.vjp(one, others, target))
    assert set(kept) == {"max", "exp", "normalizer", "probabilities", "sample"}


def test_as_many_class_weights_as_classes() -> None:
    with pytest.raises(UserError, match="3 class weights do not fit 5 classes: give one for each"):
        CrossEntropy(class_weights=(1.0, 2.0, 3.0)).target([1], (1, 5))


def test_targets_that_weigh_nothing_make_no_number() -> None:
    loss = CrossEntropy(class_weights=(0.0, 1.0))
    with np.errstate(invalid="ignore"):
        value, _ = loss.forward(np.zeros((1, 2)), np.array([0]))
    assert math.isnan(float(value))


def test_binary_cross_entropy_by_hand_and_far_from_zero() -> None:
    loss = BinaryCrossEntropy("sum")
    value, residuals = loss.forward(np.array([[0.0, 800.0, -800.0]]), np.array([[1.0, 1.0, 1.0]]))
    assert float(value) == pytest.approx(math.log(2) + 800)
    assert loss.vjp(np.ones(()), residuals, np.ones((1, 3))).tolist() == [[-0.5, 0, -1]]
    assert loss.target([0, 0.5, 1], (1, 3)).tolist() == [[0, 0.5, 1]]
    with pytest.raises(UserError, match="target 2 is no probability: give numbers from 0 to 1"):
        loss.target([0, 2, 1], (1, 3))


def test_a_reduction_is_mean_or_sum() -> None:
    for kind in (CrossEntropy, SquaredError):
        with pytest.raises(UserError, match="“none” must be “mean” or “sum”"):
            kind(reduction="none")  # type: ignore[arg-type]
