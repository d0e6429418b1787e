"""Classes of data and outputs of a network: joined by name, else in order and said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.model import Model
from backpropviz.engine.network import Network, chain
from backpropviz.engine.optimizers.sgd import Sgd
from backpropviz.files.data.arrays import opened_npz
from backpropviz.files.data.catalog import Wanted, class_mapping
from backpropviz.files.data.load import Choices, DataReading, read_dataset
from backpropviz.files.networks import load_network
from backpropviz.ui.training.data import DataWish, loaded
from tests.importers.datasets.data_files import COLOR, GRAY, images, labels, network, write_folder
from tests.importers.datasets.test_npz import saved

ALL = Choices(held_out=0)
DIGITS = tuple("0123456789")


def read(source: Path, net: Network, names: tuple[str, ...] = ()) -> DataReading:
    gray = net.input_shape[0] == 1
    return read_dataset(source, net, GRAY if gray else COLOR, ALL, class_names=names)


def test_folders_that_are_called_as_outputs_become_these(tmp_path: Path) -> None:
    lenet = load_network("lenet")
    root = write_folder(tmp_path, ("3", "7"))
    reading = read_dataset(
        root, lenet.network, lenet.preprocessing, ALL, class_names=lenet.class_names
    )
    assert reading.dataset.training.targets.tolist() == [3] * 3 + [7] * 3
    assert reading.dataset.class_names == DIGITS
    words = "classes joined with the network’s by name: “3” is output 3 and “7” is output 7"
    assert words in reading.steps


@pytest.mark.parametrize("spelling", [str, str.upper])
def test_names_in_another_order_or_spelling_are_found(tmp_path: Path, spelling: type[str]) -> None:
    root = write_folder(tmp_path, tuple(spelling(name) for name in ("ant", "cow")))
    reading = read(root, network(3, 3), ("cow", "bee", "ant"))
    assert reading.dataset.training.targets.tolist() == [2] * 3 + [0] * 3
    assert reading.dataset.class_names == ("cow", "bee", "ant")


def test_text_labels_are_joined_by_name(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, images=images(), labels=np.array(["cow", "ant", "bee"])[labels()])
    reading = read(path, network(4), ("dog", "cow", "bee", "ant"))
    assert reading.dataset.training.targets.tolist() == [1, 3, 2] * 4


def test_other_names_take_the_outputs_in_order_and_it_is_said(tmp_path: Path) -> None:
    reading = read(write_folder(tmp_path), network(4, 3), ("a", "b", "c", "d"))
    assert reading.dataset.training.targets.tolist() == [0] * 3 + [1] * 3
    assert (
        "not all class names are the network’s, so the classes take its outputs in order: "
        "output 0 is “cats” and output 1 is “dogs”" in reading.steps
    )


def test_no_name_is_given_twice(tmp_path: Path) -> None:
    """Folders 3, 5 and other: not all are outputs, so they go in order; outputs 3 and 5 differ."""
    root = write_folder(tmp_path, ("3", "5", "other"))
    names = read(root, network(6, 3)).dataset.class_names
    assert names == ("other", "3", "5", "output 3", "4", "output 5")


def test_repeated_names_of_an_archive_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, images=images(), labels=labels(), class_names=["crane", "crane", "ox"])
    reading = read(path, network(3))
    assert reading.dataset.class_names == ("crane (0)", "crane (1)", "ox")
    assert "“crane” names several classes: each has its number added" in reading.steps


def test_too_few_names_are_said_and_bytes_are_names(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, images=images(), labels=labels(), class_names=np.array([b"a", "é".encode()]))
    reading = read(path, network(3))
    assert reading.dataset.class_names == ("a", "é", "2")
    words = "class_names has 2 names for 3 classes: the others are called by their number"
    assert words in reading.steps
    with opened_npz(path) as file:
        assert file.headers["class_names"].dtype.kind == "S"


def test_labels_of_both_parts_mean_one_class(tmp_path: Path) -> None:
    """Seen alone, the second part's ant and cow would be classes 0 and 1."""
    path = tmp_path / "set.npz"
    names = np.array(["ant", "bee", "cow"])
    parts = {"x_train": images(), "x_val": images(6)}
    saved(path, **parts, y_train=names[labels()], y_val=names[[0, 2] * 3])
    data = read_dataset(path, network(3), GRAY).dataset
    assert data.validation is not None
    assert data.validation.targets.tolist() == [0, 2] * 3
    saved(path, **parts, y_train=np.array([3, 5, 9])[labels()], y_val=np.array([5, 9] * 3))
    data = read_dataset(path, network(3), GRAY).dataset
    assert data.validation is not None
    assert data.validation.targets.tolist() == [1, 2] * 3
    assert data.class_names == ("3", "5", "9")


def test_one_output_takes_two_classes_by_name() -> None:
    mapping = class_mapping(("no", "yes"), Wanted(GRAY, 1, False), ("yes", "no"))
    assert mapping.outputs == (1, 0)
    assert mapping.names == ("yes", "no")


def test_a_network_of_its_own_for_the_data_gets_the_data_s_classes(tmp_path: Path) -> None:
    root = write_folder(tmp_path, ("3", "7"))
    layers: dict[str, Layer] = {"flatten": Flatten(), "dense": Dense(10)}
    squared = chain("squared", (3, 8, 8), layers, SquaredError())
    for net in (network(10, 3), squared):
        model = Model("small", net, initialize(net), COLOR, DIGITS, Sgd(0.1))
        found = loaded(DataWish(str(root), ALL), model, lambda _: None, lambda: False)
        alone = found.dataset_for("mlp")
        assert alone.training.targets.tolist() == [0] * 3 + [1] * 3
        assert alone.class_names == ("3", "7")
        assert found.dataset_for("").class_names == DIGITS
