"""The corners of rectifiers (input 0) and of max-pooling (two cells alike)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.kinds.protocol import Layer, Residuals
from backpropviz.engine.kink import Crossing, Flip, KinkFinder, WinnerChange
from backpropviz.engine.nest import Coordinates


class RectifierKinks:
    """The slope changes at 0; at 0 it is that of the left side, unless the layer says `at_zero`."""

    def between(
        self, name: str, layer: Layer, base: Residuals, minus: Residuals, plus: Residuals
    ) -> Iterator[Crossing]:
        """Units that are on both sides of 0, or leave an exact 0 to where the slope is another."""
        low, here, high = minus["input"], base["input"], plus["input"]
        lowest = np.minimum(np.minimum(low, high), here)
        highest = np.maximum(np.maximum(low, high), here)
        at_zero = getattr(layer, "at_zero", 0.0)
        leaves = ((highest > 0) & (at_zero < 1)) | ((lowest < 0) & (at_zero > 0))
        crossed = ((lowest < 0) & (highest > 0)) | ((here == 0) & leaves)
        for cell in _cells(crossed):
            before, after = float(low[cell]), float(high[cell])
            yield Flip(Address(name, "input", "", cell), before, after)


class MaxPoolKinks:
    """The slope changes where another cell of the window becomes the largest."""

    def between(
        self, name: str, layer: Layer, base: Residuals, minus: Residuals, plus: Residuals
    ) -> Iterator[Crossing]:
        """Windows that not all passes give to the same cell."""
        low, here, high = (r["switches"] for r in (minus, base, plus))
        for window in _cells((low != here) | (high != here)):
            other = low if low[window] != high[window] else here
            winners = (_winner(name, base, window, int(s[window])) for s in (other, high))
            yield WinnerChange(Address(name, "output", "", window), *winners)


def _winner(name: str, base: Residuals, window: Coordinates, switch: int) -> Address:
    row, column = divmod(switch, base["input"].shape[3])
    return Address(name, "input", "", (*window[:2], row, column))


def _cells(mask: Array) -> Iterator[Coordinates]:
    return (tuple(int(i) for i in cell) for cell in np.argwhere(mask))


KINKS: dict[str, KinkFinder] = {
    "relu": RectifierKinks(),
    "leaky_relu": RectifierKinks(),
    "max_pool2d": MaxPoolKinks(),
}
