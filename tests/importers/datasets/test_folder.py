"""A folder of pictures by class: what is read, what is passed over and why, what is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from backpropviz.errors import UserError
from backpropviz.files.data.catalog import ReadingStoppedError, class_counts
from backpropviz.files.data.load import Choices, load_dataset, read_dataset
from backpropviz.files.fit import prepare
from backpropviz.files.pictures import open_picture
from tests.importers.datasets.data_files import (
    COLOR,
    GRAY,
    network,
    write_folder,
    write_picture,
)

ALL = Choices(held_out=0)


def test_classes_are_the_folders_in_natural_order(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "digits", ("class 10", "class 2", "Éclair", "猫"))
    data = load_dataset(root, network(4, 3), COLOR, held_out=0)
    assert data.class_names == ("class 2", "class 10", "Éclair", "猫")
    assert class_counts(data.training, 4) == (3, 3, 3, 3)
    assert data.training.names[0] == "class 2/000.png"
    assert data.title == "digits"
    assert data.source == str(root)


def test_a_picture_is_fitted_as_an_opened_one(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    data = load_dataset(str(root), None, GRAY, held_out=0)
    for name, image in zip(data.training.names, data.training.images, strict=True):
        assert np.array_equal(image, prepare(open_picture(root / name), GRAY).array[0])


def test_one_bad_file_among_good_ones_is_listed_and_passed_over(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    (root / "cats" / "000.png").write_bytes((root / "cats" / "001.png").read_bytes()[:60])
    (root / "cats" / "empty.jpg").write_bytes(b"")
    (root / "dogs" / "notes.txt").write_text("woof")
    (root / "loose.png").write_bytes((root / "cats" / "001.png").read_bytes())
    data = load_dataset(root, None, COLOR, held_out=0)
    assert class_counts(data.training, 2) == (2, 3)
    reasons = {skipped.name: skipped.reason for skipped in data.skipped}
    assert reasons == {
        "cats/000.png": "is damaged or cut off: save or download the picture again.",
        "cats/empty.jpg": "is empty: choose another picture.",
        "dogs/notes.txt": "is no picture file",
        "loose.png": "lies beside the class folders, so its class is unknown",
    }


def test_hidden_files_and_a_system_s_own_are_not_even_listed(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    for name in (".DS_Store", "Thumbs.db", ".git/config", "__MACOSX/cats/._000.png"):
        path = root / "cats" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (root / ".cache").mkdir()
    assert load_dataset(root, None, COLOR).skipped == ()


def test_nested_folders_belong_to_their_class_and_links_end(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "set")
    write_picture(root / "cats" / "2019" / "may" / "a.png")
    (root / "cats" / "2019" / "back").symlink_to(root / "cats", target_is_directory=True)
    (root / "dogs" / "self").symlink_to(root / "dogs" / "self")
    (root / "dogs" / "gone.png").symlink_to(root / "nowhere.png")
    data = load_dataset(root, None, COLOR, held_out=0)
    assert "cats/2019/may/a.png" in data.training.names
    assert class_counts(data.training, 2) == (4, 3)
    reasons = {skipped.name: skipped.reason for skipped in data.skipped}
    assert reasons["cats/2019/back"] == "leads to a folder that is read already"
    assert "dogs/gone.png" in reasons
    assert "dogs/self" in reasons


def test_every_kind_of_picture_is_read(tmp_path: Path) -> None:
    root = tmp_path / "kinds"
    for name, mode in (
        ("a/sixteen.png", "I;16"),
        ("a/cmyk.jpg", "CMYK"),
        ("a/gray.png", "L"),
        ("a/bits.png", "1"),
        ("b/palette.gif", "P"),
        ("b/photo.JPEG", "RGB"),
        ("b/picture.webp", "RGB"),
        ("b/scan.tif", "RGB"),
        ("b/old.bmp", "RGB"),
    ):
        write_picture(root / name, mode=mode)
    reading = read_dataset(root, None, COLOR, ALL)
    assert reading.dataset.skipped == ()
    assert class_counts(reading.dataset.training, 2) == (4, 5)
    assert "CMYK converted to RGB: 1 of 9 images" in reading.steps
    assert reading.dataset.training.images.min() >= 0
    assert reading.dataset.training.images.max() <= 1


def test_pictures_of_many_sizes_share_a_line(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    for k in range(5):
        write_picture(root / "cats" / f"large{k}.png", side=20 + k)
    steps = read_dataset(root, None, COLOR, ALL).steps
    assert "resized in 6 different ways" in steps


def test_a_bomb_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_folder(tmp_path)
    write_picture(root / "cats" / "huge.png", side=40)
    monkeypatch.setattr("backpropviz.files.pictures.MAX_PIXELS", 1000)
    skipped = load_dataset(root, None, COLOR).skipped
    assert [s.name for s in skipped] == ["cats/huge.png"]
    assert "make it smaller first" in skipped[0].reason


def test_a_file_that_may_not_be_read_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_folder(tmp_path)
    (root / "cats" / "secret.png").touch()
    read = Path.read_bytes

    def refusing(path: Path) -> bytes:
        if path.name == "secret.png":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refusing)
    skipped = load_dataset(root, None, COLOR).skipped
    assert [(s.name, s.reason) for s in skipped] == [
        ("cats/secret.png", "cannot be read (Permission denied): check the file.")
    ]


def test_a_folder_that_may_not_be_read_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_folder(tmp_path, ("cats", "dogs", "secret"))
    listdir = os.listdir

    def refusing(path: Path) -> list[str]:
        if Path(path).name == "secret":
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refusing)
    data = load_dataset(root, None, COLOR)
    assert data.class_names == ("cats", "dogs")
    assert [(s.name, s.reason) for s in data.skipped] == [
        ("secret", "cannot be read (Permission denied)")
    ]


def test_its_own_validation_folder_is_used(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_folder(root / "train")
    write_folder(root / "val", each=2)
    write_folder(root / "test", each=1)
    reading = read_dataset(root, None, COLOR)
    data = reading.dataset
    assert class_counts(data.training, 2) == (3, 3)
    assert data.validation is not None
    assert set(data.validation.names) == {
        f"val/{c}/00{k}.png" for c in ("cats", "dogs") for k in (0, 1)
    }
    assert "trained on train/, validated with val/" in reading.steps


def test_a_class_that_is_only_validated_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "train")
    write_folder(tmp_path / "val", ("cats", "cows"))
    with pytest.raises(UserError, match="“cows” is only among the pictures for validation"):
        load_dataset(tmp_path, None, COLOR)


def test_a_folder_as_unpacking_leaves_it_is_entered(tmp_path: Path) -> None:
    write_folder(tmp_path / "download" / "pets")
    reading = read_dataset(tmp_path / "download", None, COLOR, ALL)
    assert reading.dataset.training.names[0] == "pets/cats/000.png"
    assert "read in pets/" in reading.steps


def test_a_limit_takes_each_class_in_its_share(tmp_path: Path) -> None:
    root = write_folder(tmp_path, each=6)
    shutil.rmtree(root / "dogs")
    write_folder(root, ("dogs",), each=2)
    data = load_dataset(root, None, COLOR, held_out=0, limit=4)
    assert class_counts(data.training, 2) == (3, 1)


def test_what_cannot_be_trained_on_is_refused_in_words(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match="empty holds no pictures in class folders: make a folder"):
        load_dataset(empty, None, COLOR)
    one = write_folder(tmp_path / "one", ("cats",))
    with pytest.raises(UserError, match="holds one class only, “cats”"):
        load_dataset(one, None, COLOR)
    bad = write_folder(tmp_path / "bad")
    for path in bad.rglob("*.png"):
        path.write_bytes(b"nothing")
    with pytest.raises(
        UserError, match=r"no picture that can be used \(6 failed\). The first: cats"
    ):
        load_dataset(bad, None, COLOR)
    for path in (bad / "cats").iterdir():
        write_picture(path)
    with pytest.raises(UserError, match=r"one class only, “cats” \(3 pictures could not be used"):
        load_dataset(bad, None, COLOR)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "No data set is named"),
        ("cifar", "There is no data set “cifar”: give mnist, digits, photos, a folder"),
        ("a\0b", "No data set is named"),
    ],
)
def test_a_name_of_nothing_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        load_dataset(name, None, COLOR)


def test_other_files_are_refused_with_the_remedy(tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "seven.png")
    with pytest.raises(UserError, match="single picture: open it and train on one image"):
        load_dataset(picture, None, COLOR)
    packed = tmp_path / "pets.zip"
    packed.write_bytes(b"PK")
    with pytest.raises(UserError, match="is packed: unpack it"):
        load_dataset(packed, None, COLOR)
    text = tmp_path / "pets.csv"
    text.write_bytes(b"1,2")
    with pytest.raises(UserError, match="is no data set that can be read"):
        load_dataset(text, None, COLOR)


def test_progress_is_told_and_a_stop_is_obeyed(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    told: list[tuple[int, int]] = []
    load_dataset(root, None, COLOR, progress=lambda done, count: told.append((done, count)))
    assert told == [(done, 6) for done in range(7)]

    def enough() -> bool:
        return len(told) > 9

    with pytest.raises(ReadingStoppedError, match="nothing was taken over"):
        load_dataset(
            root, None, COLOR, progress=lambda done, count: told.append((done, count)), stop=enough
        )
    assert len(told) == 10
