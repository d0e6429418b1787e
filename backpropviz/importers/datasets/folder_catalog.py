"""A folder of pictures with a folder for each class, as a catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from backpropviz.errors import UserError
from backpropviz.importers.datasets.catalog import Catalog
from backpropviz.importers.datasets.folder_layout import Layout, layout_of
from backpropviz.importers.datasets.folder_walk import FolderWalk, Found
from backpropviz.importers.datasets.number_labels import MOST_CLASSES
from backpropviz.importers.datasets.watch import Watch
from backpropviz.importers.datasets.wording import listed_names, matched_names, name_key
from backpropviz.importers.decode import picture_from_file
from backpropviz.importers.picture import Picture


def folder_catalog(source: str, root: Path, watch: Watch) -> Catalog:
    """The pictures by class; whatever else lies there is passed over and listed.

    Raises:
        UserError: there is no picture, or one class only; or it is unclear what is a class.
    """
    walk = FolderWalk(root, watch.check)
    layout = layout_of(root, walk)
    training = _by_class(walk, layout.training)
    test = _by_class(walk, layout.held_out)
    classes = tuple(training)
    _check_classes(root.name or str(root), classes, walk)
    joined = matched_names(tuple(test), classes)
    for unknown in sorted(set(test) - set(joined)):
        raise UserError(
            f"{root.name}: “{unknown}” is only among the pictures for validation: add some of it "
            "to train on."
        )
    found = [(file, classes.index(name)) for name, files in training.items() for file in files]
    apart = [(file, joined[name]) for name, files in test.items() for file in files]
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
        split_words=_split_words(layout) if apart else ("", ""),
        skipped=tuple(walk.skipped),
        remarks=(
            *(() if apart or not layout.training_name else (f"trained on {layout.training_name}",)),
            *layout.remarks,
            *_class_words(layout, training, test, joined),
        ),
    )


def _split_words(layout: Layout) -> tuple[str, str]:
    trained = f"trained on {layout.training_name}"
    return (
        f"{trained}, validated with {layout.held_out_name}",
        f"{trained}; {layout.held_out_name} is not used",
    )


def _by_class(walk: FolderWalk, folders: Sequence[Path]) -> Mapping[str, list[Found]]:
    by_class = {folder.name: list(walk.pictures(folder)) for folder in walk.claimed(folders)}
    return {name: files for name, files in by_class.items() if files}


def _class_words(
    layout: Layout,
    training: Mapping[str, list[Found]],
    test: Mapping[str, list[Found]],
    joined: Mapping[str, int],
) -> tuple[str, ...]:
    """How the folders of both parts were joined, and which could be meant as one class."""
    classes, part = tuple(training), layout.held_out_name
    words = [
        f"{part}{name} is taken for the class “{classes[place]}”"
        for name, place in joined.items()
        if name != classes[place]
    ]
    without = [name for place, name in enumerate(classes) if place not in joined.values()]
    if test and without:
        words.append(f"{part} holds no pictures of {listed_names(without)}")
    keys = Counter(map(name_key, classes))
    alike = [name for name in classes if keys[name_key(name)] > 1]
    if alike:
        words.append(f"{listed_names(alike)} are different classes, though only capitals differ")
    return tuple(words)


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
