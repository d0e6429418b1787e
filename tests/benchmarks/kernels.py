"""A training step written with the kernels against PyTorch's eager one.

Run by `python -m tests.benchmarks.kernels`. Prints time ratios measured in one run, one thread
each; below 1 the kernels are faster.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.kernels import convolution, elementwise, pooling
from backpropviz.engine.kernels import elementwise as softmax
from backpropviz.engine.kernels.convolution import Window
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.dense import Dense

Array = NDArray[Any]

LEARNING_RATE = 0.01
HALVES = Window((2, 2), stride=(2, 2))
ROUNDS = 15


@dataclass(slots=True)
class Layer:
    """One layer of the chain, with its parameters and what it keeps for the way back."""

    kind: str
    parameters: list[Array] = field(default_factory=list)
    window: Window = HALVES
    kept: tuple[Any, ...] = ()
    gradients: list[Array] = field(default_factory=list)


def conv(channels: int, filters: int, size: int, padding: int) -> Layer:
    """Return a convolution layer with random parameters."""
    window = Window((size, size), padding=((padding, padding), (padding, padding)))
    return Layer("conv", _parameters(filters, channels, size, size), window)


def linear(inputs: int, outputs: int) -> Layer:
    """Return a dense layer with random parameters."""
    return Layer("dense", _parameters(outputs, inputs))


def lenet() -> list[Layer]:
    """28×28×1 to 10 classes."""
    return [
        conv(1, 6, 5, 2), Layer("relu"), Layer("pool"),
        conv(6, 16, 5, 0), Layer("relu"), Layer("pool"), Layer("flatten"),
        linear(400, 120), Layer("relu"), linear(120, 84), Layer("relu"), linear(84, 10),
    ]  # fmt: skip


def tinyvgg() -> list[Layer]:
    """64×64×3 to 5 classes."""
    return [
        conv(3, 16, 3, 1), Layer("relu"), conv(16, 16, 3, 1), Layer("relu"), Layer("pool"),
        conv(16, 32, 3, 1), Layer("relu"), conv(32, 32, 3, 1), Layer("relu"), Layer("pool"),
        conv(32, 64, 3, 1), Layer("relu"), Layer("pool"), Layer("flatten"), linear(4096, 5),
    ]  # fmt: skip


def train(layers: list[Layer], images: Array, targets: Array, space: Workspace | None) -> float:
    """Do forward, loss, backward and update, and return the loss."""
    scopes = [space.scope(str(k)) if space else None for k in range(len(layers))]
    values = images
    for layer, scope in zip(layers, scopes, strict=True):
        values = forward(layer, values, scope)
    loss, upstream = cross_entropy(values, targets)
    for number in range(len(layers) - 1, -1, -1):
        upstream = backward(layers[number], upstream, scopes[number], number == 0)
    for layer in layers:
        for parameter, gradient in zip(layer.parameters, layer.gradients, strict=True):
            np.multiply(gradient, gradient.dtype.type(LEARNING_RATE), out=gradient)
            np.subtract(parameter, gradient, out=parameter)
    return loss


def forward(layer: Layer, values: Array, space: Workspace | None) -> Array:
    """Run one layer and keep what its way back needs."""
    layer.kept = (values,)
    match layer.kind:
        case "conv":
            weight, bias = layer.parameters
            return convolution.cross_correlate(values, weight, bias, layer.window, 1, space)
        case "dense":
            weight, bias = layer.parameters
            parameters = {"weight": weight, "bias": bias}
            return Dense(len(bias)).forward((values,), parameters, space)[0]
        case "relu":
            return elementwise.relu(values, out=values if space else None)
        case "pool":
            output, switches = pooling.max_pool(values, layer.window, space)
            layer.kept = (switches, values.shape)
            return output
        case _:
            return values.reshape(len(values), -1)


def backward(layer: Layer, upstream: Array, space: Workspace | None, first: bool) -> Array:
    """Run one layer backwards: parameters first, then the input unless it is the image."""
    match layer.kind:
        case "conv":
            values, (weight, _) = layer.kept[0], layer.parameters
            layer.gradients = [
                convolution.weight_gradient(values, upstream, layer.window, 1, weight.shape, space),
                convolution.bias_gradient(upstream, space),
            ]
            if first:
                return upstream
            return convolution.input_gradient(
                upstream, weight, layer.window, 1, values.shape, space
            )
        case "dense":
            weight, bias = layer.parameters
            parameters, residuals = {"weight": weight, "bias": bias}, {"input": layer.kept[0]}
            inputs, found = Dense(len(bias)).vjp(upstream, residuals, parameters, space)
            layer.gradients = [found["weight"], found["bias"]]
            return inputs[0]
        case "relu":
            return elementwise.relu_gradient(upstream, layer.kept[0], upstream if space else None)
        case "pool":
            switches, shape = layer.kept
            return pooling.max_pool_gradient(upstream, switches, shape, space)
        case _:
            return upstream.reshape(layer.kept[0].shape)


def cross_entropy(logits: Array, targets: Array) -> tuple[float, Array]:
    """Return the mean loss and its gradient."""
    largest = softmax.maximum(logits)
    powers = softmax.exponentials(logits, largest)
    total = softmax.normalizer(powers)
    rows = np.arange(len(logits))
    loss = np.mean(largest + np.log(total) - logits[rows, targets])
    upstream = softmax.probabilities(powers, total)
    upstream[rows, targets] -= 1
    return float(loss), np.divide(upstream, len(logits), out=upstream)


def torch_step(layers: list[Layer], images: Array, targets: Array) -> Callable[[], float]:
    """Return PyTorch's step for the same chain and parameters."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    network = nn.Sequential(*(_torch_layer(layer) for layer in layers))
    optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE)
    criterion = nn.CrossEntropyLoss()
    x, y = torch.from_numpy(images.copy()), torch.from_numpy(targets.copy())

    def step() -> float:
        optimizer.zero_grad()
        loss = criterion(network(x), y)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def compare(name: str, layers: list[Layer], shape: tuple[int, ...]) -> None:
    """Print the ratios for one network and batch, after checking that the losses agree."""
    generator = np.random.default_rng(0)
    images = generator.standard_normal(shape).astype(np.float32)
    targets = generator.integers(0, 5, shape[0])
    reference = torch_step(layers, images, targets)
    space = Workspace()
    assert abs(train(layers, images, targets, space) - reference()) < 1e-3
    kept, fresh, eager = measure(
        [
            lambda: train(layers, images, targets, space),
            lambda: train(layers, images, targets, None),
            reference,
        ]
    )
    print(
        f"{name:8} batch {shape[0]:3}: {kept / eager:.2f} with buffers kept, "
        f"{fresh / eager:.2f} allocating   (PyTorch eager {eager * 1e3:.2f} ms)"
    )


