"""Places where the loss has a corner: what a finite difference must not step across.

A layer family that has corners offers a `KinkFinder` for each of its kinds, in `KINKS` of its
module in `backpropviz.engine.kinds`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeAlias

from backpropviz.engine.address import Address
from backpropviz.engine.kinds.protocol import Layer, Residuals
from backpropviz.frozen import frozen


@frozen
class Flip:
    """A unit whose input crossed 0, from its value in one pass to that in the other."""

    address: Address
    before: float
    after: float


@frozen
class WinnerChange:
    """A window (the address of its output) that another cell won in the other pass."""

    address: Address
    before: Address
    after: Address


Crossing: TypeAlias = Flip | WinnerChange


class KinkFinder(Protocol):
    """How a kind of layer finds its corners in the residuals of its passes."""

    def between(
        self, name: str, layer: Layer, base: Residuals, minus: Residuals, plus: Residuals
    ) -> Iterator[Crossing]:
        """The corners that lie between two passes on both sides of a base, in row-major order."""
