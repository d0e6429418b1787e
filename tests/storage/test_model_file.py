"""`.bpv` files: what is saved comes back, and what a stranger made does no harm."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from backpropviz.engine.architecture.presets import preset
from backpropviz.engine.initialize import initialize
from backpropviz.engine.model import Example, Model, Preprocessing
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.value import Array
from backpropviz.errors import UserError
from backpropviz.files.archive import to_npy
from backpropviz.files.network_json import write_network
from backpropviz.files.networks import (
    SessionFile,
    load_file,
    load_network,
    save_model,
    save_session,
)

WEIGHT = "parameters/conv1.weight.npy"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.bpv"


def test_a_model_comes_back_as_it_was(path: Path) -> None:
    model = load_network("tiny-dense")
    save_model(path, model)
    assert_same(load_network(path), model)


def assert_same(found: Model, wanted: Model) -> None:
    assert found.network.nodes == wanted.network.nodes
    assert (found.title, found.remark) == (wanted.title, wanted.remark)
    assert (found.optimizer, found.preprocessing) == (wanted.optimizer, wanted.preprocessing)
    assert found.class_names == wanted.class_names
    for layer, own in wanted.parameters.items():
        for name, array in own.items():
            assert np.array_equal(found.parameters[layer][name], array)
            assert found.parameters[layer][name].dtype == array.dtype
    assert found.example is not None
    assert wanted.example is not None
    assert np.array_equal(found.example.image, wanted.example.image)
    assert (found.example.source, found.example.target) == (
        wanted.example.source,
        wanted.example.target,
    )


def resnet() -> Model:
    """A network with running statistics that differ from where they start."""
    network = preset("resnet-tiny", (1, 8, 8), 3)
    random = np.random.default_rng(6)
    parameters = {
        layer: {
            name: (array + random.uniform(0.1, 0.9, array.shape)).astype(np.float32)
            for name, array in own.items()
        }
        for layer, own in initialize(network).items()
    }
    example = Example("drawn", random.uniform(0, 1, (1, 1, 8, 8)).astype(np.float32), 2)
    return Model("ResNet", network, parameters, Preprocessing(1, 8, 8), (), Sgd(), example)


def test_running_statistics_come_back(tmp_path: Path) -> None:
    wanted = resnet()
    as_archive, as_text = tmp_path / "resnet.bpv", tmp_path / "resnet.json"
    save_model(as_archive, wanted)
    write_network(as_text, wanted)
    assert_same(load_network(as_archive), wanted)
    for layer, own in load_network(as_text).parameters.items():
        for name, array in own.items():
            assert np.array_equal(array, wanted.parameters[layer][name])
    assert "running_var" in load_network(as_text).parameters["norm1"]


def test_running_statistics_may_be_left_out_of_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "resnet.json"
    write_network(path, resnet())
    document = json.loads(path.read_text())
    del document["parameters"]["norm1"]["running_mean"]
    del document["parameters"]["norm1"]["running_var"]
    path.write_text(json.dumps(document))
    own = load_network(path).parameters["norm1"]
    assert not own["running_mean"].any()
    assert (own["running_var"] == 1).all()


def test_equal_models_give_equal_bytes(tmp_path: Path) -> None:
    model = load_network("tiny-max")
    for name in ("a.bpv", "b.bpv"):
        save_model(tmp_path / name, model)
    assert (tmp_path / "a.bpv").read_bytes() == (tmp_path / "b.bpv").read_bytes()


def test_a_session_brings_its_model_state_and_arrays(path: Path) -> None:
    model = load_network("tiny-max")
    state = {"position": 12, "breakpoints": ["conv1.weight.grad[0,0,1,1]"], "order": None}
    arrays: dict[str, Array] = {"edited": np.eye(3, dtype=np.uint8), "mask": np.zeros((0, 2))}
    save_session(path, model, state, arrays)
    session = load_file(path)
    assert isinstance(session, SessionFile)
    assert session.state == state
    assert_same(session.model, model)
    assert set(session.arrays) == {"edited", "mask"}
    assert np.array_equal(session.arrays["edited"], np.eye(3))
    assert session.arrays["mask"].shape == (0, 2)
    assert_same(load_network(path), model)


def test_zeros_are_not_taken_for_a_bomb(path: Path) -> None:
    model = load_network("tiny-max")
    zeros = np.zeros((500, 500), dtype=np.float32)
    save_session(path, model, {}, {"zeros": zeros})
    session = load_file(path)
    assert isinstance(session, SessionFile)
    assert np.array_equal(session.arrays["zeros"], zeros)


@pytest.mark.parametrize("name", ["../up", "a/b", "", "ü" * 200])
def test_an_array_needs_a_plain_name(path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot name an array"):
        save_session(path, load_network("tiny-max"), {}, {name: np.zeros(1)})
    assert not path.exists()


def test_a_save_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    model = load_network("tiny-max")
    save_model(path, model)
    before = path.read_bytes()
    with pytest.raises(UserError, match="complex128"):
        save_session(path, model, {}, {"wave": np.zeros(2, dtype=np.complex128)})
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def good_members(path: Path) -> dict[str, bytes]:
    save_model(path, load_network("tiny-max"))
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def write(path: Path, parts: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)


def sentence(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_file(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert text.endswith((".", "…"))
    assert "\n" not in text
    return text


def npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


GOOD = np.array([[[[2, 1], [-1, 1]]]], dtype=np.float32)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (npy(np.full_like(GOOD, np.nan)), ["NaN", "conv1.weight"]),
        (npy(np.full_like(GOOD, -np.inf)), ["infinite", "conv1.weight"]),
        (npy(GOOD[0]), ["1×2×2", "1×1×2×2"]),
        (npy(GOOD.astype(np.float16)), ["float16"]),
        (npy(GOOD.astype(np.int64)), ["int64"]),
        (npy(np.array([[[[{}, 1], [2, 3]]]], dtype=object)), ["object"]),
        (npy(np.asfortranarray(np.ones((1, 1, 2, 2), np.float32)[:, :, ::-1].T)), ["Fortran"]),
        (npy(GOOD)[:-3], ["bytes"]),
        (npy(GOOD) + b"more", ["bytes"]),
        (b"\x93NUMPY\x01\x00\x10\x00{'shape': (9,", ["damaged"]),
        (b"", ["damaged"]),
        (b"no array at all", ["damaged"]),
    ],
)
def test_weights_that_cannot_be_used_are_named(
    path: Path, content: bytes, parts: list[str]
) -> None:
    write(path, good_members(path) | {WEIGHT: content})
    text = sentence(path)
    for part in parts:
        assert part in text, text


@pytest.mark.parametrize("name", ["manifest.json", "network.json", WEIGHT, "example/image.npy"])
def test_a_missing_member_is_named(path: Path, name: str) -> None:
    parts = good_members(path)
    del parts[name]
    write(path, parts)
    assert f"{name} is missing" in sentence(path)


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("manifest.json", {"format": "backpropviz", "kind": "model", "version": 2}, "newer"),
        ("manifest.json", {"format": "backpropviz", "kind": "tape", "version": 1}, "tape"),
        ("manifest.json", {"format": "zip", "kind": "model", "version": 1}, "format"),
        ("manifest.json", {"format": "backpropviz", "version": 1}, "kind"),
        ("manifest.json", [], "object"),
        ("network.json", {"format": "backpropviz-network"}, "version"),
        ("network.json", [], "object"),
        ("example.json", {"source": "x", "target": [1, 2]}, "target"),
        ("example.json", {"source": 5, "target": [1]}, "source"),
    ],
)
def test_wrong_json_is_told(path: Path, name: str, content: object, part: str) -> None:
    write(path, good_members(path) | {name: json.dumps(content).encode()})
    assert part in sentence(path)


@pytest.mark.parametrize("name", ["/etc/passwd", "../up.npy", "a/../../b", "C:\\x", "a\\b"])
def test_a_member_outside_the_file_is_refused(path: Path, name: str) -> None:
    write(path, good_members(path) | {name: b""})
    assert "outside" in sentence(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice_is_refused(path: Path) -> None:
    parts = good_members(path)
    write(path, parts)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(WEIGHT, parts[WEIGHT])
    assert "twice" in sentence(path)


def test_an_encrypted_member_is_refused(path: Path) -> None:
    good_members(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(content))
    assert "encrypted" in sentence(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_packings_are_refused(path: Path, method: int) -> None:
    good_members(path)
    with zipfile.ZipFile(path, "a", method) as file:
        file.writestr("more", b"x" * 100)
    assert "packed" in sentence(path)


@pytest.mark.parametrize("name", ["more", "network.json", WEIGHT])
def test_a_bomb_is_not_unpacked(path: Path, name: str) -> None:
    write(path, good_members(path) | {name: b"0" * 20_000_000})
    assert path.stat().st_size < 100_000
    assert "unpack to 20,000,000 bytes" in sentence(path)


def test_a_bomb_that_lies_about_its_size_is_not_unpacked(path: Path) -> None:
    write(path, good_members(path) | {WEIGHT: b"0" * 20_000_000})
    content = path.read_bytes()
    path.write_bytes(content.replace((20_000_000).to_bytes(4, "little"), b"\x90\0\0\0"))
    assert "damaged" in sentence(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"{}", b"PK\x05\x06" + b"\0" * 18, b"x" * 5000])
def test_what_is_no_zip_is_told(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    sentence(path)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.99])
def test_a_truncated_file_is_told(path: Path, share: float) -> None:
    good_members(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    sentence(path)


def test_mutated_files_give_sentences_and_nothing_else(path: Path) -> None:
    save_session(path, load_network("tiny-dense"), {"position": 3}, {"edited": np.ones(4)})
    content = path.read_bytes()
    random = np.random.default_rng(20)
    refused = 0
    for _ in range(400):
        path.write_bytes(mutated(content, random))
        try:
            load_file(path)
        except UserError:
            refused += 1
    assert refused > 200


def test_mutated_members_give_sentences_and_nothing_else(path: Path) -> None:
    save_session(path, load_network("tiny-dense"), {"position": 3}, {"edited": np.ones(4)})
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    random = np.random.default_rng(21)
    names = sorted(parts)
    refused = 0
    for _ in range(400):
        name = names[random.integers(len(names))]
        write(path, parts | {name: mutated(parts[name], random)})
        try:
            load_file(path)
        except UserError:
            refused += 1
    assert refused > 150


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """Some bytes changed, cut out, repeated or cut off."""
    changed = bytearray(content)
    for _ in range(int(random.integers(1, 5))):
        at = int(random.integers(len(changed)))
        how = random.integers(5)
        if how == 0:
            del changed[at : at + int(random.integers(1, 9))]
        elif how == 1:
            changed[at:at] = changed[at : at + int(random.integers(1, 30))]
        elif how == 2 and at > len(changed) // 2:
            del changed[at:]
        else:
            changed[at : at + 1] = bytes([int(random.integers(256))])
        changed = changed or bytearray(b"\0")
    return bytes(changed)


def test_to_npy_is_what_numpy_reads() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert np.array_equal(np.load(io.BytesIO(to_npy(array)), allow_pickle=False), array)