def measure(steps: list[Callable[[], object]]) -> list[float]:
    """Return each step's median seconds; they take turns, so that all meet the same load."""
    times: list[list[float]] = [[] for _ in steps]
    for _ in range(ROUNDS):
        for step, own in zip(steps, times, strict=True):
            repeats = 1 if own and min(own) > 0.02 else 10
            step()
            start = time.perf_counter()
            for _ in range(repeats):
                step()
            own.append((time.perf_counter() - start) / repeats)
    return [statistics.median(own) for own in times]


def _parameters(*shape: int) -> list[Array]:
    generator = np.random.default_rng(sum(shape))
    spread = float(np.prod(shape[1:])) ** -0.5
    weight = generator.standard_normal(shape) * spread
    return [weight.astype(np.float32), np.zeros(shape[0], np.float32)]


def _torch_layer(layer: Layer) -> Any:
    import torch
    from torch import nn

    match layer.kind:
        case "conv":
            f, c, size, _ = layer.parameters[0].shape
            made: Any = nn.Conv2d(c, f, size, padding=layer.window.padding[0][0])
        case "dense":
            made = nn.Linear(*layer.parameters[0].shape[::-1])
        case kind:
            return {"relu": nn.ReLU(), "pool": nn.MaxPool2d(2), "flatten": nn.Flatten()}[kind]
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(layer.parameters[0]))
        made.bias.zero_()
    return made


def main() -> int:
    """Print a line per network and batch size."""
    for batch in (1, 32):
        compare("lenet", lenet(), (batch, 1, 28, 28))
    for batch in (1, 32):
        compare("tinyvgg", tinyvgg(), (batch, 3, 64, 64))
    return 0


if __name__ == "__main__":
    sys.exit(main())
