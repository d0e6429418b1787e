"""Which cells of an operand a block of steps reads, and which planes they lie on."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from backpropviz.engine.index import Index
from backpropviz.engine.nest import Region
from backpropviz.frozen import frozen


@frozen
class Extent:
    """The cells along one dimension, ascending; they may lie outside the array (in the padding)."""

    cells: tuple[int, ...]

    @property
    def is_single(self) -> bool:
        """Whether there is just one."""
        return len(self.cells) == 1

    @property
    def hull(self) -> range:
        """From the first to the last."""
        return range(self.cells[0], self.cells[-1] + 1) if self.cells else range(0)

    def runs(self) -> tuple[range, ...]:
        """The cells as ranges without gaps."""
        found: list[range] = []
        for cell in self.cells:
            if found and found[-1].stop == cell:
                found[-1] = range(found[-1].start, cell + 1)
            else:
                found.append(range(cell, cell + 1))
        return tuple(found)


@lru_cache(maxsize=1024)
def extent(index: Index, region: Region) -> Extent:
    """The values that an index takes over a block of steps."""
    if any(len(r) == 0 for r in region):
        return Extent(())
    cells, exact = index.over(region)
    found = cells if exact is None else cells[np.broadcast_to(exact, cells.shape)]
    # Not np.unique: it imports masked arrays, which the first stage would wait for.
    return Extent(tuple(sorted(set(found.ravel().tolist()))))


def extents(maps: tuple[Index, ...], region: Region) -> tuple[Extent, ...]:
    """The cells along each dimension; the block reads (some of) their product."""
    return tuple(extent(index, region) for index in maps)
