"""The networks that ship: they load, are small, know what they say, and four add up by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from backpropviz.assets import resource
from backpropviz.engine.arrays import Array
from backpropviz.engine.model import Model
from backpropviz.engine.run import run
from backpropviz.engine.tape import Tape
from backpropviz.engine.training.update import accuracy
from backpropviz.importers.bundled import bundled_picture, digit_set
from backpropviz.importers.fit import prepare
from backpropviz.storage.networks import bundled_networks, load_network

NAMES = ("tiny-max", "tiny-avg", "tiny-dense", "tiny-overlap", "lenet", "mlp", "tinyvgg")
LARGEST_FILE = 250_000
NumbersByAddress = dict[str, object]

TINY_MAX: NumbersByAddress = {
    "conv1.output": [[2, 1], [8, 7]],
    "pool1.output": 8,
    "pool1.switches": 2,
    "loss.difference": 2,
    "loss": 2,
    "loss.grad": 1,
    "pool1.output.grad": 2,
    "conv1.output.grad": [[0, 0], [2, 0]],
    "conv1.weight.grad": [[6, 8], [4, 2]],
    "conv1.bias.grad": 2,
    "image.grad": [[0, 0, 0], [4, 2, 0], [-2, 2, 0]],
    "conv1.weight.step": [[-0.06, -0.08], [-0.04, -0.02]],
    "conv1.weight.next": [[1.94, 0.92], [-1.04, 0.98]],
    "conv1.bias.next": -1.02,
}
TINY_AVG: NumbersByAddress = {
    "conv1.output": [[6, 2], [9, 7]],
    "pool1.output": 6,
    "loss": 8,
    "pool1.output.grad": 4,
    "conv1.output.grad": [[1, 1], [1, 1]],
    "conv1.weight.grad": [[9, 8], [10, 6]],
    "conv1.bias.grad": 4,
    "image.grad": [[2, 3, 1], [1, 4, 3], [-1, 1, 2]],
    "conv1.weight.step": [[-0.09, -0.08], [-0.1, -0.06]],
    "conv1.weight.next": [[1.91, 0.92], [-1.1, 1.94]],
    "conv1.bias.next": -1.04,
}
TINY_DENSE: NumbersByAddress = {
    "conv1.output": [[2, 1], [8, 7]],
    "flatten.output": [2, 1, 8, 7],
    "dense1.output": 3,
    "loss": 2,
    "dense1.output.grad": 2,
    "dense1.weight.grad": [4, 2, 16, 14],
    "dense1.bias.grad": 2,
    "dense1.input.grad": [4, -2, 2, -2],
    "conv1.output.grad": [[4, -2], [2, -2]],
    "conv1.weight.grad": [[-6, 12], [6, 16]],
    "conv1.bias.grad": 2,
    "image.grad": [[8, 0, -2], [0, 4, -4], [-2, 4, -2]],
    "dense1.weight.next": [1.96, -1.02, 0.84, -1.14],
    "dense1.bias.next": -1.02,
    "conv1.weight.next": [[2.06, 0.88], [-1.06, 0.84]],
    "conv1.bias.next": -1.02,
}
TINY_OVERLAP: NumbersByAddress = {
    "conv1.output": [[3, 4, 2], [1, 5, 0], [8, 6, 4]],
    "pool1.output": [[5, 5], [8, 6]],
    "pool1.switches": [[4, 4], [6, 7]],
    "loss.difference": [[1, 3], [-2, 2]],
    "loss": 9,
    "pool1.output.grad": [[1, 3], [-2, 2]],
    "conv1.output.grad": [[0, 0, 0], [0, 4, 0], [-2, 2, 0]],
    "conv1.weight.grad": 16,
    "conv1.bias.grad": 4,
    "image.grad": [[0, 0, 0], [0, 4, 0], [-2, 2, 0]],
    "conv1.weight.next": 0.84,
    "conv1.bias.next": -0.04,
}
BY_HAND = {
    "tiny-max": TINY_MAX,
    "tiny-avg": TINY_AVG,
    "tiny-dense": TINY_DENSE,
    "tiny-overlap": TINY_OVERLAP,
}


@pytest.mark.parametrize(
    ("name", "address"), [(name, address) for name, values in BY_HAND.items() for address in values]
)
def test_a_tiny_pass_is_the_one_worked_by_hand(name: str, address: str) -> None:
    expected = np.array(BY_HAND[name][address])
    computed = tiny_tape(name)[address].squeeze()
    if address.endswith((".next", ".step")):
        assert_allclose(computed, expected, rtol=1e-6)
    else:
        assert computed.tolist() == expected.tolist()


def tiny_tape(name: str) -> Tape:
    return run(load_network(name))


@pytest.mark.parametrize("name", list(BY_HAND))
def test_a_tiny_network_is_made_of_small_whole_numbers(name: str) -> None:
    tape = tiny_tape(name)
    for address, array in tape.items():
        if address.part not in {"step", "next"}:
            assert (array == np.round(array)).all(), address
            assert np.abs(array).max() <= 20, address


def test_tiny_max_is_the_picture_that_is_drawn_everywhere() -> None:
    model = load_network("tiny-max")
    assert model.example is not None
    assert model.example.image[0, 0].tolist() == [[0, 2, 1], [3, 4, 1], [2, 1, 0]]
    assert model.example.target == (6.0,)
    assert model.parameters["conv1"]["weight"][0, 0].tolist() == [[2, 1], [-1, 1]]
    assert model.parameters["conv1"]["bias"].tolist() == [-1]
    assert model.optimizer.learning_rate == 0.01
    assert [node.name for node in model.network.nodes] == ["conv1", "pool1"]


@pytest.mark.parametrize("name", list(BY_HAND))
def test_the_remark_tells_the_numbers_of_the_pass(name: str) -> None:
    remark = load_network(name).remark.replace("−", "-").replace(" ", "")
    for address in ("conv1.weight.grad", "image.grad"):
        numbers = str(BY_HAND[name][address]).replace(" ", "")
        assert numbers in remark, address


@pytest.fixture(scope="module", params=NAMES)
def model(request: pytest.FixtureRequest) -> Model:
    return load_network(request.param)


def test_every_network_is_small_and_whole(model: Model) -> None:
    name = model.network.name
    files = [p for p in resource("networks").iterdir() if p.stem == name]
    assert len(files) == 1
    assert files[0].stat().st_size < LARGEST_FILE
    for node in model.network.nodes:
        for parameter, shape in model.network.parameter_shapes(node).items():
            array = model.parameters[node.name][parameter]
            assert array.shape == shape
            assert array.dtype == (np.float64 if files[0].suffix == ".json" else np.float32)
            assert not array.flags.writeable


def test_every_example_gives_a_pass_with_finite_gradients(model: Model) -> None:
    tape = run(model)
    assert np.isfinite(tape.loss)
    assert all(np.isfinite(array).all() for array in tape.values())
    gradients = [array for address, array in tape.items() if address.is_gradient]
    assert all(np.any(array) for array in gradients if array.ndim)


def test_every_network_says_what_it_is(model: Model) -> None:
    assert model.title
    assert model.remark.endswith(".")


def test_the_list_of_networks_is_complete_without_reading_parameters() -> None:
    cards = bundled_networks()
    assert tuple(card.name for card in cards) == NAMES
    for card in cards:
        loaded = load_network(card.name)
        assert card.parameter_count == loaded.parameter_count
        assert (card.title, card.description) == (loaded.title, loaded.remark)
        assert card.input_shape == loaded.network.input_shape


def test_lenet_has_the_layers_that_lessons_name() -> None:
    network = load_network("lenet").network
    shapes = {node.name: network.shapes[node.name] for node in network.nodes}
    assert shapes == {
        "conv1": (6, 28, 28),
        "relu1": (6, 28, 28),
        "pool1": (6, 14, 14),
        "conv2": (16, 10, 10),
        "relu2": (16, 10, 10),
        "pool2": (16, 5, 5),
        "flatten": (400,),
        "dense1": (120,),
        "relu3": (120,),
        "dense2": (84,),
        "relu4": (84,),
        "dense3": (10,),
    }


@pytest.mark.parametrize(("name", "least"), [("lenet", 0.98), ("mlp", 0.97)])
def test_digit_networks_read_the_digits_that_ship(name: str, least: float) -> None:
    model = load_network(name)
    images, labels = shipped_digits()
    right = accuracy(model.network, model.parameters, images, labels)
    assert right >= least
    assert f"{100 * right:.1f} %" in model.remark


@pytest.mark.parametrize("name", ["lenet", "mlp"])
def test_the_example_is_the_digit_as_the_program_opens_it(name: str) -> None:
    model = load_network(name)
    assert model.example is not None
    digits, _, item = model.example.source.partition(":")
    picture = bundled_picture(digits, item)
    assert np.array_equal(prepare(picture, model.preprocessing).array, model.example.image)
    assert model.class_names[int(str(model.example.target))] == picture.label


def test_tinyvgg_knows_the_five_photos_as_the_program_opens_them() -> None:
    model = load_network("tinyvgg")
    pictures = [bundled_picture("photo", name) for name in model.class_names]
    images = np.concatenate([prepare(p, model.preprocessing).array for p in pictures])
    assert accuracy(model.network, model.parameters, images, np.arange(5)) == 1
    assert model.example is not None
    assert np.array_equal(model.example.image[0], images[int(str(model.example.target))])


def shipped_digits() -> tuple[Array, Array]:
    digits = digit_set("mnist")
    return (digits.images[:, None] / 255).astype(np.float32), digits.labels.astype(np.int64)
