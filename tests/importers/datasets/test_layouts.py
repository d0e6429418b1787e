"""Folders as people have them: parts are not taken for classes, and what was read is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from backpropviz.errors import UserError
from backpropviz.importers.datasets.load import Choices, Reading, read_dataset
from backpropviz.importers.datasets.splits import held_out_part, part_in, parts_of
from backpropviz.importers.datasets.statistics import class_counts
from tests.importers.datasets.data_files import COLOR, write_folder, write_picture

ALL = Choices(held_out=0)


def flat(folder: Path, names: tuple[str, ...]) -> Path:
    """Pictures without class folders."""
    for number, name in enumerate(names):
        write_picture(folder / f"{name}.png", seed=number)
    return folder


def read(root: Path, choices: Choices | None = None) -> Reading:
    return read_dataset(root, None, COLOR, choices or Choices())


def refusal(root: Path) -> str:
    with pytest.raises(UserError) as raised:
        read(root)
    return str(raised.value)


def test_flat_parts_are_no_classes_and_the_remedy_names_them(tmp_path: Path) -> None:
    root = tmp_path / "dogs_vs_cats"
    flat(root / "train", ("cat.0", "cat.1", "dog.0", "dog.1"))
    flat(root / "test1", ("1", "2"))
    assert refusal(root) == (
        "dogs_vs_cats/train holds pictures but no class folders, so their classes are unknown; "
        "their names begin with “cat” and “dog”: sort them into train/cat/, train/dog/, …"
    )


def test_parts_that_are_called_alike_are_entered(tmp_path: Path) -> None:
    root = tmp_path / "intel"
    for part in ("seg_train", "seg_test"):
        write_folder(root / part / part, ("forest", "sea"))
    flat(root / "seg_pred" / "seg_pred", ("0", "1"))
    reading = read(root)
    assert reading.mapping.classes == ("forest", "sea")
    assert "trained on seg_train/, validated with seg_test/" in reading.steps
    assert "seg_pred/ is no part to train on or to validate with: not read" in reading.steps
    assert len(reading.dataset.training) == 6


@pytest.mark.parametrize("part", ["val", "test"])
def test_a_part_without_class_folders_is_not_read_and_not_said_to_be(
    tmp_path: Path, part: str
) -> None:
    write_folder(tmp_path / "train", ("0", "1"), each=5)
    flat(tmp_path / part, ("a", "b"))
    (tmp_path / "labels.csv").write_text("a,0")
    reading = read(tmp_path)
    assert reading.mapping.classes == ("0", "1")
    assert f"{part}/ holds pictures without class folders: not read" in reading.steps
    assert "trained on train/" in reading.steps
    assert not any("validated with" in step for step in reading.steps)
    assert "8 to train on, 2 held out (each class in its share, seed 0)" in reading.steps


def test_pictures_in_a_folder_inside_each_class_as_in_tiny_imagenet(tmp_path: Path) -> None:
    for name in ("n01", "n02"):
        flat(tmp_path / "train" / name / "images", ("0", "1", "2"))
    flat(tmp_path / "val" / "images", ("0", "1"))
    flat(tmp_path / "test" / "images", ("0", "1"))
    reading = read(tmp_path)
    assert reading.mapping.classes == ("n01", "n02")
    assert "val/ holds no folders of these classes: not read" in reading.steps


def test_a_test_is_kept_for_the_end_where_there_is_a_val(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        write_folder(tmp_path / part)
    steps = read(tmp_path).steps
    assert "trained on train/, validated with val/" in steps
    assert "test/ is kept for the end: not read" in steps
    steps = read(tmp_path, ALL).steps
    assert "trained on train/; val/ is not used" in steps
    assert "6 to train on, none held out" in steps
    assert not any("validated with" in step for step in steps)


def test_an_unpacked_copy_beside_is_no_class(tmp_path: Path) -> None:
    for root in (tmp_path / "xray", tmp_path / "xray" / "xray"):
        write_folder(root / "train")
        write_folder(root / "val")
    reading = read(tmp_path / "xray")
    assert reading.mapping.classes == ("cats", "dogs")
    assert "xray/ holds folders of the same names once more: not read" in reading.steps
    for name in ("pets", "pets (1)"):
        write_folder(tmp_path / "twice" / name)
    sentence = refusal(tmp_path / "twice")
    assert "“pets” and “pets (1)” with the same folders inside (cats and dogs)" in sentence


def test_folders_without_pictures_are_said(tmp_path: Path) -> None:
    write_folder(tmp_path, ("a", "b"))
    (tmp_path / "c").mkdir()
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "a.xml").write_text("x")
    reading = read(tmp_path)
    assert reading.mapping.classes == ("a", "b")
    assert "no pictures in annotations/ and c/: no classes" in reading.steps


def test_folders_inside_classes_are_said_to_belong_to_them(tmp_path: Path) -> None:
    write_folder(tmp_path / "cats", ("indoors", "outdoors"))
    write_folder(tmp_path / "dogs", ("indoors", "outdoors"))
    reading = read(tmp_path)
    assert reading.mapping.classes == ("cats", "dogs")
    words = "folders inside a class folder belong to its class: indoors and outdoors"
    assert words in reading.steps


def test_names_that_differ_in_capitals_are_one_class_in_both_parts(tmp_path: Path) -> None:
    write_folder(tmp_path / "train", ("Cat", "Dog"))
    write_folder(tmp_path / "val", ("cat", "dog"), each=2)
    reading = read(tmp_path)
    assert reading.mapping.classes == ("Cat", "Dog")
    assert class_counts(reading.dataset.validation, 2) == (2, 2)
    assert "val/cat is taken for the class “Cat”" in reading.steps


def test_classes_that_differ_in_capitals_alone_are_said(tmp_path: Path) -> None:
    write_folder(tmp_path, ("Cat", "cat"))
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system knows no capitals")
    steps = read(tmp_path).steps
    assert "“Cat” and “cat” are different classes, though only capitals differ" in steps


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    reading = read(write_folder(tmp_path, ("bus", "car", "train")))
    assert reading.mapping.classes == ("bus", "car", "train")
    assert "train/ is a class like the others, not a part to train on" in reading.steps
    words = ("bullet train", "test_tube", "crash test")
    assert read(write_folder(tmp_path / "words", words)).classes == 3


@pytest.mark.parametrize(
    ("folders", "sentence"),
    [
        (
            ("cats", "dogs", "test"),
            "holds “test”, which looks like a part of a set, but no “train”",
        ),
        (("val", "test"), "holds “val” and “test”, which look like parts of a set"),
        (("train1/a", "train1/b", "train2/a", "train2/b"), "several parts of one kind, “train1”"),
        (("train/a", "train/b", "bus"), "holds “bus” beside “train”, which looks like a part"),
    ],
)
def test_what_is_unclear_is_refused(
    tmp_path: Path, folders: tuple[str, ...], sentence: str
) -> None:
    write_folder(tmp_path, folders)
    assert sentence in refusal(tmp_path)


def test_links_never_take_another_class_s_pictures(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "set", ("a", "b"))
    write_folder(root / "b", ("deep",), each=2)
    write_folder(tmp_path / "elsewhere", ("more",), each=1)
    links = {
        "A alias": root / "b",
        "a/0 up": root,
        "a/0 deep": root / "b" / "deep",
        "a/0.png": root / "b" / "000.png",
        "a/more": tmp_path / "elsewhere" / "more",
    }
    for name, target in links.items():
        (root / name).symlink_to(target, target_is_directory=target.is_dir())
    data = read(root, ALL).dataset
    assert data.class_names == ("a", "b")
    assert class_counts(data.training, 2) == (4, 5)
    assert "a/more/000.png" in data.training.names
    skipped = {one.name: one.reason for one in data.skipped}
    assert skipped == dict.fromkeys(
        ("A alias", "a/0 up", "a/0 deep", "a/0.png"), "leads to pictures of another class"
    )


def test_a_part_that_is_a_link_to_the_other_validates_nothing(tmp_path: Path) -> None:
    write_folder(tmp_path / "train", each=5)
    (tmp_path / "val").symlink_to(tmp_path / "train", target_is_directory=True)
    reading = read(tmp_path)
    held_out = reading.dataset.validation
    assert held_out is not None
    assert not set(held_out.names) & set(reading.dataset.training.names)
    assert "trained on train/" in reading.steps
    assert not any("validated with" in step for step in reading.steps)


def test_the_words_of_parts() -> None:
    for name in ("test1", "t10k", "emnist-letters-test", "Testing"):
        assert part_in(name) == "test"
    for name in ("val2017", "Validation", "my_valid"):
        assert part_in(name) == "val"
    assert part_in("cats") is None
    assert part_in("train_test") is None
    assert parts_of(["seg_train", "seg_test", "seg_pred"]) == {
        "seg_train": "train",
        "seg_test": "test",
    }
    assert parts_of(["bullet_train", "test_tube"]) == {}
    assert held_out_part({"train": 1, "test": 2, "val": 3}) == "val"
    assert held_out_part({"train": 1, "test": 2}) == "test"
    assert held_out_part({"train": 1}) is None
