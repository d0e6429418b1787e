"""One image to learn by heart."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.errors import UserError
from backpropviz.files.data.load import one_image
from backpropviz.files.fit import prepare
from backpropviz.files.networks import load_network
from backpropviz.files.pictures import open_picture


def test_a_digit_by_its_class() -> None:
    model = load_network("lenet", lambda name, way: prepare(open_picture(name), way).array)
    image = prepare(open_picture("mnist:17"), model.preprocessing).array
    data = one_image(model, image, 8, "mnist:17")
    assert np.array_equal(data.training.images, image)
    assert data.training.targets.tolist() == [8]
    assert data.training.targets.dtype == np.int64
    assert data.validation is None
    assert data.class_names == model.class_names
    with pytest.raises(UserError, match="has no class 10"):
        one_image(model, image, 10, "mnist:17")
    with pytest.raises(UserError, match="is no input of “lenet”"):
        one_image(model, image[:, :, :20], 3, "mnist:17")


def test_a_tiny_network_by_its_numbers() -> None:
    model = load_network("tiny-overlap")
    assert model.example is not None
    data = one_image(model, model.example.image, model.example.target, model.example.source)
    assert data.training.targets.tolist() == [[4, 2, 10, 4]]
    assert data.class_names == ()
