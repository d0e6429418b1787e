"""A pair of IDX files, images and labels, found by one of them or by their folder."""

from __future__ import annotations

import re
from pathlib import Path

from backpropviz.errors import UserError
from backpropviz.importers.datasets.catalog import Catalog, Wanted
from backpropviz.importers.datasets.idx_file import read_idx
from backpropviz.importers.datasets.numbered_catalog import ArrayPair, numbered_catalog

_IMAGES = re.compile(r"images([-._]?)idx[34]", re.IGNORECASE)
_LABELS = re.compile(r"labels([-._]?)idx1", re.IGNORECASE)
_TESTS = ("t10k", "test", "valid", "val")


def idx_images_in(folder: Path) -> tuple[Path, ...]:
    """The files of images among a folder's own files, those to train on first.

    Where a file lies there both packed and unpacked, the unpacked one counts.
    """
    found = {
        path.name.removesuffix(".gz"): path
        for path in sorted(folder.iterdir(), reverse=True)
        if _IMAGES.search(path.name) and path.is_file()
    }
    return tuple(found[name] for name in sorted(found, key=lambda name: (_is_test(name), name)))


def idx_catalog(source: str, path: Path, wanted: Wanted) -> Catalog:
    """The pair that a file belongs to, or those of a folder: `train` and, kept apart, `t10k`.

    Raises:
        UserError: a partner is missing, or a file cannot be used.
    """
    if path.is_file():
        return numbered_catalog(path.name, source, _pair(path), None, wanted)
    images = idx_images_in(path)
    training = [file for file in images if not _is_test(file.name)] or list(images)
    tests = [file for file in images if file not in training]
    if len(training) != 1 or len(tests) > 1:
        listed = ", ".join(file.name for file in images)
        raise UserError(f"{path.name} holds several sets ({listed}): choose one of these files.")
    test = _pair(tests[0]) if tests else None
    return numbered_catalog(path.name, source, _pair(training[0]), test, wanted)


def _pair(path: Path) -> ArrayPair:
    images, labels = _partners(path)
    prefix = _IMAGES.split(images.name)[0].strip("-._") or images.name
    return ArrayPair(prefix, read_idx(images), read_idx(labels), images.name, labels.name)


def _partners(path: Path) -> tuple[Path, Path]:
    """The file of images and the file of labels that a file is one of."""
    if _IMAGES.search(path.name):
        return path, _existing(path, _IMAGES.sub(r"labels\1idx1", path.name), "labels")
    if _LABELS.search(path.name):
        return _existing(path, _LABELS.sub(r"images\1idx3", path.name), "images"), path
    raise UserError(
        f"{path.name} does not say whether it holds images or labels: name the pair as MNIST does, "
        "train-images-idx3-ubyte and train-labels-idx1-ubyte."
    )


def _existing(path: Path, name: str, what: str) -> Path:
    plain = name.removesuffix(".gz")
    for candidate in (name, plain, f"{plain}.gz"):
        if path.with_name(candidate).is_file():
            return path.with_name(candidate)
    raise UserError(f"{path.name} lacks its {what}: put {name} beside it.")


def _is_test(name: str) -> bool:
    return name.casefold().startswith(_TESTS)
