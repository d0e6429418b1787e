"""Images and labels that lie in arrays, as a catalog; with those the source itself keeps apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.importers.datasets.catalog import Catalog, Wanted
from backpropviz.importers.datasets.number_images import number_images, picture_maker
from backpropviz.importers.datasets.number_labels import number_labels
from backpropviz.importers.picture import Picture


@frozen(eq=False)
class ArrayPair:
    """Images and labels as read; `name` begins the samples' names, the others name the arrays."""

    name: str
    images: Array
    labels: Array
    images_name: str
    labels_name: str


def numbered_catalog(
    title: str,
    source: str,
    pair: ArrayPair,
    test: ArrayPair | None,
    wanted: Wanted,
    class_names: tuple[str, ...] = (),
) -> Catalog:
    """The catalog of a pair, and of a second one that is kept apart for validation.

    Raises:
        UserError: the arrays are no images or labels, or not of one number.
    """
    training = _catalog(title, source, pair, wanted, class_names)
    if test is None:
        return training
    return _joined(training, _catalog(title, source, test, wanted, class_names))


def _catalog(
    title: str, source: str, pair: ArrayPair, wanted: Wanted, class_names: tuple[str, ...]
) -> Catalog:
    if not pair.images.shape or not pair.labels.shape:
        raise UserError(f"{title} holds a single number where images or labels belong.")
    count, labeled = len(pair.images), len(pair.labels)
    if count != labeled:
        raise UserError(
            f"{pair.images_name} has {count:,} images, but {pair.labels_name} has {labeled:,} "
            "labels: give one each."
        )
    images = number_images(pair.images, pair.images_name, wanted.preprocessing)
    labels = number_labels(pair.labels, pair.labels_name, wanted, class_names)
    names = tuple(f"{pair.name}:{number}" for number in range(count))
    return Catalog(
        title=title,
        source=source,
        names=names,
        labels=labels.values,
        class_names=labels.class_names,
        picture=picture_maker(images, names),
        remarks=images.remarks + labels.remarks,
    )


def _joined(training: Catalog, test: Catalog) -> Catalog:
    count = len(training.names)

    def picture(number: int) -> Picture:
        return training.picture(number) if number < count else test.picture(number - count)

    if training.labels.shape[1:] != test.labels.shape[1:]:
        raise UserError(f"{training.title}: the labels to train on and to test are of two kinds.")
    longer, shorter = sorted((training.class_names, test.class_names), key=len, reverse=True)
    if longer[: len(shorter)] != shorter:
        raise UserError(
            f"{training.title}: the classes to train on and to test differ: label both alike."
        )
    remarks = (*training.remarks, *(r for r in test.remarks if r not in training.remarks))
    return replace(
        training,
        names=training.names + test.names,
        labels=np.concatenate([training.labels, test.labels]),
        class_names=longer,
        picture=picture,
        held_out=np.arange(count + len(test.names)) >= count,
        remarks=(*remarks, "its own test images are the validation set"),
    )
