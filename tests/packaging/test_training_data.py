"""The scripts behind the bundled networks: unseen is unseen, and a second run gives the same."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from backpropviz.assets import resource
from backpropviz.engine.network import Network
from backpropviz.files.data.load import LEFT, SMALLEST_CROP
from backpropviz.files.networks import load_network
from networks import make_tiny, train_lenet, train_mlp, train_tinyvgg
from networks.course import Course
from networks.digit_model import Candidate, main, nesterov
from networks.digits import Digits, shipped, unshipped


def test_no_digit_that_ships_is_trained_on() -> None:
    trained, measured = unshipped(), shipped()
    assert (len(trained.images), len(measured.images)) == (8000, 2000)
    seen = {image.tobytes() for image in trained.images}
    assert not any(image.tobytes() in seen for image in measured.images)
    assert (trained.images.min(), trained.images.max()) == (0, 1)


def test_the_tiny_files_are_what_the_script_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["make_tiny", "-o", str(tmp_path)])
    make_tiny.main()
    for tiny in make_tiny.TINY:
        name = f"{tiny.name}.json"
        assert (tmp_path / name).read_bytes() == resource("networks", name).read_bytes()


@pytest.mark.parametrize("network", [train_lenet.lenet(), train_mlp.mlp(), train_tinyvgg.tinyvgg()])
def test_the_bundled_networks_are_those_of_the_scripts(network: Network) -> None:
    bundled = load_network(network.name).network
    assert bundled.nodes == network.nodes
    assert (bundled.input_shape, bundled.loss) == (network.input_shape, network.loss)


def test_training_again_gives_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = unshipped()
    few = Digits(few.images[::20], few.labels[::20])
    monkeypatch.setattr("networks.digit_model.unshipped", lambda: few)
    paths = [tmp_path / "a.bpv", tmp_path / "b.bpv"]
    for path in paths:
        monkeypatch.setattr(sys, "argv", ["train", "--epochs", "1", "-o", str(path)])
        candidate = Candidate(train_mlp.mlp(), "Once", train_mlp.EXAMPLE)
        main(candidate, Course(60, 0.05, nesterov), None)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert "of the 2,000 that ship" in load_network(paths[0]).remark


def test_crops_come_from_their_columns_only() -> None:
    random = np.random.default_rng(0)
    images, labels = train_tinyvgg.crops(LEFT, 2, random)
    assert images.shape == (10, *train_tinyvgg.SHAPE)
    assert labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert 0 <= images.min() < images.max() <= 1
    narrow = train_tinyvgg.crops(slice(0, SMALLEST_CROP), 1, random)[0]
    assert narrow.shape == (5, *train_tinyvgg.SHAPE)
