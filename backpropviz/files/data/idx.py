"""A pair of IDX files, images and labels, found by one of them or by their folder."""

from __future__ import annotations

import gzip
import math
import os
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import IO, cast

import numpy as np

from backpropviz.engine.value import Array, shape_text
from backpropviz.errors import UserError
from backpropviz.files.data.arrays import ArrayPair, numbered_catalog
from backpropviz.files.data.catalog import (
    LARGEST_BYTES,
    Catalog,
    Part,
    Wanted,
    held_out_part,
    kept_words,
    listed_names,
    part_in,
)

_TYPES: Mapping[int, str] = MappingProxyType(
    {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
)
_MOST_AXES = 4
_BLOCK_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"


def is_idx(path: Path) -> bool:
    """Whether a file begins as an IDX file does, packed or not."""
    try:
        with _opened(path) as file:
            start = file.read(4)
    except (OSError, EOFError, zlib.error):
        return False
    return len(start) == 4 and _is_magic(start)


def read_idx(path: Path) -> Array:
    """The array of an IDX file.

    Raises:
        UserError: it is no IDX file, cut off, too large, or cannot be read.
    """
    try:
        with _opened(path) as file:
            return _array(file, path.name)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _cut_off(path.name) from error
    except OSError as error:
        reason = error.strerror or "the system refused"
        raise UserError(f"{path.name} cannot be read ({reason}): check the file.") from error


def _opened(path: Path) -> IO[bytes]:
    """Unpacked while it is read, so that a small file cannot fill the memory."""
    with path.open("rb") as file:
        is_packed = file.read(2) == _GZIP
    return cast("IO[bytes]", gzip.open(path)) if is_packed else path.open("rb")


def _is_magic(start: bytes) -> bool:
    return start[:2] == b"\0\0" and start[2] in _TYPES and 1 <= start[3] <= _MOST_AXES


def _array(file: IO[bytes], name: str) -> Array:
    start = file.read(4)
    if len(start) < 4 or not _is_magic(start):
        raise UserError(
            f"{name} is no IDX file (it begins with {start.hex(' ') or 'nothing'}): use one such "
            "as train-images-idx3-ubyte."
        )
    lengths = file.read(4 * start[3])
    if len(lengths) < 4 * start[3]:
        raise _cut_off(name)
    shape = struct.unpack(f">{start[3]}I", lengths)
    dtype = np.dtype(_TYPES[start[2]])
    size = math.prod(shape) * dtype.itemsize
    if size > LARGEST_BYTES:
        raise UserError(
            f"{name} would hold {shape_text(shape)} numbers, more than "
            f"{LARGEST_BYTES // 1024**3} GB: split it."
        )
    content = _read(file, size + 1)
    if len(content) < size:
        raise _cut_off(name)
    if len(content) > size:
        raise UserError(f"{name} is longer than its {shape_text(shape)} numbers: get it anew.")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read(file: IO[bytes], most: int) -> bytes:
    """So many bytes at most, in blocks: a forged length must not take the memory at once."""
    content = bytearray()
    while len(content) < most and (block := file.read(min(_BLOCK_BYTES, most - len(content)))):
        content += block
    return bytes(content)


def _cut_off(name: str) -> UserError:
    return UserError(f"{name} is damaged or cut off: download it again.")


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
        return _told(numbered_catalog(path.name, source, _pair(path), None, wanted))
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


def _told(catalog: Catalog, before: Sequence[str] = (), after: Sequence[str] = ()) -> Catalog:
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
    pixels, classes = read_idx(images), read_idx(labels)
    # QMNIST's labels are rows of eight numbers, the class first.
    if classes.ndim == 2 and classes.shape[1] == _QMNIST_COLUMNS:
        classes = classes[:, 0]
    name = _prefix(images) or images.name
    return ArrayPair(name, pixels, classes, images.name, labels.name, part)


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
