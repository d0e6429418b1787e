"""IDX pairs: found by either file or their folder, packed or not; damage is told in words."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from backpropviz.engine.arrays import Array
from backpropviz.errors import UserError
from backpropviz.importers.datasets.idx_file import is_idx, read_idx
from backpropviz.importers.datasets.load import load_dataset, read_dataset
from backpropviz.importers.datasets.statistics import class_counts
from tests.importers.datasets.data_files import GRAY, idx, images, labels, network, write_pair


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("which", ["images", "labels", "folder"])
def test_a_pair_is_found_by_either_file_or_the_folder(
    tmp_path: Path, which: str, *, packed: bool
) -> None:
    path = write_pair(tmp_path, packed=packed)
    if which == "labels":
        path = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
    data = load_dataset(tmp_path if which == "folder" else path, network(), GRAY, held_out=0)
    assert np.array_equal(data.training.images[:, 0] * 255, images().astype(np.float32))
    assert np.array_equal(data.training.targets, labels())
    assert data.training.names[:2] == ("train:0", "train:1")
    assert data.class_names == ("0", "1", "2")


def test_the_own_test_set_is_kept_apart(tmp_path: Path) -> None:
    write_pair(tmp_path)
    write_pair(tmp_path, "t10k", 6)
    reading = read_dataset(tmp_path, network(), GRAY)
    assert len(reading.dataset.training) == 12
    assert reading.dataset.validation is not None
    assert reading.dataset.validation.names == tuple(f"t10k:{k}" for k in range(6))
    assert "its own test images are the validation set" in reading.steps
    assert load_dataset(tmp_path, network(), GRAY, held_out=0).validation is None


def test_kaggle_s_names_and_packed_beside_unpacked(tmp_path: Path) -> None:
    (tmp_path / "train-images.idx3-ubyte").write_bytes(idx(images()))
    (tmp_path / "train-labels.idx1-ubyte").write_bytes(idx(labels()))
    (tmp_path / "train-images.idx3-ubyte.gz").write_bytes(gzip.compress(idx(images())))
    assert class_counts(load_dataset(tmp_path, None, GRAY, held_out=0).training, 3) == (4, 4, 4)


def test_several_sets_in_a_folder_are_named(tmp_path: Path) -> None:
    for name in ("letters", "balanced"):
        write_pair(tmp_path, name)
    with pytest.raises(UserError, match=r"several sets .balanced-images.*choose one"):
        load_dataset(tmp_path, None, GRAY)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "float32"])
def test_each_type_is_read_with_its_bytes_in_order(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "a-images-idx3-ubyte"
    values: Array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    path.write_bytes(idx(values))
    assert is_idx(path)
    assert np.array_equal(read_idx(path), values)
    assert read_idx(path).dtype == values.dtype


GOOD = idx(images(4))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is no IDX file .it begins with nothing"),
        (b"\x89PNG" + GOOD, "is no IDX file .it begins with 89 50 4e 47"),
        (b"\0\0\x07\x03" + GOOD[4:], "is no IDX file .it begins with 00 00 07 03"),
        (b"\0\0\x08\x00", "is no IDX file"),
        (b"\0\0\x08\x09" + GOOD[4:], "is no IDX file"),
        (GOOD[:10], "is damaged or cut off"),
        (GOOD[:-1], "is damaged or cut off"),
        (GOOD + b"x", "is longer than its 4×8×8 numbers"),
        (b"\0\0\x0e\x03" + struct.pack(">3I", *(2**32 - 1,) * 3), "more than 2 GB: split it"),
        (gzip.compress(GOOD, mtime=0)[:-30], "is damaged or cut off"),
    ],
)
def test_damage_is_told(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = write_pair(tmp_path)
    path.write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        load_dataset(path, None, GRAY)


def test_a_gzip_bomb_is_read_no_further_than_its_shape(tmp_path: Path) -> None:
    path = write_pair(tmp_path)
    bomb = gzip.compress(GOOD + bytes(50_000_000))
    assert len(bomb) < 100_000
    path.write_bytes(bomb)
    with pytest.raises(UserError, match="is longer than its"):
        load_dataset(path, None, GRAY)


def test_a_pair_must_be_one(tmp_path: Path) -> None:
    path = write_pair(tmp_path)
    partner = path.with_name("train-labels-idx1-ubyte")
    partner.write_bytes(idx(labels(11)))
    with pytest.raises(UserError, match="has 12 images, but train-labels-idx1-ubyte has 11 labels"):
        load_dataset(path, None, GRAY)
    partner.write_bytes(idx(images(12)))
    with pytest.raises(UserError, match="is not one label an image"):
        load_dataset(path, None, GRAY)
    partner.unlink()
    with pytest.raises(UserError, match="lacks its labels: put train-labels-idx1-ubyte beside"):
        load_dataset(path, None, GRAY)
    odd = tmp_path / "digits.idx"
    odd.write_bytes(idx(images()))
    with pytest.raises(UserError, match="does not say whether it holds images or labels"):
        load_dataset(odd, None, GRAY)


def test_negative_labels_are_refused(tmp_path: Path) -> None:
    path = write_pair(tmp_path)
    wrong = labels().astype(np.int8)
    wrong[5] = -1
    path.with_name("train-labels-idx1-ubyte").write_bytes(idx(wrong))
    with pytest.raises(UserError, match="the label of image 5 is -1, but classes are counted from"):
        load_dataset(path, None, GRAY)


def test_a_folder_inside_is_found_as_torchvision_leaves_it(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    write_pair(raw)
    write_pair(raw, packed=True)
    write_pair(raw, "t10k", 6)
    for source in (tmp_path, tmp_path / "MNIST", raw):
        reading = read_dataset(source, network(), GRAY)
        assert (len(reading.dataset.training), len(reading.dataset.validation or ())) == (12, 6)
    assert "read in MNIST/raw/" in read_dataset(tmp_path, network(), GRAY).steps
    (tmp_path / "FashionMNIST" / "raw").mkdir(parents=True)
    write_pair(tmp_path / "FashionMNIST" / "raw")
    with pytest.raises(UserError, match="in “FashionMNIST/raw” and “MNIST/raw”: choose one"):
        load_dataset(tmp_path, network(), GRAY)


def test_emnist_s_names(tmp_path: Path) -> None:
    write_pair(tmp_path, "emnist-letters-train", packed=True)
    write_pair(tmp_path, "emnist-letters-test", 6, packed=True)
    reading = read_dataset(tmp_path, network(), GRAY)
    assert reading.dataset.validation is not None
    assert reading.dataset.validation.names[0] == "emnist-letters-test:0"
    assert any("rows and columns exchanged: read as they are stored" in s for s in reading.steps)


def test_qmnist_s_labels_have_the_class_first(tmp_path: Path) -> None:
    (tmp_path / "qmnist-train-images-idx3-ubyte").write_bytes(idx(images()))
    rows = np.zeros((12, 8), dtype=np.int32)
    rows[:, 0], rows[:, 1:] = labels(), 777
    (tmp_path / "qmnist-train-labels-idx2-int").write_bytes(idx(rows))
    for path in (tmp_path, *tmp_path.iterdir()):
        data = load_dataset(path, network(), GRAY, held_out=0)
        assert np.array_equal(data.training.targets, labels())


def test_a_pair_of_two_spellings_is_one(tmp_path: Path) -> None:
    (tmp_path / "Train-images.idx3-ubyte").write_bytes(idx(images()))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(labels()))
    for path in (tmp_path, *tmp_path.iterdir()):
        data = load_dataset(path, network(), GRAY, held_out=0)
        assert np.array_equal(data.training.targets, labels())


def test_a_forged_length_takes_no_memory(tmp_path: Path) -> None:
    path = write_pair(tmp_path)
    path.write_bytes(b"\0\0\x08\x03" + struct.pack(">3I", 2000, 1000, 1000) + b"x")
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="damaged or cut off"):
            load_dataset(path, None, GRAY)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
