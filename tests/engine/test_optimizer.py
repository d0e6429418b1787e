"""Optimizers: trajectories against PyTorch, and steps by hand."""

from __future__ import annotations

import importlib.util
import math
from typing import Any

import numpy as np
import pytest

from backpropviz.engine.derivation import derive
from backpropviz.engine.optimizers import Adam, AdamW, Optimizer, OptimizerState, RmsProp, Sgd
from backpropviz.engine.record import record
from backpropviz.engine.value import Array, parse
from backpropviz.errors import UserError
from tests.engine.passes import branched, nests_of, recorded

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is not installed"
)


def test_a_plain_step_is_minus_the_learning_rate_times_the_gradient() -> None:
    update = Sgd(0.5).update(np.array([1.0]), np.array([4.0]), {}, 1)
    assert update.step.tolist() == [-2]
    assert update.parts == {}


def test_momentum_and_nesterov_by_hand() -> None:
    weight, gradient, state = np.array([10.0]), np.array([4.0]), {"velocity": np.array([2.0])}
    plain = Sgd(1.0, momentum=0.5).update(weight, gradient, state, 2)
    ahead = Sgd(1.0, momentum=0.5, nesterov=True).update(weight, gradient, state, 2)
    decayed = Sgd(1.0, weight_decay=0.1).update(weight, gradient, {}, 1)
    assert plain.parts["velocity"].tolist() == [5]
    assert (plain.step.tolist(), ahead.step.tolist()) == ([-5], [-6.5])
    assert (decayed.parts["decayed"].tolist(), decayed.step.tolist()) == ([5], [-5])


def test_adamw_s_decay_stays_out_of_the_moments() -> None:
    rule, weight = AdamW(0.1, eps=0, weight_decay=0.5), np.array([10.0])
    update = rule.update(weight, np.array([4.0]), rule.initial_state(weight), 1)
    assert update.parts["moment1"] == pytest.approx([0.4])
    assert update.step == pytest.approx([-0.1 * 0.5 * 10 - 0.1])


def test_rmsprop_by_hand() -> None:
    gradient, state = np.array([3.0]), {"square_average": np.array([16.0])}
    plain = RmsProp(1.0, alpha=0.75, eps=0.0).update(gradient, gradient, state, 1)
    assert plain.parts["square_average"].tolist() == [0.75 * 16 + 0.25 * 9]
    assert plain.step == pytest.approx([-3 / math.sqrt(14.25)])
    state |= {"gradient_average": np.array([1.0]), "velocity": np.array([2.0])}
    rule = RmsProp(1.0, alpha=0.75, eps=0.5, momentum=0.5, centered=True)
    assert rule.initial_state(gradient).keys() == state.keys()
    update = rule.update(gradient, gradient, state, 1)
    assert update.parts["gradient_average"].tolist() == [1.5]
    velocity = 1 + 3 / (math.sqrt(14.25 - 2.25) + 0.5)
    assert update.parts["velocity"] == pytest.approx([velocity])
    assert update.step == pytest.approx([-velocity])


def test_centered_rmsprop_stays_finite_on_steady_gradients() -> None:
    """There s and a² are equal but for rounding, and the root of what is left was NaN."""
    rule = RmsProp(1e-6, alpha=0.9, centered=True)
    for constant in (0.3, 0.7, 1.1, 3.7):
        gradient = np.full(3, constant, np.float32)
        state = rule.initial_state(gradient)
        for iteration in range(1, 400):
            update = rule.update(gradient, gradient, state, iteration)
            state = {name: update.parts[name] for name in state}
            assert (update.parts["gradient_variance"] >= 0).all()
            assert np.isfinite(update.step).all()


def test_adam_s_first_step_has_the_size_of_the_learning_rate() -> None:
    rule = Adam(0.01, eps=0)
    gradient = np.array([1e-6, -1e6])
    update = rule.update(np.zeros(2), gradient, rule.initial_state(gradient), 1)
    assert update.step == pytest.approx([-0.01, 0.01])
    assert update.parts["moment1"] == pytest.approx([1e-7, -1e5])


