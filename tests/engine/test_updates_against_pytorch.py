"""Twenty updates of whole networks against PyTorch: same weights, batches, optimizer, schedule."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest

from backpropviz.engine.architecture.presets import preset
from backpropviz.engine.backprop import forward
from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.activation import GELU, ReLU, SiLU, Tanh
from backpropviz.engine.kinds.adaptive_pooling import AdaptiveAvgPool2d
from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.prelu import PReLU
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten, Pad
from backpropviz.engine.model import Mode, with_mode
from backpropviz.engine.network import Network, chain
from backpropviz.engine.optimizers import Adam, AdamW, Optimizer, RmsProp, Sgd
from backpropviz.engine.training.samples import Batches
from backpropviz.engine.training.update import (
    Cosine,
    Schedule,
    StepDecay,
    Then,
    Trained,
    WarmUp,
    scheduled,
    train,
)
from backpropviz.engine.value import Address, Array
from tests.engine.pytorch_network import forward_outputs, loss_call, tensors_of

torch = pytest.importorskip("torch")

UPDATES, SEED = 20, 3
Rule = Optimizer | Schedule
Theirs = Callable[[list[Any]], Any]
Rates = Callable[[Any], Any]


def network() -> Network:
    """Smooth, so that rounding cannot send the two over a corner on different sides."""
    layers: dict[str, Layer] = {
        "conv1": Conv2d(4, 3, padding=1),
        "tanh": Tanh(),
        "conv2": Conv2d(5, 3, bias=False),
        "norm": BatchNorm2d(),
        "silu": SiLU(),
        "pad": Pad(1, 0.5),
        "pool": AdaptiveAvgPool2d((3, 4)),
        "flatten": Flatten(),
        "dense1": Dense(8),
        "gelu": GELU(),
        "dropout": Dropout(0.25),
        "dense2": Dense(4),
    }
    return chain("smooth", (1, 8, 8), layers, CrossEntropy())


def cornered() -> Network:
    layers: dict[str, Layer] = {
        "conv1": Conv2d(4, 3, padding=1),
        "prelu": PReLU(shared=False),
        "pool": MaxPool2d(2),
        "flatten": Flatten(),
        "dense1": Dense(8),
        "relu": ReLU(),
        "dense2": Dense(4),
    }
    loss = CrossEntropy("mean", 0.1, (1.0, 2.0, 0.5, 1.5))
    return chain("cornered", (1, 8, 8), layers, loss)


def batches(dtype: type, count: int = 40, side: int = 8) -> Batches:
    random = np.random.default_rng(11)
    images: Array = random.normal(size=(count, 1, side, side)).astype(dtype)
    return Batches(images, np.arange(count) % 4, size=8, seed=2)


def theirs_after(
    net: Network, start: Any, data: Batches, build: Theirs, rates: Rates | None
) -> dict[Address, Array]:
    """PyTorch's parameters and buffers after the updates."""
    tensors = tensors_of(torch, net, start)
    optimizer = build([t for t in tensors.values() if t.requires_grad])
    schedule = rates(optimizer) if rates else None
    for iteration in range(1, UPDATES + 1):
        batch, training = data.batch(iteration), with_mode(net, Mode(True, SEED, iteration))
        residuals = forward(training, start, batch.images, batch.targets).residuals
        masks = {name: own["mask"] for name, own in residuals.items() if "mask" in own}
        optimizer.zero_grad()
        images = torch.tensor(batch.images)
        outputs = forward_outputs(torch, training, tensors, images, masks)
        loss_call(torch, net.loss, outputs[net.output], batch.targets).backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
    return {address: tensor.detach().numpy() for address, tensor in tensors.items()}


def ours_after(net: Network, start: Any, data: Batches, rule: Rule) -> Trained:
    return list(islice(train(net, Trained(start), data, rule, seed=SEED), UPDATES))[-1]


def assert_alike(ours: Trained, theirs: dict[Address, Array], bound: float) -> None:
    for address, expected in theirs.items():
        found = ours.parameters[address.layer][address.quantity]
        assert found.dtype == expected.dtype
        distance = np.linalg.norm((found - expected).astype(np.float64))
        assert distance <= bound * np.linalg.norm(expected.astype(np.float64)), address


