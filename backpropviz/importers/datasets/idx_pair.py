"""A pair of IDX files, images and labels, found by one of them or by their folder."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backpropviz.engine.arrays import Array
from backpropviz.errors import UserError
from backpropviz.importers.datasets.catalog import Catalog, Wanted
from backpropviz.importers.datasets.idx_file import read_idx
from backpropviz.importers.datasets.numbered_catalog import ArrayPair, numbered_catalog
from backpropviz.importers.datasets.splits import Part, held_out_part, kept_words, part_in
from backpropviz.importers.datasets.wording import listed_names

_IMAGES = re.compile(r"images([-._]?)idx[34]", re.IGNORECASE)
_LABELS = re.compile(r"labels([-._]?)idx[12]", re.IGNORECASE)
_QMNIST_COLUMNS = 8
_DEEPEST, _MOST_FOLDERS = 3, 200
_EMNIST = "EMNIST’s own files hold images with rows and columns exchanged: read as they are stored"


def idx_images_in(folder: Path) -> tuple[Path, ...]:
    """The files of images among a folder's own files, those to train on first.

    Where a file lies there both packed and unpacked, the unpacked one counts.
    """
    found = _unpacked(folder, _IMAGES)
    return tuple(sorted(found, key=lambda path: (part_in(_prefix(path)) != "train", path.name)))


def idx_folder(root: Path) -> Path | None:
    """The folder that holds IDX files: this one or, as in `MNIST/raw`, one in it.

    Raises:
        UserError: several do.
    """
    level, visited = [root], 0
    for _ in range(_DEEPEST):
        found = [folder for folder in level if _is_readable(folder) and idx_images_in(folder)]
        if len(found) > 1:
            names = [folder.relative_to(root).as_posix() for folder in found]
            raise UserError(
                f"{root.name} holds IDX files in {listed_names(names)}: choose one of them."
            )
        if found:
            return found[0]
        level = [inner for folder in level if _is_readable(folder) for inner in _inside(folder)]
        visited += len(level)
        if visited > _MOST_FOLDERS:
            return None
    return None


def idx_catalog(source: str, path: Path, wanted: Wanted) -> Catalog:
    """The pair that a file belongs to, or those of a folder: `train` and, kept apart, its test.

    Raises:
        UserError: a partner is missing, or a file cannot be used.
    """
    if path.is_file():
        return _told(numbered_catalog(path.name, source, _pair(path), None, wanted), ())
    folder = idx_folder(path) or path
    images = idx_images_in(folder)
    by_part: dict[Part, list[Path]] = {}
    for file in images:
        by_part.setdefault(part_in(_prefix(file)) or "train", []).append(file)
    training = by_part.pop("train", None)
    if training is None:
        training, by_part = list(images), {}
    used = held_out_part(by_part)
    apart = by_part[used] if used else []
    if len(training) != 1 or len(apart) > 1:
        listed = ", ".join(file.name for file in images)
        raise UserError(f"{folder.name} holds several sets ({listed}): choose one of these files.")
    test = _pair(apart[0], used or "test") if apart else None
    where = () if folder == path else (f"read in {folder.relative_to(path).as_posix()}/",)
    kept = kept_words(used, by_part["test"][0].name if "test" in by_part else "")
    catalog = numbered_catalog(path.name, source, _pair(training[0]), test, wanted)
    return _told(catalog, where, kept)


def _told(catalog: Catalog, before: Sequence[str], after: Sequence[str] = ()) -> Catalog:
    swapped = (_EMNIST,) if catalog.names[0].casefold().startswith("emnist") else ()
    return replace(catalog, remarks=(*before, *catalog.remarks, *swapped, *after))


def _inside(folder: Path) -> list[Path]:
    """The visible folders in one; asked of the listing, since a class may have 100,000 files."""
    with os.scandir(folder) as entries:
        names = [
            entry.name
            for entry in entries
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
        ]
    return [folder / name for name in sorted(names)]


def _is_readable(folder: Path) -> bool:
    try:
        next(folder.iterdir(), None)
    except OSError:
        return False
    return True


def _pair(path: Path, part: Part = "train") -> ArrayPair:
    images, labels = _partners(path)
    return ArrayPair(
        _prefix(images) or images.name,
        read_idx(images),
        _classes(read_idx(labels)),
        images.name,
        labels.name,
        part,
    )


def _classes(labels: Array) -> Array:
    """QMNIST's labels are rows of eight numbers, the class first."""
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == _QMNIST_COLUMNS else labels


def _partners(path: Path) -> tuple[Path, Path]:
    """The file of images and the file of labels that a file is one of."""
    if _IMAGES.search(path.name):
        name = _IMAGES.sub(r"labels\1idx1", path.name)
        return path, _partner(path, _LABELS, name, "labels")
    if _LABELS.search(path.name):
        name = _LABELS.sub(r"images\1idx3", path.name)
        return _partner(path, _IMAGES, name, "images"), path
    raise UserError(
        f"{path.name} does not say whether it holds images or labels: name the pair as MNIST does, "
        "train-images-idx3-ubyte and train-labels-idx1-ubyte."
    )


def _partner(path: Path, kind: re.Pattern[str], name: str, what: str) -> Path:
    """The other file of a pair: that of its own spelling, else one that begins alike."""
    for candidate in (name, name.removesuffix(".gz"), f"{name}.gz"):
        if path.with_name(candidate).is_file():
            return path.with_name(candidate)
    alike = [file for file in _unpacked(path.parent, kind) if _prefix(file) == _prefix(path)]
    if len(alike) == 1:
        return alike[0]
    raise UserError(f"{path.name} lacks its {what}: put {name} beside it.")


def _unpacked(folder: Path, kind: re.Pattern[str]) -> list[Path]:
    """The files of a kind; one that lies there packed and unpacked counts once."""
    names = sorted(filter(kind.search, os.listdir(folder)), reverse=True)  # noqa: PTH208
    found = {name.removesuffix(".gz"): folder / name for name in names if (folder / name).is_file()}
    return list(found.values())


def _prefix(path: Path) -> str:
    """What a pair's names begin with: `emnist-letters-train`."""
    kind = _IMAGES if _IMAGES.search(path.name) else _LABELS
    return kind.split(path.name)[0].strip("-._").casefold()
