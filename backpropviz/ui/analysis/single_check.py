"""One gradient beside its finite difference, and beside SciPy's correlate where that applies."""

from __future__ import annotations

from backpropviz.engine.address import Address
from backpropviz.engine.base_point import base_point_of
from backpropviz.engine.correlated import by_correlation
from backpropviz.engine.evidence import agrees
from backpropviz.engine.gradcheck import Checked, Outcome, check_value
from backpropviz.engine.tape import Tape
from backpropviz.figures.analysis.check_badge import error_text
from backpropviz.figures.analysis.check_figure import pair_texts
from backpropviz.frozen import frozen


@frozen
class Single:
    """A verdict, and what else gives the same number."""

    checked: Checked
    also: str = ""


def checked(tape: Tape, address: Address) -> Single:
    """The verdict on ∂L/∂(a value), computed anew in float64.

    Raises:
        UserError: the address names nothing that can be nudged.
    """
    point = base_point_of(tape)
    found = check_value(point, address)
    other = by_correlation(point, address)
    is_same = other is not None and agrees(other, found.analytic, point.loss)
    return Single(found, "SciPy’s correlate" if is_same else "")


def verdict(found: Checked, also: str = "") -> str:
    """Both numbers, and whether they agree."""
    analytic, numeric = pair_texts(found)
    pair = f"gradient {analytic}, finite difference {numeric}"
    if found.outcome is Outcome.KINK:
        if found.closer is None:
            return f"{pair}: the value stands on a kink, so there is no verdict."
        numeric = f"{found.closer.numeric + 0.0:.9g}".replace("-", "−")
        return (
            f"✓ {pair}: a kink lies within ±h; with h = {found.closer.h:.0e}, where none lies, "
            f"the difference is {numeric} and agrees."
        )
    if found.outcome is Outcome.FAILS:
        return f"✗ {pair}: they do not agree."
    error = error_text(found)
    off = f", relative error {error}" if error else ""
    more = f"; {also} gives the same" if also else ""
    return f"✓ {pair}: they agree{off}{more}."
