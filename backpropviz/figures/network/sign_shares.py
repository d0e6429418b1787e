"""How many values are negative, zero, positive or not finite, and the bar that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.tape import Tape
from backpropviz.frozen import frozen
from backpropviz.scene.colormaps import color_at
from backpropviz.scene.marks import Box, Color, Group, Line, Mark, Rect, Stroke
from backpropviz.scene.theme import Theme

_CHUNK = 1 << 20
"""Values whose counts are kept together, so that a part of a huge array is counted at once."""


@frozen
class SignCounts:
    """Values by sign, and how many there will be in all."""

    negative: int
    zero: int
    positive: int
    not_finite: int
    total: int

    @property
    def known(self) -> int:
        """Values that are computed."""
        return self.negative + self.zero + self.positive + self.not_finite


@frozen(eq=False)
class SignCounter:
    """Counts of the arrays of one pass, worked out when first asked for."""

    tape: Tape
    sums: dict[Address, tuple[tuple[int, int, int, int], ...]] = field(default_factory=dict)

    def first(self, address: Address, count: int) -> SignCounts:
        """Of the first `count` values in row-major order."""
        flat = self.tape[address].reshape(-1)
        if address not in self.sums:
            self.sums[address] = _running_sums(flat)
        whole = count // _CHUNK
        rest = _signs(flat[whole * _CHUNK : count])
        negative, zero, positive, odd = (
            a + b for a, b in zip(self.sums[address][whole], rest, strict=True)
        )
        return SignCounts(negative, zero, positive, odd, flat.size)


def counts_where(values: Array, computed: Array) -> SignCounts:
    """Of the computed values of an array."""
    return SignCounts(*_signs(values[computed]), values.size)


def _running_sums(flat: Array) -> tuple[tuple[int, int, int, int], ...]:
    """The counts up to the start of each whole chunk, and up to the end of the last whole one."""
    sums = [(0, 0, 0, 0)]
    for start in range(0, flat.size - _CHUNK + 1, _CHUNK):
        found = _signs(flat[start : start + _CHUNK])
        negative, zero, positive, odd = (a + b for a, b in zip(sums[-1], found, strict=True))
        sums.append((negative, zero, positive, odd))
    return tuple(sums)


def _signs(values: Array) -> tuple[int, int, int, int]:
    odd = values.size - int(np.count_nonzero(np.isfinite(values)))
    finite = values if not odd else values[np.isfinite(values)]
    negative, positive = int(np.count_nonzero(finite < 0)), int(np.count_nonzero(finite > 0))
    return negative, finite.size - negative - positive, positive, odd


def sign_colors(diverging: str) -> tuple[Color, Color]:
    """Negative and positive, as far from the center as a bar needs to be seen."""
    return color_at(diverging, -0.85, (-1.0, 1.0)), color_at(diverging, 0.85, (-1.0, 1.0))


def sign_bar(
    counts: SignCounts | None, box: Box, theme: Theme, diverging: str = ""
) -> Iterator[Mark]:
    """The shares side by side, the rest empty; a dashed line where nothing is computed."""
    if counts is None or not counts.known:
        middle = round(box.y + box.height / 2) + 0.5
        yield Line(box.x, middle, box.right, middle, Stroke(theme.border_strong, 1.0, (4.0, 3.0)))
        return
    radius = box.height / 2
    yield Rect(box.x, box.y, box.width, box.height, fill=theme.hover, radius=radius)
    negative, positive = sign_colors(diverging or theme.diverging)
    shares = (
        (counts.negative, negative),
        (counts.zero, theme.border_strong),
        (counts.positive, positive),
        (counts.not_finite, theme.not_finite),
    )
    x = box.x
    for width, color in zip(_widths(counts, int(box.width)), (c for _, c in shares), strict=True):
        if width:
            part = Rect(box.x, box.y, box.width, box.height, fill=color, radius=radius)
            yield Group((part,), clip=Box(x, box.y, width, box.height))
        x += width


def _widths(counts: SignCounts, room: int) -> list[int]:
    """Whole pixels, at least 2 for what exists; the largest share gives what the others take."""
    parts = (counts.negative, counts.zero, counts.positive, counts.not_finite)
    widths = [max(2, round(room * part / counts.total)) if part else 0 for part in parts]
    used = max(round(room * counts.known / counts.total), 2)
    largest = max(range(len(widths)), key=widths.__getitem__)
    widths[largest] = max(1, widths[largest] + used - sum(widths))
    return widths
