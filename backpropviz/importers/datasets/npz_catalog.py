"""Images and labels in a NumPy archive, under one of the usual names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from backpropviz.engine.arrays import shape_text
from backpropviz.errors import UserError
from backpropviz.importers.datasets.catalog import Catalog, Wanted
from backpropviz.importers.datasets.npz_file import NpzFile, opened_npz
from backpropviz.importers.datasets.numbered_catalog import ArrayPair, numbered_catalog

IMAGES: Final = ("images", "x", "image", "data", "inputs", "features", "arr_0")
LABELS: Final = ("labels", "y", "label", "targets", "target", "arr_1")
_TRAIN: Final = ("train_{}", "{}_train", "training_{}", "{}_training")
_TEST: Final = (
    *("test_{}", "{}_test", "val_{}", "{}_val"),
    *("valid_{}", "{}_valid", "validation_{}", "{}_validation"),
)
_CLASS_NAMES: Final = ("class_names", "label_names", "target_names", "names", "classes")
_PLAIN: Final = ("{}",)


def npz_catalog(source: str, path: Path, wanted: Wanted) -> Catalog:
    """What an archive holds; arrays named as for a test are kept apart for validation.

    Raises:
        UserError: no images or labels are found by their names, or they cannot be used.
    """
    with opened_npz(path) as file:
        by_name = {key.casefold(): key for key in file.headers}
        training = _keys(by_name, _TRAIN) or _keys(by_name, _PLAIN)
        test = _keys(by_name, _TEST)
        if training is None:
            raise UserError(_not_found(file))
        pair = _pair(file, training, path.stem)
        other = _pair(file, test, f"{path.stem} test") if test else None
        names = _class_names(file, by_name)
    return numbered_catalog(path.name, source, pair, other, wanted, names)


def _keys(by_name: Mapping[str, str], patterns: tuple[str, ...]) -> tuple[str, str] | None:
    """The names of images and labels that follow one of the patterns."""
    for pattern in patterns:
        images = [by_name[n] for n in map(pattern.format, IMAGES) if n in by_name]
        labels = [by_name[n] for n in map(pattern.format, LABELS) if n in by_name]
        if images and labels:
            return images[0], labels[0]
    return None


def _pair(file: NpzFile, keys: tuple[str, str], name: str) -> ArrayPair:
    images, labels = keys
    return ArrayPair(
        name,
        file.array(images),
        file.array(labels),
        f"{file.name}: “{images}”",
        f"{file.name}: “{labels}”",
    )


def _class_names(file: NpzFile, by_name: Mapping[str, str]) -> tuple[str, ...]:
    """One-dimensional text under a usual name, else nothing."""
    for name in _CLASS_NAMES:
        header = file.headers.get(by_name.get(name, ""))
        if header is not None and header.dtype.kind == "U" and len(header.shape) == 1:
            return tuple(file.array(by_name[name]).tolist())
    return ()


def _not_found(file: NpzFile) -> str:
    held = ", ".join(f"“{key}” {shape_text(h.shape)}" for key, h in list(file.headers.items())[:8])
    return (
        f"{file.name} holds {held}, but no images and labels under the usual names: "
        "save it by numpy.savez(images=…, labels=…)."
    )
