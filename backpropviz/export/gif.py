"""A GIF of any length in little memory: one palette, and of each picture what it changes.

The palette is that of the whole animation, so that no color flickers. Since it is known only at the
end, they wait until then in a temporary file, compressed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from struct import calcsize, pack, unpack
from tempfile import TemporaryFile
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from backpropviz.export.moving import Patch, Region, Samples

SLOTS: Final = 256
_EXACT: Final = 176
"""Slots for the commonest colors; the others bound how far any color is off."""
_HEAD: Final = "<4HHI"
"""Before a patch in the waiting file: its region, its ticks, the bytes that follow."""
_LOOPS_FOREVER: Final = b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
_KEPT: Final = 0x04
"""Each picture stays where it is, and the next is drawn over it."""


def write_patches(
    found: Iterable[Patch], size: tuple[int, int], kept: Iterable[int], file: IO[bytes]
) -> None:
    """Write an animation; of the colors `kept` (0xRRGGBB) those that occur stay as they are."""
    with TemporaryFile() as waiting:
        colors = Colors()
        for patch in found:
            runs, lengths = _runs(patch.samples)
            numbers = colors.numbers(runs, lengths)
            packed = zlib.compress(np.concatenate((numbers, lengths)).data, 1)
            waiting.write(_head(patch.region, patch.ticks, len(packed)) + packed)
        palette = colors.palette(kept)
        file.write(b"GIF89a" + pack("<HHBBB", *size, 0xF7, 0, 0))
        file.write(_table(palette) + _LOOPS_FOREVER)
        slots = colors.nearest(palette)
        waiting.seek(0)
        for region, ticks, runs, lengths in _waiting(waiting):
            file.write(b"!\xf9\x04" + pack("<BHBB", _KEPT, ticks, 0, 0))
            file.writelines(_picture(np.repeat(slots[runs], lengths), region))
        file.write(b";")


def _runs(samples: Samples) -> tuple[Samples, Samples]:
    """The colors (0xRRGGBB) that follow each other, and the length of each run."""
    flat = np.ascontiguousarray(samples).ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = np.concatenate(([0], edges))
    lengths = np.diff(starts, append=flat.size).astype(np.uint32)
    # The opaque alpha is taken off.
    return flat[starts] - np.uint32(0xFF000000), lengths


def _head(region: Region, ticks: int, count: int) -> bytes:
    return pack(_HEAD, region.left, region.top, region.width, region.height, ticks, count)


def _waiting(file: IO[bytes]) -> Iterator[tuple[Region, int, Samples, Samples]]:
    while head := file.read(calcsize(_HEAD)):
        left, top, width, height, ticks, count = unpack(_HEAD, head)
        both = np.frombuffer(zlib.decompress(file.read(count)), dtype=np.uint32)
        runs, lengths = both[: len(both) // 2], both[len(both) // 2 :]
        yield Region(left, top, width, height), ticks, runs, lengths


def _table(palette: NDArray[np.uint32]) -> bytes:
    padded = np.zeros(SLOTS, dtype=">u4")
    padded[: len(palette)] = palette
    return padded.view(np.uint8).reshape(SLOTS, 4)[:, 1:].tobytes()


def _picture(indices: NDArray[np.uint8], region: Region) -> Iterator[bytes]:
    """Its descriptor and its compressed samples."""
    from PIL import GifImagePlugin, Image

    size = (region.width, region.height)
    image = Image.frombuffer("P", size, indices, "raw", "P", 0, 1)
    blocks = iter(GifImagePlugin.getdata(image, (region.left, region.top)))
    # A control block of Pillow's would come first; ours is written.
    yield next(block for block in blocks if block.startswith(b","))
    yield from blocks


class Colors:
    """The colors that occur in an animation, numbered as they come, and how often each does."""

    def __init__(self) -> None:
        self._numbers = np.zeros(1 << 24, dtype=np.uint32)
        """By 0xRRGGBB, from 1 on; 0 for what did not occur yet."""
        self._found = np.zeros(1, dtype=np.uint32)
        self._counts = np.zeros(1)

    def numbers(self, colors: Samples, counts: Samples) -> Samples:
        """The number of each color, which occurs so often; new ones get the next numbers."""
        numbers = self._numbers[colors]
        unknown = numbers == 0
        if unknown.any():
            new = np.unique(colors[unknown])
            count = len(self._found)
            self._numbers[new] = np.arange(count, count + len(new), dtype=np.uint32)
            self._found = np.concatenate((self._found, new))
            self._counts = np.concatenate((self._counts, np.zeros(len(new))))
            numbers[unknown] = self._numbers[colors[unknown]]
        self._counts += np.bincount(numbers, counts, minlength=len(self._found))
        return numbers

    def palette(self, kept: Iterable[int]) -> NDArray[np.uint32]:
        """At most 256 colors: those kept, the commonest, and such that no other is far from one."""
        found, weights = self._found[1:], self._counts[1:].copy()
        if len(found) <= SLOTS:
            return found
        weights[np.isin(found, list(kept))] += 1e12
        chosen = list(np.argsort(-weights, kind="stable")[:_EXACT])
        distance = _distance(found, found[chosen]).min(axis=1)
        urge = (1.0 + weights) ** 0.25
        while len(chosen) < SLOTS:
            farthest = int(np.argmax(distance * urge))
            chosen.append(farthest)
            np.minimum(distance, _distance(found, found[[farthest]])[:, 0], out=distance)
        return found[chosen]

    def nearest(self, palette: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """The slot of each color, by its number."""
        slots = np.zeros(len(self._found), dtype=np.uint8)
        for start in range(1, len(slots), 1 << 14):
            some = self._found[start : start + (1 << 14)]
            slots[start : start + len(some)] = _distance(some, palette).argmin(axis=1)
        return slots


def _distance(colors: NDArray[np.uint32], others: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Squared distances (colors, others), weighted about as the eye does."""
    weights = np.sqrt(np.array([2, 4, 3], dtype=np.float32))
    one, other = _channels(colors) * weights, _channels(others) * weights
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None] - 2 * one @ other.T
    result: NDArray[np.float32] = np.maximum(squares, 0)
    return result


def _channels(colors: NDArray[np.uint32]) -> NDArray[np.float32]:
    shifts = np.array([16, 8, 0], dtype=np.uint32)
    return ((colors[:, None] >> shifts) & 0xFF).astype(np.float32)
