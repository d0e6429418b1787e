"""Network files in JSON: what they may say, and where an error stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backpropviz.assets import resource
from backpropviz.engine.model import Preprocessing
from backpropviz.engine.value import Array
from backpropviz.errors import UserError
from backpropviz.files.network_json import FIELDS, write_network
from backpropviz.files.networks import load_network

ROOT = Path(__file__).resolve().parents[2]


def small() -> dict[str, Any]:
    """A network file with a branch that every test starts from."""
    return {
        "format": "backpropviz-network",
        "version": 1,
        "input": [1, 4, 4],
        "layers": [
            {"name": "conv1", "kind": "conv2d", "out_channels": 2, "kernel_size": 3, "padding": 1},
            {"name": "relu1", "kind": "relu"},
            {"name": "pool1", "kind": "max_pool2d", "kernel_size": 2},
            {"name": "flatten", "kind": "flatten"},
            {"name": "dense1", "kind": "dense", "out_features": 3},
        ],
        "loss": {"kind": "cross_entropy"},
    }


def saved(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "net.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def sentence(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_network(path)
    assert caught.value.exit_code == 3
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert text.endswith(".")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


def test_what_is_left_out_takes_its_default(tmp_path: Path) -> None:
    model = load_network(saved(tmp_path, small()))
    assert model.title == model.network.name == "net"
    assert model.network.by_name["pool1"].inputs == ("relu1",)
    assert model.preprocessing == Preprocessing(1, 4, 4)
    assert model.class_names == ()
    assert model.example is None
    assert model.optimizer.learning_rate == 0.01
    assert model.parameter_count == 2 * 9 + 2 + 3 * 8 + 3


def test_inputs_make_a_branch(tmp_path: Path) -> None:
    document = small()
    document["layers"][2:2] = [
        {"name": "sum1", "kind": "add", "inputs": ["conv1", "relu1"]},
    ]
    network = load_network(saved(tmp_path, document)).network
    assert network.by_name["sum1"].inputs == ("conv1", "relu1")
    assert network.by_name["pool1"].inputs == ("sum1",)


def test_first_parameters_follow_from_the_seed(tmp_path: Path) -> None:
    def weight(**initialize: object) -> Array:
        document = small() | {"initialize": initialize}
        return load_network(saved(tmp_path, document)).parameters["dense1"]["weight"]

    assert np.array_equal(weight(), weight(method="he", distribution="normal", seed=0))
    assert not np.array_equal(weight(seed=1), weight(seed=2))
    assert np.abs(weight(method="lecun", distribution="uniform")).max() <= np.sqrt(3 / 8)


def test_numbers_in_the_file_replace_the_drawn_ones(tmp_path: Path) -> None:
    weight = np.arange(24).reshape(3, 8).tolist()
    document = small() | {"parameters": {"dense1": {"weight": weight, "bias": [1, 2.5, 3]}}}
    parameters = load_network(saved(tmp_path, document)).parameters
    assert parameters["dense1"]["weight"].tolist() == weight
    assert parameters["dense1"]["bias"].tolist() == [1, 2.5, 3]
    assert np.any(parameters["conv1"]["weight"])


def test_a_class_is_named_or_numbered(tmp_path: Path) -> None:
    image = np.zeros((4, 4)).tolist()
    for target in ("cat", 1):
        document = small() | {"classes": ["ant", "cat", "dog"]}
        document["example"] = {"image": image, "target": target}
        example = load_network(saved(tmp_path, document)).example
        assert example is not None
        assert example.target == 1
        assert example.image.shape == (1, 1, 4, 4)


def test_a_network_file_cannot_make_the_program_read_other_files(tmp_path: Path) -> None:
    def picture(name: str, preprocessing: Preprocessing) -> Array:
        raise AssertionError(f"{name} was opened for {preprocessing}")

    for name in ("/etc/passwd", "seven.png", "C:\\x", "https://x/y"):
        path = saved(tmp_path, small() | {"example": {"image": name, "target": 2}})
        with pytest.raises(UserError, match=r"example\.image"):
            load_network(path, picture)


def test_a_picture_by_name_is_opened_by_who_can(tmp_path: Path) -> None:
    path = saved(tmp_path, small() | {"example": {"image": "mnist:17", "target": 2}})
    asked: list[str] = []

    def picture(name: str, preprocessing: Preprocessing) -> Array:
        asked.append(name)
        return np.ones((1, preprocessing.channels, 4, 4), dtype=np.float32)

    example = load_network(path, picture).example
    assert asked == ["mnist:17"]
    assert example is not None
    assert example.source == "mnist:17"
    assert "example.image" in sentence(path)


@pytest.mark.parametrize("name", ["tiny-max", "tiny-dense", "lenet"])
def test_writing_and_reading_change_nothing(tmp_path: Path, name: str) -> None:
    model = load_network(name)
    path = tmp_path / f"{name}.json"
    write_network(path, model)
    again = load_network(path)
    assert again.network.nodes == model.network.nodes
    assert again.network.loss == model.network.loss
    assert (again.title, again.remark) == (model.title, model.remark)
    assert (again.optimizer, again.preprocessing) == (model.optimizer, model.preprocessing)
    assert again.class_names == model.class_names
    for layer, own in model.parameters.items():
        for parameter, array in own.items():
            assert np.array_equal(again.parameters[layer][parameter], array)
    assert model.example is not None
    assert again.example is not None
    assert np.array_equal(again.example.image, model.example.image)
    assert again.example.target == model.example.target


def changed(place: str, value: object) -> dict[str, Any]:
    """The small network with one thing changed, such as `layers.2.stride`."""
    document: dict[str, Any] = small()
    *path, last = place.split(".")
    inside: Any = document
    for key in path:
        inside = inside[int(key)] if isinstance(inside, list) else inside[key]
    inside[int(last) if isinstance(inside, list) else last] = value
    return document


@pytest.mark.parametrize(
    ("place", "value", "parts"),
    [
        ("layers.2.stride", 0, ["layers[2] (pool1)", "stride = 0"]),
        ("layers.2.kernel_size", 9, ["layers[2] (pool1)", "4×4"]),
        ("layers.2.stirde", 1, ["layers[2] (pool1)", "stirde", "stride", "ceil_mode"]),
        ("layers.2.kind", "maxpool", ["layers[2] (pool1)", "maxpool", "max_pool2d"]),
        ("layers.0.bias", "yes", ["layers[0] (conv1)", "bias", "yes"]),
        ("layers.0.groups", 2, ["layers[0] (conv1)", "groups = 2"]),
        ("layers.0.out_channels", 10**9, ["layers[0] (conv1)", "out_channels"]),
        ("layers.0.padding", [[[[1]]]], ["layers[0] (conv1)", "padding"]),
        ("layers.2.kernel_size", 5000, ["layers[2] (pool1)", "kernel_size", "5000", "1024"]),
        ("layers.0.name", "a\n", ["layers[0].name", "'a\\n'"]),
        ("layers.0.name", "loss", ["layers[0] (loss)", "“loss”"]),
        ("layers.0.name", "a/b", ["layers[0] (a/b)", "a/b"]),
        ("layers.1.name", "conv1", ["layers[1] (conv1)", "conv1"]),
        ("layers.1.inputs", ["image2"], ["layers[1] (relu1)", "image2"]),
        ("layers.1.inputs", [], ["layers[1] (relu1)"]),
        ("layers.3.kind", "relu", ["layers[4] (dense1)", "2×2×2", "flatten"]),
        ("layers", [], ["layers"]),
        ("layers", {}, ["layers"]),
        ("layers.1", 7, ["layers[1]", "7"]),
        ("input", [2, 4, 4], ["input[0]", "2"]),
        ("input", [1, 4], ["input"]),
        ("input", [1, 4, True], ["input[2]"]),
        ("loss", {"kind": "mse"}, ["loss", "mse", "squared_error"]),
        ("loss", {"kind": "cross_entropy", "reduction": "max"}, ["loss", "max"]),
        ("optimizer", {"kind": "sgd", "learning_rate": -1}, ["optimizer", "-1"]),
        ("optimizer", {"kind": "sgd", "momentun": 0.9}, ["optimizer", "momentun", "momentum"]),
        ("preprocessing", {"height": 5}, ["preprocessing.height", "5", "4"]),
        ("preprocessing", {"fit": "squeeze"}, ["preprocessing", "squeeze"]),
        ("classes", ["a", "b"], ["classes", "2", "3"]),
        ("classes", ["a", "b", "b"], ["classes"]),
        ("initialize", {"method": "xavier"}, ["initialize.method", "xavier", "glorot"]),
        ("initialize", {"seed": 0.5}, ["initialize.seed", "0.5"]),
        ("parameters", {"relu1": {}}, ["parameters", "relu1", "conv1"]),
        ("parameters", {"dense1": {"weight": []}}, ["parameters.dense1", "bias"]),
        (
            "parameters",
            {"dense1": {"weight": [[1] * 8] * 2, "bias": [0] * 3}},
            ["parameters.dense1.weight", "2", "3×8"],
        ),
        (
            "parameters",
            {"dense1": {"weight": [[1] * 8] * 3, "bias": [0, "x", 0]}},
            ["parameters.dense1.bias[1]", "x"],
        ),
        (
            "parameters",
            {"dense1": {"weight": [[1] * 8] * 3, "bias": [0, 1e39, 0]}},
            ["parameters.dense1.bias", "float32"],
        ),
        ("example", {"image": [[0] * 4] * 4}, ["example", "target"]),
        ("example", {"image": [[0] * 4] * 4, "target": 3}, ["example.target", "3"]),
        ("example", {"image": [[0] * 4] * 4, "target": "cat"}, ["example.target", "cat"]),
        ("example", {"image": [[0] * 4] * 3, "target": 0}, ["example.image", "3", "4×4"]),
        ("version", 2, ["version", "newer"]),
        ("format", "onnx", ["format", "onnx", "backpropviz-network"]),
        ("colour", "red", ["colour", *FIELDS]),
    ],
)
def test_an_error_names_its_place(
    tmp_path: Path, place: str, value: object, parts: list[str]
) -> None:
    text = sentence(saved(tmp_path, changed(place, value)))
    for part in parts:
        assert part in text, text


@pytest.mark.parametrize("field", ["format", "version", "input", "layers", "loss"])
def test_a_missing_field_is_named(tmp_path: Path, field: str) -> None:
    document = small()
    del document[field]
    assert field in sentence(saved(tmp_path, document))


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ["line 1, column 1"]),
        (b'{\n "format": ,\n}', ["line 2, column 12"]),
        (b'{"format": "backpropviz-network", "format": 1}', ["format", "twice"]),
        (b'{"a": NaN}', ["NaN"]),
        (b'{"a": 1e999}', ["1e999"]),
        (b'{"a": 99999999999999999999}', ["9999"]),
        (b"[" * 100_000, ["nested"]),
        (b"\xff\xfe\x00", ["UTF-8"]),
        (b'{"title": "\\ud800"}', ["character"]),
        (b"[1, 2]", ["object"]),
        (b"null", ["object"]),
    ],
)
def test_what_is_not_json_is_told_with_its_place(
    tmp_path: Path, content: bytes, parts: list[str]
) -> None:
    path = tmp_path / "net.json"
    path.write_bytes(content)
    text = sentence(path)
    for part in parts:
        assert part in text, text


def test_a_network_too_large_for_memory_is_refused_before_it_is_made(tmp_path: Path) -> None:
    document = small() | {"input": [1, 4096, 4096]}
    document["layers"][0]["out_channels"] = 1000
    assert "layers[0] (conv1)" in sentence(saved(tmp_path, document))


def test_a_folder_or_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load_network(tmp_path)
    with pytest.raises(UserError, match=r"tiny-max, tiny-avg, .* lenet"):
        load_network("lenett")


def test_the_example_in_the_documentation_is_a_network(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "network-format.md").read_text(encoding="utf-8")
    example = text.split("```json\n")[1].split("```")[0]
    path = tmp_path / "net.json"
    path.write_text(example, encoding="utf-8")
    model = load_network(path)
    assert model.example is not None
    for field in FIELDS:
        assert f"`{field}`" in text, f"{field} is not documented"


ODD_VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1e30,
    7.5,
    "",
    "image",
    "x" * 3000,
    [],
    [[]],
    {},
    [-1] * 3,
]


def odd(value: Any, random: np.random.Generator) -> Any:
    """The document with one value somewhere inside replaced by an odd one, or left out."""
    if isinstance(value, dict | list) and value and random.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = keys[random.integers(len(keys))]
        changed: Any = dict(value) if isinstance(value, dict) else list(value)
        if random.random() < 0.1:
            del changed[key]
        else:
            changed[key] = odd(changed[key], random)
        return changed
    return ODD_VALUES[random.integers(len(ODD_VALUES))]


def test_odd_documents_give_sentences_and_nothing_else(tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    names = ["tiny-max", "tiny-dense", "tiny-overlap"]
    refused = longest = 0
    for round_number in range(500):
        name = names[round_number % len(names)]
        document = json.loads(resource("networks", f"{name}.json").read_text(encoding="utf-8"))
        try:
            load_network(saved(tmp_path, odd(odd(document, random), random)))
        except UserError as error:
            longest = max(longest, len(str(error)))
            refused += 1
    assert refused > 250
    assert longest < 1000


def test_mutated_files_give_sentences_and_nothing_else(tmp_path: Path) -> None:
    random = np.random.default_rng(9)
    content = resource("networks", "tiny-dense.json").read_bytes()
    path = tmp_path / "net.json"
    refused = 0
    for _ in range(400):
        changed = bytearray(content)
        for _ in range(int(random.integers(1, 4))):
            at = int(random.integers(len(changed) - 8))
            changed[at : at + int(random.integers(0, 8))] = random.bytes(int(random.integers(0, 3)))
        path.write_bytes(bytes(changed))
        try:
            load_network(path)
        except UserError:
            refused += 1
    assert refused > 200
