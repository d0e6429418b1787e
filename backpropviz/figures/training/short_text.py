"""Numbers of a run in few characters: norms, ratios, losses, shares."""

from __future__ import annotations

import math

from backpropviz.scene.numbers import shown, with_sign

_SMALLEST_FIXED, _LARGEST_FIXED = 0.01, 1e4


def short(value: float, digits: int = 3, *, signed: bool = False) -> str:
    """About so many significant digits: 1.60, 0.0934, 4.82e−3, 1.22e5; NaN and ∞ as words."""
    if value == 0 or not math.isfinite(value):
        return shown(value, signed=signed)
    if _SMALLEST_FIXED <= abs(value) < _LARGEST_FIXED:
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        return with_sign(f"{value:.{min(decimals, digits + 1)}f}", signed=signed)
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return with_sign(f"{mantissa}e{int(exponent)}", signed=signed)


def scientific(value: float, digits: int = 3) -> str:
    """So many significant digits and a power of ten: 1.22e−2, to compare across magnitudes."""
    if value == 0 or not math.isfinite(value):
        return shown(value)
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return with_sign(f"{mantissa}e{int(exponent)}", signed=False)


def percent(share: float) -> str:
    """A share as `95.7 %`."""
    return "NaN" if math.isnan(share) else f"{100 * share:.1f} %"
