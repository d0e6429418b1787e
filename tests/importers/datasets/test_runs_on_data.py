"""A run on data: the model learns the data's classes, by the data's way to the input."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from backpropviz.engine.initialize import initialize
from backpropviz.engine.model import Model
from backpropviz.engine.optimizers.sgd import Sgd
from backpropviz.engine.training.run import Hyperparameters, new_run
from backpropviz.engine.training.trainer import updates
from backpropviz.files.data.load import Choices, one_image, read_dataset
from backpropviz.files.networks import load_network
from tests.importers.datasets.data_files import COLOR, network, write_folder

SETTINGS = Hyperparameters(Sgd(0.1), batch_size=4)


def small(classes: int) -> Model:
    """For color images of 8×8; its own classes have letters."""
    net = network(classes, 3)
    return Model("small", net, initialize(net), COLOR, tuple("abcdef"[:classes]), Sgd(0.1))


def test_the_model_takes_the_data_s_classes_and_normalization(tmp_path: Path) -> None:
    data = read_dataset(
        write_folder(tmp_path), small(3).network, COLOR, Choices(normalize=True)
    ).dataset
    model = new_run(small(3), data, SETTINGS).model
    assert model.class_names == ("cats", "dogs", "2")
    assert model.preprocessing == data.preprocessing != COLOR
    assert model.example is not None
    assert np.array_equal(model.example.image, data.training.images[:1])
    assert model.example.target == int(data.training.targets[0])


def test_an_example_that_fits_stays() -> None:
    model = load_network("tiny-max")
    assert model.example is not None
    data = one_image(model, model.example.image, model.example.target, model.example.source)
    assert new_run(model, data, SETTINGS).model.example is model.example


def test_a_tiny_example_is_trained_to_its_target() -> None:
    model = load_network("tiny-overlap")
    assert model.example is not None
    data = one_image(model, model.example.image, model.example.target, model.example.source)
    run = new_run(model, data, Hyperparameters(Sgd(0.001), batch_size=1))
    losses = [updated.measured.loss for updated in islice(updates(run, run.start), 40)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_folder_is_learned_by_heart(tmp_path: Path, seed: int) -> None:
    """Noise has nothing in common but what is learned of each picture."""
    root = write_folder(tmp_path, ("a", "b", "c"), each=4)
    data = read_dataset(root, small(3).network, COLOR, Choices(held_out=0, seed=seed)).dataset
    run = new_run(small(3), data, SETTINGS)
    measured = [updated.measured for updated in islice(updates(run, run.start), 400)]
    assert sum(m.correct or 0 for m in measured[-3:]) == 12
