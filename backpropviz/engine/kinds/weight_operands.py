"""What a weighted cross-entropy multiplies: a class's or the target's weight, one over a sum."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.index import Index
from backpropviz.engine.kinds.protocol import TARGET
from backpropviz.engine.nest import Computed, Coordinates, Factor, Region, Values
from backpropviz.frozen import frozen


@frozen
class ClassWeight(Computed):
    """w[k]."""

    weights: tuple[float, ...]
    category: Index

    @property
    def label(self) -> str:
        """A weight."""
        return "w"

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """The class's weight."""
        category = coordinates[self.category.axis]
        return Factor(None, f"w[{category}]", self.weights[category])

    def block(self, values: Values, region: Region) -> Array:
        """The weights of several classes."""
        return np.asarray(self.weights)[self.category.over(region)[0]]


@frozen
class TargetWeight(Computed):
    """w[t], the weight of the sample's target class."""

    weights: tuple[float, ...]
    sample: Index

    @property
    def label(self) -> str:
        """A weight."""
        return "w"

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """The target class's weight."""
        category = int(values[TARGET][coordinates[self.sample.axis]])
        return Factor(None, f"w[{category}]", self.weights[category])

    def block(self, values: Values, region: Region) -> Array:
        """The weights of several samples."""
        return np.asarray(self.weights)[values[TARGET][self.sample.over(region)[0]]]


@frozen
class OneOver(Computed):
    """1 / a number of the pass."""

    source: Address
    label: str

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """The same for every term."""
        return Factor(None, self.label, float(self._value(values)))

    def block(self, values: Values, region: Region) -> Array:
        """The same for every term."""
        return np.full((1,) * len(region), self._value(values))

    def _value(self, values: Values) -> np.float64:
        with np.errstate(divide="ignore"):
            return np.float64(1) / np.float64(values[self.source])
