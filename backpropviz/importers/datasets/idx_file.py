"""The IDX format of the MNIST files: two zero bytes, a type, the number of axes, their lengths.

Lengths and numbers are big-endian. A file may be packed by gzip.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO, cast

import numpy as np

from backpropviz.engine.arrays import Array, shape_text
from backpropviz.errors import UserError
from backpropviz.importers.datasets.catalog import LARGEST_BYTES

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
