"""NumPy archives: the usual names and shapes, understood in words; never harm, never a guess."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import Network, chain
from backpropviz.engine.value import Array
from backpropviz.errors import UserError
from backpropviz.files.data.load import Choices, NetworkMismatchError, load_dataset, read_dataset
from tests.importers.datasets.data_files import COLOR, GRAY, images, labels, network

ALL = Choices(held_out=0)


def saved(path: Path, **arrays: object) -> Path:
    """An archive of these."""
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    ("image_name", "label_name"),
    [
        ("images", "labels"),
        ("x", "y"),
        ("X", "y"),
        ("data", "target"),
        ("x_train", "y_train"),
        ("train_images", "train_labels"),
        ("arr_0", "arr_1"),
    ],
)
def test_the_usual_names_are_found(tmp_path: Path, image_name: str, label_name: str) -> None:
    path = saved(tmp_path / "set.npz", **{image_name: images(), label_name: labels()})
    data = load_dataset(path, network(), GRAY, held_out=0)
    assert np.array_equal(data.training.images[:, 0] * 255, images().astype(np.float32))
    assert np.array_equal(data.training.targets, labels())
    assert data.training.names[3] == "set:3"


def test_a_test_is_kept_for_the_end_where_there_is_a_val(tmp_path: Path) -> None:
    """As MedMNIST's archives have it, and folders."""
    path = saved(
        tmp_path / "medmnist.npz",
        **{f"{part}_images": images(6, seed=k) for k, part in enumerate(("train", "val", "test"))},
        **{f"{part}_labels": labels(6)[:, None] for part in ("train", "val", "test")},
    )
    reading = read_dataset(path, network(), GRAY)
    data = reading.dataset
    assert data.validation is not None
    assert np.array_equal(data.validation.images[:, 0] * 255, images(6, seed=1).astype(np.float32))
    assert "“test_images” is kept for the end: not read" in reading.steps
    assert "its own validation images are the validation set" in reading.steps
    steps = read_dataset(path, network(), GRAY, ALL).steps
    assert "its own validation images are not used" in steps


def test_its_own_test_arrays_are_kept_apart(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "mnist.npz",
        x_train=images(),
        y_train=labels(),
        x_test=images(6, seed=1),
        y_test=labels(6),
    )
    data = load_dataset(path, network(), GRAY)
    assert data.validation is not None
    assert (len(data.training), len(data.validation)) == (12, 6)
    assert np.array_equal(data.validation.images[:, 0] * 255, images(6, seed=1).astype(np.float32))


def colors(axes: str) -> Array:
    """Color images whose red is twice their green."""
    values = np.zeros((6, 8, 8, 3), dtype=np.uint8)
    values[..., 0], values[..., 1] = 200, 100
    return values if axes == "last" else np.moveaxis(values, 3, 1)


@pytest.mark.parametrize("axes", ["last", "first"])
def test_channels_may_be_last_or_first(tmp_path: Path, axes: str) -> None:
    path = saved(tmp_path / "set.npz", images=colors(axes), labels=labels(6))
    reading = read_dataset(path, network(3, 3), COLOR, ALL)
    mean = reading.dataset.training.images.mean((0, 2, 3)) * 255
    assert mean == pytest.approx([200, 100, 0], rel=1e-5)
    order = "height × width × channels" if axes == "last" else "channels × height × width"
    assert any(f"images × {order}" in step for step in reading.steps)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (images() / 255, None),
        (images().astype(np.float64), "values 0…255 scaled to 0…1"),
        (images().astype(np.int64), "values 0…255 scaled to 0…1"),
        (images().astype(np.uint16) * 257, "values 0…65535 scaled to 0…1"),
        (images() // 16, "values 0…15 scaled to 0…1"),
        (images() > 127, None),
        (images() / 127.5 - 1, "values -1…1 scaled to 0…1"),
        (np.asfortranarray(images()), "values 0…255 scaled to 0…1"),
        (images().reshape(12, 64), "values 0…255 scaled to 0…1"),
        (images()[:, None], "values 0…255 scaled to 0…1"),
        (images()[..., None], "values 0…255 scaled to 0…1"),
    ],
)
def test_values_are_brought_to_0_and_1_and_it_is_said(
    tmp_path: Path, values: Array, step: str | None
) -> None:
    path = saved(tmp_path / "set.npz", images=values, labels=labels())
    reading = read_dataset(path, network(), GRAY, ALL)
    found = reading.dataset.training.images
    assert float(found.max()) == pytest.approx(1)
    assert float(found.min()) == pytest.approx(0, abs=1e-6)
    scaled = [text for text in reading.steps if "scaled" in text]
    assert scaled == ([step] if step else [])


