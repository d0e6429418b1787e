"""Small runs for tests: a few images, networks of every kind that a run must get right."""

from __future__ import annotations

from itertools import islice

import numpy as np

from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.model import Model, Preprocessing
from backpropviz.engine.network import Network, chain
from backpropviz.engine.optimizers import Optimizer, Sgd
from backpropviz.engine.training.run import Hyperparameters, Initial, Run, new_run
from backpropviz.engine.training.samples import Augmentation, Dataset, Samples
from backpropviz.engine.training.trainer import Trainer
from backpropviz.engine.training.update import Trained

SGD = Sgd(0.1, 0.9)


def small() -> Network:
    layers: dict[str, Layer] = {
        "conv1": Conv2d(3, 3),
        "relu1": ReLU(),
        "pool1": MaxPool2d(2),
        "flatten": Flatten(),
        "dense1": Dense(2),
    }
    return chain("small", (1, 8, 8), layers, CrossEntropy())


def stripes(count: int = 30, held_out: int = 10) -> Dataset:
    """Horizontal or vertical stripes with noise."""
    random = np.random.default_rng(3)
    labels = np.arange(count + held_out) % 2
    pattern = np.tile([0.0, 1.0], 4)
    images = np.where(labels[:, None, None] == 1, pattern[:, None], pattern[None, :])[:, None]
    images = (images + random.normal(0, 0.2, images.shape)).astype(np.float32)

    def part(chosen: range) -> Samples:
        names = tuple(f"stripes:{k}" for k in chosen)
        return Samples(images[list(chosen)], labels[list(chosen)], names)

    validation = part(range(count, count + held_out)) if held_out else None
    classes = ("upright", "level")
    preprocessing = Preprocessing(1, 8, 8)
    return Dataset("Stripes", "stripes", part(range(count)), validation, classes, preprocessing)


def noise(network: Network, count: int = 20) -> Dataset:
    """Samples without sense that fit any classifier."""
    random = np.random.default_rng(7)
    images = random.normal(size=(count, *network.input_shape)).astype(np.float32)
    (classes,) = network.shapes[network.output]
    names = tuple(f"noise:{k}" for k in range(count))
    samples = Samples(images, np.arange(count) % classes, names)
    return Dataset("Noise", "noise", samples, None, (), Preprocessing(1, 8, 8))


def model_of(network: Network) -> Model:
    return Model(network.name, network, {}, Preprocessing(1, 8, 8), (), Sgd())


def run_of(
    network: Network | None = None,
    optimizer: Optimizer = SGD,
    *,
    dataset: Dataset | None = None,
    batch_size: int = 8,
    float_bits: int = 32,
    seed: int = 5,
    augmentation: Augmentation | None = None,
) -> Run:
    found = network or small()
    data = dataset or (stripes() if network is None else noise(found))
    settings = Hyperparameters(optimizer, batch_size=batch_size)
    initial = Initial(seed=seed, float_bits=float_bits)
    return new_run(model_of(found), data, settings, initial, augmentation=augmentation)


def regression(optimizer: Optimizer | None = None) -> Run:
    """One image, five numbers as its target: the classic check that a network can learn at all."""
    layers: dict[str, Layer] = {"flatten": Flatten(), "dense1": Dense(5)}
    network = chain("line", (1, 8, 8), layers, SquaredError())
    image = np.random.default_rng(1).normal(size=(1, 1, 8, 8)).astype(np.float32)
    samples = Samples(image, np.array([[1.0, -2, 0.5, 0, 3]]), ("one",))
    dataset = Dataset("One", "one", samples, None, (), Preprocessing(1, 8, 8))
    return run_of(network, optimizer or Sgd(0.05), dataset=dataset)


def states(run: Run, count: int) -> list[Trained]:
    """The state at the start and after each of so many updates."""
    trainer = Trainer(run)
    return [trainer.now, *islice((trainer.advance().trained for _ in range(count)), count)]


def same(left: Trained, right: Trained) -> bool:
    """Whether two states are equal bit for bit."""
    return left.iteration == right.iteration and _bits(left) == _bits(right)


def _bits(state: Trained) -> dict[str, tuple[str, bytes]]:
    groups = (*state.parameters.items(), *state.states.items())
    return {
        f"{key}.{name}": (array.dtype.name, array.tobytes())
        for key, own in groups
        for name, array in own.items()
    }
