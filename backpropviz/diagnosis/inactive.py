"""Since which update each unit has been inactive, all layers in one array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.frozen import frozen


@frozen(eq=False)
class Inactive:
    """Unit by unit: the first of the looks in a row that found it inactive, and their number.

    Not every update is looked at. Layer k begins at `starts[k]` and has `sizes[k]` units.
    """

    iteration: int = 0
    """The last update that was looked at."""
    since: Array | None = None
    looks: Array | None = None
    starts: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()

    def after(
        self,
        iteration: int,
        layers: Sequence[str],
        activities: Mapping[str, Array],
        most_active: float,
    ) -> Inactive:
        """After an update in which these shares of each unit's values were above 0."""
        shares = [activities[layer] for layer in layers]
        is_inactive = np.concatenate(shares) <= most_active
        if self.since is None or self.looks is None:
            sizes = tuple(len(share) for share in shares)
            starts = tuple(np.cumsum((0, *sizes[:-1])).tolist())
            none = np.zeros(len(is_inactive), dtype=np.int64)
            return Inactive(0, none, none, starts, sizes).after(
                iteration, layers, activities, most_active
            )
        looks = (self.looks + 1) * is_inactive
        since = np.where(looks == 1, iteration, self.since)
        return Inactive(iteration, since, looks, self.starts, self.sizes)

    def is_dead(self, updates: int, looks: int) -> Array:
        """Which units have been inactive for so many updates, of which so many were looked at."""
        if self.since is None or self.looks is None:
            return np.zeros(0, dtype=bool)
        # The number of looks rules out the units that are active.
        dead: Array = (self.looks >= max(looks, 1)) & (self.iteration - self.since + 1 >= updates)
        return dead

    def shares(self, is_dead: Array) -> tuple[float, ...]:
        """The share of each layer's units that are marked."""
        counts = np.add.reduceat(is_dead, self.starts, dtype=np.int64).tolist()
        return tuple(count / size for count, size in zip(counts, self.sizes, strict=True))

    def of_layer(self, every: Array, place: int) -> Array:
        """The part of an array over all units that is of one layer."""
        start = self.starts[place]
        return every[start : start + self.sizes[place]]

    def updates(self) -> Array:
        """For how many updates each unit has been inactive, as far as was looked."""
        if self.since is None or self.looks is None:
            return np.zeros(0, dtype=np.int64)
        spans: Array = (self.iteration - self.since + 1) * (self.looks > 0)
        return spans


NOT_LOOKED = Inactive()
