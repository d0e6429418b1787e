"""NumPy archives read as if a stranger had made them: sizes first, never pickled objects."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from backpropviz.engine.arrays import Array, Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.importers.datasets.catalog import LARGEST_BYTES

_MOST_MEMBERS = 1000
# Arrays above LARGE that shrink more are no pictures but made to fill the memory.
_LARGE, _LARGEST_RATIO = 64 * 1024**2, 500
_SUFFIX = ".npy"


@frozen
class Header:
    """What an array is, read without its numbers."""

    shape: Shape
    dtype: np.dtype[Any]
    is_fortran: bool

    @property
    def size_bytes(self) -> int:
        """Of all its numbers; Python's own integers, since a forged shape overflows others."""
        size = self.dtype.itemsize
        for length in self.shape:
            size *= length
        return size


@frozen(eq=False)
class NpzFile:
    """An open archive and the headers of its arrays, by name."""

    name: str
    file: zipfile.ZipFile
    headers: Mapping[str, Header]

    def array(self, key: str) -> Array:
        """One of its arrays.

        Raises:
            UserError: it is too large, cut off, or holds Python objects.
        """
        header, where = self.headers[key], f"{self.name}: “{key}”"
        if header.dtype.hasobject:
            raise UserError(
                f"{where} holds Python objects, which can run a stranger's code and are never "
                "read: save plain numbers."
            )
        if header.size_bytes > LARGEST_BYTES:
            raise UserError(
                f"{where} has the shape {shape_text(header.shape)}, more than "
                f"{LARGEST_BYTES // 1024**3} GB: split it."
            )
        packed = self.file.getinfo(f"{key}{_SUFFIX}").compress_size
        if header.size_bytes > max(_LARGE, _LARGEST_RATIO * packed):
            raise UserError(
                f"{where} would unpack to {header.size_bytes:,} bytes from {packed:,}, more than "
                "honest pictures do: it was not read."
            )
        with _damage_told(where), self.file.open(f"{key}{_SUFFIX}") as member:
            _read_header(member)
            content = member.read(header.size_bytes + 1)
        if len(content) != header.size_bytes:
            raise UserError(f"{where} is damaged or cut off: save it again.")
        with _damage_told(where):
            flat: Array = np.frombuffer(content, header.dtype)
            if header.is_fortran:
                return flat.reshape(header.shape[::-1]).transpose()
            return flat.reshape(header.shape)


@contextmanager
def opened_npz(path: Path) -> Iterator[NpzFile]:
    """Open an archive and read the headers.

    Raises:
        UserError: it is no archive of arrays, damaged, or cannot be read.
    """
    try:
        content = path.open("rb")
    except OSError as error:
        reason = error.strerror or "the system refused"
        raise UserError(f"{path.name} cannot be read ({reason}): check the file.") from error
    with content:
        with _damage_told(path.name):
            file = zipfile.ZipFile(content)
        with file:
            yield NpzFile(path.name, file, _headers(file, path.name))


def _headers(file: zipfile.ZipFile, name: str) -> dict[str, Header]:
    members = [member for member in file.namelist() if member.endswith(_SUFFIX)]
    if not members:
        raise UserError(f"{name} holds no arrays: save it by numpy.savez(images=…, labels=…).")
    if len(members) > _MOST_MEMBERS:
        raise UserError(f"{name} holds {len(members):,} arrays: save images and labels alone.")
    headers = {}
    for member in members:
        with _damage_told(f"{name}: {member[:100]!r}"), file.open(member) as content:
            headers[member.removesuffix(_SUFFIX)] = _read_header(content)
    return headers


def _read_header(member: IO[bytes]) -> Header:
    version = np.lib.format.read_magic(member)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, is_fortran, dtype = read(member)
    if min(shape, default=0) < 0:
        raise ValueError(shape)
    return Header(shape, dtype, is_fortran)


@contextmanager
def _damage_told(where: str) -> Iterator[None]:
    """What the zip and NumPy readers raise at damaged bytes, which is anything, as a sentence."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{where} is damaged or no NumPy archive: save it again.") from error
