"""A training update of LeNet as the program does it, against PyTorch's eager one.

Run by `python -m tests.benchmarks.training`. Drawing the batch, both passes and the optimizer are
in both; one thread each; ratios of one run, below 1 the program is faster.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.data import Batches
from backpropviz.engine.model import Model
from backpropviz.engine.optimizer import Sgd
from backpropviz.engine.training.update import Trained, train
from backpropviz.importers.bundled import digit_set
from backpropviz.storage.networks import load_network
from tests.benchmarks.timing import in_turns, verdict

BOUNDS = {1: 0.7, 32: 1.6}
ROUNDS, REPEATS = 25, 20


def torch_updates(model: Model, batches: Batches, rule: Sgd) -> Iterator[float]:
    """PyTorch's losses, update by update, from the same weights on the same batches."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    network = nn.Sequential(*(_torch_layer(model, node.name) for node in model.network.nodes))
    optimizer = torch.optim.SGD(network.parameters(), rule.learning_rate, rule.momentum)
    criterion = nn.CrossEntropyLoss()
    images, targets = torch.from_numpy(batches.images), torch.from_numpy(batches.targets)
    iteration = 0
    while True:
        epoch, place = divmod(iteration, batches.per_epoch)
        if place == 0:
            order = np.random.default_rng((batches.seed, epoch)).permutation(len(images))
        chosen = torch.from_numpy(order[place * batches.size : (place + 1) * batches.size])
        optimizer.zero_grad()
        loss = criterion(network(images[chosen]), targets[chosen])
        loss.backward()
        optimizer.step()
        iteration += 1
        yield float(loss.detach())


def _torch_layer(model: Model, name: str) -> Any:
    import torch
    from torch import nn

    layer: Any = model.network.by_name[name].layer
    match layer.kind:
        case "conv2d":
            own = model.parameters[name]["weight"]
            padding = layer.window.padding[0][0]
            made: Any = nn.Conv2d(own.shape[1], own.shape[0], layer.window.kernel, padding=padding)
        case "dense":
            own = model.parameters[name]["weight"]
            made = nn.Linear(*own.shape[::-1])
        case kind:
            return {"relu": nn.ReLU(), "max_pool2d": nn.MaxPool2d(2), "flatten": nn.Flatten()}[kind]
    with torch.no_grad():
        made.weight.copy_(torch.tensor(own))
        made.bias.copy_(torch.tensor(model.parameters[name]["bias"]))
    return made


def digits() -> tuple[Array, Array]:
    """The bundled digits as LeNet takes them, without its normalization."""
    found = digit_set("mnist")
    images = (found.images[:, None] / np.float32(255)).astype(np.float32)
    return images, found.labels.astype(np.int64)


def updates(size: int, momentum: float) -> tuple[Callable[[], float], Callable[[], float]]:
    """The next update's loss: the program's, and PyTorch's."""
    model = load_network("lenet")
    images, labels = digits()
    batches, rule = Batches(images, labels, size), Sgd(0.001, momentum)
    ours = train(model.network, Trained(model.parameters), batches, rule)
    theirs = torch_updates(model, batches, rule)

    def own_loss() -> float:
        loss = next(ours).loss
        assert loss is not None
        return loss

    return own_loss, lambda: next(theirs)


def compare(size: int, momentum: float) -> None:
    """Print the ratio for a batch size, after checking that both learn the same."""
    ours, theirs = updates(size, momentum)
    for _ in range(20):
        own, other = ours(), theirs()
        assert abs(own - other) <= 1e-3 * max(1.0, abs(other)), (own, other)
    own_s, torch_s = in_turns([ours, theirs], ROUNDS, REPEATS)
    ratio = own_s / torch_s
    print(
        f"lenet, batch {size:2}, momentum {momentum}: {ratio:.2f} of PyTorch eager, "
        f"{verdict(ratio, BOUNDS[size])}   ({own_s * 1e3:.3f} against {torch_s * 1e3:.3f} ms)"
    )


def main() -> None:
    """A line per batch size and momentum."""
    for size in BOUNDS:
        for momentum in (0.0, 0.9):
            compare(size, momentum)


if __name__ == "__main__":
    main()
