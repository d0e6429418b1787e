"""A folder of pictures with a folder for each class, as a catalog."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.importers.datasets.catalog import Catalog
from backpropviz.importers.datasets.folder_walk import FolderWalk, Found
from backpropviz.importers.datasets.number_labels import MOST_CLASSES
from backpropviz.importers.datasets.watch import Watch
from backpropviz.importers.decode import picture_from_file
from backpropviz.importers.picture import Picture

_TRAIN = frozenset(("train", "training"))
_TEST = frozenset(("val", "valid", "validation", "test", "testing"))


@frozen
class _Layout:
    """The folders that hold class folders: to train on and, where there is one, to test."""

    training: Path
    test: Path | None
    remarks: tuple[str, ...]


def folder_catalog(source: str, root: Path, watch: Watch) -> Catalog:
    """The pictures by class; whatever else lies there is passed over and listed.

    Raises:
        UserError: there is no picture, or one class only.
    """
    walk = FolderWalk(root, watch.check)
    layout = _layout(root, walk)
    training = _by_class(walk, layout.training)
    test = _by_class(walk, layout.test) if layout.test else {}
    classes = tuple(training)
    _check_classes(root.name or str(root), classes, walk)
    for unknown in sorted(set(test) - set(training)):
        raise UserError(
            f"{root.name}: “{unknown}” is only among the pictures for validation: add some of it "
            "to train on."
        )
    found = [(file, classes.index(name)) for name, files in training.items() for file in files]
    apart = [(file, classes.index(name)) for name, files in test.items() for file in files]
    return _catalog(source, root, classes, found, apart, walk, layout)


def _catalog(
    source: str,
    root: Path,
    classes: tuple[str, ...],
    found: list[tuple[Found, int]],
    apart: list[tuple[Found, int]],
    walk: FolderWalk,
    layout: _Layout,
) -> Catalog:
    everything = found + apart
    paths = [file.path for file, _ in everything]
    names = tuple(file.name for file, _ in everything)

    def picture(number: int) -> Picture:
        return picture_from_file(paths[number], names[number])

    return Catalog(
        title=root.resolve().name or str(root),
        source=source,
        names=names,
        labels=np.array([label for _, label in everything], dtype=np.int64),
        class_names=classes,
        picture=picture,
        held_out=np.arange(len(everything)) >= len(found) if apart else None,
        skipped=tuple(walk.skipped),
        remarks=layout.remarks,
    )


def _layout(root: Path, walk: FolderWalk) -> _Layout:
    """Class folders may lie below `train` and `test`, or below one folder, as when unpacked."""
    folders = walk.folders(root)
    if len(folders) == 1 and len(walk.folders(folders[0])) > 1:
        inner = _layout(folders[0], walk)
        return _Layout(inner.training, inner.test, (*inner.remarks, f"read in {folders[0].name}/"))
    for path in walk.loose(root):
        walk.skip(path, "lies beside the class folders, so its class is unknown")
    named = {folder.name.casefold(): folder for folder in folders}
    trains = [folder for name, folder in named.items() if name in _TRAIN]
    tests = [folder for name, folder in named.items() if name in _TEST]
    if len(trains) != 1 or len(trains) + len(tests) != len(folders):
        return _Layout(root, None, ())
    if not tests:
        return _Layout(trains[0], None, (f"read in {trains[0].name}/",))
    # A set with both keeps `test` for the very end; `val` is what a run is watched with.
    test = min(tests, key=lambda folder: not folder.name.casefold().startswith("val"))
    remark = f"trained on {trains[0].name}/, validated with {test.name}/"
    return _Layout(trains[0], test, (remark,))


def _by_class(walk: FolderWalk, folder: Path) -> Mapping[str, list[Found]]:
    by_class = {entry.name: list(walk.pictures(entry)) for entry in walk.folders(folder)}
    return {name: files for name, files in by_class.items() if files}


def _check_classes(title: str, classes: tuple[str, ...], walk: FolderWalk) -> None:
    example = "a folder for each class, such as cats/001.png and dogs/001.png"
    if not classes:
        passed = f" ({len(walk.skipped)} files were passed over)" if walk.skipped else ""
        raise UserError(f"{title} holds no pictures in class folders{passed}: make {example}.")
    if len(classes) == 1:
        raise UserError(
            f"{title} holds one class only, “{classes[0]}”: there is nothing to tell apart; "
            f"make {example}."
        )
    if len(classes) > MOST_CLASSES:
        raise UserError(
            f"{title} holds {len(classes):,} class folders, more than {MOST_CLASSES:,}: choose a "
            "folder with fewer."
        )
