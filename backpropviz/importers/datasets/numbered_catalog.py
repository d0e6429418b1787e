"""Images and labels that lie in arrays, as a catalog; with those the source itself keeps apart."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.importers.datasets.catalog import Catalog, Wanted
from backpropviz.importers.datasets.number_images import number_images, picture_maker
from backpropviz.importers.datasets.number_labels import (
    label_column,
    number_labels,
    refuse_no_classes,
)
from backpropviz.importers.datasets.splits import Part
from backpropviz.importers.picture import Picture


@frozen(eq=False)
class ArrayPair:
    """Images and labels as read; `name` begins the samples' names, the others name the arrays."""

    name: str
    images: Array
    labels: Array
    images_name: str
    labels_name: str
    part: Part = "train"


def numbered_catalog(
    title: str,
    source: str,
    pair: ArrayPair,
    test: ArrayPair | None,
    wanted: Wanted,
    class_names: tuple[str, ...] = (),
) -> Catalog:
    """The catalog of a pair, and of a second one that is kept apart for validation.

    Both are understood as one: the scale of values is that of the first, a label means one class.

    Raises:
        UserError: the arrays are no images or labels, or not of one number or kind.
    """
    pairs = (pair,) if test is None else (pair, test)
    for one in pairs:
        _check_counts(title, one)
    images = number_images(pair.images, pair.images_name, wanted.preprocessing)
    parts = [images]
    if test is not None:
        parts.append(
            number_images(test.images, test.images_name, wanted.preprocessing, images.scale)
        )
    labels = number_labels(_joined_labels(title, pairs), pair.labels_name, wanted, class_names)
    names = [tuple(f"{one.name}:{number}" for number in range(len(one.images))) for one in pairs]
    pictures = [picture_maker(part, own) for part, own in zip(parts, names, strict=True)]
    count = len(names[0])

    def picture(number: int) -> Picture:
        return pictures[0](number) if number < count else pictures[1](number - count)

    return Catalog(
        title=title,
        source=source,
        names=tuple(name for own in names for name in own),
        labels=labels.values,
        class_names=labels.class_names,
        picture=picture,
        held_out=None if test is None else np.arange(len(labels.values)) >= count,
        split_words=_split_words(test),
        remarks=(*(r for part in parts for r in part.remarks), *labels.remarks),
    )


def _split_words(test: ArrayPair | None) -> tuple[str, str]:
    if test is None:
        return "", ""
    kind = "validation" if test.part == "val" else "test"
    return f"its own {kind} images are the validation set", f"its own {kind} images are not used"


def _check_counts(title: str, pair: ArrayPair) -> None:
    if not pair.images.shape or not pair.labels.shape:
        raise UserError(
            f"{title} holds a single number where images or labels belong: give one label an image."
        )
    count, labeled = len(pair.images), len(pair.labels)
    if count != labeled:
        raise UserError(
            f"{pair.images_name} has {count:,} images, but {pair.labels_name} has {labeled:,} "
            "labels: give one each."
        )
    if not count:
        raise UserError(f"{pair.images_name} has no images and no pixels: fill it.")


def _joined_labels(title: str, pairs: tuple[ArrayPair, ...]) -> Array:
    """All labels in one array, each array checked by itself so that a sentence names the place."""
    columns = [label_column(pair.labels, pair.labels_name) for pair in pairs]
    kinds = {("text" if c.dtype.kind == "U" else "number", c.shape[1:]) for c in columns}
    if len(kinds) > 1:
        raise UserError(f"{title}: the labels to train on and to test are of two kinds.")
    if len(columns) == 1:
        return columns[0]
    for column, pair in zip(columns, pairs, strict=True):
        if column.ndim == 1 and column.dtype.kind in "biu":
            refuse_no_classes(column, pair.labels_name)
    return np.concatenate(columns)
