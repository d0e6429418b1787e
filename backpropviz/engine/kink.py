"""Places where the loss has a corner: what a finite difference must not step across.

A kind that has corners names a `KinkFinder` among what it tells `about` itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from backpropviz.engine.value import Address, Array
from backpropviz.frozen import frozen


@frozen
class Flip:
    """A unit whose input crossed a corner, from its value in one pass to that in the other."""

    address: Address
    before: float
    after: float
    corner: float = 0.0


@frozen
class WinnerChange:
    """A window (the address of its output) that another cell won in the other pass."""

    address: Address
    before: Address
    after: Address


Kept: TypeAlias = Mapping[str, Array]
"""What a pass kept of a layer."""
Crossing: TypeAlias = Flip | WinnerChange


class KinkFinder(Protocol):
    """How a kind of layer finds its corners in the residuals of its passes."""

    def between(
        self, name: str, layer: Any, base: Kept, minus: Kept, plus: Kept
    ) -> Iterator[Crossing]:
        """The corners that lie between two passes on both sides of a base, in row-major order."""