@pytest.mark.parametrize(
    ("found", "targets", "names"),
    [
        (labels().astype(np.float64), labels(), ("0", "1", "2")),
        (labels()[:, None], labels(), ("0", "1", "2")),
        (np.eye(3)[labels()], labels(), ("0", "1", "2")),
        (labels() + np.uint8(1), labels(), ("1", "2", "3")),
        (np.array(["cow", "ant", "bee"])[labels()], np.array([2, 0, 1] * 4), ("ant", "bee", "cow")),
        (
            np.array([b"cow", b"ant", b"bee"])[labels()],
            np.array([2, 0, 1] * 4),
            ("ant", "bee", "cow"),
        ),
    ],
)
def test_labels_in_every_usual_form(
    tmp_path: Path, found: Array, targets: Array, names: tuple[str, ...]
) -> None:
    path = saved(tmp_path / "set.npz", images=images(), labels=found)
    data = load_dataset(path, network(), GRAY, held_out=0)
    assert np.array_equal(data.training.targets, targets)
    assert data.class_names == names


def test_class_names_are_taken_along(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "set.npz", images=images(), labels=labels(), class_names=["a", "b", "c", "d"]
    )
    assert load_dataset(path, network(4), GRAY).class_names == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"images": images()}, "holds “images” 12×8×8, but no images and labels"),
        ({"images": images(), "labels": labels(11)}, "has 12 images, but .* has 11 labels"),
        ({"images": np.float32(3), "labels": labels()}, "holds a single number"),
        ({"images": images()[:0], "labels": labels(0)}, "and no pixels: fill it"),
        ({"images": np.zeros((12, 7)), "labels": labels()}, "fill no square image"),
        ({"images": np.zeros((12, 8, 8, 7)), "labels": labels()}, "is no set of images"),
        ({"images": np.zeros((2, 2, 2, 2, 2)), "labels": labels(2)}, "is no set of images"),
        ({"images": images().astype(complex), "labels": labels()}, "holds complex128 values"),
        ({"images": images().astype(str), "labels": labels()}, "but images are numbers"),
        ({"images": np.full((12, 8, 8), np.nan), "labels": labels()}, "nothing but NaN"),
        ({"images": np.full((12, 8, 8), -2.0), "labels": labels()}, "holds nothing but -2"),
        ({"images": images(), "labels": -labels().astype(int)}, "label of image 2 is -2"),
        ({"images": images(), "labels": labels() + 0.5}, "is 0.5, which is no class"),
        ({"images": images(), "labels": np.full(12, np.nan)}, "is nan, which is no class"),
        ({"images": images(), "labels": np.zeros(12, int)}, "one class only, “0”"),
        ({"images": images(), "labels": np.zeros((12, 3))}, "rows of 3 numbers that are not one"),
        ({"images": images(), "labels": np.zeros((12, 3, 3))}, "is not one label an image"),
        ({"images": images(1500, 2), "labels": np.arange(1500)}, "1,500 different labels"),
        ({"images": np.array([{}] * 12), "labels": labels()}, "holds Python objects"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(
    tmp_path: Path, arrays: dict[str, object], sentence: str
) -> None:
    path = saved(tmp_path / "set.npz", **arrays)
    with pytest.raises(UserError, match=sentence):
        load_dataset(path, network(), GRAY)


def test_images_with_nan_are_passed_over_and_listed(tmp_path: Path) -> None:
    values = images() / 255
    values[4, 2, 2], values[7, 0, 0] = np.nan, np.inf
    data = load_dataset(saved(tmp_path / "s.npz", x=values, y=labels()), None, GRAY, held_out=0)
    assert len(data.training) == 10
    assert [(s.name, s.reason) for s in data.skipped] == [
        (name, "holds NaN or infinite values: save finite ones.") for name in ("s:4", "s:7")
    ]


def test_too_many_classes_for_the_network_are_told(tmp_path: Path) -> None:
    path = saved(tmp_path / "set.npz", images=images(), labels=labels(12, 4))
    with pytest.raises(NetworkMismatchError, match="have 4 classes, but “mlp” has 3 outputs"):
        load_dataset(path, network(3), GRAY)


def regression(outputs: int) -> Network:
    """Numbers out."""
    layers: dict[str, Layer] = {"flatten": Flatten(), "dense": Dense(outputs)}
    return chain("numbers", (1, 8, 8), layers, SquaredError())


def test_numbers_to_be_put_out(tmp_path: Path) -> None:
    wanted = np.random.default_rng(0).normal(size=(12, 2))
    path = saved(tmp_path / "set.npz", images=images(), targets=wanted)
    data = load_dataset(path, regression(2), GRAY, held_out=0)
    assert np.array_equal(data.training.targets, wanted)
    assert data.class_names == ()
    with pytest.raises(NetworkMismatchError, match="want 2 numbers for each image"):
        load_dataset(path, regression(3), GRAY)
    wanted[3, 1] = np.inf
    saved(path, images=images(), targets=wanted)
    with pytest.raises(UserError, match="target 3 is NaN or infinite"):
        load_dataset(path, regression(2), GRAY)


def test_classes_for_a_loss_of_numbers_are_a_1_among_zeros(tmp_path: Path) -> None:
    path = saved(tmp_path / "set.npz", images=images(), labels=labels())
    reading = read_dataset(path, regression(3), GRAY, ALL)
    assert np.array_equal(reading.dataset.training.targets, np.eye(3)[labels()])
    assert "the target is 1 for the class's output, 0 for the others" in reading.steps
    two = saved(tmp_path / "two.npz", images=images(), labels=labels(12, 2))
    data = load_dataset(two, regression(1), GRAY, held_out=0)
    assert np.array_equal(data.training.targets, labels(12, 2)[:, None])


def member(shape: tuple[int, ...], dtype: str, content: bytes) -> bytes:
    """A .npy file that says of itself whatever is wished."""
    buffer = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + content


def archive(path: Path, **members: bytes) -> Path:
    """A zip of these."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


@pytest.mark.parametrize(
    ("shape", "dtype", "content", "sentence"),
    [
        ((10**6, 10**4, 10**4), "|u1", b"", "more than 2 GB: split it"),
        ((10**12, 10**12, 10**12), "<f8", b"", "more than 2 GB: split it"),
        ((100, 1000, 1000), "|u1", bytes(100_000_000), "more than honest pictures do"),
        ((12, 8, 8), "|u1", bytes(12 * 64 - 1), "is damaged or cut off"),
        ((12, 8, 8), "|u1", bytes(12 * 64 + 1), "is damaged or cut off"),
        ((12, 8, -8), "|u1", b"", "is damaged or no NumPy archive"),
        ((12,), "<U0", b"", "is damaged or no NumPy archive"),
        ((12,), "|O", b"cos\nsystem\n(S'exit'\ntR.", "holds Python objects"),
    ],
)
def test_headers_that_lie(
    tmp_path: Path, shape: tuple[int, ...], dtype: str, content: bytes, sentence: str
) -> None:
    buffer = io.BytesIO()
    np.save(buffer, labels())
    path = archive(
        tmp_path / "set.npz", images=member(shape, dtype, content), labels=buffer.getvalue()
    )
    with pytest.raises(UserError, match=sentence):
        load_dataset(path, network(), GRAY)


def test_damaged_archives_are_told(tmp_path: Path) -> None:
    good = saved(tmp_path / "good.npz", images=images(), labels=labels()).read_bytes()
    path = tmp_path / "set.npz"
    refused = 0
    for content in (b"", b"PK", good[:-1], good[: len(good) // 2], b"x" * 500, good[200:]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"set\.npz"):
            load_dataset(path, None, GRAY)
    for place in range(0, len(good), 29):
        path.write_bytes(good[:place] + bytes((good[place] ^ 0xFF,)) + good[place + 1 :])
        try:
            load_dataset(path, None, GRAY)
        except UserError:
            refused += 1
    assert refused > 8


def test_a_header_that_is_no_python_is_told(tmp_path: Path) -> None:
    """NumPy's reader lets a tokenizer's error through here."""
    path = saved(tmp_path / "set.npz", images=images(), labels=labels())
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content.replace(b", }", b",[}"))
    with pytest.raises(UserError, match="is damaged or no NumPy archive"):
        load_dataset(path, None, GRAY)


def test_an_archive_of_no_arrays_is_told(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme.txt", "hello")
    with pytest.raises(UserError, match="holds no arrays: save it by"):
        load_dataset(path, None, GRAY)


def test_a_set_too_large_for_memory_asks_for_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backpropviz.files.data.load.LARGEST_BYTES", 4 * 64 * 11)
    path = saved(tmp_path / "set.npz", images=images(), labels=labels())
    with pytest.raises(UserError, match="set a limit on how many are read"):
        load_dataset(path, None, GRAY)
    assert len(load_dataset(path, None, GRAY, limit=9, held_out=0).training) == 9


def two_parts(path: Path, train: Array, test: Array) -> Path:
    """An archive with a part to train on and one to validate with."""
    arrays = {"x_train": train, "x_test": test}
    return saved(path, **arrays, y_train=labels(len(train)), y_test=labels(len(test)))


def test_both_parts_have_the_black_and_white_of_the_one_to_train_on(tmp_path: Path) -> None:
    """Alone, a part that reaches 13 would take 13 for white, and 11 would be 0.85 in it."""
    train, test = images(), images(6, seed=1) // 20
    reading = read_dataset(two_parts(tmp_path / "a.npz", train, test), network(), GRAY)
    data = reading.dataset
    assert data.validation is not None
    assert np.array_equal(data.validation.images[:, 0] * 255, test.astype(np.float32))
    dark = "dark: the brightest value in a.npz: “x_test” (12) is 5 % of white"
    assert dark in reading.steps
    train, test = images() // 16, images(6, seed=1) // 20
    data = read_dataset(two_parts(tmp_path / "b.npz", train, test), network(), GRAY).dataset
    assert data.validation is not None
    assert np.allclose(data.validation.images[:, 0] * 15, test, atol=1e-5)


def test_what_is_beyond_the_scale_to_train_on_is_cut_and_said(tmp_path: Path) -> None:
    path = two_parts(tmp_path / "a.npz", images() // 16, images(6) // 14)
    steps = read_dataset(path, network(), GRAY).steps
    assert "a.npz: “x_test” holds values 0…18: what is beyond 0…15 is cut" in steps


@pytest.mark.parametrize(
    ("train", "test", "sentence"),
    [
        (images() / 255, images(6), "holds values 0…255, but those to train on are 0 .black. to 1"),
        (images(), images(6) / 255, "holds values 0…1, but those to train on are 0 .black. to 255"),
        (images(), images(6).astype(np.uint16) * 257, "0…65535, but .* 255 .white.: save both"),
        (images() / 127.5 - 1, images(6), "holds values 0…255, but those to train on are -1"),
    ],
)
def test_parts_of_two_scales_are_refused(
    tmp_path: Path, train: Array, test: Array, sentence: str
) -> None:
    path = two_parts(tmp_path / "a.npz", train, test)
    with pytest.raises(UserError, match=sentence):
        load_dataset(path, network(), GRAY)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (images().astype(np.uint16) * 16, "dark: the brightest value in {} (4080) is 6 % of white"),
        (images().astype(np.uint16) * 4, "dark: the brightest value in {} (1020) is 2 % of white"),
        (images() // 128, "it holds nothing but 0 and 1, so 1 is white"),
        (np.full((12, 8, 8), 200, dtype=np.uint8), "every pixel in {} is 200"),
    ],
)
def test_dark_and_constant_images_are_said(tmp_path: Path, values: Array, step: str) -> None:
    path = saved(tmp_path / "set.npz", images=values, labels=labels())
    assert step.format("set.npz: “images”") in read_dataset(path, network(), GRAY, ALL).steps


def forged_text(code: int) -> Array:
    """Names of one letter, of which the first is this code."""
    return np.array([code, *[97] * 11], dtype=np.uint32).view("<U1")


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        (
            {"labels": np.array([b"caf\xe9", b"the"] * 6)},
            "no UTF-8 text .in Latin-1 .* “café”.: save",
        ),
        ({"labels": forged_text(0x110000)}, "holds the code 0x110000, which is no character"),
        ({"labels": forged_text(0xD800)}, "holds the code 0xd800, which is no character"),
        ({"labels": labels(), "class_names": forged_text(0x7FFFFFFF)}, "code 0x7fffffff"),
        ({"labels": np.array("cat")}, "holds a single number where images or labels belong"),
        ({"labels": np.uint8(3)}, "holds a single number where images or labels belong"),
    ],
)
def test_text_that_is_none_is_refused(
    tmp_path: Path, arrays: dict[str, Array], sentence: str
) -> None:
    path = saved(tmp_path / "set.npz", images=images(), **arrays)
    with pytest.raises(UserError, match=sentence):
        load_dataset(path, None, GRAY)


def test_bytes_in_utf_8_are_names(tmp_path: Path) -> None:
    path = saved(tmp_path / "set.npz", images=images(), labels=np.array(["thé".encode(), b"x"] * 6))
    assert load_dataset(path, None, GRAY).class_names == ("thé", "x")


def test_no_memory_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "set.npz", images=images(), labels=labels())

    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("backpropviz.files.data.load.fitted", full)
    with pytest.raises(UserError, match=r"set.npz needs more memory than is free: read fewer"):
        load_dataset(path, network(), GRAY)