def test_adam_s_terms_carry_the_bias_corrections() -> None:
    rule = Adam()
    network = branched()
    first = recorded(network, [1, 3], rule)
    parameters = {
        node.name: {
            name: first[f"{node.name}.{name}.next"] for name in network.parameter_shapes(node)
        }
        for node in network.nodes
    }
    states: dict[Any, OptimizerState] = {}
    for address in first:
        if address.part == "moment1":
            pair = {name: first[address.of(name)] for name in ("moment1", "moment2")}
            states[address.of("")] = pair
    images = np.asarray(first["image"])
    tape = record(network, parameters, images, [1, 3], rule, states=states, iteration=2)
    nests = nests_of(tape, iteration=2)
    for name in ("moment1", "moment2", "step", "next"):
        address = parse(f"dense.weight.{name}[2,3]")
        found = derive(tape, nests[address.array], address)
        assert found.residue == pytest.approx(0, abs=1e-15)
    step = derive(tape, nests[parse("dense.weight.step")], parse("dense.weight.step[2,3]"))
    labels = {f.label: f.value for f in step.terms[0].operands if f.label}
    assert labels["1 − β₁ᵗ"] == pytest.approx(1 - 0.9**2)
    assert labels["1 − β₂ᵗ"] == pytest.approx(1 - 0.999**2)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Sgd(-0.1), "learning rate = -0.1"),
        (lambda: Sgd(float("inf")), "learning rate = inf"),
        (lambda: Sgd(momentum=-1), "momentum = -1"),
        (lambda: Sgd(weight_decay=-1), "weight decay = -1"),
        (lambda: Sgd(nesterov=True), "Nesterov needs a momentum"),
        (lambda: Adam(betas=(0.9, 1.0)), r"betas = \[0.9, 1.0\]"),
        (lambda: Adam(eps=-1), "eps = -1"),
        (lambda: AdamW(weight_decay=-1), "weight decay = -1"),
        (lambda: RmsProp(alpha=1.0), "alpha = 1.0 must be at least 0 and below 1"),
        (lambda: RmsProp(momentum=-0.1), "momentum = -0.1"),
    ],
)
def test_settings_without_meaning_are_refused(build: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        build()


@needs_torch
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("rule", "name", "settings"),
    [
        (Sgd(0.1), "SGD", {"lr": 0.1}),
        (Sgd(0.1, 0.9), "SGD", {"lr": 0.1, "momentum": 0.9}),
        (
            Sgd(0.1, 0.9, True, 0.01),
            "SGD",
            {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        ),
        (Adam(0.1), "Adam", {"lr": 0.1}),
        (AdamW(0.1), "AdamW", {"lr": 0.1}),
        (AdamW(0.1, weight_decay=0.5), "AdamW", {"lr": 0.1, "weight_decay": 0.5}),
        (RmsProp(0.1), "RMSprop", {"lr": 0.1}),
        (
            RmsProp(0.1, 0.9, 1e-4, 0.5, True, 0.1),
            "RMSprop",
            {
                "lr": 0.1,
                "alpha": 0.9,
                "eps": 1e-4,
                "momentum": 0.5,
                "centered": True,
                "weight_decay": 0.1,
            },
        ),
        (
            Adam(0.1, (0.8, 0.95), 1e-4, 0.1),
            "Adam",
            {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1},
        ),
    ],
)
def test_a_trajectory_is_pytorch_s(
    rule: Optimizer, name: str, settings: dict[str, Any], dtype: type
) -> None:
    import torch

    random = np.random.default_rng(5)
    weight: Array = random.normal(size=(3, 4)).astype(dtype)
    theirs = torch.nn.Parameter(torch.tensor(weight))
    optimizer = getattr(torch.optim, name)([theirs], **settings)
    state = rule.initial_state(weight)
    for iteration in range(1, 21):
        gradient: Array = (2 * weight + random.normal(size=weight.shape)).astype(dtype)
        update = rule.update(weight, gradient, state, iteration)
        state = {part: update.parts[part] for part in state}
        weight = weight + update.step
        theirs.grad = torch.tensor(gradient)
        optimizer.step()
        expected = theirs.detach().numpy()
        bound = 1e-5 if dtype is np.float32 else 1e-10
        assert np.abs(weight - expected).max() <= bound * np.abs(expected).max()
    assert weight.dtype == dtype
