"""The schedules that can be chosen by name, and how each begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from backpropviz.engine.schedule import Constant, Cosine, Curve, StepDecay, Then, WarmUp

SCHEDULES: Final[Mapping[str, str]] = {
    "constant": "constant",
    "step": "steps",
    "cosine": "cosine",
    "warm_up": "warm-up",
    "then": "warm-up, cosine",
    "product": "product",
}
_WARM_UP, _FALL = 50, 500


def schedule_name(curve: Curve) -> str:
    """Its entry in `SCHEDULES`."""
    return curve.kind


def fresh_schedule(name: str) -> Curve:
    """A schedule of that name, to be adapted."""
    match name:
        case "step":
            return StepDecay(_FALL)
        case "cosine":
            return Cosine(_FALL)
        case "warm_up":
            return WarmUp(_WARM_UP)
        case "then":
            return Then(WarmUp(_WARM_UP), _WARM_UP, Cosine(_FALL))
    return Constant()
