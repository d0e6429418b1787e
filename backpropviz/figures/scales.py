"""The color scale of every array: fixed for a pass, so colors never change between frames."""

from __future__ import annotations

from dataclasses import field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.kinds.protocol import IMAGE
from backpropviz.engine.tape import Tape
from backpropviz.frozen import frozen
from backpropviz.scene.theme import Theme

Reduced: TypeAlias = tuple[Array, NDArray[np.bool_] | None]
"""A value a pixel, and where there is one (None: everywhere)."""
_PHOTO_SIDE = 8
"""Images of at least this side are shown in true gray; the numbers of smaller ones matter more."""


@frozen
class Scale:
    """A color map and the values at its two ends."""

    colormap: str
    limits: tuple[float, float]
    is_diverging: bool


def finite_values(values: Array) -> Array:
    """The values that are finite: as a rule the array itself, and no copy of it."""
    finite = np.isfinite(values)
    return values if finite.all() else values[finite]


@frozen(eq=False)
class Scales:
    """The scales of one pass, worked out when first asked for."""

    tape: Tape
    diverging: str = ""
    known: dict[tuple[Address, str], Scale] = field(default_factory=dict)
    reduced: dict[tuple[str, int, int], Reduced] = field(default_factory=dict)
    """Planes that are complete, by name, in so many rows and columns of pixels."""

    def of(self, address: Address, theme: Theme) -> Scale:
        """The scale of an array; gradients and signed values are centered on 0."""
        array = self.tape.resolve(address.array).array
        key = (array, theme.name)
        if key not in self.known:
            self.known[key] = self._worked_out(array, theme)
        return self.known[key]

    def _worked_out(self, address: Address, theme: Theme) -> Scale:
        values = self.tape[address]
        finite = finite_values(values)
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        largest = max(abs(low), abs(high)) or 1.0
        is_image = address == IMAGE and min(values.shape[-2:]) >= _PHOTO_SIDE
        if is_image and low >= 0:
            return Scale(theme.photo, (0.0, 1.0 if high <= 1 else high), is_diverging=False)
        if address.is_gradient or low < 0 or address.quantity in {"weight", "bias"}:
            diverging = self.diverging or theme.diverging
            return Scale(diverging, (-largest, largest), is_diverging=True)
        return Scale(theme.sequential, (0.0, largest), is_diverging=False)
