"""Zip files of named members: written the same each time, read as if a stranger had made them."""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

import numpy as np

from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Array, Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.files.atomic import atomic_file
from backpropviz.frozen import frozen
from backpropviz.named_file import kind_of_file, opened_file, refuse_other

LARGEST_FILE = 2 * 1024**3
LARGEST_MEMBER = 1024**3
LARGEST_TOTAL = 2 * 1024**3
MOST_MEMBERS = 20_000
# A member above SMALL that shrinks more is stored as it is: no file of ours looks like a bomb.
LARGEST_RATIO = 100
SMALL = 100_000
DTYPES = ("float32", "float64", "int64", "uint8")

# NumPy's own reader would evaluate the header as Python.
_HEADER = re.compile(
    rb"""
    \x93NUMPY\x01\x00 .. \{
    'descr': \s '(?P<dtype> [<>|=][?a-zA-Z]\d{0,3})', \s
    'fortran_order': \s (?P<fortran> True|False), \s
    'shape': \s \((?P<shape> (?:\d{1,12},\s?)* (?:\d{1,12})?)\), \s
    \} \x20* \n
    """,
    re.DOTALL | re.VERBOSE,
)
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    MemoryError,
)
"""What the readers of zip files and of NumPy's raise at damaged bytes."""


@frozen
class Archive:
    """An open archive whose list of members has been checked."""

    file: zipfile.ZipFile

    @property
    def names(self) -> tuple[str, ...]:
        """The members in the order of the file."""
        return tuple(self.file.namelist())

    def read(self, name: str, most: int = LARGEST_MEMBER) -> bytes:
        """A member's bytes.

        Raises:
            UserError: it is missing, damaged or larger than `most`.
        """
        if name not in self.names:
            raise UserError(f"{name} is missing in it: save the file anew.")
        if self.file.getinfo(name).file_size > most:
            raise UserError(f"{name} is larger than the {most:,} bytes that it may have.")
        with damage_told(name):
            return self.file.read(name)

    def array(self, name: str, shape: Shape) -> Array:
        """A read-only array of float32 or float64 numbers, all finite, of the shape expected."""
        array = self.any_array(name, ("float32", "float64"), shape)
        if not np.isfinite(array).all():
            raise UserError(f"{name} holds NaN or infinite values: save finite ones.")
        return array

    def any_array(
        self, name: str, dtypes: tuple[str, ...] = DTYPES, shape: Shape | None = None
    ) -> Array:
        """A read-only array of one of the dtypes."""
        content = self.read(name)
        with damage_told(name):
            array = _from_npy(content, name, dtypes, shape)
        array.flags.writeable = False
        return array


@contextmanager
def opened_archive(path: Path) -> Iterator[Archive]:
    """Open and check the list of members before any is read.

    Raises:
        UserError: it is not a zip file, or one that could do harm.
    """
    with opened_file(path, LARGEST_FILE) as content:
        refuse_other(kind_of_file(content, path.name), "run")
        with archive_in(content) as archive:
            yield archive


@contextmanager
def archive_in(content: BinaryIO) -> Iterator[Archive]:
    """The same of what was read from somewhere."""
    with damage_told("it"):
        file = zipfile.ZipFile(content)
    with file:
        _refuse_harm(file.infolist())
        yield Archive(file)


@contextmanager
def damage_told(name: str) -> Iterator[None]:
    """What the zip and NumPy readers raise at damaged bytes, as a sentence."""
    try:
        yield
    except UserError:
        raise
    except DAMAGE:
        raise UserError(f"{name} is damaged or no such file: get or save it anew.") from None


def write_archive(
    path: Path, members: Mapping[str, bytes], stored: Collection[str] = frozenset()
) -> None:
    """Write all members at once, the `stored` ones as they are; equal members give equal bytes."""
    with atomic_file(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, _FIRST_DAY)
            info.external_attr = 0o644 << 16
            info.create_system = 3
            method = zipfile.ZIP_STORED if name in stored else _method(content)
            file.writestr(info, content, method, 9)


def to_npy(array: Array) -> bytes:
    """The bytes of a .npy file, little-endian and in C order."""
    buffer = io.BytesIO()
    plain = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    np.lib.format.write_array(buffer, plain, allow_pickle=False)
    return buffer.getvalue()


def _method(content: bytes) -> int:
    if len(content) > SMALL and len(zlib.compress(content, 9)) * LARGEST_RATIO < 2 * len(content):
        return zipfile.ZIP_STORED
    return zipfile.ZIP_DEFLATED


def _refuse_harm(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MOST_MEMBERS or sum(m.file_size for m in members) > LARGEST_TOTAL:
        raise UserError("it would unpack to too many or too large members and was not opened.")
    seen: set[str] = set()
    for member in members:
        _refuse_member(member, seen)
        seen.add(member.filename)


def _refuse_member(member: zipfile.ZipInfo, seen: set[str]) -> None:
    name = repr(member.filename[:100])
    path = PurePosixPath(member.orig_filename)
    if path.is_absolute() or ".." in path.parts or "\\" in str(path) or ":" in str(path):
        raise UserError(f"its member {name} points outside the file: get it from its maker anew.")
    if member.filename in seen:
        raise UserError(f"its member {name} is there twice: save it anew.")
    if member.flag_bits & 1:
        raise UserError(f"its member {name} is encrypted: save it without a password.")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise UserError(f"its member {name} is packed in an unknown way: save it anew.")
    if member.file_size > max(SMALL, LARGEST_RATIO * member.compress_size):
        raise UserError(
            f"its member {name} would unpack to {member.file_size:,} bytes from "
            f"{member.compress_size:,}, more than honest numbers do: it was not opened."
        )


def _from_npy(content: bytes, name: str, dtypes: tuple[str, ...], expected: Shape | None) -> Array:
    header = _HEADER.match(content)
    if header is None:
        raise UserError(f"{name} is damaged or no .npy file of version 1.0: save it anew.")
    dtype = np.dtype(header["dtype"].decode())
    shape = tuple(int(size) for size in header["shape"].split(b",") if size.strip())
    fortran = header["fortran"] == b"True"
    if dtype.name not in dtypes:
        raise UserError(f"{name} holds {dtype} values, but {' or '.join(dtypes)} are needed.")
    if fortran or (expected is not None and shape != expected):
        wanted = shape_text(expected) if expected is not None else shape_text(shape)
        raise UserError(
            f"{name} has the shape {shape_text(shape)}{' in Fortran order' if fortran else ''}, "
            f"but {wanted}{' in C order' if fortran else ''} is needed."
        )
    values = content[header.end() :]
    if len(values) != dtype.itemsize * math.prod(shape):
        raise UserError(f"{name} holds {len(values):,} bytes, which do not fill its shape.")
    return np.frombuffer(values, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def save_tape(tape: Tape, path: Path) -> None:
    """Write every array under each of its names; equal passes give equal bytes.

    `numpy.load(path)["conv1.weight.grad"]` reads one back.
    """
    write_archive(path, {f"{address}.npy": to_npy(array) for address, array in tape.items()})