def _warm_cosine(optimizer: Any) -> Any:
    rates = torch.optim.lr_scheduler
    warm = rates.LinearLR(optimizer, start_factor=0.1, total_iters=5)
    falling = rates.CosineAnnealingLR(optimizer, T_max=15, eta_min=0.001)
    return rates.SequentialLR(optimizer, [warm, falling], milestones=[5])


optim = torch.optim
RULES: dict[str, tuple[Rule, Theirs, Rates | None]] = {
    "sgd": (Sgd(0.1), lambda p: optim.SGD(p, 0.1), None),
    "momentum": (Sgd(0.05, 0.9), lambda p: optim.SGD(p, 0.05, momentum=0.9), None),
    "nesterov": (
        Sgd(0.05, 0.9, True, 1e-3),
        lambda p: optim.SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
        None,
    ),
    "adam": (Adam(0.01, weight_decay=1e-3), lambda p: optim.Adam(p, 0.01, weight_decay=1e-3), None),
    "adamw": (
        AdamW(0.01, weight_decay=0.1),
        lambda p: optim.AdamW(p, 0.01, weight_decay=0.1),
        None,
    ),
    "rmsprop": (RmsProp(0.005), lambda p: optim.RMSprop(p, 0.005), None),
    "rmsprop centered": (
        RmsProp(0.005, 0.9, momentum=0.5, centered=True, weight_decay=1e-3),
        lambda p: optim.RMSprop(p, 0.005, 0.9, momentum=0.5, centered=True, weight_decay=1e-3),
        None,
    ),
    "sgd in steps": (
        scheduled(Sgd(0.1, 0.9), StepDecay(6, 0.5)),
        lambda p: optim.SGD(p, 0.1, momentum=0.9),
        lambda o: optim.lr_scheduler.StepLR(o, 6, 0.5),
    ),
    "sgd along a cosine": (
        scheduled(Sgd(0.1), Cosine(UPDATES, 0.01)),
        lambda p: optim.SGD(p, 0.1),
        lambda o: optim.lr_scheduler.CosineAnnealingLR(o, UPDATES, 0.001),
    ),
    "adam warmed up": (
        scheduled(Adam(0.01), Then(WarmUp(5, 0.1), 5, Cosine(15, 0.1))),
        lambda p: optim.Adam(p, 0.01),
        _warm_cosine,
    ),
}
SGD_KINDS = ("sgd", "momentum", "nesterov", "sgd in steps", "sgd along a cosine")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", RULES)
def test_twenty_updates_are_pytorch_s(name: str, dtype: type) -> None:
    rule, build, rates = RULES[name]
    net, data = network(), batches(dtype)
    start = initialize(net, seed=5, dtype=dtype)
    bound = 1e-9 if dtype is np.float64 else 1e-5 if name in SGD_KINDS else 1e-3
    theirs = theirs_after(net, start, data, build, rates)
    assert_alike(ours_after(net, start, data, rule), theirs, bound)


@pytest.mark.parametrize("name", ["nesterov", "adamw", "rmsprop"])
@pytest.mark.parametrize(
    "net", [cornered(), preset("resnet-tiny", (1, 8, 8), 4)], ids=lambda n: n.name
)
def test_twenty_updates_with_corners_and_joins_are_pytorch_s(net: Network, name: str) -> None:
    rule, build, rates = RULES[name]
    data = batches(np.float64)
    start = initialize(net, seed=5, dtype=np.float64)
    theirs = theirs_after(net, start, data, build, rates)
    assert_alike(ours_after(net, start, data, rule), theirs, 1e-9)


def test_running_statistics_are_pytorch_s_and_leave_their_start() -> None:
    net, data = network(), batches(np.float64)
    start = initialize(net, seed=5, dtype=np.float64)
    ours = ours_after(net, start, data, Sgd(0.1))
    theirs = theirs_after(net, start, data, RULES["sgd"][1], None)
    for name, before in (("running_mean", 0.0), ("running_var", 1.0)):
        found = ours.parameters["norm"][name]
        assert np.abs(found - theirs[Address("norm", name)]).max() <= 1e-12
        assert np.abs(found - before).min() > 1e-4
