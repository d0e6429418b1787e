"""A GIF of any length in little memory: one palette, and of each picture what it changes.

The palette is that of the whole animation, so that no color flickers. Since it is known only at the
end, the changes wait until then in a temporary file, compressed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from struct import pack, unpack
from tempfile import TemporaryFile
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from backpropviz.export.moving import Patch, Region, Samples

SLOTS: Final = 256
_EXACT: Final = 176
"""Slots for the commonest colors; the others bound how far any color is off."""
_RGB: Final = 0xFFFFFF
_MOST_COUNTED: Final = 200_000
_HEAD: Final = "<4HHI"
"""A change in the waiting file: region, ticks, bytes that follow."""
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
            colors.add(patch.samples)
            packed = zlib.compress(np.ascontiguousarray(patch.samples).data, 1)
            waiting.write(_head(patch, len(packed)) + packed)
        palette = colors.palette(kept)
        file.write(b"GIF89a" + pack("<HHBBB", *size, 0xF7, 0, 0))
        file.write(_table(palette) + _LOOPS_FOREVER)
        slots = colors.nearest(palette)
        waiting.seek(0)
        for patch in _waiting(waiting):
            # A logical "and" would copy 32 bits a pixel; the opaque alpha is taken off as a number.
            indices = slots[patch.samples - np.uint32(0xFF000000)]
            file.write(b"!\xf9\x04" + pack("<BHBB", _KEPT, patch.ticks, 0, 0))
            file.writelines(_picture(indices, patch.region))
        file.write(b";")


def _head(patch: Patch, count: int) -> bytes:
    region = patch.region
    sides = (region.left, region.top, region.width, region.height)
    return pack(_HEAD, *sides, patch.ticks, count)


def _waiting(file: IO[bytes]) -> Iterator[Patch]:
    length = len(pack(_HEAD, 0, 0, 0, 0, 0, 0))
    while head := file.read(length):
        left, top, width, height, ticks, count = unpack(_HEAD, head)
        samples = np.frombuffer(zlib.decompress(file.read(count)), dtype=np.uint32)
        region = Region(left, top, width, height)
        yield Patch(region, samples.reshape(height, width), ticks)


def _table(palette: NDArray[np.uint32]) -> bytes:
    padded = np.zeros(SLOTS, dtype=">u4")
    padded[: len(palette)] = palette
    return padded.view(np.uint8).reshape(SLOTS, 4)[:, 1:].tobytes()


def _picture(indices: NDArray[np.uint8], region: Region) -> Iterator[bytes]:
    """Its descriptor and its compressed samples."""
    from PIL import GifImagePlugin, Image

    size = (region.width, region.height)
    image = Image.frombuffer("P", size, np.ascontiguousarray(indices), "raw", "P", 0, 1)
    blocks = iter(GifImagePlugin.getdata(image, (region.left, region.top)))
    # A control block of Pillow's would come first; ours is written.
    yield next(block for block in blocks if block.startswith(b","))
    yield from blocks


class Colors:
    """The colors that occur in an animation, and how often, roughly."""

    def __init__(self) -> None:
        self._occurs = np.zeros(1 << 24, dtype=np.bool_)
        self._counts: dict[int, int] = {}

    def add(self, samples: Samples) -> None:
        """Count a picture's colors; of a large one, some of its rows."""
        rgb = samples & np.uint32(_RGB)
        self._occurs[rgb] = True
        step = 1 + samples.size // _MOST_COUNTED
        colors, counts = np.unique(rgb[::step], return_counts=True)
        for color, count in zip(colors.tolist(), counts.tolist(), strict=True):
            self._counts[color] = self._counts.get(color, 0) + count

    def palette(self, kept: Iterable[int]) -> NDArray[np.uint32]:
        """At most 256 colors: those kept, the commonest, and such that no other is far from one."""
        found = self._occurs.nonzero()[0].astype(np.uint32)
        if len(found) <= SLOTS:
            return found
        weights = np.array([self._counts.get(int(color), 0) for color in found])
        weights[np.isin(found, list(kept))] += 1 << 40
        order = np.argsort(-weights, kind="stable")
        chosen = list(order[:_EXACT])
        distance = _distance(found, found[chosen]).min(axis=1)
        urge = (1.0 + weights) ** 0.25
        while len(chosen) < SLOTS:
            farthest = int(np.argmax(distance * urge))
            chosen.append(farthest)
            np.minimum(distance, _distance(found, found[[farthest]])[:, 0], out=distance)
        return found[chosen]

    def nearest(self, palette: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """The slot of each color that occurs, by 0xRRGGBB."""
        slots = np.zeros(1 << 24, dtype=np.uint8)
        found = self._occurs.nonzero()[0].astype(np.uint32)
        for start in range(0, len(found), 1 << 14):
            some = found[start : start + (1 << 14)]
            slots[some] = _distance(some, palette).argmin(axis=1)
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
