"""One gradient beside its finite difference, in a sentence."""

from __future__ import annotations

from backpropviz.engine.address import Address
from backpropviz.engine.base_point import base_point_of
from backpropviz.engine.gradcheck import Checked, Outcome, check_value
from backpropviz.engine.tape import Tape
from backpropviz.figures.check_badge import error_text
from backpropviz.figures.check_figure import pair_texts


def checked(tape: Tape, address: Address) -> Checked:
    """The verdict on ∂L/∂(a value), computed anew in float64.

    Raises:
        UserError: the address names nothing that can be nudged.
    """
    return check_value(base_point_of(tape), address)


def verdict(found: Checked) -> str:
    """Both numbers, and whether they agree."""
    analytic, numeric = pair_texts(found)
    pair = f"gradient {analytic}, finite difference {numeric}"
    if found.outcome is Outcome.KINK:
        return f"{pair}: a kink lies within ±h, so there is no verdict."
    if found.outcome is Outcome.FAILS:
        return f"✗ {pair}: they do not agree."
    error = error_text(found)
    off = f", relative error {error}" if error else ""
    return f"✓ {pair}: they agree{off}."
