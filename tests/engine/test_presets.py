"""Presets fit the image and the classes, train, and go to a file and back."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest

from backpropviz.document import to_fields
from backpropviz.engine.architecture.presets import PRESETS, preset
from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.join import Add
from backpropviz.engine.network import Network
from backpropviz.engine.optimizers import Adam
from backpropviz.engine.training.samples import Batches
from backpropviz.engine.training.update import Trained, train
from backpropviz.errors import UserError
from backpropviz.files.networks import load_network

SHAPES = [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64), (1, 9, 21)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fits_its_image_and_classes(name: str, shape: tuple[int, ...]) -> None:
    network = preset(name, shape, 7)
    assert network.shapes[network.output] == (7,)
    assert network.name == name


def layers(network: Network) -> list[tuple[str, dict[str, object], tuple[str, ...]]]:
    return [(node.name, to_fields(node.layer), node.inputs) for node in network.nodes]


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [("lenet", (1, 28, 28), 10), ("mlp", (1, 28, 28), 10), ("tinyvgg", (3, 64, 64), 5)],
)
def test_the_bundled_networks_are_presets(name: str, shape: tuple[int, ...], classes: int) -> None:
    assert layers(preset(name, shape, classes)) == layers(load_network(name).network)


def test_residual_joins_are_real() -> None:
    network = preset("resnet-tiny", (3, 32, 32), 10)
    joins = [node for node in network.nodes if isinstance(node.layer, Add)]
    assert [node.inputs for node in joins] == [
        ("norm3", "relu1"),
        ("norm5", "skip_norm1"),
        ("norm7", "skip_norm2"),
    ]
    assert sum(isinstance(node.layer, BatchNorm2d) for node in network.nodes) == 9
    assert network.shapes["add3"] == (64, 8, 8)
    assert len(network.consumers["relu1"]) == 2


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_learns_a_handful_of_images_by_heart(name: str) -> None:
    random = np.random.default_rng(2)
    images = random.normal(size=(12, 1, 8, 8)).astype(np.float32)
    batches = Batches(images, np.arange(12) % 3, size=12)
    network = preset(name, (1, 8, 8), 3)
    start = Trained(initialize(network, seed=1))
    losses = [now.loss for now in islice(train(network, start, batches, Adam(0.003)), 60)]
    assert losses[-1] is not None
    assert losses[0] is not None
    assert losses[-1] < 0.3 < losses[0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("alexnet", (1, 8, 8), 3), "“alexnet” is no preset; there are lenet, tinyvgg"),
        (("lenet", (1, 3, 8), 3), "LeNet needs images of at least 4×4, but these are 1×3×8"),
        (("vgg-small", (1, 7, 7), 3), "VGG-small needs images of at least 8×8"),
        (("lenet", (10,), 3), "LeNet needs images of at least 4×4, but these are 10"),
        (("mlp", (1, 8, 8), 0), "classes = 0 must be a whole number"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(given: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        preset(*given)


def test_an_mlp_takes_flat_numbers() -> None:
    assert preset("mlp", (10,), 3).nodes[0].name == "dense1"
