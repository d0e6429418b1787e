"""A run's data in an archive: by name where it ships with the program, else image by image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from backpropviz.document import Value
from backpropviz.engine.arrays import Array
from backpropviz.engine.network import Network
from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.engine.training.samples import Dataset, Samples, Skipped
from backpropviz.errors import UserError
from backpropviz.storage.archive import Archive, to_npy

FindData: TypeAlias = Callable[[str, Network, Preprocessing], Dataset | None]
"""All samples of a bundled set, by its name, for a network; None where no set has the name."""

LARGEST_BYTES = 1_000_000_000
_MOST_SKIPPED = 1000
_DAMAGED = "its data are not those that were saved: get the file anew, or start a new run."
_FIELDS = (
    "title",
    "source",
    "classes",
    "preprocessing",
    "skipped",
    "training",
    "validation",
    "fingerprint",
    "is_bundled",
)


def data_to_json(
    dataset: Dataset, network: Network, find_data: FindData | None
) -> dict[str, object]:
    """All of the data but their arrays; `is_bundled` where `find_data` gives the same ones again.

    It takes a while, and stays the same for as long as a run lives.
    """
    fingerprint = fingerprint_of(dataset)
    is_bundled = find_data is not None and _is_found(dataset, network, find_data, fingerprint)
    return {
        "title": dataset.title,
        "source": dataset.source,
        "classes": list(dataset.class_names),
        "preprocessing": dataset.preprocessing.to_json(),
        "skipped": [[one.name, one.reason] for one in dataset.skipped[:_MOST_SKIPPED]],
        "training": list(dataset.training.names),
        "validation": None if dataset.validation is None else list(dataset.validation.names),
        "fingerprint": fingerprint,
        "is_bundled": is_bundled,
    }


def data_size_bytes(dataset: Dataset) -> int:
    """What the arrays of the data take."""
    return sum(array.nbytes for array in _arrays(dataset).values())


def read_data(
    archive: Archive, document: Value, network: Network, find_data: FindData | None
) -> Dataset:
    """The data of a saved run.

    Raises:
        UserError: they are damaged, or a bundled set is not the one that it was.
    """
    members = document.members(_FIELDS, _FIELDS)
    names = _names(members["training"]), _held_out_names(members["validation"])
    preprocessing = Preprocessing.from_json(members["preprocessing"].value)
    source = members["source"].text()
    is_bundled = members["is_bundled"].value is True
    if is_bundled:
        every = _found(source, network, preprocessing, find_data)
        training, validation = _chosen(every, names[0]), names[1] and _chosen(every, names[1])
    else:
        training = _samples(archive, "training", names[0])
        validation = names[1] and _samples(archive, "validation", names[1])
    dataset = Dataset(
        members["title"].text(),
        source,
        training,
        validation or None,
        tuple(item.text() for item in members["classes"].items()),
        preprocessing,
        tuple(_skipped(item) for item in members["skipped"].items()),
    )
    if fingerprint_of(dataset) != members["fingerprint"].text():
        raise UserError(_other_data(source) if is_bundled else _DAMAGED)
    return dataset


def _other_data(source: str) -> str:
    return (
        f"the data set “{source}” is not the one that the run learned from: use the version of the "
        "program that saved it, or start a new run."
    )


def fingerprint_of(dataset: Dataset) -> str:
    """A number for the samples: other images, targets or another order have another one."""
    digest = hashlib.sha256()
    for samples in (dataset.training, dataset.validation):
        for array in (samples.images, samples.targets) if samples else ():
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _is_found(dataset: Dataset, network: Network, find_data: FindData, fingerprint: str) -> bool:
    """Whether the bundled set of that name, chosen from by the samples' names, is the same."""
    held_out = dataset.validation
    try:
        every = _found(dataset.source, network, dataset.preprocessing, find_data)
        training = _chosen(every, dataset.training.names)
        validation = None if held_out is None else _chosen(every, held_out.names)
    except UserError:
        return False
    again = Dataset("", "", training, validation, (), dataset.preprocessing)
    return fingerprint_of(again) == fingerprint


def _found(
    source: str, network: Network, preprocessing: Preprocessing, find_data: FindData | None
) -> Dataset:
    found = None if find_data is None else find_data(source, network, preprocessing)
    if found is None:
        raise UserError(f"its data set “{source}” does not ship with this program: update it.")
    return found


def _chosen(every: Dataset, names: tuple[str, ...]) -> Samples:
    number = {name: k for k, name in enumerate(every.training.names)}
    for name in names:
        if name not in number:
            raise UserError(f"there is no {name} in “{every.source}”: update the program.")
    places = [number[name] for name in names]
    return Samples(every.training.images[places], every.training.targets[places], names)


def array_members(dataset: Dataset) -> dict[str, bytes]:
    """The arrays of data that do not ship.

    Raises:
        UserError: the images are too many for one file.
    """
    refuse_large_data(dataset)
    return {name: to_npy(array) for name, array in _arrays(dataset).items()}


def refuse_large_data(dataset: Dataset) -> None:
    """Refuse, before a training, data that no file could hold after it."""
    size = data_size_bytes(dataset)
    if size > LARGEST_BYTES:
        raise UserError(
            f"its {size / 1e9:.1f} GB of images are too many for one file: train on fewer of them."
        )


def _arrays(dataset: Dataset) -> dict[str, Array]:
    parts = {"training": dataset.training, "validation": dataset.validation}
    arrays: dict[str, Array] = {}
    for part, samples in parts.items():
        if samples is not None:
            arrays[_member(part, "images")] = samples.images
            arrays[_member(part, "targets")] = samples.targets
    return arrays


def _samples(archive: Archive, part: str, names: tuple[str, ...]) -> Samples:
    images = archive.any_array(_member(part, "images"), ("float32", "float64"))
    targets = archive.any_array(_member(part, "targets"), ("int64", "float32", "float64"))
    if images.ndim < 2 or not targets.ndim:
        raise UserError(_DAMAGED)
    return Samples(images, targets, names)


def _member(part: str, what: str) -> str:
    return f"data/{part}.{what}.npy"


def _names(entry: Value) -> tuple[str, ...]:
    return tuple(item.text() for item in entry.items())


def _held_out_names(entry: Value) -> tuple[str, ...] | None:
    return None if entry.value is None else _names(entry)


def _skipped(entry: Value) -> Skipped:
    items = entry.items()
    if len(items) != 2:
        entry.refuse("use a list of a name and a reason")
    return Skipped(items[0].text(), items[1].text())
