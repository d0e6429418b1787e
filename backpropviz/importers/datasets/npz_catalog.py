"""Images and labels in a NumPy archive, under one of the usual names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from backpropviz.engine.arrays import shape_text
from backpropviz.errors import UserError
from backpropviz.importers.datasets.catalog import Catalog, Wanted
from backpropviz.importers.datasets.npz_file import NpzFile, opened_npz
from backpropviz.importers.datasets.number_labels import as_text
from backpropviz.importers.datasets.numbered_catalog import ArrayPair, numbered_catalog
from backpropviz.importers.datasets.splits import HELD_OUT, Part, held_out_part, kept_words

IMAGES: Final = ("images", "x", "image", "data", "inputs", "features", "arr_0")
LABELS: Final = ("labels", "y", "label", "targets", "target", "arr_1")
_PATTERNS: Final[Mapping[Part, tuple[str, ...]]] = MappingProxyType(
    {
        "train": ("train_{}", "{}_train", "training_{}", "{}_training"),
        "val": (
            *("val_{}", "{}_val", "valid_{}", "{}_valid"),
            *("validation_{}", "{}_validation"),
        ),
        "test": ("test_{}", "{}_test", "testing_{}", "{}_testing"),
    }
)
_CLASS_NAMES: Final = ("class_names", "label_names", "target_names", "names", "classes")
_PLAIN: Final = ("{}",)


def npz_catalog(source: str, path: Path, wanted: Wanted) -> Catalog:
    """What an archive holds; arrays named as for validation, else for a test, validate.

    Raises:
        UserError: no images or labels are found by their names, or they cannot be used.
    """
    with opened_npz(path) as file:
        by_name = {key.casefold(): key for key in file.headers}
        training = _keys(by_name, _PATTERNS["train"]) or _keys(by_name, _PLAIN)
        if training is None:
            raise UserError(_not_found(file))
        apart: dict[Part, tuple[str, str]] = {}
        for part in HELD_OUT:
            keys = _keys(by_name, _PATTERNS[part])
            if keys is not None:
                apart[part] = keys
        used = held_out_part(apart)
        pair = _pair(file, training, path.stem)
        other = _pair(file, apart[used], f"{path.stem} {used}", used) if used else None
        names = _class_names(file, by_name)
    catalog = numbered_catalog(path.name, source, pair, other, wanted, names)
    kept = kept_words(used, f"“{apart['test'][0]}”" if "test" in apart else "")
    return replace(catalog, remarks=(*catalog.remarks, *kept))


def _keys(by_name: Mapping[str, str], patterns: tuple[str, ...]) -> tuple[str, str] | None:
    """The names of images and labels that follow one of the patterns."""
    for pattern in patterns:
        images = [by_name[n] for n in map(pattern.format, IMAGES) if n in by_name]
        labels = [by_name[n] for n in map(pattern.format, LABELS) if n in by_name]
        if images and labels:
            return images[0], labels[0]
    return None


def _pair(file: NpzFile, keys: tuple[str, str], name: str, part: Part = "train") -> ArrayPair:
    images, labels = keys
    return ArrayPair(
        name,
        file.array(images),
        file.array(labels),
        f"{file.name}: “{images}”",
        f"{file.name}: “{labels}”",
        part,
    )


def _class_names(file: NpzFile, by_name: Mapping[str, str]) -> tuple[str, ...]:
    """One-dimensional text under a usual name, else nothing."""
    for name in _CLASS_NAMES:
        key = by_name.get(name, "")
        header = file.headers.get(key)
        if header is not None and header.dtype.kind in "US" and len(header.shape) == 1:
            return tuple(as_text(file.array(key), f"{file.name}: “{key}”").tolist())
    return ()


def _not_found(file: NpzFile) -> str:
    held = ", ".join(f"“{key}” {shape_text(h.shape)}" for key, h in list(file.headers.items())[:8])
    return (
        f"{file.name} holds {held}, but no images and labels under the usual names: "
        "save it by numpy.savez(images=…, labels=…)."
    )
