"""How far an analytic gradient may lie from a finite difference.

The bands are those of Stanford's CS231n course notes ("Gradient checks"): rules of thumb for the
relative error in float64.
"""

from __future__ import annotations

import math
from enum import Enum


class Band(Enum):
    """A verdict on a relative error: its words, and the largest error that it still covers.

    A relative error says nothing where both numbers are 0, or where they lie no farther apart than
    the rounding of the loss may put them.
    """

    BOTH_ZERO = ("both are 0", 0.0)
    ROUNDING = ("within rounding", math.inf)
    HAPPY = ("happy", 1e-7)
    KINKS_ONLY = ("fine only with kinks", 1e-4)
    UNCOMFORTABLE = ("uncomfortable", 1e-2)
    WRONG = ("probably wrong", math.inf)

    @property
    def words(self) -> str:
        """What is written beside the number."""
        return self.value[0]

    @property
    def largest_error(self) -> float:
        """The relative error up to which (inclusive) it holds."""
        return self.value[1]


def relative_error(analytic: float, numeric: float) -> float | None:
    """|a − n| / max(|a|, |n|); None where both are 0, NaN where a number is not finite."""
    largest = max(abs(analytic), abs(numeric))
    if largest == 0:
        return None
    if not (math.isfinite(analytic) and math.isfinite(numeric)):
        return math.nan
    return abs(analytic - numeric) / largest


def band_of(error: float | None) -> Band:
    """The band of a relative error; NaN is wrong."""
    if error is None:
        return Band.BOTH_ZERO
    bands = (Band.HAPPY, Band.KINKS_ONLY, Band.UNCOMFORTABLE)
    return next((band for band in bands if error <= band.largest_error), Band.WRONG)
