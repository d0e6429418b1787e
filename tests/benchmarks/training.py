"""A training update of LeNet as the program does it, against PyTorch's eager one.

Run by `python -m tests.benchmarks.training`. Drawing the batch, both passes and the optimizer are
in both; one thread each; ratios of one run, below 1 the program is faster. Then what measuring an
update costs, and how long LeNet takes from fresh weights to 94 % of the 400 held-out digits.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import numpy as np

from backpropviz.cli.training import DEFAULTS
from backpropviz.engine.model import Model
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.training.checkpoints import Checkpoints
from backpropviz.engine.training.history import History, tensors_of
from backpropviz.engine.training.run import Run, new_run
from backpropviz.engine.training.samples import Batches
from backpropviz.engine.training.trainer import Trainer, advanced
from backpropviz.engine.training.update import Trained, layer_workspaces, train
from backpropviz.engine.value import Array
from backpropviz.files.data.load import load_dataset
from backpropviz.files.networks import load_network
from backpropviz.files.pictures import digit_set
from tests.benchmarks.timing import in_turns, verdict

BOUNDS = {1: 0.7, 32: 1.6}
ROUNDS, REPEATS = 25, 20
MEASURING = 1.1
ACCURACY, LONGEST_S = 0.94, 60.0


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


def fresh_run() -> Run:
    """LeNet on 1,600 of the bundled digits, with the settings that `train` has by default."""
    lenet = load_network("lenet")
    dataset = load_dataset("mnist", lenet.network, lenet.preprocessing)
    return new_run(lenet, dataset, DEFAULTS)


def measuring() -> None:
    """Print how much longer an update takes with all that is measured and kept of it."""
    run = fresh_run()
    workspaces, history = layer_workspaces(run.network), History(tensors_of(run.network))
    checkpoints, trainer, plain = Checkpoints(), Trainer(run), [run.start]

    def bare() -> None:
        plain[0] = advanced(run, plain[0], workspaces)

    def whole() -> None:
        history.add(trainer.advance(gradients=True).measured)
        checkpoints.add(trainer.now)

    bare_s, whole_s = in_turns([bare, whole], ROUNDS, REPEATS)
    ratio = whole_s / bare_s
    print(
        f"lenet, batch 32, measured and kept: {ratio:.3f} of the bare update, "
        f"{verdict(ratio, MEASURING)}   ({whole_s * 1e3:.3f} against {bare_s * 1e3:.3f} ms)"
    )


def time_to_learn() -> None:
    """Print how long it takes to tell 94 % of the held-out digits, validated every epoch."""
    trainer, began_s, accuracy = Trainer(fresh_run()), perf_counter(), 0.0
    while accuracy < ACCURACY:
        for _ in range(trainer.run.updates_per_epoch(1)):
            trainer.advance()
        accuracy = trainer.validate().accuracy or 0.0
    taken_s = perf_counter() - began_s
    epochs = trainer.now.iteration // trainer.run.updates_per_epoch(1)
    print(
        f"lenet from fresh weights: {accuracy:.2%} of the held-out digits after {epochs} epochs, "
        f"{taken_s:.1f} s, {verdict(taken_s, LONGEST_S)}"
    )


def main() -> None:
    """A line per batch size and momentum; the cost of measuring; the time to learn."""
    for size in BOUNDS:
        for momentum in (0.0, 0.9):
            compare(size, momentum)
    measuring()
    time_to_learn()


if __name__ == "__main__":
    main()
