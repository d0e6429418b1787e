"""Round values for the ticks of an axis: multiples of 1, 2 or 5 times a power of ten."""

from __future__ import annotations

import math


def round_spacing(least: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999999)


def round_values(low: float, high: float, spacing: float) -> list[float]:
    """The multiples of a spacing from low to high, both included."""
    first, last = math.ceil(low / spacing - 1e-9), math.floor(high / spacing + 1e-9)
    # Without what binary fractions leave behind: 0.30000000000000004 → 0.3.
    return [float(f"{k * spacing:.9g}") for k in range(first, last + 1)]
